// The flush: flush_interval after the first entry of a batch arrived, never early, late by BAT-3. The clock starts
// between the moment the XADD was sent (the entry can't have arrived before) and the moment it was confirmed.

#include <algorithm>

#include "base/text.hpp"
#include "cases/flush_time.hpp"
#include "cases/table.hpp"

namespace millrace::harness {

void judge_flush(World& world, const Batch& batch, Instant sent, Instant confirmed, Duration flush_interval) {
    const Duration after_sent = batch.received - sent;
    const Duration late = batch.handed_over - confirmed - flush_interval;
    world.expect(after_sent >= flush_interval, "BAT-3",
                 "the flush came after " + format_ms(after_sent) + ", flush_interval is " + format_ms(flush_interval));
    world.expect(late <= 500ms, "BAT-3", "the flush came " + format_ms(late) + " late");
    if (late > 50ms && late <= 500ms) {
        world.non_strict("BAT-3", "the flush came " + format_ms(late) + " late, though nothing else was to be done");
    }
    world.figure_max("flush_late_ms", to_ms(late));
}

namespace {

Task<> three_wait(World& world) {
    const Start start = world.consume("orders", {{"batch_size", 10}, {"flush_interval", "2s"}});
    Agent& agent = world.spawn();
    co_await agent.ready(start);

    world.publish(start.streams.front(), 3);
    const Published& last = world.history().published.back();
    const bool came = co_await agent.delivered(3, 3s);
    world.require(came, "BAT-3",
                  "3 published with flush_interval 2 s, and after 3 s " + std::to_string(agent.delivered_count()) +
                      " were handed over");
    const auto batches = agent.batches();
    world.expect(batches.size() == 1, "BAT-1", "expected one batch of 3; came " + std::to_string(batches.size()));
    world.expect(batches[0]->reason == "flush", "BAT-1", "the flush says reason '" + excerpt(batches[0]->reason) + "'");
    judge_flush(world, *batches[0], last.sent, last.confirmed, 2s);
}

// BLOCK is 2 s by default: an agent that flushes when its read returns would be 1.7 s late here.
Task<> shorter_than_block(World& world) {
    const Start start = world.consume("orders", {{"batch_size", 10}, {"flush_interval", "300ms"}});
    Agent& agent = world.spawn();
    co_await agent.ready(start);

    co_await world.pause(200ms);  // it sits in a blocking read now
    world.publish(start.streams.front(), 1);
    const Published& last = world.history().published.back();
    const bool came = co_await agent.delivered(1, 3s);
    world.require(came, "BAT-3", "flush_interval is 300 ms, and nothing was handed over for 3 s");
    judge_flush(world, *agent.batches()[0], last.sent, last.confirmed, 300ms);
}

// The timer runs from the first entry of a batch: entries that follow do not put it off.
Task<> under_input(World& world) {
    const Start start = world.consume("orders", {{"batch_size", 100}, {"prefetch", 400}, {"flush_interval", "500ms"}});
    Agent& agent = world.spawn();
    co_await agent.ready(start);

    const Instant begin = world.now();
    for (int i = 0; i < 20; ++i) {
        co_await world.until(begin + 100ms * i);
        world.publish(start.streams.front(), 1);
    }
    const bool all = co_await agent.delivered(20, 3s);
    world.expect(all, "BAT-1", "20 published, " + std::to_string(agent.delivered_count()) + " handed over");
    const auto batches = agent.batches();
    world.expect(batches.size() >= 3, "BAT-3",
                 "2 s of input with flush_interval 500 ms made " + std::to_string(batches.size()) + " batches");
    const auto& published = world.history().published;
    for (const auto* batch : batches) {
        if (batch->entries.empty()) continue;  // the checker speaks of it
        const auto first = std::find_if(published.begin(), published.end(),
                                        [&](const Published& p) { return p.key == batch->entries.front().key; });
        if (first != published.end()) judge_flush(world, *batch, first->sent, first->confirmed, 500ms);
    }
}

Task<> zero(World& world) {
    const Start start = world.consume("orders", {{"batch_size", 10}, {"flush_interval", 0}});
    Agent& agent = world.spawn();
    co_await agent.ready(start);

    for (int i = 0; i < 3; ++i) {
        world.publish(start.streams.front(), 3);
        const Instant confirmed = world.now();
        const bool came = co_await agent.delivered(static_cast<size_t>(3 * (i + 1)), 2s);
        world.require(came, "CFG-1",
                      "flush_interval 0 hands over what has come; after 2 s " +
                          std::to_string(agent.delivered_count()) + " of " + std::to_string(3 * (i + 1)) + " were");
        const Duration late = agent.batches().back()->handed_over - confirmed;
        world.expect(late <= 500ms, "BAT-3", "with flush_interval 0 an entry waited " + format_ms(late));
        if (late > 50ms && late <= 500ms) world.non_strict("BAT-3", "an entry waited " + format_ms(late));
        world.figure_max("flush_late_ms", to_ms(late));
    }
}

}  // namespace

std::vector<Case> flush_cases() {
    return {
        {"flush/1-interval",
         "3 published, flush_interval 2 s: one batch of 3, not early, not late",
         {"BAT-1", "BAT-3"},
         {"streams"},
         CaseClass::Streams,
         ServerNeed::Streams,
         Timing::Judged,
         three_wait},
        {"flush/2-shorter-than-block",
         "A flush in the middle of a blocking read comes by its own timer",
         {"BAT-3"},
         {"streams"},
         CaseClass::Streams,
         ServerNeed::Streams,
         Timing::Judged,
         shorter_than_block},
        {"flush/3-under-input",
         "Entries that follow the first one do not put the flush off",
         {"BAT-1", "BAT-3"},
         {"streams"},
         CaseClass::Streams,
         ServerNeed::Streams,
         Timing::Judged,
         under_input},
        {"flush/4-zero",
         "flush_interval 0: what has come is handed over at once",
         {"CFG-1", "BAT-3"},
         {"streams"},
         CaseClass::Streams,
         ServerNeed::Streams,
         Timing::Judged,
         zero},
    };
}

}  // namespace millrace::harness
