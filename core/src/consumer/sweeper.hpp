// Deletes consumers that have left (REC-5), by a script that looks once more, at that very moment, that nothing is
// pending for them: those of the group that did nothing for consumer_expiry, and at the end of a drain our own, if its
// name was ours to make. Knows no entry.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/ring.hpp"
#include "consumer/holdings.hpp"
#include "session/lane.hpp"
#include "session/script_call.hpp"

namespace millrace {

class Sweeper final : private ReplyHandler {
  public:
    Sweeper(Holdings& holdings, bool may_leave) : holdings_(holdings), may_leave_(may_leave) {}

    void advance(Lane* lane, Instant now);
    [[nodiscard]] std::optional<Instant> next_timeout() const;
    /// The source has given everything back: deletes our own name from every stream, if it is ours to delete and that
    /// can be said to the server now.
    void leave(Lane* lane, Instant now);
    /// Whether no answer to that is awaited.
    [[nodiscard]] bool has_left() const { return !may_leave_ || phase_ == Phase::left; }
    void disown(Lane& lane) { lane.disown(this); }

  private:
    enum What : uint32_t { list, remove };
    enum class Phase : uint8_t { waiting, sweeping, leaving, left };

    struct Gone {
        uint32_t stream = 0;
        std::string consumer;
        Duration idle_min{};
    };

    void handle_reply(const Request& request, const resp::Reply& reply, Instant now) override;
    void handle_lost(const Request& request, Instant now) override;

    [[nodiscard]] bool send_list(Lane& lane, Instant now);
    [[nodiscard]] bool send_removal(Lane& lane, Instant now);
    void after_list(const resp::Reply& rows);
    void after_removal(const resp::Reply& reply);
    void after_refusal(std::string_view command, const resp::Reply& reply);
    void end_sweep(Instant now);
    /// After how long without a sign of life a consumer of that name is deleted; zero: never.
    [[nodiscard]] Duration expiry_of(std::string_view consumer) const;
    [[nodiscard]] Duration interval() const;

    Holdings& holdings_;
    const bool may_leave_;
    Phase phase_ = Phase::waiting;
    bool may_sweep_ = true;  // false once the server has refused XINFO or scripts
    bool is_out_ = false;    // a reply is owed
    uint32_t stream_ = 0;    // that is listed next
    Ring<Gone> gone_;        // to be deleted
    uint64_t turn_ = 0;      // answers of a sweep that the end has cut short are of no more interest
    ScriptCall script_{ScriptId::delete_consumer};
    std::optional<Instant> sweep_at_;  // a time that has passed is none
    bool is_begun_ = false;            // the first sweep has its time
};

}  // namespace millrace
