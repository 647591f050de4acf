// How acks are put to the server: the rungs of the ladder, and when to step down. When they go out, and what an answer
// settles, is the other half, acks.cpp.
#include <algorithm>
#include <limits>
#include <string>
#include <string_view>
#include <utility>

#include "command/scripts.hpp"
#include "command/server_error.hpp"
#include "consumer/acks.hpp"

namespace millrace {

/// DLQ-4: the stream's key and the other arguments count, too.
size_t Acks::ids_max() const {
    constexpr size_t others_of_marked = 4;  // stream; group, window, keep or delete
    constexpr size_t others_of_scripted = 2;
    if (holdings_.shares_seen()) return (script_arguments_max - others_of_marked) / 2;
    return way_ == plain ? std::numeric_limits<size_t>::max() : script_arguments_max - others_of_scripted;
}

bool Acks::send(Flight& flight, Lane& lane, Instant now) {
    const std::string& stream = holdings_.streams[flight.stream];
    const std::string& group = holdings_.config.group;
    if (const size_t keys = keys_of(flight); keys > 0) return send_marked(flight, keys, lane, now);
    // What was never handed over is acked away; whether it is to be deleted is not for this source to say.
    const Way way = flight.slot.has_value() ? way_ : plain;
    const Request request = Request::of(*this, way, flight.tag, way == plain ? Answer::number : Answer::numbers);
    if (way == scripted) {
        return flight.script.send(lane, request, now, 1, 1 + flight.ids.size(), [&](resp::Encoder& encoder) {
            encoder.text(stream).text(group);
            for (const EntryId id : flight.ids) encoder.id(id);
        });
    }
    return lane.send(request, now, [&](resp::Encoder& encoder) {
        encoder.command((way == plain ? 3 : 6) + flight.ids.size());
        encoder.text(way == plain ? "XACK" : "XACKDEL").text(stream).text(group);
        if (way == xackdel) encoder.text("ACKED").text("IDS").integer(static_cast<int64_t>(flight.ids.size()));
        for (const EntryId id : flight.ids) encoder.id(id);
    });
}

/// How many of its ids are to be remembered with the ack. None of what is acked away: it was not worked on.
size_t Acks::keys_of(const Flight& flight) const {
    if (!holdings_.shares_seen() || flight.is_unmarked || !flight.slot.has_value()) return 0;
    size_t count = 0;
    for (const EntryId id : flight.ids) {
        if (holdings_.seen_keys.find({flight.stream, id}).has_value()) ++count;
    }
    return count;
}

bool Acks::send_marked(Flight& flight, size_t keys, Lane& lane, Instant now) {
    const SourceConfig& config = holdings_.config;
    // A window below a millisecond is not the 0 that means for ever.
    const int64_t window = config.dedupe_window.us / 1000;
    const bool is_bounded = config.dedupe_window != Duration{};
    const Request request = Request::of(*this, marking, flight.tag, Answer::numbers);
    return flight.marker.send(lane, request, now, 1 + keys, 3 + flight.ids.size(), [&](resp::Encoder& encoder) {
        encoder.text(holdings_.streams[flight.stream]);
        for (const EntryId id : flight.ids) {
            const std::optional<std::string_view> key = holdings_.seen_keys.find({flight.stream, id});
            if (key.has_value()) encoder.text(*key);
        }
        encoder.text(config.group).integer(is_bounded && window == 0 ? 1 : window);
        encoder.text(config.delete_acked ? "delete" : "keep");
        for (const EntryId id : flight.ids) encoder.id(id);
    });
}

bool Acks::must_repeat(Way way, Flight& flight, const resp::Reply& reply) {
    if (way == scripted) return flight.script.must_repeat(reply);
    return way == marking && flight.marker.must_repeat(reply);
}

/// Whether the server refused the way and not the ack, which then goes out again by the next one.
bool Acks::step_down(Way tried, Flight& flight, const resp::Reply& reply) {
    if (tried == marking) return step_down_from_marking(flight, reply);
    const ErrorClass what = classify(reply.text()).what;
    const bool is_refused =
        what == ErrorClass::syntax || what == ErrorClass::wrong_arguments || ScriptCall::is_refused(reply);
    if (tried == plain || !is_refused) return false;
    if (tried == way_) {
        way_ = tried == xackdel ? scripted : plain;
        if (way_ == plain) {
            Error error = to_error(reply.text());
            error.message = "delete_acked: " + error.message + "; entries are acked, and stay in the stream";
            holdings_.context.fail(holdings_.source, std::move(error));
        }
    }
    again(flight, {});
    return true;
}

/// Nothing was acked then, either: the script marks first. Without the marks the ack has another way, which tells what
/// the server makes of the ack itself.
bool Acks::step_down_from_marking(Flight& flight, const resp::Reply& reply) {
    const ServerError refusal = classify(reply.text());
    if (refusal.what == ErrorClass::oom) {
        flight.is_unmarked = true;
        const EntryId first = *std::min_element(flight.ids.begin(), flight.ids.end());
        Error error = to_error(reply.text());
        error.message = "dedupe: " + error.message +
                        "; acked, but not remembered: " + std::to_string(flight.ids.size()) + " of stream " +
                        holdings_.streams[flight.stream] + " from " + first.text();
        holdings_.context.fail(holdings_.source, std::move(error));
    } else if (refusal.retryable || refusal.what == ErrorClass::wrong_type) {
        return false;  // SET asks for no type: it is the stream
    } else {
        holdings_.stop_sharing(to_error(reply.text()), "EVALSHA");
    }
    again(flight, {});
    return true;
}

/// ACK-5: where another group may still want an entry it is acked alone; that is said once.
void Acks::look_at_kept(Way way, const resp::Reply& reply) {
    bool is_kept = (way == scripted || way == marking) && reply[2].integer() > 1;
    for (const resp::Reply& id : reply) is_kept = is_kept || (way == xackdel && id.integer() == 2);
    if (!is_kept || way == plain || std::exchange(said_kept_, true)) return;
    holdings_.context.log(LogLevel::info, "delete_acked: other groups may still want the entries; acked, not deleted.");
}

}  // namespace millrace
