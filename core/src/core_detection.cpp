// What the machine makes of what its connections learned of the server (DET-3 to DET-5): which kind of source serves,
// and when that changes.
#include <string>
#include <utility>

#include "core.hpp"

namespace millrace {

/// DET-5 holds for every connection, and behind one address may be several servers. One without Streams is of no use
/// to the sources while their own lane has them.
std::optional<Error> Machine::Core::judge(const Lane& lane) {
    const bool serves_sources = lane.role() == LaneRole::read || lane.role() == LaneRole::control;
    if (&lane == &lanes.first() || !serves_sources || delivery_ != Delivery::streams) return std::nullopt;
    if (uses_streams(context.config, lane.greeting())) return std::nullopt;
    return Error(Code::unsupported, "this connection met a server without Streams, " + server_version(lane.greeting()),
                 true);
}

void Machine::Core::handle_lane_ready(Lane& lane, Instant now) {
    if (&lane == &lanes.first()) {
        learn(lane, now);
    } else {
        learn_beside(lane, now);
    }
    for (Slot& slot : slots_) {
        if (slot.source != nullptr) slot.source->handle_lane_ready(lane, now);
    }
    producer.handle_lane_ready(lane);
}

/// DET-5: each connection detects again. The first read lane's word counts for the sources; a publish lane goes by its
/// own.
void Machine::Core::learn(const Lane& lane, Instant now) {
    const Greeting& greeting = lane.greeting();
    const Delivery delivery = uses_streams(context.config, greeting) ? Delivery::streams : Delivery::pubsub;
    const bool is_automatic = context.config.mode == Mode::automatic;
    if (is_automatic && (delivery_ != delivery || (undetected_ && greeting.version_known))) log_detection(greeting);
    undetected_ = is_automatic && delivery == Delivery::pubsub && !greeting.version_known;
    if (delivery_ != delivery) change_mode(delivery, greeting, now);
}

/// What another lane was told. That there are Streams is asked again on the first one, by a new connection; that this
/// is an old server ends the search.
void Machine::Core::learn_beside(Lane& lane, Instant now) {
    const Greeting& greeting = lane.greeting();
    if (lane.role() == LaneRole::probe) probe_.handle_answer();
    if (context.config.mode != Mode::automatic || delivery_ != Delivery::pubsub) return;
    if (greeting.streams) {
        const Error error(Code::connection, "another connection met a server with Streams; asking again", true);
        if (lanes.first().ready()) lanes.first().drop(DisconnectReason::dropped, error, now);
    } else if (undetected_ && greeting.version_known) {
        undetected_ = false;
        log_detection(greeting);
    }
}

/// Another kind of server under the same address: the sources begin anew, with what it can do.
void Machine::Core::change_mode(Delivery delivery, const Greeting& greeting, Instant now) {
    for (Slot& slot : slots_) {
        if (slot.source == nullptr) continue;
        slot.source->retire(now);
        ended_.push_back(std::move(slot.source));
        slot.source = nullptr;
    }
    const bool is_first = !delivery_.has_value();
    delivery_ = delivery;
    context.emit(ModeChanged{delivery, server_version(greeting)});
    if (is_first) return;
    if (delivery == Delivery::streams) {
        if (Lane* const push = lanes.push_if_open(); push != nullptr) push->close();
        lanes.asked().clear();
        for (const std::unique_ptr<Lane>& lane : lanes) {  // those that still talk to the server from before
            if (!lane->ready()) continue;
            if (std::optional<Error> error = judge(*lane); error.has_value()) {
                lane->drop(DisconnectReason::dropped, *std::move(error), now);
            }
        }
    }
    start_sources();
}

void Machine::Core::log_detection(const Greeting& greeting) {
    const std::string major =
        greeting.server.version.has_value() ? std::to_string(greeting.server.version->major) : std::string("unknown");
    if (greeting.streams) {
        context.log(LogLevel::info, "Redis Streams supported - will use Streams for notifications",
                    {{"redis_version", major}});
    } else if (greeting.version_known) {
        context.log(LogLevel::info, "Redis Streams not supported - will use Pub/Sub for notifications",
                    {{"redis_version", major}, {"min_required", "5"}});
    } else {
        context.log(LogLevel::warn, "Could not detect Redis version - will use Pub/Sub as safe fallback",
                    {{"error", greeting.refusal}});
    }
}

}  // namespace millrace
