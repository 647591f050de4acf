// An id that was worked on once is not worked on again, within the window; what was only delivered, or was rejected,
// was not worked on. Here the agent remembers by itself; in shared_dedupe.cpp the server does, and windows end.

#include "cases/duplicates.hpp"
#include "cases/expect.hpp"
#include "cases/pending.hpp"
#include "cases/table.hpp"

namespace millrace::harness {

namespace {

Task<> once_each(World& world) {
    const Start start = world.consume("orders", deduping("memory"));
    Agent& agent = world.spawn();
    co_await agent.ready(start);
    const auto first = world.publish(start.streams.front(), {with_id("a", "1"), with_id("b", "2")});
    const bool came = co_await gets(world, agent, first, 5s);
    world.require(came, "BAT-1", "2 published, " + std::to_string(agent.delivered_count()) + " handed over");
    co_await expect_none_pending(world, start, "ACK-3");
    const auto second = world.publish(
        start.streams.front(),
        {with_id("a", "3"), with_id("c", "4"), with_id("b", "5"), with_id("", "6"), with_id("", "7"), {{"n", "8"}}});
    // Without an id each is its own.
    const std::vector<EntryKey> fresh = {second[1], second[3], second[4], second[5]};
    const bool more = co_await gets(world, agent, fresh, 5s);
    world.expect(more, "DUP-1", "entries with a new id, or with none, are not handed over");
    const std::vector<EntryKey> copies = {second[0], second[2]};
    co_await expect_unseen(world, start, copies);
}

Task<> by_path(World& world) {
    Json config = deduping("memory");
    config["id_field"] = "event.id";
    const Start start = world.consume("orders", config);
    Agent& agent = world.spawn();
    co_await agent.ready(start);
    const auto event = [](const std::string& id) { return Fields{{"event", R"({"kind":"x","id":")" + id + R"("})"}}; };
    const auto first = world.publish(start.streams.front(), {event("a")});
    const bool came = co_await gets(world, agent, first, 5s);
    world.require(came, "BAT-1", "1 published, none handed over");
    co_await expect_none_pending(world, start, "ACK-3");
    const auto second =
        world.publish(start.streams.front(), {event("a"), event("b"), {{"event", R"({"id":null})"}}, {{"event", "{"}}});
    const std::vector<EntryKey> fresh = {second[1], second[2], second[3]};
    const bool more = co_await gets(world, agent, fresh, 5s);
    world.expect(more, "DUP-1", "entries with a new id at event.id, or with none there, are not handed over");
    const std::vector<EntryKey> copies = {second[0]};
    co_await expect_unseen(world, start, copies);
}

// Delivered is not seen: only the ack is.
Task<> while_held(World& world) {
    const Start start = world.consume("orders", deduping("memory"));
    Agent& agent = world.spawn();
    agent.hold();
    co_await agent.ready(start);
    const auto first = world.publish(start.streams.front(), {with_id("a", "1"), with_id("r", "2")});
    const bool came = co_await gets(world, agent, first, 5s);
    world.require(came, "BAT-1", "2 published, " + std::to_string(agent.delivered_count()) + " handed over");
    const auto copies = world.publish(start.streams.front(), {with_id("a", "3"), with_id("r", "4"), with_id("b", "5")});
    const std::vector<EntryKey> passes = {copies[2]};
    const bool passed = co_await gets(world, agent, passes, 5s);
    world.expect(passed, "DUP-2", "a copy of an id that is held stands in the way of others");
    co_await world.pause(300ms);
    world.expect(times_delivered(agent, copies[0]) + times_delivered(agent, copies[1]) == 0, "DUP-2",
                 "a copy of an id that is held was handed over");
    const std::vector<EntryKey> done = {first[0], copies[2]};
    const std::vector<EntryKey> bad = {first[1]};
    agent.ack(done);
    agent.reject(bad, "bad");
    const std::vector<EntryKey> second_chance = {copies[1]};
    const bool retried = co_await gets(world, agent, second_chance, 5s);
    world.expect(retried, "DUP-2", "the first was rejected, and its copy is not handed over");
    agent.ack(second_chance);
    const std::vector<EntryKey> unseen = {copies[0]};
    co_await expect_unseen(world, start, unseen);
}

}  // namespace

std::vector<Case> dedupe_cases() {
    constexpr auto streams = CaseClass::Streams;
    constexpr auto need = ServerNeed::Streams;
    constexpr auto untimed = Timing::None;
    return {
        {"dedupe/1-once-each",
         "A later entry with an id that was acked is acked unseen",
         {"DUP-1", "DUP-2"},
         {"streams", "dedupe"},
         streams,
         need,
         untimed,
         once_each},
        {"dedupe/2-path",
         "The id may lie inside the JSON of a field",
         {"DUP-1"},
         {"streams", "dedupe"},
         streams,
         need,
         untimed,
         by_path},
        {"dedupe/3-while-held",
         "A copy of an id that is held waits; after a reject it is handed over, after an ack it is not",
         {"DUP-2"},
         {"streams", "dedupe", "dlq", "concurrent"},
         streams,
         need,
         untimed,
         while_held},
    };
}

}  // namespace millrace::harness
