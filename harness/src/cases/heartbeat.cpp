// What a consumer holds stays with it for as long as it lives, however slow its handler is; and what another claimed
// while it could not speak stays with the other.

#include <algorithm>

#include "base/text.hpp"
#include "cases/expect.hpp"
#include "cases/pending.hpp"
#include "cases/table.hpp"

namespace millrace::harness {

namespace {

const Json lively = {
    {"batch_size", 5}, {"flush_interval", "20ms"}, {"claim_interval", "200ms"}, {"claim_min_idle", "1s"}};

// Nothing of it comes again here or to a peer that claims whatever it may; the checker sees that.
Task<> not_robbed(World& world, const Start& start, Agent& holder, std::vector<EntryKey> held, Duration duration) {
    const Instant end = world.now() + duration;
    while (world.now() < end) {
        co_await world.pause(100ms);
        const auto pending = pending_by_id(world, start);
        for (const auto& key : held) {
            const auto entry = pending.find(key.id);
            world.require(entry != pending.end() && entry->second.consumer == holder.consumer(), "REC-3",
                          "entry " + key.id + " is held, and the server has it " +
                              (entry == pending.end() ? "no longer" : "with " + excerpt(entry->second.consumer)));
            world.require(entry->second.deliveries == 1, "REC-3",
                          "entry " + key.id + " was delivered once and counts " +
                              std::to_string(entry->second.deliveries) + " deliveries: heartbeats are none");
        }
    }
}

Task<> slow_handler(World& world) {
    const Start first = world.consume("orders", lively);
    const Start second = world.consume("orders", lively);
    Agent& slow = world.spawn();
    slow.hold();
    co_await slow.ready(first);
    const auto keys = world.publish(first.streams.front(), 5);
    const bool came = co_await slow.delivered(5, 5s);
    world.require(came, "BAT-1", "5 published, " + std::to_string(slow.delivered_count()) + " handed over");
    Agent& peer = world.spawn();
    co_await peer.ready(second);
    co_await not_robbed(world, first, slow, keys, 4s);
    const auto request = slow.ack(keys);
    const Json* said = co_await slow.answer(request, 5s);
    for (const auto& key : keys) {
        world.expect(
            code_of(said, key) == "ok", "REC-3",
            "held for four times claim_min_idle, the ack of " + key.id + " ends as '" + code_of(said, key) + "'");
    }
    co_await expect_none_pending(world, first, "ACK-3");
    world.expect(peer.delivered_count() == 0, "REC-3", "a consumer that lives was robbed");
}

// From the moment they are read: these wait for a batch that takes its time.
Task<> not_handed_over(World& world) {
    Json config = lively;
    config["flush_interval"] = "4s";
    const Start first = world.consume("orders", config);
    Agent& slow = world.spawn();
    co_await slow.ready(first);
    const auto keys = world.publish(first.streams.front(), 3);
    const auto read = [&] { return world.pending(first.streams.front(), first.group).size() == 3; };
    const bool was_read = co_await world.comes_true(read, 3s);
    world.require(was_read, "BAT-1", "3 published, and not read within 3 s");
    Agent& peer = world.spawn();
    const Start second = world.consume("orders", lively);
    co_await peer.ready(second);
    const bool came = co_await gets(world, slow, keys, 8s);
    world.expect(came, "REC-3",
                 "of 3 entries that wait for a flush " + std::to_string(slow.delivered_count()) + " came");
    world.expect(peer.delivered_count() == 0, "REC-3", "what was read and not handed over was taken by another");
    co_await expect_none_pending(world, first, "ACK-3");
}

// A nacked entry that waits for its time is held too.
Task<> nacked(World& world) {
    const Start first = world.consume("orders", lively);
    Agent& slow = world.spawn();
    slow.hold();
    co_await slow.ready(first);
    const auto keys = world.publish(first.streams.front(), 1);
    const bool came = co_await slow.delivered(1, 5s);
    world.require(came, "BAT-1", "1 published, none handed over");
    Agent& peer = world.spawn();
    const Start second = world.consume("orders", lively);
    co_await peer.ready(second);
    slow.nack(keys, 3s);
    const bool again = co_await slow.delivered(2, 8s);
    world.expect(again, "ACK-4", "nacked for 3 s, the entry did not come again");
    world.expect(peer.delivered_count() == 0, "REC-3", "an entry that was nacked and waits was taken by another");
    slow.ack(keys);
    co_await expect_none_pending(world, first, "ACK-3");
}

// Stopped for longer than claim_min_idle, it goes on where it was: its next heartbeat is late.
Task<> late(World& world) {
    Json config = lively;
    config["claim_interval"] = "60s";  // what the other has is not claimed back when it comes of age
    const Start start = world.consume("orders", config);
    Agent& agent = world.spawn();
    agent.hold();
    co_await agent.ready(start);
    const auto keys = world.publish(start.streams.front(), 5);
    const bool came = co_await agent.delivered(5, 5s);
    world.require(came, "BAT-1", "5 published, " + std::to_string(agent.delivered_count()) + " handed over");
    agent.freeze();
    co_await world.pause(1500ms);
    // A peer's claim, as plain as can be. The first two only: the others are still its own.
    Command claim{"XCLAIM", start.streams.front(), start.group, "peer", "1000", keys[0].id, keys[1].id};
    const Reply claimed = world.command(claim);
    world.require(claimed.items.size() == 2, "harness", "the peer's XCLAIM took nothing");
    agent.thaw();
    const std::vector<EntryKey> robbed = {keys[0], keys[1]};
    const std::vector<EntryKey> kept = {keys[2], keys[3], keys[4]};
    const bool told = co_await tells_lost(world, agent, robbed, 5s);
    world.expect(told, "REC-3", "5 s after another had claimed 2 of 5 held entries there is no event lost for them");
    const Instant end = world.now() + 2s;
    while (world.now() < end) {
        const auto pending = pending_by_id(world, start);
        for (const auto& key : robbed) {
            const auto entry = pending.find(key.id);
            world.require(entry != pending.end() && entry->second.consumer == "peer", "REC-3",
                          "a late heartbeat took entry " + key.id + " back from the one who had claimed it");
        }
        co_await world.pause(50ms);
    }
    const auto request = agent.ack(keys);
    const Json* said = co_await agent.answer(request, 5s);
    for (const auto& key : robbed) {
        world.expect(code_of(said, key) == "lost", "REC-3",
                     "the ack of " + key.id + ", which another has, ends as '" + code_of(said, key) + "'");
    }
    for (const auto& key : kept) {
        world.expect(code_of(said, key) == "ok", "REC-3",
                     "the ack of " + key.id + ", which nobody had claimed, ends as '" + code_of(said, key) + "'");
    }
    const auto two_left = [&] { return pending_by_id(world, start).size() == 2; };
    const bool left = co_await world.comes_true(two_left, 3s);
    world.expect(left, "ACK-2", "what another has claimed was acked, or what was acked is pending");
}

}  // namespace

std::vector<Case> heartbeat_cases() {
    constexpr auto streams = CaseClass::Streams;
    constexpr auto need = ServerNeed::Streams;
    constexpr auto untimed = Timing::None;
    return {
        {"heartbeat/1-slow-handler",
         "What is held for four times claim_min_idle is robbed by nobody, and counts one delivery",
         {"REC-3"},
         {"streams", "claim", "concurrent"},
         streams,
         need,
         untimed,
         slow_handler},
        {"heartbeat/2-not-handed-over",
         "What was read and waits for its batch is held",
         {"REC-3"},
         {"streams", "claim"},
         streams,
         need,
         untimed,
         not_handed_over},
        {"heartbeat/3-nacked",
         "What was nacked and waits for its time is held",
         {"REC-3", "ACK-4"},
         {"streams", "claim", "nack"},
         streams,
         need,
         untimed,
         nacked},
        {"heartbeat/4-late",
         "A heartbeat that comes after another has claimed steals nothing back; the entry is told lost",
         {"REC-3", "ACK-2"},
         {"streams", "claim", "concurrent"},
         streams,
         need,
         untimed,
         late},
    };
}

}  // namespace millrace::harness
