// Reading without a group: from a place, and every reader gets everything.

#include "cases/table.hpp"
#include "cases/tail_story.hpp"

namespace millrace::harness {

namespace {

Task<> from_now(World& world) {
    const Start start = world.tail("orders", "new", {{"batch_size", 10}});
    world.publish(start.streams.front(), 5);
    Agent& agent = world.spawn();
    co_await ready_as_tail(world, agent, start);
    const auto fresh = world.publish(start.streams.front(), 3);
    co_await expect_exactly(world, agent, fresh);
}

Task<> from_now_without_key(World& world) {
    const Start start = world.tail("orders", "new", {{"batch_size", 10}});
    Agent& agent = world.spawn();
    co_await ready_as_tail(world, agent, start);
    const auto fresh = world.publish(start.streams.front(), 3);
    co_await expect_exactly(world, agent, fresh);
}

// Past a block's end nothing is missed: what comes while no read is out there comes with the next.
Task<> nothing_between_blocks(World& world) {
    const Start start = world.tail("orders", "new", {{"batch_size", 10}, {"block", "100ms"}});
    Agent& agent = world.spawn();
    co_await ready_as_tail(world, agent, start);
    std::vector<EntryKey> all;
    for (int i = 0; i < 40; ++i) {
        const auto one = world.publish(start.streams.front(), 1);
        all.push_back(one.front());
        const Duration moment(world.random().between(10'000, 60'000));
        co_await world.pause(moment);
    }
    co_await expect_exactly(world, agent, all);
}

Task<> last_n(World& world) {
    const Start start = world.tail("orders", "last:4", {{"batch_size", 10}});
    const auto old = world.publish(start.streams.front(), 10);
    Agent& agent = world.spawn();
    co_await ready_as_tail(world, agent, start);
    std::vector<EntryKey> expected(old.end() - 4, old.end());
    co_await agent.delivered(4, 5s);
    const auto fresh = world.publish(start.streams.front(), 2);
    expected.insert(expected.end(), fresh.begin(), fresh.end());
    co_await expect_exactly(world, agent, expected);
}

Task<> last_n_of_fewer(World& world) {
    const Start start = world.tail("orders", "last:100", {{"batch_size", 10}});
    const auto old = world.publish(start.streams.front(), 3);
    Agent& agent = world.spawn();
    co_await ready_as_tail(world, agent, start);
    co_await expect_exactly(world, agent, old);
}

Task<> after_id(World& world) {
    Start start = world.tail("orders", "", {{"batch_size", 10}});
    const auto old = world.publish(start.streams.front(), 10);
    start.from = old[6].id;
    Agent& agent = world.spawn();
    co_await ready_as_tail(world, agent, start);
    const std::vector<EntryKey> expected(old.begin() + 7, old.end());
    co_await expect_exactly(world, agent, expected);
}

Task<> broadcast(World& world) {
    const Start start = world.tail("orders", "new", {{"batch_size", 10}});
    Agent& first = world.spawn();
    Agent& second = world.spawn();
    co_await ready_as_tail(world, first, start);
    co_await ready_as_tail(world, second, start);
    const auto keys = world.publish(start.streams.front(), 25);
    co_await expect_exactly(world, first, keys);
    co_await expect_exactly(world, second, keys);
    const Reply groups = world.command({"XINFO", "GROUPS", start.streams.front()});
    world.expect(groups.items.empty(), "TAIL-1", "a tail made a group");
}

}  // namespace

std::vector<Case> tail_cases() {
    constexpr auto tail = CaseClass::Tail;
    constexpr auto need = ServerNeed::Streams;
    return {
        {"tail/1-new",
         "From now: nothing from before, all from then on",
         {"TAIL-1"},
         {"tail"},
         tail,
         need,
         Timing::None,
         from_now},
        {"tail/2-new-without-key",
         "From now, of a stream that is not there yet",
         {"TAIL-1"},
         {"tail"},
         tail,
         need,
         Timing::None,
         from_now_without_key},
        {"tail/3-between-blocks",
         "What comes between two blocking reads is not missed",
         {"TAIL-1"},
         {"tail", "config"},
         tail,
         need,
         Timing::None,
         nothing_between_blocks},
        {"tail/4-last-n", "The last n, then what follows", {"TAIL-1"}, {"tail"}, tail, need, Timing::None, last_n},
        {"tail/5-last-n-of-fewer",
         "The last n of a stream that has fewer",
         {"TAIL-1"},
         {"tail"},
         tail,
         need,
         Timing::None,
         last_n_of_fewer},
        {"tail/6-after-id", "After an id", {"TAIL-1"}, {"tail"}, tail, need, Timing::None, after_id},
        {"tail/7-broadcast",
         "Two readers get every entry, and no group is made",
         {"TAIL-1"},
         {"tail"},
         tail,
         need,
         Timing::None,
         broadcast},
    };
}

}  // namespace millrace::harness
