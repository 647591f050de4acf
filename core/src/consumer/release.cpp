#include "consumer/release.hpp"

#include "command/server_error.hpp"
#include "command/stream_commands.hpp"
#include "consumer/redelivery.hpp"

namespace millrace {

namespace {

constexpr Version xnack_from{8, 8, 0};

}  // namespace

/// Another product's numbers are its own: of those the first refusal tells.
Release::Way Release::way(const Lane& lane) const {
    const ServerInfo& server = lane.greeting().server;
    const bool has_it = server.version.has_value() && *server.version >= xnack_from;
    return has_it && !is_refused_ ? xnack : claim;
}

bool Release::send(Way way, Lane& lane, Request request, Instant now, uint32_t stream, std::span<const EntryId> ids,
                   Instant refreshed) {
    const std::string& key = holdings_.streams[stream];
    const std::string& group = holdings_.config.group;
    request.takes = true;  // from an old connection, late, it could take what another has claimed by then
    request.answer = way == xnack ? Answer::number : Answer::texts;
    if (way == xnack) {
        return script_.send(lane, request, now, 1, 2 + ids.size(), [&](resp::Encoder& encoder) {
            encoder.text(key).text(group).text(holdings_.consumer);
            for (const EntryId id : ids) encoder.id(id);
        });
    }
    const Duration idle = own_idle(refreshed, now, holdings_.config.claim_min_idle);
    return lane.send(request, now, [&](resp::Encoder& encoder) {
        command::xclaim_release(encoder, key, group, holdings_.consumer, idle, ids, holdings_.config.claim_min_idle);
    });
}

bool Release::must_repeat(Way tried, const resp::Reply& reply) {
    if (tried != xnack || !reply.is_error()) return false;
    if (script_.must_repeat(reply)) return true;
    const ErrorClass what = classify(reply.text()).what;
    const bool is_refused = what == ErrorClass::syntax || what == ErrorClass::invalid_stream_id ||
                            what == ErrorClass::wrong_arguments || ScriptCall::is_refused(reply);
    is_refused_ = is_refused_ || is_refused;
    return is_refused;
}

}  // namespace millrace
