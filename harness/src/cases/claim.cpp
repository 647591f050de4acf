// What another consumer left, or an old connection of one's own, is taken over once it was left alone for
// claim_min_idle: all of it, to the end of the list of pending entries, and counted as the server counts.

#include <algorithm>

#include "base/text.hpp"
#include "cases/expect.hpp"
#include "cases/pending.hpp"
#include "cases/table.hpp"

namespace millrace::harness {

namespace {

// Nobody's entries come of age within a case, other than those that it makes old.
const Json patient = {
    {"batch_size", 5}, {"flush_interval", "20ms"}, {"claim_interval", "200ms"}, {"claim_min_idle", "20s"}};

// Recovered, each for the `times`-th time, by the agent's word and by the server's.
void expect_claimed(World& world, const Agent& agent, const std::vector<EntryKey>& entries, int64_t times) {
    for (const auto* batch : agent.batches()) {
        for (const auto& entry : batch->entries) {
            if (std::find(entries.begin(), entries.end(), entry.key) == entries.end()) continue;
            world.expect(batch->reason == "recovery", "BAT-1",
                         "claimed entry " + entry.key.id + " came with reason '" + excerpt(batch->reason) + "'");
            world.expect(entry.deliveries.value_or(times) == times, "REC-2",
                         "claimed entry " + entry.key.id + " says deliveries " +
                             std::to_string(entry.deliveries.value_or(0)) + ", XPENDING had " +
                             std::to_string(times - 1) + " before it was claimed");
        }
    }
}

Task<> of_another(World& world) {
    Json config = patient;
    config["claim_min_idle"] = "1s";
    const Start first = world.consume("orders", config);
    const Start second = world.consume("orders", config);
    Agent& dead = world.spawn();
    dead.hold();
    co_await dead.ready(first);
    const auto keys = world.publish(first.streams.front(), 5);
    const bool came = co_await dead.delivered(5, 5s);
    world.require(came, "BAT-1", "5 published, " + std::to_string(dead.delivered_count()) + " handed over");
    Agent& heir = world.spawn();
    heir.hold();
    co_await heir.ready(second);
    dead.kill();
    const Instant left = world.now();
    const bool claimed = co_await gets(world, heir, keys, 10s);
    world.require(claimed, "REC-2",
                  "10 s after its consumer died, of 5 entries " + std::to_string(heir.delivered_count()) +
                      " were taken over (claim_min_idle 1 s, claim_interval 200 ms)");
    world.figure_max("claimed_after_ms", to_ms(world.now() - left));
    expect_claimed(world, heir, keys, 2);
    for (const auto& [id, entry] : pending_by_id(world, second)) {
        world.expect(entry.consumer == second.consumer && entry.deliveries == 2, "REC-2",
                     "the server has entry " + id + " with " + excerpt(entry.consumer) + " and counts " +
                         std::to_string(entry.deliveries) + " deliveries: it was handed over twice");
    }
    const auto request = heir.ack(keys);
    co_await heir.answer(request, 5s);
    co_await expect_none_pending(world, second, "ACK-3");
}

// Whoever looks at the first page only sees entries of somebody who lives, sweep after sweep.
Task<> to_the_end(World& world) {
    const Start start = world.consume("orders", patient);
    make_group(world, start);
    const std::string& stream = start.streams.front();
    constexpr int live = 1200;
    const auto held = world.publish(stream, live);
    take_as(world, start, "alive", live);
    const auto left = world.publish(stream, 60);
    take_as(world, start, "gone", 60);
    hand_to(world, start, "gone", left, 60s);
    Agent& agent = world.spawn();
    co_await agent.ready(start);
    const bool claimed = co_await gets(world, agent, left, 10s);
    world.expect(claimed, "REC-2",
                 "60 entries were left behind " + std::to_string(live) + " of a consumer that lives; " +
                     std::to_string(agent.delivered_count()) + " were taken over within 10 s");
    expect_claimed(world, agent, left, 2);
    world.expect(agent.delivered_count() <= left.size(), "REC-2", "entries of a consumer that lives were taken over");
    const auto only_live = [&] { return world.pending(stream, start.group).size() == held.size(); };
    const bool settled = co_await world.comes_true(only_live, 5s);
    world.expect(settled, "ACK-3", "what was taken over and acked is still pending");
}

// More than any page, and than prefetch: taken as there is room, in one sweep.
Task<> all_of_them(World& world) {
    Json config = patient;
    config["batch_size"] = 50;
    config["claim_interval"] = "60s";
    const Start start = world.consume("orders", config);
    make_group(world, start);
    const auto left = world.publish(start.streams.front(), 2100);
    take_as(world, start, "gone", 2100);
    hand_to(world, start, "gone", left, 60s);
    Agent& agent = world.spawn();
    co_await agent.ready(start);
    const bool came = co_await agent.delivered(left.size(), 15s);
    world.expect(came, "REC-2",
                 "2100 entries were left; " + std::to_string(agent.delivered_count()) + " were taken over in 15 s");
    expect_claimed(world, agent, left, 2);
    expect_all_delivered(world, "REC-2");
    expect_none_twice(world, "REC-2");
    co_await expect_none_pending(world, start, "ACK-3");
}

// Up to 6.2 the list keeps what was deleted, and XAUTOCLAIM answers it with nil and no id.
Task<> deleted(World& world) {
    const Start start = world.consume("orders", patient);
    make_group(world, start);
    const auto keys = world.publish(start.streams.front(), 9);
    take_as(world, start, "gone", 9);
    hand_to(world, start, "gone", keys, 60s);
    std::vector<EntryKey> whole;
    for (size_t i = 0; i < keys.size(); ++i) {
        if (i % 2 == 0) {
            world.delete_entry(keys[i]);
        } else {
            whole.push_back(keys[i]);
        }
    }
    Agent& agent = world.spawn();
    co_await agent.ready(start);
    const bool claimed = co_await gets(world, agent, whole, 10s);
    world.expect(claimed, "REC-2",
                 "of 9 entries that were left 5 are deleted; of the others " + std::to_string(agent.delivered_count()) +
                     " came");
    expect_claimed(world, agent, whole, 2);
    for (const auto* batch : agent.batches()) {
        for (const auto& entry : batch->entries) {
            const bool is_whole = std::find(whole.begin(), whole.end(), entry.key) != whole.end();
            world.expect(is_whole, "REC-2", "deleted entry " + entry.key.id + " was handed over");
        }
    }
    co_await expect_none_pending(world, start, "REC-2");
}

// As a reply does that is lost on a socket which nobody reads any more.
Task<> of_own_name(World& world) {
    const Start start = world.consume("orders", patient);
    Agent& agent = world.spawn();
    co_await agent.ready(start);
    const auto before = world.publish(start.streams.front(), 5);
    const bool came = co_await gets(world, agent, before, 5s);
    world.require(came, "BAT-1", "5 published, " + std::to_string(agent.delivered_count()) + " handed over");
    const auto stranded = publish_taken(world, start, start.consumer, 7);
    hand_to(world, start, start.consumer, stranded, 60s);
    const bool claimed = co_await gets(world, agent, stranded, 10s);
    world.expect(claimed, "REC-2",
                 "7 entries are pending under its own name, and it does not hold them: " +
                     std::to_string(agent.delivered_count() - 5) + " were handed over within 10 s");
    expect_claimed(world, agent, stranded, 2);
    co_await expect_none_pending(world, start, "ACK-3");
}

}  // namespace

std::vector<Case> claim_cases() {
    constexpr auto streams = CaseClass::Streams;
    constexpr auto need = ServerNeed::Streams;
    constexpr auto untimed = Timing::None;
    return {
        {"claim/1-of-another",
         "What a consumer that died had held is taken over by another, and counted",
         {"REC-2"},
         {"streams", "claim", "concurrent"},
         streams,
         need,
         untimed,
         of_another},
        {"claim/2-to-the-end",
         "60 entries that were left behind 1,200 of a consumer that lives are found",
         {"REC-2", "DET-6"},
         {"streams", "claim"},
         streams,
         need,
         untimed,
         to_the_end},
        {"claim/3-all",
         "2,100 entries that were left are taken over in one sweep, each once",
         {"REC-2"},
         {"streams", "claim"},
         streams,
         need,
         untimed,
         all_of_them},
        {"claim/4-deleted",
         "Entries that were deleted while another had them pending are acked away",
         {"REC-2", "DET-6"},
         {"streams", "claim"},
         streams,
         need,
         untimed,
         deleted},
        {"claim/5-own-name",
         "Entries that an old connection took under the own name are found",
         {"REC-2", "REC-6"},
         {"streams", "claim"},
         streams,
         need,
         untimed,
         of_own_name},
    };
}

}  // namespace millrace::harness
