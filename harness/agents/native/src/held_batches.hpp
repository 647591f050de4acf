// What the harness has been handed and not yet settled, by stream and id, and the acks that wait for the server.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "millrace/client.hpp"
#include "values.hpp"

namespace millrace::agent {

using EntryKey = std::pair<std::string, std::string>;  ///< stream and id

/// An ack, nack or reject of the harness, answered once each entry has its code.
struct SettleRequest {
    struct Item {
        EntryKey key;
        std::string code;  ///< empty while the server's answer is awaited
    };
    Json re;
    std::vector<Item> items;
    size_t open = 0;

    [[nodiscard]] Json answer() const;
};

class HeldBatches {
  public:
    /// Takes a batch over; its bytes are no longer needed.
    void add(Batch batch, std::vector<EntryKey> keys);
    /// Acks the entries at once, batch by batch; the answers that need the server come by on_acked. A request that
    /// needs none is complete on return.
    [[nodiscard]] std::shared_ptr<SettleRequest> ack(Json re, const std::vector<EntryKey>& keys);
    [[nodiscard]] std::shared_ptr<SettleRequest> nack(Json re, const std::vector<EntryKey>& keys,
                                                      std::optional<Duration> delay);
    [[nodiscard]] std::shared_ptr<SettleRequest> give_back(Json re, const std::vector<EntryKey>& keys);
    [[nodiscard]] std::shared_ptr<SettleRequest> reject(Json re, const std::vector<EntryKey>& keys,
                                                        std::string_view error);
    /// Requests that are complete now.
    [[nodiscard]] std::vector<std::shared_ptr<SettleRequest>> on_acked(const Acked& acked);

  private:
    struct Waiter {
        std::shared_ptr<SettleRequest> request;
        size_t item;
    };
    struct Held {
        Batch batch;
        std::vector<EntryKey> keys;
        std::map<uint32_t, Waiter> waiters;
        size_t unsettled;
    };
    struct Place {
        BatchId batch;
        uint32_t index;
    };
    /// Runs `command` over each batch's share of the entries, and one by one where a share is refused.
    template <class Command>
    [[nodiscard]] std::shared_ptr<SettleRequest> settle_at_once(Json re, const std::vector<EntryKey>& keys,
                                                                Command command);
    template <class Command, class Done>
    void each_share(SettleRequest& request, Command command, Done done);
    void forget(BatchId batch, uint32_t index);

    std::map<BatchId, Held> batches_;
    std::map<EntryKey, Place> places_;
};

}  // namespace millrace::agent
