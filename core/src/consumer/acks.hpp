// Acks on their way: from the application's word to the server's answer, and again after a lost one (ACK-1 to 3, 6).
// Encodes XACK; what an ack means to the held table and to recovery is the consumer's.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/buffer.hpp"
#include "consumer/held.hpp"
#include "session/lane.hpp"

namespace millrace {

/// One XACK: ids of one stream, of one batch or (deleted entries, which are acked away) of none.
struct AckFlight {
    enum class State : uint8_t { free, queued, sent };
    State state = State::free;
    uint32_t tag = 0;    ///< its place among the flights
    uint64_t order = 0;  ///< in which the application acked
    uint32_t stream = 0;
    std::optional<uint32_t> slot;
    Buffer<EntryId> ids;
    Buffer<uint32_t> indices;
    uint32_t failures = 0;
    Instant not_before{};  ///< zero: at once
};

class Acks {
  public:
    Acks(std::span<const std::string> streams, std::string_view group) : streams_(streams), group_(group) {}

    /// An empty flight for a stream, queued; the caller fills in its ids before the next advance.
    [[nodiscard]] AckFlight& begin(uint32_t stream, std::optional<uint32_t> slot);
    /// Writes what is due to the lane, in the order of the acks.
    void advance(Lane* lane, ReplyHandler& owner, uint32_t what, Instant now);
    [[nodiscard]] AckFlight& flight(uint64_t tag) { return *flights_[static_cast<size_t>(tag)]; }
    /// Its reply was lost, or was an error that a retry may mend: it goes out again, before anything younger.
    void again(AckFlight& flight, Instant not_before);
    void finish(AckFlight& flight);
    /// Takes back a flight that is still queued.
    void cancel(AckFlight& flight);
    [[nodiscard]] std::optional<Instant> next_timeout() const;
    /// Flights without an answer.
    [[nodiscard]] size_t open() const { return open_; }
    /// Whether the id is on its way in a flight of no batch.
    [[nodiscard]] bool is_acking_away(uint32_t stream, EntryId id) const;

  private:
    const std::span<const std::string> streams_;
    const std::string_view group_;
    void enqueue(AckFlight& flight);
    void dequeue(const AckFlight& flight);

    std::vector<std::unique_ptr<AckFlight>> flights_;
    std::vector<uint32_t> free_;    // tags
    std::vector<uint32_t> queued_;  // tags, the oldest ack first
    uint64_t next_order_ = 0;
    size_t open_ = 0;
    size_t burials_ = 0;  // open flights of no batch
};

}  // namespace millrace
