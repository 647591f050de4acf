// Keeps what is held from being reclaimed (REC-3): an entry that has not been refreshed for half of claim_min_idle gets
// an XCLAIM of our own, from the moment it was read, not from when it was handed over. Never takes an entry back from
// another consumer; what is another's, or gone, is told as lost.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "base/buffer.hpp"
#include "consumer/aging.hpp"
#include "consumer/holdings.hpp"
#include "session/lane.hpp"

namespace millrace {

class Heartbeats final : private ReplyHandler {
  public:
    explicit Heartbeats(Holdings& holdings) : holdings_(holdings) {}

    void advance(Lane* lane, Instant now);
    [[nodiscard]] std::optional<Instant> next_timeout() const;
    void disown(Lane& lane) { lane.disown(this); }

  private:
    enum What : uint32_t { beat, fate };

    /// One XCLAIM that was sent, and the ids it named.
    struct Flight {
        bool in_use = false;
        uint32_t stream = 0;
        Buffer<EntryId> ids;
    };
    /// An id that a heartbeat did not bring back. XPENDING tells whose it is.
    struct Missing {
        bool is_asked = false;
        uint32_t stream = 0;
        EntryId id;
    };

    void handle_reply(const Request& request, const resp::Reply& reply, Instant now) override;
    void handle_lost(const Request& request, Instant now) override;

    void look(Lane& lane, Instant now);
    [[nodiscard]] bool send_group(size_t first, size_t count, Lane& lane, Instant now);
    void ask(Lane& lane, Instant now);
    void after_beat(Flight& flight, const resp::Reply& reply, Instant now);
    void after_fate(Missing& missing, const resp::Reply& reply, Instant now);
    [[nodiscard]] bool after_refusal(std::string_view command, uint32_t stream, const resp::Reply& reply, Instant now);
    void refresh(uint32_t stream, EntryId id, Instant at);
    [[nodiscard]] Flight& free_flight();
    [[nodiscard]] Duration half() const { return {holdings_.config.claim_min_idle.us / 2}; }

    Holdings& holdings_;
    std::vector<std::unique_ptr<Flight>> flights_;
    std::vector<Missing> missing_;
    Buffer<Aging> aging_;
    std::optional<Instant> look_at_;  // when the next entry may have come of age; none: nothing is held
    bool is_due_ = false;
    uint32_t out_ = 0;  // XCLAIMs without a reply
    uint32_t failures_ = 0;
    bool may_claim_ = true;  // false once the server has refused XCLAIM
};

}  // namespace millrace
