// A backlog, or a list of pending entries, costs no memory here, however long it is. --rounds says how long: 10,000
// entries each.

#include <algorithm>
#include <string>

#include "cases/expect.hpp"
#include "cases/pending.hpp"
#include "cases/table.hpp"

namespace millrace::harness {

namespace {

constexpr int64_t entries_a_round = 10'000;
constexpr int64_t growth_kib_max = 16 * 1024;

const Json wide = {{"batch_size", 500}, {"prefetch", 2000}, {"flush_interval", "20ms"}};

// Small entries by the server's own hand: nobody's history holds a million.
void fill(World& world, const std::string& stream, int64_t count) {
    constexpr int64_t portion = 50'000;
    for (int64_t done = 0; done < count; done += portion) {
        const std::string number = std::to_string(std::min(portion, count - done));
        world.command(
            {"EVAL", "for i = 1, tonumber(ARGV[1]) do redis.call('XADD', KEYS[1], '*', 'order', i, 'item', 'tea') end",
             "1", stream, number});
    }
}

// From the group's start to its end, with the memory that it takes at most.
Task<> drain_all(World& world, const Start& start, int64_t count, std::string what) {
    Agent& agent = world.spawn();
    agent.skim();
    co_await agent.ready(start);
    const int64_t before = agent.port().resident_kib();
    int64_t most = before;
    const Instant begin = world.now();
    const Instant deadline = begin + 30s + 3s * world.rounds();
    const auto wanted = static_cast<size_t>(count);
    while (agent.delivered_count() < wanted && agent.alive() && world.now() < deadline) {
        co_await world.pause(20ms);
        most = std::max(most, agent.port().resident_kib());
    }
    world.expect(
        agent.delivered_count() == wanted, "REC-1",
        "of " + std::to_string(count) + " entries " + what + " " + std::to_string(agent.delivered_count()) + " came");
    world.figure("entries", static_cast<double>(count));
    world.figure("growth_kib", static_cast<double>(most - before));
    world.figure("seconds", to_ms(world.now() - begin) / 1000);
    world.expect(most - before < growth_kib_max, "BP-1",
                 std::to_string(count) + " entries " + what + " cost " + std::to_string(most - before) +
                     " KiB of memory, at most " + std::to_string(growth_kib_max) + " are due");
    const std::string& stream = start.streams.front();
    const auto none_left = [&] { return world.command({"XPENDING", stream, start.group}).at(0).integer == 0; };
    const bool settled = co_await world.comes_true(none_left, 10s);
    world.expect(settled, "ACK-3", "acked entries are pending 10 s after their acks");
}

Task<> backlog(World& world) {
    world.own_server({});
    const Start start = world.consume("orders", wide);
    const int64_t count = entries_a_round * world.rounds();
    make_group(world, start);
    fill(world, start.streams.front(), count);
    co_await drain_all(world, start, count, "in a backlog");
}

// All of them pending under the name of the one that comes.
Task<> pending(World& world) {
    world.own_server({});
    const Start start = world.consume("orders", wide);
    const int64_t count = entries_a_round * world.rounds();
    make_group(world, start);
    fill(world, start.streams.front(), count);
    constexpr int64_t portion = 100'000;
    for (int64_t taken = 0; taken < count; taken += portion) {
        take_as(world, start, start.consumer, static_cast<int>(std::min(portion, count - taken)));
    }
    co_await drain_all(world, start, count, "pending");
}

}  // namespace

std::vector<Case> memory_cases() {
    constexpr auto streams = CaseClass::Streams;
    constexpr auto need = ServerNeed::Streams;
    // Alone, for what waits in an agent whose processor others use counts as its memory.
    return {
        {"memory/1-backlog",
         "A backlog is drained in less than 16 MiB of memory, however long it is",
         {"BP-1"},
         {"streams", "concurrent", "config"},
         streams,
         need,
         Timing::Judged,
         backlog,
         true,
         Spread::OneServer},
        {"memory/2-pending",
         "A long list of pending entries is recovered in pages, in less than 16 MiB of memory",
         {"REC-1", "BP-1"},
         {"streams", "concurrent", "config"},
         streams,
         need,
         Timing::Judged,
         pending,
         true,
         Spread::OneServer},
    };
}

}  // namespace millrace::harness
