// Several consumers in one group, with joins, leaves and deaths: every entry is handed over, none that is acked comes
// again, and nobody who lives is robbed.

#include <algorithm>
#include <vector>

#include "cases/expect.hpp"
#include "cases/table.hpp"

namespace millrace::harness {

namespace {

constexpr int batch_size = 4;

const Json shared = {
    {"batch_size", batch_size}, {"flush_interval", "150ms"}, {"claim_interval", "100ms"}, {"claim_min_idle", "1s"}};

struct Member {
    Start start;
    Agent* agent = nullptr;
};

size_t delivered_once(World& world) {
    std::set<EntryKey> keys;
    for (const auto& batch : world.history().batches) {
        for (const auto& entry : batch.entries) keys.insert(entry.key);
    }
    return keys.size();
}

ptrdiff_t acks_of(World& world, const Agent& agent) {
    const auto& rows = world.history().settlements;
    return std::count_if(rows.begin(), rows.end(),
                         [&](const Settlement& row) { return row.agent == agent.index() && row.code == "ok"; });
}

Task<> join(World& world, Member& member) {
    member.agent = &world.spawn();
    co_await member.agent->ready(member.start, 20s);
}

// Everything that was published is handed over and acked, whoever has it.
Task<> all_end(World& world, const Start& start, Duration within) {
    const auto settled = [&] {
        return delivered_once(world) == world.history().published.size() &&
               world.pending(start.streams.front(), start.group).empty();
    };
    const Instant deadline = world.now() + within;
    bool all = settled();
    while (!all && world.now() < deadline) {
        co_await world.pause(50ms);
        all = settled();
    }
    world.expect(all, "REC-2",
                 std::to_string(delivered_once(world)) + " of " + std::to_string(world.history().published.size()) +
                     " entries were handed over, and " +
                     std::to_string(world.pending(start.streams.front(), start.group).size()) +
                     " are pending in the end");
    expect_all_delivered(world, "REC-2");
}

// Enough for a full batch of each of three, and so thinly spread that each has a rest which fills none.
Task<> in_portions(World& world, const std::string& stream) {
    const int64_t wanted = world.random().between(5 * batch_size, 7 * batch_size);
    for (int64_t published = 0; published < wanted;) {
        const int64_t portion = world.random().between(1, 3);
        world.publish(stream, static_cast<int>(portion));
        published += portion;
        const Duration moment(world.random().between(0, 3'000));
        co_await world.pause(moment);
    }
}

// A round: the victim has some acked, some handed over and not acked, and some read and not handed over when it dies.
Task<> one_death(World& world, Member& victim, int& counted) {
    Agent& agent = *victim.agent;
    const std::string& stream = victim.start.streams.front();
    const auto acked_before = acks_of(world, agent);
    co_await in_portions(world, stream);
    agent.hold();
    co_await in_portions(world, stream);
    const Duration moment(world.random().between(0, 10'000));
    co_await world.pause(moment);
    agent.kill();
    size_t read = 0;
    for (const auto& entry : world.pending(stream, victim.start.group)) {
        read += entry.consumer == victim.start.consumer ? 1U : 0U;
    }
    const auto acked = acks_of(world, agent);
    const size_t held = agent.unacked().size();
    if (acked > acked_before && held > 0 && read > held) ++counted;
}

Task<> deaths_of_three(World& world) {
    const int wanted = 10 * world.rounds();
    std::vector<Member> members(3);
    for (auto& member : members) {
        member.start = world.consume("orders", shared);
        co_await join(world, member);
    }
    int counted = 0;
    int rounds = 0;
    const Instant enough = world.now() + world.setup().time_limit * 2 / 3;  // agents that are slow to start
    for (; counted < wanted && rounds < 3 * wanted && world.now() < enough; ++rounds) {
        Member& victim = members[static_cast<size_t>(world.random().between(0, 2))];
        co_await one_death(world, victim, counted);
        // Back under its own name, or, now and then, as somebody new: then another has to claim what it left.
        if (world.random().between(0, 3) == 0) victim.start.consumer += "x";
        co_await join(world, victim);
    }
    const std::string few = "only " + std::to_string(counted) + " of " + std::to_string(rounds) +
                            " rounds had entries acked, handed over and not acked, and read and not handed over";
    // Where a victim stands when it dies is chance, and a slow machine or agent has less of it: no fault of the agent.
    if (!world.expect(counted > 0, "harness", few)) co_return;
    if (counted < wanted) world.non_strict("harness", few);
    co_await all_end(world, members.front().start, 30s);
    world.figure("rounds", rounds);
    world.figure("rounds_counted", counted);
}

// Members come and go, some with a bang, while entries flow.
Task<> joins_and_leaves(World& world, size_t count) {
    std::vector<Member> members(count);
    for (auto& member : members) member.start = world.consume("orders", shared);
    co_await join(world, members.front());
    const std::string& stream = members.front().start.streams.front();
    for (int step = 0; step < 40; ++step) {
        world.publish(stream, static_cast<int>(world.random().between(1, 20)));
        Member& member = members[static_cast<size_t>(world.random().between(0, static_cast<int64_t>(count) - 1))];
        const bool lives = member.agent != nullptr && member.agent->alive();
        if (!lives) {
            co_await join(world, member);
        } else if (world.random().between(0, 2) == 0) {
            member.agent->kill();
        } else if (world.random().between(0, 1) == 0) {
            member.agent->close_input();  // leaves in peace
            const bool left = co_await member.agent->gone(10s);
            world.require(left, "agent protocol 1", "10 s after the end of its input an agent is still there");
        }
        const Duration moment(world.random().between(0, 40'000));
        co_await world.pause(moment);
    }
    for (auto& member : members) {
        if (member.agent == nullptr || !member.agent->alive()) co_await join(world, member);
    }
    const auto last = world.publish(stream, static_cast<int>(20 * count));
    co_await all_end(world, members.front().start, 30s);
}

Task<> two(World& world) {
    co_await joins_and_leaves(world, 2);
}

Task<> ten(World& world) {
    co_await joins_and_leaves(world, 10);
}

}  // namespace

std::vector<Case> member_cases() {
    constexpr auto streams = CaseClass::Streams;
    constexpr auto need = ServerNeed::Streams;
    constexpr auto untimed = Timing::None;
    return {
        {"members/1-deaths",
         "SIGKILL at a random moment of one of three consumers, again and again: nothing is lost",
         {"REC-1", "REC-2"},
         {"streams", "claim", "concurrent"},
         streams,
         need,
         untimed,
         deaths_of_three,
         true,
         Spread::OneServer},
        {"members/2-two",
         "Two consumers join, leave and die while entries flow",
         {"REC-2", "REC-3"},
         {"streams", "claim"},
         streams,
         need,
         untimed,
         two},
        {"members/3-ten",
         "Ten consumers join, leave and die while entries flow",
         {"REC-2", "REC-3"},
         {"streams", "claim"},
         streams,
         need,
         untimed,
         ten},
    };
}

}  // namespace millrace::harness
