// Connections are lost under a living consumer: it comes back by itself, loses nothing, and hands over again nothing
// that it still holds or has acked.

#include "cases/expect.hpp"
#include "cases/table.hpp"

namespace millrace::harness {

namespace {

Task<> cut_under_load(World& world) {
    const Start start =
        world.consume("orders", {{"batch_size", 10}, {"flush_interval", "20ms"}, {"retry_delay", "50ms"}});
    Agent& agent = world.spawn();
    co_await agent.ready(start);
    int cut = 0;
    for (int round = 0; round < 5; ++round) {
        for (int i = 0; i < 20; ++i) {
            world.publish(start.streams.front(), 10);
            co_await world.news_or(world.now() + 5ms);
            if (i == 10) {
                const int killed = world.cut_connections(agent);
                if (killed == 0 && round == 0) world.unsupported("the agent's connections are not to be found here");
                cut += killed;
            }
        }
        // Back before the next cut, so that each one hits a consumer at work.
        const bool back = co_await agent.delivered(static_cast<size_t>(200 * (round + 1)), 10s);
        world.expect(back, "RET-1",
                     "10 s after its connections were cut " + std::to_string(agent.delivered_count()) + " of " +
                         std::to_string(200 * (round + 1)) + " were handed over");
    }
    expect_all_delivered(world, "REC-6");
    co_await expect_none_pending(world, start, "ACK-6");
    world.figure("connections_cut", cut);
}

// What is held outlives its connection: it is acked on the new one, and filtered from recovery.
Task<> cut_while_held(World& world) {
    const Start start =
        world.consume("orders", {{"batch_size", 5}, {"flush_interval", "50ms"}, {"retry_delay", "50ms"}});
    Agent& agent = world.spawn();
    agent.hold();
    co_await agent.ready(start);
    const auto keys = world.publish(start.streams.front(), 5);
    bool came = co_await agent.delivered(5, 5s);
    world.require(came, "BAT-1", "5 published, " + std::to_string(agent.delivered_count()) + " handed over");
    for (int round = 1; round <= 3; ++round) {
        const int killed = world.cut_connections(agent);
        if (killed == 0 && round == 1) world.unsupported("the agent's connections are not to be found here");
        world.publish(start.streams.front(), 1);
        came = co_await agent.delivered(static_cast<size_t>(5 + round), 10s);
        world.require(came, "RET-1", "nothing new came within 10 s after its connections were cut");
    }
    co_await world.pause(300ms);
    world.expect(agent.delivered_count() == 8, "REC-1", "held entries came again after a reconnect");
    const auto held = agent.unacked();
    const auto request = agent.ack(held);
    const Json* said = co_await agent.answer(request, 5s);
    world.require(said != nullptr, "ACK-6", "no answer to an ack within 5 s after a reconnect");
    for (const auto& result : parse_acked(*said)) {
        world.expect(result.code == "ok", "REC-1",
                     "acking " + result.key.id + " on a new connection answers '" + result.code + "'");
    }
    co_await expect_none_pending(world, start, "ACK-6");
}

// Acked at the very moment at which the connections go: kept, and sent again.
Task<> ack_into_a_cut(World& world) {
    const Start start =
        world.consume("orders", {{"batch_size", 5}, {"flush_interval", "20ms"}, {"retry_delay", "50ms"}});
    Agent& agent = world.spawn();
    agent.hold();
    co_await agent.ready(start);
    size_t expected = 0;
    for (int round = 0; round < 10; ++round) {
        world.publish(start.streams.front(), 5);
        expected += 5;
        const bool came = co_await agent.delivered(expected, 10s);
        world.require(came, "RET-1",
                      std::to_string(agent.delivered_count()) + " of " + std::to_string(expected) +
                          " handed over 10 s after a cut");
        const auto held = agent.unacked();
        if (round % 2 == 0) agent.ack(held);
        const int killed = world.cut_connections(agent);
        if (killed == 0 && round == 0) world.unsupported("the agent's connections are not to be found here");
        if (round % 2 == 1) agent.ack(held);
    }
    co_await expect_none_pending(world, start, "ACK-6");
    co_await world.pause(300ms);
    world.expect(agent.delivered_count() == expected, "REC-1", "acked entries came again after a reconnect");
}

Task<> server_restart(World& world) {
    OwnServer& server = world.own_server({"--appendonly", "yes", "--appendfsync", "always"});
    const Start start =
        world.consume("orders", {{"batch_size", 5}, {"flush_interval", "50ms"}, {"retry_delay", "50ms"}});
    Agent& agent = world.spawn();
    agent.hold();
    co_await agent.ready(start);
    world.publish(start.streams.front(), 10);
    const bool came = co_await agent.delivered(10, 5s);
    world.require(came, "BAT-1", "10 published, " + std::to_string(agent.delivered_count()) + " handed over");
    const auto held = agent.unacked();
    const std::vector<EntryKey> half(held.begin(), held.begin() + 5);
    const auto request = agent.ack(half);
    co_await agent.answer(request, 5s);
    co_await world.pause(100ms);

    world.server_down(server);
    co_await world.pause(500ms);
    world.expect(agent.alive(), "RET-1", "the agent ended when its server did");
    server.restart();
    agent.ack_as_they_come();
    world.publish(start.streams.front(), 10);
    const bool more = co_await agent.delivered(20, 15s);
    world.expect(more, "RET-1",
                 "after the server's return " + std::to_string(agent.delivered_count() - 10) +
                     " of 10 new entries came within 15 s");
    const auto rest = agent.unacked();
    agent.ack(rest);
    co_await expect_none_pending(world, start, "ACK-6");
    expect_all_delivered(world, "REC-6");
}

}  // namespace

std::vector<Case> reconnect_cases() {
    constexpr auto streams = CaseClass::Streams;
    constexpr auto need = ServerNeed::Streams;
    return {
        {"reconnect/1-under-load",
         "All connections are killed again and again while entries flow",
         {"RET-1", "REC-6", "ACK-6"},
         {"streams", "config"},
         streams,
         need,
         Timing::None,
         cut_under_load},
        {"reconnect/2-held",
         "What is held outlives its connection: it does not come again, and is acked on the new one",
         {"REC-1", "ACK-6"},
         {"streams", "concurrent", "config"},
         streams,
         need,
         Timing::None,
         cut_while_held},
        {"reconnect/3-ack-into-a-cut",
         "An ack that the connection took with it is sent again",
         {"ACK-6", "REC-1"},
         {"streams", "concurrent", "config"},
         streams,
         need,
         Timing::None,
         ack_into_a_cut},
        {"reconnect/4-server-restart",
         "SIGKILL of a server with appendonly, and its return",
         {"RET-1", "REC-6"},
         {"streams", "concurrent", "config"},
         streams,
         need,
         Timing::None,
         server_restart},
    };
}

}  // namespace millrace::harness
