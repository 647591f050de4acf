// delete_acked: what is acked leaves the stream, unless another group has not had it yet.

#include "cases/expect.hpp"
#include "cases/pending.hpp"
#include "cases/table.hpp"

namespace millrace::harness {

namespace {

const Json deleting = {{"batch_size", 5}, {"flush_interval", "20ms"}, {"delete_acked", true}};

// The consumer deletes what it acked: that is no loss.
void excuse(World& world, const std::vector<EntryKey>& keys) {
    world.history().excused.insert(keys.begin(), keys.end());
}

int64_t length(World& world, const std::string& stream) {
    return world.command({"XLEN", stream}).integer;
}

Task<> one_group(World& world) {
    const Start start = world.consume("orders", deleting);
    const std::string& stream = start.streams.front();
    Agent& agent = world.spawn();
    agent.hold();
    co_await agent.ready(start);
    const auto keys = world.publish(stream, 5);
    excuse(world, keys);
    const bool came = co_await gets(world, agent, keys, 5s);
    world.require(came, "BAT-1", "5 published, " + std::to_string(agent.delivered_count()) + " handed over");
    world.expect(length(world, stream) == 5, "ACK-5", "entries are deleted before they are acked");
    const std::vector<EntryKey> some = {keys[0], keys[2]};
    agent.ack(some);
    const auto three = [&] { return length(world, stream) == 3; };
    const bool deleted = co_await world.comes_true(three, 5s);
    world.expect(deleted, "ACK-5",
                 "2 of 5 entries are acked, and " + std::to_string(length(world, stream)) + " are in the stream");
    const auto rest = agent.unacked();
    agent.ack(rest);
    const auto none = [&] { return length(world, stream) == 0; };
    const bool empty = co_await world.comes_true(none, 5s);
    world.expect(empty, "ACK-5",
                 "all are acked, and " + std::to_string(length(world, stream)) + " are in the stream still");
    co_await expect_none_pending(world, start, "ACK-3");
}

// One group has acked them, the other has read some and not yet seen the rest.
Task<> two_groups(World& world) {
    const Start first = world.consume("orders", deleting);
    const std::string& stream = first.streams.front();
    Start second = world.consume("orders", {{"batch_size", 5}, {"flush_interval", "20ms"}});
    second.group = "others";
    make_group(world, second);
    Agent& agent = world.spawn();
    co_await agent.ready(first);
    const auto keys = world.publish(stream, 10);
    take_as(world, second, second.consumer, 4);
    const bool came = co_await gets(world, agent, keys, 5s);
    world.require(came, "BAT-1", "10 published, " + std::to_string(agent.delivered_count()) + " handed over");
    co_await expect_none_pending(world, first, "ACK-3");
    co_await world.pause(300ms);
    world.expect(length(world, stream) == 10, "ACK-5",
                 "another group has not acked 10 entries, and " + std::to_string(length(world, stream)) + " are left");
    Agent& other = world.spawn();
    co_await other.ready(second);
    const bool others = co_await gets(world, other, keys, 5s);
    world.expect(
        others, "ACK-5",
        "one group deletes what it acked: another was handed " + std::to_string(other.delivered_count()) + " of 10");
    co_await expect_none_pending(world, second, "ACK-3");
}

}  // namespace

std::vector<Case> delete_acked_cases() {
    constexpr auto streams = CaseClass::Streams;
    constexpr auto need = ServerNeed::Streams;
    return {
        {"delete-acked/1-one-group",
         "With delete_acked an entry leaves the stream with its ack",
         {"ACK-5"},
         {"streams", "concurrent", "config"},
         streams,
         need,
         Timing::None,
         one_group},
        {"delete-acked/2-two-groups",
         "With delete_acked no entry is taken from another group",
         {"ACK-5"},
         {"streams", "config"},
         streams,
         need,
         Timing::None,
         two_groups},
    };
}

}  // namespace millrace::harness
