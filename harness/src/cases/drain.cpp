// How an agent ends when it is asked to: what it holds is finished, what it read and did not hand over is left for
// others to claim at once, and nothing comes after `drained`.

#include <algorithm>
#include <set>

#include "base/text.hpp"
#include "cases/expect.hpp"
#include "cases/table.hpp"

namespace millrace::harness {

namespace {

// Idle for as long as others wait before they claim: the default of claim_min_idle.
constexpr int64_t claimable_ms = 60'000;

int64_t drain(Agent& agent, Duration timeout) {
    return agent.send(Json{{"op", "drain"}, {"timeout_ms", timeout / 1ms}});
}

Task<> expect_gone(World& world, Agent& agent) {
    const bool gone = co_await agent.gone(5s);
    world.require(gone, "DRN-1", "5 s after drained the agent still runs");
    world.expect(agent.events().back()["event"] == "drained", "DRN-1",
                 "after drained came " + excerpt(agent.events().back().dump()));
}

// DRN-1: each entry that the group has delivered was handed over, or is claimable; answers how many of the latter.
size_t expect_none_stranded(World& world, const Start& start, const Agent& agent) {
    std::set<EntryKey> handed_over;
    for (const auto* batch : agent.batches()) {
        for (const auto& entry : batch->entries) handed_over.insert(entry.key);
    }
    size_t released = 0;
    for (const auto& entry : world.pending(start.streams.front(), start.group)) {
        if (handed_over.contains(entry.key)) continue;
        ++released;
        world.expect(entry.idle_ms >= claimable_ms, "DRN-1",
                     "entry " + entry.key.id + " was read, not handed over, and is idle for " +
                         std::to_string(entry.idle_ms) + " ms only: stranded");
    }
    return released;
}

// Entries flow in faster than they are handed over; batches are acked as they come, also after the word.
Task<> under_load(World& world) {
    const Start start = world.consume("orders", {{"batch_size", 7}, {"flush_interval", "1s"}, {"prefetch", 200}});
    Agent& agent = world.spawn();
    co_await agent.ready(start);
    for (int i = 0; i < 20; ++i) {
        world.publish(start.streams.front(), 50);
        co_await world.news_or(world.now() + 1ms);
    }
    const Instant asked = world.now();
    const auto request = drain(agent, 10s);
    for (int i = 0; i < 10; ++i) {
        world.publish(start.streams.front(), 20);
        co_await world.news_or(world.now() + 1ms);
    }
    const Json* drained = co_await agent.answer(request, 12s);
    world.require(drained != nullptr, "DRN-1", "no drained within 12 s");
    world.figure("drain_ms", static_cast<double>((world.now() - asked) / 1ms));
    world.expect(drained->value("held", Json()) == 0, "DRN-1",
                 "all was acked, and it says " + excerpt(drained->dump()));
    co_await expect_gone(world, agent);
    const size_t released = expect_none_stranded(world, start, agent);
    world.figure("released", static_cast<double>(released));
    size_t left = 0;
    for (const auto& entry : world.pending(start.streams.front(), start.group)) left += entry.idle_ms < claimable_ms;
    world.expect(left == 0, "DRN-1", std::to_string(left) + " entries that were handed over are still pending");

    // Somebody else goes on with the rest, without waiting for claim_min_idle.
    Start other = start;
    other.consumer = "another";
    other.config["claim_interval"] = "500ms";
    if (!world.agent_can("claim")) co_return;
    Agent& next = world.spawn();
    co_await next.ready(other);
    const size_t rest = world.history().published.size() - agent.delivered_count();
    const bool came = co_await next.delivered(rest, 15s);
    world.expect(came, "DRN-1",
                 "of " + std::to_string(rest) + " entries that were left, another consumer got " +
                     std::to_string(next.delivered_count()) + " within 15 s");
    co_await expect_none_pending(world, start, "DRN-1");
}

// The word and an entry for the blocked read are on their way at the same time.
Task<> an_entry_arrives(World& world) {
    const int rounds = std::max(10, world.rounds());
    size_t released = 0;
    size_t unread = 0;
    for (int round = 0; round < rounds; ++round) {
        const Start start = world.consume("orders-" + std::to_string(round), {{"flush_interval", "1s"}});
        Agent& agent = world.spawn();
        co_await agent.ready(start);
        const Duration moment(world.random().between(0, 3'000));
        const bool first = round % 2 == 0;
        if (first) world.publish(start.streams.front(), 1);
        co_await world.pause(moment);
        const auto request = drain(agent, 5s);
        if (!first) world.publish(start.streams.front(), 1);
        const Json* drained = co_await agent.answer(request, 7s);
        world.require(drained != nullptr, "DRN-1", "no drained within 7 s");
        co_await expect_gone(world, agent);
        const size_t given_back = expect_none_stranded(world, start, agent);
        released += given_back;
        unread += given_back == 0 && agent.delivered_count() == 0 ? 1U : 0U;
    }
    world.figure("rounds", rounds);
    world.figure("released", static_cast<double>(released));
    world.figure("unread", static_cast<double>(unread));
}

// What the application holds may be finished, and is waited for.
Task<> held_is_finished(World& world) {
    const Start start = world.consume("orders", {{"batch_size", 5}, {"flush_interval", "50ms"}});
    Agent& agent = world.spawn();
    agent.hold();
    co_await agent.ready(start);
    world.publish(start.streams.front(), 5);
    bool came = co_await agent.delivered(5, 5s);
    world.require(came, "BAT-1", "5 published, " + std::to_string(agent.delivered_count()) + " handed over");
    const auto request = drain(agent, 20s);
    co_await agent.hello();  // answered in turn: the word has been heard
    world.publish(start.streams.front(), 10);
    co_await world.pause(500ms);
    world.require(agent.alive(), "DRN-1", "it ended although 5 entries were held and 20 s were given");
    world.expect(agent.delivered_count() == 5, "DRN-1", "a batch was handed over after drain");
    const auto held = agent.unacked();
    const auto acking = agent.ack(held);
    const Json* acked = co_await agent.answer(acking, 5s);
    world.require(acked != nullptr, "DRN-1", "no answer to an ack during a drain");
    for (const auto& result : parse_acked(*acked)) {
        world.expect(result.code == "ok", "DRN-1", "an ack during a drain answers '" + result.code + "'");
    }
    const Json* drained = co_await agent.answer(request, 5s);
    world.require(drained != nullptr, "DRN-1", "all is acked, and 5 s later it is not drained");
    world.expect(drained->value("held", Json()) == 0, "DRN-1", "it says " + excerpt(drained->dump()));
    co_await expect_gone(world, agent);
    expect_none_stranded(world, start, agent);
}

Task<> timeout(World& world) {
    const Start start = world.consume("orders", {{"batch_size", 5}, {"flush_interval", "50ms"}});
    Agent& agent = world.spawn();
    agent.hold();
    co_await agent.ready(start);
    world.publish(start.streams.front(), 5);
    const bool came = co_await agent.delivered(5, 5s);
    world.require(came, "BAT-1", "5 published, " + std::to_string(agent.delivered_count()) + " handed over");
    const Instant asked = world.now();
    const auto request = drain(agent, 700ms);
    const Json* drained = co_await agent.answer(request, 10s);
    world.require(drained != nullptr, "DRN-1", "no drained within 10 s, with a timeout of 700 ms");
    const Duration took = world.now() - asked;
    world.expect(took >= 690ms, "DRN-1", "drained after " + format_ms(took) + ", although entries were held");
    world.expect(took < 5s, "DRN-1", "drained after " + format_ms(took) + ", the timeout is 700 ms");
    world.expect(drained->value("held", Json()) == 5, "DRN-1",
                 "5 entries are left, and it says " + excerpt(drained->dump()));
    co_await expect_gone(world, agent);
    const auto left = world.pending(start.streams.front(), start.group);
    world.expect(left.size() == 5, "DRN-1", std::to_string(left.size()) + " of 5 held entries are pending");
}

}  // namespace

std::vector<Case> drain_cases() {
    constexpr auto streams = CaseClass::Streams;
    constexpr auto need = ServerNeed::Streams;
    return {
        {"drn/1-under-load",
         "Drain while entries flow: what was handed over is acked, the rest is another consumer's at once",
         {"DRN-1", "ACK-4"},
         {"streams", "drain", "config", "concurrent"},
         streams,
         need,
         Timing::None,
         under_load},
        {"drn/2-an-entry-arrives",
         "Drain while an entry arrives at the blocked read: it is handed over, unread or claimable",
         {"DRN-1"},
         {"streams", "drain", "config"},
         streams,
         need,
         Timing::None,
         an_entry_arrives},
        {"drn/3-held-is-finished",
         "Drain hands over nothing more, and waits for the acks of what is held",
         {"DRN-1"},
         {"streams", "drain", "config", "concurrent"},
         streams,
         need,
         Timing::None,
         held_is_finished},
        {"drn/4-timeout",
         "At the timeout drained tells what is left pending",
         {"DRN-1"},
         {"streams", "drain", "config"},
         streams,
         need,
         Timing::None,
         timeout},
    };
}

}  // namespace millrace::harness
