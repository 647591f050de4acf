// What the harness has been handed and not yet settled, by stream and id, and the acks that wait for the server.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "requests.hpp"

namespace millrace::agent {

/// An ack, nack or reject of the harness, answered once each entry has its code.
struct SettleRequest {
    struct Item {
        EntryKey key;
        std::string code;  ///< empty while the server's answer is awaited
    };
    Json re;
    std::vector<Item> items;
    size_t open = 0;

    SettleRequest(Json asked, const std::vector<EntryKey>& keys) : re(std::move(asked)) {
        for (const EntryKey& key : keys) items.push_back({key, {}});
    }
    [[nodiscard]] Json answer() const {
        Json entries = Json::array();
        for (const Item& each : items) {
            entries.push_back(Json::array({value_to_json(each.key.first), each.key.second, each.code}));
        }
        return {{"event", "acked"}, {"re", re}, {"entries", std::move(entries)}};
    }
};

/// Of batches that a client hands over as a `Batch`. A command gets one and positions in it, and answers the code:
/// "ok", or why none of them was settled.
template <class Batch>
class HeldBatches {
  public:
    using Settled = std::shared_ptr<SettleRequest>;

    /// Takes over a batch whose bytes are no longer needed.
    void add(uint64_t number, Batch batch, std::vector<EntryKey> keys) {
        for (uint32_t i = 0; i < keys.size(); ++i) places_.insert_or_assign(keys[i], Place{number, i});
        const size_t count = keys.size();
        batches_.emplace(number, Held{std::move(batch), std::move(keys), {}, count});
    }
    /// Runs the command that acks, batch by batch; the answers that need the server come by on_acked. A request that
    /// needs none is complete on return.
    template <class Command>
    [[nodiscard]] Settled ack(Json re, const std::vector<EntryKey>& keys, Command command) {
        auto request = std::make_shared<SettleRequest>(std::move(re), keys);
        each_share(*request, command, [&request](uint64_t, Held& held, uint32_t index, size_t item) {
            held.waiters[index] = {request, item};
            ++request->open;
        });
        return request;
    }
    /// The same for what is settled once it was asked for: nack, give back, reject.
    template <class Command>
    [[nodiscard]] Settled settle(Json re, const std::vector<EntryKey>& keys, Command command) {
        auto request = std::make_shared<SettleRequest>(std::move(re), keys);
        std::vector<Place> settled;
        each_share(*request, command, [&](uint64_t number, Held&, uint32_t index, size_t item) {
            request->items[item].code = "ok";
            settled.push_back({number, index});
        });
        for (const Place& place : settled) forget(place.batch, place.index);
        return request;
    }
    /// Requests that are complete now.
    [[nodiscard]] std::vector<Settled> on_acked(uint64_t batch, std::span<const uint32_t> indices) {
        std::vector<Settled> complete;
        const auto found = batches_.find(batch);
        if (found == batches_.end()) return complete;
        std::map<uint32_t, Waiter>& waiters = found->second.waiters;
        for (const uint32_t index : indices) {
            const auto waiter = waiters.find(index);
            if (waiter == waiters.end()) continue;
            SettleRequest& request = *waiter->second.request;
            request.items[waiter->second.item].code = "ok";
            if (--request.open == 0) complete.push_back(waiter->second.request);
            waiters.erase(waiter);
        }
        for (const uint32_t index : indices) forget(batch, index);
        return complete;
    }

  private:
    struct Waiter {
        Settled request;
        size_t item;
    };
    struct Held {
        Batch batch;
        std::vector<EntryKey> keys;
        std::map<uint32_t, Waiter> waiters;
        size_t unsettled;
    };
    struct Place {
        uint64_t batch;
        uint32_t index;
    };

    /// Runs `command` over each batch's share of the entries, and one by one where a share is refused.
    template <class Command, class Done>
    void each_share(SettleRequest& request, Command command, Done done) {
        std::map<uint64_t, std::vector<std::pair<uint32_t, size_t>>> shares;
        for (size_t item = 0; item < request.items.size(); ++item) {
            const auto found = places_.find(request.items[item].key);
            if (found == places_.end()) {
                request.items[item].code = "not_held";
            } else {
                shares[found->second.batch].emplace_back(found->second.index, item);
            }
        }
        for (const auto& [number, share] : shares) {
            Held& held = batches_.at(number);
            std::vector<uint32_t> indices;
            for (const auto& [index, item] : share) indices.push_back(index);
            const bool whole = command(held.batch, std::span<const uint32_t>(indices)) == "ok";
            for (const auto& [index, item] : share) {
                const std::string_view code =
                    whole ? std::string_view("ok") : command(held.batch, std::span<const uint32_t>(&index, 1));
                if (code == "ok") {
                    done(number, held, index, item);
                } else {
                    request.items[item].code = code;
                }
            }
        }
    }
    void forget(uint64_t batch, uint32_t index) {
        const auto found = batches_.find(batch);
        if (found == batches_.end()) return;
        // The same entry may have come again since, in a batch of its own.
        const auto place = places_.find(found->second.keys[index]);
        if (place != places_.end() && place->second.batch == batch) places_.erase(place);
        if (--found->second.unsettled == 0) batches_.erase(found);
    }

    std::map<uint64_t, Held> batches_;
    std::map<EntryKey, Place> places_;
};

}  // namespace millrace::agent
