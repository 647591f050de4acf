// Gives entries back that were read and are not to be handed over, because the source ends (DRN-1): they stay pending
// under our name, and look idle for so long that whoever reclaims next takes them (ACK-4). What can't be given back
// waits until it really has been idle for that long.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "base/buffer.hpp"
#include "consumer/holdings.hpp"
#include "consumer/release.hpp"
#include "session/lane.hpp"

namespace millrace {

class Handback final : private ReplyHandler {
  public:
    explicit Handback(Holdings& holdings) : holdings_(holdings) {}

    /// Sends what Holdings has put aside.
    void advance(Lane* lane, Instant now);
    [[nodiscard]] std::optional<Instant> next_timeout() const { return wait_until_; }
    /// Whether nothing is left to send, or to be answered.
    [[nodiscard]] bool settled() const { return size() == 0; }
    /// Entries that are not given back yet.
    [[nodiscard]] uint64_t size() const;
    void disown(Lane& lane) { lane.disown(this); }

  private:
    /// The ids of one XCLAIM.
    struct Flight {
        enum class State : uint8_t { free, queued, sent };
        State state = State::free;
        uint32_t stream = 0;
        Instant refreshed{};  // of the oldest
        Buffer<EntryId> ids;
    };

    void handle_reply(const Request& request, const resp::Reply& reply, Instant now) override;
    void handle_lost(const Request& request, Instant now) override;
    void queue_aside(Instant now);
    [[nodiscard]] Flight& free_flight();
    void leave(Flight& flight);

    Holdings& holdings_;
    Release release_{holdings_};
    std::vector<std::unique_ptr<Flight>> flights_;
    uint32_t failures_ = 0;
    std::optional<Instant> wait_until_;  // after a refusal that may pass
};

}  // namespace millrace
