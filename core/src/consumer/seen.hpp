// Asks the server whether the ids of entries that came were seen (DUP-3), before any of them is handed over: they wait
// in one line, in the order in which they came, and leave it in that order, as questions about the first of them are
// answered. What becomes of them is the holdings' business; that ids are marked is that of the acks.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "base/ring.hpp"
#include "consumer/backoff.hpp"
#include "consumer/holdings.hpp"
#include "session/lane.hpp"

namespace millrace {

class Seen final : private ReplyHandler {
  public:
    explicit Seen(Holdings& holdings) : holdings_(holdings), backoff_(holdings.context) {}

    /// Asks for whatever has come since; several questions may be without an answer.
    void advance(Lane* lane, Instant now);
    /// What waits for an answer is given back (DRN-1).
    void drain();
    [[nodiscard]] std::optional<Instant> next_timeout() const { return backoff_.until(); }
    void disown(Lane& lane) { lane.disown(this); }

  private:
    /// One MGET, of keys of one stream, which are in one slot. In the line the questions follow each other without a
    /// gap.
    struct Question {
        enum class State : uint8_t { queued, sent, answered };
        State state = State::queued;
        size_t count = 0;
    };

    void handle_reply(const Request& request, const resp::Reply& reply, Instant now) override;
    void handle_lost(const Request& request, Instant now) override;
    void ask_about_the_rest();
    [[nodiscard]] bool send(size_t index, size_t first, Lane& lane, Instant now);
    [[nodiscard]] Question* find(uint64_t serial);
    void let_in();
    void let_all_in();
    void forget_questions();

    Holdings& holdings_;
    Backoff backoff_;
    Ring<Question> questions_;
    uint64_t first_serial_ = 0;  // of the questions; it is their tag
};

}  // namespace millrace
