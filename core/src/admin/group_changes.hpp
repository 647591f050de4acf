// Groups on request: created, moved for a replay, destroyed. One request after the other. Knows nothing of the sources
// that consume them: those find out from the server, as from anybody's change.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/ring.hpp"
#include "millrace/event.hpp"
#include "millrace/machine.hpp"
#include "session/context.hpp"
#include "session/lanes.hpp"

namespace millrace {

class GroupChanges final : private ReplyHandler {
  public:
    GroupChanges(Context& context, Lanes& lanes) : context_(context), lanes_(lanes) {}
    GroupChanges(const GroupChanges&) = delete;
    GroupChanges& operator=(const GroupChanges&) = delete;
    ~GroupChanges();

    [[nodiscard]] Result<Ticket> add(const GroupChange& change);
    void advance(Instant now);
    [[nodiscard]] std::optional<Instant> next_timeout() const { return wait_until_; }
    /// What is not answered yet is answered with the error.
    void give_up(const Error& error);

  private:
    struct Job {
        Ticket ticket{};
        GroupChange change;
    };

    void handle_reply(const Request& request, const resp::Reply& reply, Instant now) override;
    void handle_lost(const Request& request, Instant now) override;

    [[nodiscard]] bool send(Lane& lane, Instant now);
    /// Tries again after a delay, or gives it up.
    void fail(Error error, Instant now);
    void end(bool changed, std::optional<Error> error);

    Context& context_;
    Lanes& lanes_;
    Ring<Job> jobs_;
    bool is_out_ = false;  // a reply is owed, for the first job
    uint64_t job_ = 1;     // its number: replies to what was asked for another concern nobody
    uint32_t failures_ = 0;
    std::optional<Instant> wait_until_;
};

}  // namespace millrace
