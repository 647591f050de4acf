// Somebody who consumes and publishes: ours, a hand-written loop, what else is at hand. One file a peer; the bench
// measures them in turn.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "server/url.hpp"

namespace millrace::harness {

// A backlog that is to be read and acked to its end. The groups exist and have read nothing.
struct ConsumeJob {
    Url url;
    std::string stream;
    std::vector<std::string> streams;  // in place of one; ours alone reads many
    std::string group;
    int64_t entries = 0;
    int64_t batch_size = 0;
    // To be called as soon as each batch is settled: the time between two calls is a batch's.
    std::function<void()> batch_done;
};

// Entries to be written one by one, with many of them unanswered on one connection.
struct PublishJob {
    Url url;
    std::string stream;
    int64_t entries = 0;
    size_t entry_bytes = 0;  // of the value
    int64_t in_flight = 0;
};
inline constexpr std::string_view publish_field = "data";

class Peer {
  public:
    virtual ~Peer() = default;
    [[nodiscard]] virtual std::string_view name() const = 0;
    // Consumes the whole backlog and returns how many entries it saw; throws std::runtime_error with one line.
    virtual int64_t consume(const ConsumeJob& job) = 0;
    // Returns how many were confirmed; none where it publishes nothing.
    virtual std::optional<int64_t> publish(const PublishJob&) { return std::nullopt; }
};

// Only where the native binding is built too.
std::unique_ptr<Peer> make_ours_peer();
std::unique_ptr<Peer> make_hiredis_peer();
std::unique_ptr<Peer> make_ceiling_peer();

// Peers by the words of --against, each with its maker; `ours`, where it is built in, is measured always and first.
struct PeerMaker {
    std::string_view word;
    std::unique_ptr<Peer> (*make)();
};
const std::vector<PeerMaker>& peer_makers();

}  // namespace millrace::harness
