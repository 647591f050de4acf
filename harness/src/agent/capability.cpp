#include "agent/capability.hpp"

#include <algorithm>

namespace millrace::harness {

namespace {

constexpr Capability table[] = {
    {"streams", "start with a stream and a group; batch; ack"},
    {"pubsub", "start on a server without Streams, or with mode pubsub: ready says mode pubsub"},
    {"tail", "start without a group; from: new, last:n, an entry id, id:<canonical id>"},
    {"publish", "publish, with results in order"},
    {"claim",
     "claim_interval and claim_min_idle: takes over what others left pending, once it is ready and every "
     "claim_interval"},
    {"nack", "nack with delay_ms or release"},
    {"dlq", "max_deliveries; reject; dead"},
    {"redrive", "redrive"},
    {"dedupe", "dedupe and id_field"},
    {"drain", "drain; drained"},
    {"pause", "pause and resume; paused and resumed"},
    {"many", "start with several streams"},
    {"pattern", "start with a pattern"},
    {"config", "start with any key of CFG; a wrong one is an error event with code bad_config"},
    {"tls", "rediss:// and tls.*"},
    {"health", "health"},
    {"stats", "stats"},
    {"concurrent", "holds several batches: hands over the next before the last one is acked"},
    {"auto_ack", "acks by itself, and says so by acked events that nobody asked for"},
};

}  // namespace

std::span<const Capability> capabilities() {
    return table;
}

bool is_capability(std::string_view name) {
    return std::any_of(std::begin(table), std::end(table), [&](const Capability& c) { return c.name == name; });
}

}  // namespace millrace::harness
