#include "session/unblocker.hpp"

#include <algorithm>

#include "command/server_error.hpp"

namespace millrace {

void Unblocker::advance(std::span<Lane* const> blocked, Instant now) {
    const auto is_over = [&](const Target& target) {
        return std::none_of(blocked.begin(), blocked.end(),
                            [&](const Lane* lane) { return lane->conn() == target.conn && lane->blocked(); });
    };
    looked_at_ = now;
    targets_.erase(std::remove_if(targets_.begin(), targets_.end(), is_over), targets_.end());
    for (Lane* const lane : blocked) {
        if (!lane->blocked()) continue;
        Target* const known = find(lane->conn());
        Target& target = known != nullptr ? *known : targets_.emplace_back(Target{lane->conn(), now});
        if (target.asking || target.refused || target.next > now) continue;
        Lane* const other = lanes_.for_unblocking(*lane);
        if (other == nullptr) continue;
        Request request;
        request.owner = this;
        request.tag = static_cast<uint64_t>(target.conn);
        request.answer = Answer::number;
        target.asking = other->send(request, now, [lane](resp::Encoder& encoder) {
            encoder.command(3).text("CLIENT").text("UNBLOCK").integer(lane->greeting().client_id.value_or(0));
        });
    }
}

Unblocker::Target* Unblocker::find(ConnId conn) {
    for (Target& target : targets_) {
        if (target.conn == conn) return &target;
    }
    return nullptr;
}

void Unblocker::handle_reply(const Request& request, const resp::Reply& reply, Instant now) {
    Target* const target = find(static_cast<ConnId>(request.tag));
    if (target == nullptr) return;
    target->asking = false;
    target->next = now + unblock_again;
    target->refused = reply.is_error() && !classify(reply.text()).retryable;
}

void Unblocker::handle_lost(const Request& request, Instant) {
    if (Target* const target = find(static_cast<ConnId>(request.tag)); target != nullptr) target->asking = false;
}

std::optional<Instant> Unblocker::next_timeout() const {
    std::optional<Instant> next;
    for (const Target& target : targets_) {
        // A time that has passed is no timer any more: no lane is there to say it on, and one that comes is asked then.
        if (target.asking || target.refused || target.next <= looked_at_) continue;
        if (!next.has_value() || target.next < *next) next = target.next;
    }
    return next;
}

}  // namespace millrace
