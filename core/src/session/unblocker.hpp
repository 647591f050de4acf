// Ends blocking reads that are out, by CLIENT UNBLOCK from another lane (DRN-1). Closing the socket instead would
// strand an entry that the server hands to it just then. Knows nothing of what the reads are for.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "session/lanes.hpp"
#include "session/request.hpp"

namespace millrace {

/// How long a read may stay unanswered after it was unblocked, until that is said again: the first time it may not yet
/// have reached the server, whose answer is 0 then.
inline constexpr Duration unblock_again = milliseconds(50);

class Unblocker final : private ReplyHandler {
  public:
    explicit Unblocker(Lanes& lanes) : lanes_(lanes) {}

    /// Called after each input with the lanes whose blocking reads are to end; sends what is due. Where no other lane
    /// can say it, or the server refuses, nothing is sent: the block ends by itself.
    void advance(std::span<Lane* const> blocked, Instant now);
    [[nodiscard]] std::optional<Instant> next_timeout() const;

  private:
    /// A connection whose read is to end.
    struct Target {
        ConnId conn;
        Instant next{};  ///< when to say it next
        bool asking = false;
        bool refused = false;
    };

    void handle_reply(const Request& request, const resp::Reply& reply, Instant now) override;
    void handle_lost(const Request& request, Instant now) override;
    [[nodiscard]] Target* find(ConnId conn);

    Lanes& lanes_;
    std::vector<Target> targets_;
    Instant looked_at_{};
};

}  // namespace millrace
