// An entry past max_message_bytes: it is no garbage. It is told, the connection stays, and what is around it flows.

#include <algorithm>
#include <set>

#include "base/text.hpp"
#include "cases/table.hpp"

namespace millrace::harness {

namespace {

const Json limited = {{"batch_size", 5}, {"flush_interval", "50ms"}, {"max_message_bytes", 65'536}};

constexpr size_t large_bytes = 1 << 20;

// Two small entries, one of a megabyte between them.
std::vector<EntryKey> publish_around(World& world, const std::string& stream, bool large_first) {
    const Fields large = {{"n", "large"}, {"value", std::string(large_bytes, 'v')}};
    const std::vector<Fields> entries = large_first ? std::vector<Fields>{large, {{"n", "1"}}, {{"n", "2"}}}
                                                    : std::vector<Fields>{{{"n", "1"}}, large, {{"n", "2"}}};
    return world.publish(stream, entries);
}

// Whole among the dead (DLQ-3 says where), or pending still.
bool is_kept(World& world, const Start& start, const EntryKey& large) {
    for (const auto& entry : world.pending(start.streams.front(), start.group)) {
        if (entry.key == large) return true;
    }
    for (const auto& item : world.command({"XRANGE", "{" + start.streams.front() + "}:dead", "-", "+"}).items) {
        bool is_of_it = false;
        bool is_whole = false;
        std::string name;
        for (const auto& text : item.at(1).items) {
            is_of_it = is_of_it || (name == "dlq_origin_id" && text.text == large.id);
            is_whole = is_whole || (name == "value" && text.text.size() == large_bytes);
            name = text.text;
        }
        if (!is_of_it || !is_whole) continue;
        world.history().excused.insert(large);  // the group need not be handed it any more
        return true;
    }
    return false;
}

Task<> expect_told(World& world, Agent& agent, const Start& start, const EntryKey& large, size_t delivered) {
    const bool came = co_await agent.delivered(delivered, 5s);
    world.expect(came, "BP-3",
                 std::to_string(agent.delivered_count()) + " of " + std::to_string(delivered) +
                     " small entries were handed over; " + agent.last_error());
    const Json* told = co_await agent.next("too_large", 5s);
    world.require(told != nullptr, "BP-3", "an entry of a megabyte with max_message_bytes 65536: no event too_large");
    world.expect(told->value("id", Json()) == large.id && told->value("stream", Json()) == start.streams.front(),
                 "BP-3", "the event names another entry: " + excerpt(told->dump()));
    world.publish(start.streams.front(), 5);
    const bool more = co_await agent.delivered(delivered + 5, 5s);
    world.expect(more, "BP-3", "what was published behind it does not come");
    for (const auto& event : agent.events()) {
        const bool is_lost = event["event"] == "reconnected" || event["event"] == "error";
        world.expect(!is_lost, "BP-3", "the connection did not stay: " + excerpt(event.dump()));
    }
    world.expect(is_kept(world, start, large), "BP-3", "it is neither pending nor with the dead");
}

Task<> among_new(World& world) {
    for (const int protocol : {2, 3}) {
        if (protocol == 3 && !world.facts().hello) continue;
        Start start = world.consume("orders-" + std::to_string(protocol), limited);
        start.config["protocol"] = protocol;
        Agent& agent = world.spawn();
        co_await agent.ready(start);
        const auto keys = publish_around(world, start.streams.front(), false);
        co_await expect_told(world, agent, start, keys[1], 2);
    }
}

// Read by a consumer of this name that is gone: recovery meets it first of all, and goes on behind it.
Task<> at_the_head_of_the_pel(World& world) {
    const Start start = world.consume("orders", limited);
    const auto keys = publish_around(world, start.streams.front(), true);
    world.command({"XGROUP", "CREATE", start.streams.front(), start.group, "0"});
    world.command({"XREADGROUP", "GROUP", start.group, start.consumer, "STREAMS", start.streams.front(), ">"});
    Agent& agent = world.spawn();
    co_await agent.ready(start);
    co_await expect_told(world, agent, start, keys[0], 2);
    const int cut = world.cut_connections(agent);
    if (cut == 0) world.unsupported("the agent's connections are not to be found here");
    world.publish(start.streams.front(), 5);
    const bool more = co_await agent.delivered(12, 10s);
    world.expect(more, "BP-3", "after a reconnect the consumer does not get past it");
}

}  // namespace

std::vector<Case> too_large_cases() {
    constexpr auto streams = CaseClass::Streams;
    constexpr auto need = ServerNeed::Streams;
    return {
        {"bp/1-too-large",
         "An entry past max_message_bytes is told and passed over; the connection stays",
         {"BP-3"},
         {"streams", "config"},
         streams,
         need,
         Timing::None,
         among_new},
        {"bp/2-too-large-at-the-head",
         "The same at the head of the PEL: recovery goes on behind it, again after a reconnect",
         {"BP-3", "REC-1"},
         {"streams", "config"},
         streams,
         need,
         Timing::None,
         at_the_head_of_the_pel},
    };
}

}  // namespace millrace::harness
