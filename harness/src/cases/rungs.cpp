// What a server does not allow is done another way (DET-6), with the same end; and what a consumer gives back to its
// group is another's at the next sweep (ACK-4).

#include <algorithm>

#include "base/text.hpp"
#include "cases/expect.hpp"
#include "cases/pending.hpp"
#include "cases/table.hpp"

namespace millrace::harness {

namespace {

const Json eager = {
    {"batch_size", 5}, {"flush_interval", "20ms"}, {"claim_interval", "200ms"}, {"claim_min_idle", "20s"}};

Json eager_with(const Json& more) {
    Json config = eager;
    config.update(more);
    return config;
}

bool knows(World& world, const std::string& command) {
    const Reply reply = world.command({"COMMAND", "INFO", command});
    return !reply.items.empty() && !reply.items.front().items.empty();
}

// A user who may do everything but these commands, of which the server must know one.
std::string without(World& world, const std::vector<std::string>& commands) {
    std::vector<std::string> rules = {"~*", "+@all"};
    for (const auto& command : commands) {
        if (knows(world, command)) rules.push_back("-" + command);
    }
    if (rules.size() == 2) world.unsupported("the server does not have " + commands.front());
    return world.acl_user(rules).text();
}

Task<> no_autoclaim(World& world) {
    Start start = world.consume("orders", eager);
    start.url = without(world, {"xautoclaim"});
    make_group(world, start);
    const auto keys = world.publish(start.streams.front(), 12);
    take_as(world, start, "gone", 12);
    hand_to(world, start, "gone", keys, 60s);
    Agent& agent = world.spawn();
    co_await agent.ready(start);
    const bool came = co_await gets(world, agent, keys, 10s);
    world.expect(
        came, "DET-6",
        "without XAUTOCLAIM " + std::to_string(agent.delivered_count()) + " of 12 abandoned entries were taken over");
    co_await expect_none_pending(world, start, "REC-2");
}

// The dead letter goes step by step, the ack by another command.
Task<> no_scripts(World& world) {
    Start start = world.consume("orders", eager_with({{"delete_acked", true}}));
    start.url = without(world, {"evalsha", "eval", "xackdel"});
    Agent& agent = world.spawn();
    agent.hold();
    co_await agent.ready(start);
    const auto keys = world.publish(start.streams.front(), 5);
    const bool came = co_await agent.delivered(5, 5s);
    world.require(came, "BAT-1", "5 published, " + std::to_string(agent.delivered_count()) + " handed over");
    agent.reject({keys[0]}, "bad");
    const auto is_dead = [&] { return world.dead_letters(start.streams.front()).size() == 1; };
    const bool buried = co_await world.comes_true(is_dead, 5s);
    world.expect(buried, "DLQ-1", "without scripts a rejected entry is no dead letter");
    const auto request = agent.ack({keys.begin() + 1, keys.end()});
    const Json* acked = co_await agent.answer(request, 5s);
    world.expect(acked != nullptr && code_of(acked, keys[1]) == "ok", "ACK-5",
                 "without XACKDEL and scripts an ack is not answered by ok");
    co_await expect_none_pending(world, start, "ACK-5");
    const Json* error = co_await agent.next("error", 1s);
    world.expect(error != nullptr, "DET-6", "nothing says that delete_acked can't be done");
}

Task<> given_back(World& world) {
    const Start first = world.consume("orders", eager_with({{"claim_interval", "1h"}}));
    const Start second = world.consume("orders", eager);
    Agent& giver = world.spawn();
    giver.hold();
    co_await giver.ready(first);
    const auto keys = world.publish(first.streams.front(), 5);
    const bool came = co_await giver.delivered(5, 5s);
    world.require(came, "BAT-1", "5 published, " + std::to_string(giver.delivered_count()) + " handed over");
    Agent& taker = world.spawn();
    taker.hold();
    co_await taker.ready(second);
    co_await world.pause(500ms);
    world.expect(taker.delivered_count() == 0, "REC-3", "what another holds was taken over");
    const std::vector<EntryKey> two = {keys[1], keys[3]};
    const auto request = giver.release(two);
    const Json* answer = co_await giver.answer(request, 5s);
    world.require(answer != nullptr && code_of(answer, keys[1]) == "ok", "ACK-4",
                  "nack with release is not answered by ok");
    const bool taken = co_await gets(world, taker, two, 5s);
    world.expect(
        taken, "ACK-4",
        "5 s after two entries were given back the other consumer has " + std::to_string(taker.delivered_count()));
    for (const auto* batch : taker.batches()) {
        for (const auto& entry : batch->entries) {
            world.expect(entry.deliveries.value_or(2) == 2, "ACK-4",
                         "a given back entry comes with deliveries " + std::to_string(entry.deliveries.value_or(0)) +
                             ", and 2 is right");
        }
    }
    world.expect(taker.delivered_count() == 2, "REC-3", "more came than was given back");
    const auto late = giver.ack(two);
    const Json* refused = co_await giver.answer(late, 5s);
    world.expect(refused != nullptr && code_of(refused, keys[1]) == "not_held", "ACK-2",
                 "the ack of a given back entry is not answered by not_held");
    taker.ack(two);
    giver.ack({keys[0], keys[2], keys[4]});
    co_await expect_none_pending(world, first, "ACK-3");
}

}  // namespace

std::vector<Case> rung_cases() {
    constexpr auto streams = CaseClass::Streams;
    constexpr auto need = ServerNeed::Streams;
    constexpr auto untimed = Timing::None;
    return {
        {"rungs/1-no-autoclaim",
         "What others left is taken over by a user who may not use XAUTOCLAIM",
         {"DET-6", "REC-2"},
         {"streams", "claim", "config"},
         streams,
         need,
         untimed,
         no_autoclaim},
        {"rungs/2-no-scripts",
         "Dead letters and acks go without scripts and XACKDEL where those are not allowed",
         {"DET-6", "DLQ-1", "ACK-5"},
         {"streams", "dlq", "config", "concurrent"},
         streams,
         need,
         untimed,
         no_scripts},
        {"rungs/3-given-back",
         "What is given back is another consumer's at its next sweep, with its count",
         {"ACK-4"},
         {"streams", "claim", "nack", "config", "concurrent"},
         streams,
         need,
         untimed,
         given_back},
    };
}

}  // namespace millrace::harness
