// Many entries at once: batches of exactly batch_size, and none of them waits.

#include "base/text.hpp"
#include "cases/table.hpp"

namespace millrace::harness {

namespace {

void expect_batches(World& world, const Agent& agent, const std::vector<size_t>& sizes) {
    std::vector<std::string> seen;
    std::vector<std::string> wanted;
    for (const auto* batch : agent.batches()) seen.push_back(std::to_string(batch->entries.size()));
    for (const size_t size : sizes) wanted.push_back(std::to_string(size));
    world.expect(seen == wanted, "BAT-2",
                 "expected batches of " + join(wanted, ", ") + "; came " + (seen.empty() ? "none" : join(seen, ", ")));
}

Task<> twenty_at_once(World& world) {
    const Start start = world.consume("orders", {{"batch_size", 5}, {"flush_interval", "20s"}});
    Agent& agent = world.spawn();
    co_await agent.ready(start);

    const auto keys = world.publish(start.streams.front(), 20);
    const Instant published = world.now();
    const bool all = co_await agent.delivered(20, 5s);
    world.expect(all, "BAT-1",
                 "20 published, " + std::to_string(agent.delivered_count()) +
                     " handed over within 5 s with flush_interval 20 s");
    expect_batches(world, agent, {5, 5, 5, 5});
    for (const auto* batch : agent.batches()) {
        world.expect(batch->reason == "size", "BAT-1", "a full batch says reason '" + excerpt(batch->reason) + "'");
        // Generous, since other cases play meanwhile: waiting for the flush would be 20 s.
        world.expect(batch->received - published < 2s, "BAT-2",
                     "a full batch waited " + format_ms(batch->received - published));
    }
    if (!agent.batches().empty()) {
        world.figure("last_batch_ms", to_ms(agent.batches().back()->received - published));
    }
}

Task<> remainder(World& world) {
    const Start start = world.consume("orders", {{"batch_size", 5}, {"flush_interval", "300ms"}});
    Agent& agent = world.spawn();
    co_await agent.ready(start);

    world.publish(start.streams.front(), 13);
    const bool all = co_await agent.delivered(13, 5s);
    world.expect(all, "BAT-1", "13 published, " + std::to_string(agent.delivered_count()) + " handed over within 5 s");
    expect_batches(world, agent, {5, 5, 3});
    const auto batches = agent.batches();
    if (batches.size() == 3) {
        world.expect(batches.back()->reason == "flush", "BAT-1",
                     "what is left over says reason '" + excerpt(batches.back()->reason) + "'");
    }
}

Task<> batch_of_one(World& world) {
    const Start start = world.consume("orders", {{"batch_size", 1}, {"flush_interval", "20s"}});
    Agent& agent = world.spawn();
    co_await agent.ready(start);

    world.publish(start.streams.front(), 7);
    const bool all = co_await agent.delivered(7, 5s);
    world.expect(all, "BAT-1", "7 published, " + std::to_string(agent.delivered_count()) + " handed over within 5 s");
    expect_batches(world, agent, {1, 1, 1, 1, 1, 1, 1});
}

}  // namespace

std::vector<Case> burst_cases() {
    return {
        {"burst/1-twenty-at-once",
         "20 published at once, batch_size 5: 4 batches of 5, none of them waits",
         {"BAT-1", "BAT-2"},
         {"streams"},
         CaseClass::Streams,
         ServerNeed::Streams,
         Timing::None,
         twenty_at_once},
        {"burst/2-remainder",
         "13 published, batch_size 5: two full batches, then the rest by the flush",
         {"BAT-1"},
         {"streams"},
         CaseClass::Streams,
         ServerNeed::Streams,
         Timing::None,
         remainder},
        {"burst/3-batch-of-one",
         "batch_size 1: each entry is a batch",
         {"BAT-1"},
         {"streams"},
         CaseClass::Streams,
         ServerNeed::Streams,
         Timing::None,
         batch_of_one},
    };
}

}  // namespace millrace::harness
