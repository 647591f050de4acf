// Acks and nacks: only what the application settled is settled, and each once.

#include <algorithm>
#include <set>

#include "base/text.hpp"
#include "cases/pending.hpp"
#include "cases/table.hpp"

namespace millrace::harness {

namespace {

std::set<std::string> ids_of(const std::vector<PendingEntry>& pending) {
    std::set<std::string> ids;
    for (const auto& entry : pending) ids.insert(entry.key.id);
    return ids;
}

Task<std::set<std::string>> pending_ids_without(World& world, const Start& start, std::string_view id,
                                                Duration within) {
    const Instant deadline = world.now() + within;
    for (;;) {
        auto ids = ids_of(world.pending(start.streams.front(), start.group));
        if (!ids.contains(std::string(id)) || world.now() >= deadline) co_return ids;
        co_await world.pause(5ms);
    }
}

Task<> not_before_the_application(World& world) {
    const Start start = world.consume("orders", {{"batch_size", 5}, {"flush_interval", "50ms"}});
    Agent& agent = world.spawn();
    agent.hold();
    co_await agent.ready(start);

    const auto keys = world.publish(start.streams.front(), 5);
    const bool came = co_await agent.delivered(5, 5s);
    world.require(came, "BAT-1", "5 published, " + std::to_string(agent.delivered_count()) + " handed over");
    co_await world.pause(300ms);
    const auto before = ids_of(world.pending(start.streams.front(), start.group));
    for (const auto& key : keys) {
        world.expect(before.contains(key.id), "ACK-1", "entry " + key.id + " was acked before the application did");
    }

    const auto first = agent.ack(keys);
    const Json* said = co_await agent.answer(first, 5s);
    world.require(said != nullptr, "ACK-2", "no answer to an ack within 5 s");
    for (const auto& key : keys) {
        world.expect(code_of(said, key) == "ok", "ACK-2",
                     "the ack of " + key.id + " answers '" + code_of(said, key) + "'");
    }
    const std::string_view last = keys.back().id;
    const auto after = co_await pending_ids_without(world, start, last, 1s);
    world.expect(after.empty(), "ACK-3", std::to_string(after.size()) + " entries are pending 1 s after their ack");
}

Task<> partial(World& world) {
    const Start start = world.consume("orders", {{"batch_size", 6}, {"flush_interval", "50ms"}});
    Agent& agent = world.spawn();
    agent.hold();
    co_await agent.ready(start);

    const auto keys = world.publish(start.streams.front(), 6);
    const bool came = co_await agent.delivered(6, 5s);
    world.require(came, "BAT-1", "6 published, " + std::to_string(agent.delivered_count()) + " handed over");
    const std::vector<EntryKey> some = {keys[1], keys[4]};
    const auto request = agent.ack(some);
    const Json* said = co_await agent.answer(request, 5s);
    world.expect(code_of(said, keys[1]) == "ok" && code_of(said, keys[4]) == "ok", "ACK-1",
                 "a partial ack is no \"ok\"");
    const auto left = co_await pending_ids_without(world, start, keys[4].id, 1s);
    const std::set<std::string> expected = {keys[0].id, keys[2].id, keys[3].id, keys[5].id};
    world.expect(left == expected, "ACK-1", "after acking 2 of 6, " + std::to_string(left.size()) + " are pending");
    const std::vector<EntryKey> rest = {keys[0], keys[2], keys[3], keys[5]};
    const auto second = agent.ack(rest);
    co_await agent.answer(second, 5s);
    const auto none = co_await pending_ids_without(world, start, keys[5].id, 1s);
    world.expect(none.empty(), "ACK-1", std::to_string(none.size()) + " are pending after the rest was acked");
}

Task<> twice(World& world) {
    const Start start = world.consume("orders", {{"batch_size", 2}, {"flush_interval", "50ms"}});
    Agent& agent = world.spawn();
    agent.hold();
    co_await agent.ready(start);

    const auto keys = world.publish(start.streams.front(), 2);
    const bool came = co_await agent.delivered(2, 5s);
    world.require(came, "BAT-1", "2 published, " + std::to_string(agent.delivered_count()) + " handed over");
    const auto first = agent.ack(keys);
    const Json* said = co_await agent.answer(first, 5s);
    world.expect(code_of(said, keys[0]) == "ok", "ACK-2", "the first ack answers '" + code_of(said, keys[0]) + "'");

    const auto second = agent.ack(keys);
    said = co_await agent.answer(second, 5s);
    world.expect(code_of(said, keys[0]) == "not_held", "ACK-2",
                 "acking twice answers '" + code_of(said, keys[0]) + "', not not_held");

    // Of a mixture each entry has its own answer.
    const auto more = world.publish(start.streams.front(), 2);
    const bool again = co_await agent.delivered(4, 5s);
    world.require(again, "BAT-1", "4 published, " + std::to_string(agent.delivered_count()) + " handed over");
    const std::vector<EntryKey> mixed = {keys[1], more[0], more[1]};
    const auto third = agent.ack(mixed);
    said = co_await agent.answer(third, 5s);
    world.expect(code_of(said, keys[1]) == "not_held" && code_of(said, more[0]) == "ok", "ACK-2",
                 "in a mixture the acked one answers '" + code_of(said, keys[1]) + "', the held one '" +
                     code_of(said, more[0]) + "'");
}

Task<> not_held(World& world) {
    const Start start = world.consume("orders", {{"batch_size", 2}, {"flush_interval", "50ms"}});
    const std::string stream = start.streams.front();
    // Another consumer of the group holds an entry: XACK by anybody succeeds at the server, so the agent must refuse.
    world.command({"XGROUP", "CREATE", stream, start.group, "0", "MKSTREAM"});
    const auto foreign = world.publish(stream, 1);
    world.command({"XREADGROUP", "GROUP", start.group, "somebody-else", "STREAMS", stream, ">"});
    Agent& agent = world.spawn();
    agent.hold();
    co_await agent.ready(start);

    const std::vector<EntryKey> strange = {foreign[0], {stream, "1-1"}};
    const auto request = agent.ack(strange);
    const Json* said = co_await agent.answer(request, 5s);
    world.require(said != nullptr, "ACK-2", "no answer to an ack of what is not held within 5 s");
    for (const auto& key : strange) {
        world.expect(code_of(said, key) == "not_held", "ACK-2",
                     "acking " + key.id + ", which it does not hold, answers '" + code_of(said, key) + "'");
    }
    co_await world.pause(100ms);
    const auto pending = ids_of(world.pending(stream, start.group));
    world.expect(pending.contains(foreign[0].id), "ACK-2", "it acked an entry that another consumer holds");
}

// An ack goes out while a blocking read is under way, not when the block ends.
Task<> during_a_block(World& world) {
    const Start start = world.consume("orders", {{"batch_size", 1}, {"flush_interval", "50ms"}});
    Agent& agent = world.spawn();
    agent.hold();
    co_await agent.ready(start);

    const auto keys = world.publish(start.streams.front(), 1);
    const bool came = co_await agent.delivered(1, 5s);
    world.require(came, "BAT-1", "1 published, " + std::to_string(agent.delivered_count()) + " handed over");
    co_await world.pause(300ms);  // the next read blocks by now
    const Instant asked = world.now();
    agent.ack(keys);
    const auto left = co_await pending_ids_without(world, start, keys[0].id, 3s);
    const Duration took = world.now() - asked;
    world.expect(left.empty(), "ACK-3", "the ack did not reach the server within 3 s");
    world.expect(!left.empty() || took < 500ms, "ACK-3", "the ack took " + format_ms(took) + " to the server");
    world.figure("ack_ms", to_ms(took));
}

Task<> nack_with_delay(World& world) {
    const Start start = world.consume("orders", {{"batch_size", 4}, {"flush_interval", "50ms"}});
    Agent& agent = world.spawn();
    agent.hold();
    co_await agent.ready(start);

    const auto keys = world.publish(start.streams.front(), 4);
    const bool came = co_await agent.delivered(4, 5s);
    world.require(came, "BAT-1", "4 published, " + std::to_string(agent.delivered_count()) + " handed over");
    const std::vector<EntryKey> others = {keys[0], keys[1], keys[3]};
    agent.ack(others);
    size_t expected = 4;
    for (int round = 1; round <= 3; ++round) {
        const std::vector<EntryKey> one = {keys[2]};
        const Instant asked = world.now();
        agent.nack(one, 400ms);
        const bool again = co_await agent.delivered(++expected, 5s);
        world.require(again, "ACK-4", "a nacked entry did not come again within 5 s");
        const Batch& batch = *agent.batches().back();
        world.require(!batch.entries.empty(), "BAT-1", "an empty batch was handed over");
        const Duration after = batch.received - asked;
        world.expect(batch.entries.front().key == keys[2], "ACK-4", "another entry came than the nacked one");
        world.expect(after >= 400ms, "ACK-4", "nacked for 400 ms, it came again after " + format_ms(after));
        world.expect(after <= 1500ms, "ACK-4", "nacked for 400 ms, it came again only after " + format_ms(after));
        const auto deliveries = batch.entries.front().deliveries;
        world.expect(deliveries == round + 1, "ACK-4",
                     "delivery " + std::to_string(round + 1) + " of a nacked entry says deliveries " +
                         (deliveries ? std::to_string(*deliveries) : "nothing"));
        const auto pending = world.pending(start.streams.front(), start.group);
        const bool counted = pending.size() == 1 && pending[0].deliveries == round + 1;
        world.expect(counted, "ACK-4",
                     "the server counts " + (pending.empty() ? "nothing" : std::to_string(pending[0].deliveries)) +
                         " deliveries after " + std::to_string(round) + " nacks");
    }
    const std::vector<EntryKey> one = {keys[2]};
    agent.ack(one);
    const auto left = co_await pending_ids_without(world, start, keys[2].id, 1s);
    world.expect(left.empty(), "ACK-1", "the nacked entry is pending after its ack");
}

// What is nacked does not stand in the way of others.
Task<> nack_lets_others_pass(World& world) {
    const Start start = world.consume("orders", {{"batch_size", 2}, {"flush_interval", "50ms"}});
    Agent& agent = world.spawn();
    agent.hold();
    co_await agent.ready(start);

    const auto keys = world.publish(start.streams.front(), 2);
    const bool came = co_await agent.delivered(2, 5s);
    world.require(came, "BAT-1", "2 published, " + std::to_string(agent.delivered_count()) + " handed over");
    agent.nack(keys, 4s);
    agent.ack_as_they_come();
    const Instant asked = world.now();
    world.publish(start.streams.front(), 10);
    const bool passed = co_await agent.delivered(12, 3s);
    world.expect(passed, "ACK-4",
                 "10 new ones behind two that were nacked: " + std::to_string(agent.delivered_count() - 2) +
                     " were handed over within 3 s");
    const bool again = co_await agent.delivered(14, 8s);
    world.expect(again, "ACK-4", "the nacked ones did not come again");
    if (again) world.expect(world.now() - asked >= 4s - 50ms, "ACK-4", "the nacked ones came early");
}

}  // namespace

std::vector<Case> ack_cases() {
    constexpr auto streams = CaseClass::Streams;
    constexpr auto need = ServerNeed::Streams;
    return {
        {"ack/1-by-the-application",
         "An entry is pending until the application acks it, then no longer",
         {"ACK-1", "ACK-3"},
         {"streams"},
         streams,
         need,
         Timing::None,
         not_before_the_application},
        {"ack/2-partial",
         "Part of a batch is acked, the rest stays pending",
         {"ACK-1"},
         {"streams", "concurrent"},
         streams,
         need,
         Timing::None,
         partial},
        {"ack/3-twice",
         "Acking twice is a typed error, entry by entry",
         {"ACK-2"},
         {"streams", "concurrent"},
         streams,
         need,
         Timing::None,
         twice},
        {"ack/4-not-held",
         "Acking what is not held is a typed error and reaches no server",
         {"ACK-2"},
         {"streams", "concurrent"},
         streams,
         need,
         Timing::None,
         not_held},
        {"ack/5-during-a-block",
         "An ack reaches the server while a read blocks",
         {"ACK-3"},
         {"streams", "concurrent"},
         streams,
         need,
         Timing::Judged,
         during_a_block},
        {"ack/6-nack-delay",
         "A nacked entry comes again after its delay, counted at the server",
         {"ACK-4"},
         {"streams", "nack"},
         streams,
         need,
         Timing::Judged,
         nack_with_delay},
        {"ack/7-nack-passes",
         "Nacked entries let others pass",
         {"ACK-4"},
         {"streams", "nack", "concurrent"},
         streams,
         need,
         Timing::None,
         nack_lets_others_pass},
    };
}

}  // namespace millrace::harness
