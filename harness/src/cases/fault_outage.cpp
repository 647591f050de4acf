// The server is away for a while: no busy loop, at the shortest delay allowed, and then everything goes on.

#include "base/text.hpp"
#include "cases/expect.hpp"
#include "cases/table.hpp"

namespace millrace::harness {

namespace {

// No delay at all is asked for: 50 ms between attempts of one client is what the engine adds (RET-1).
const Json shortest = {{"batch_size", 5},          {"flush_interval", "20ms"}, {"retry_delay", "0ms"},
                       {"max_retry_delay", "0ms"}, {"block", "300ms"},         {"read_slack", "700ms"}};

// CPU of the agent over a stretch of an outage: below 2 %.
Task<> expect_calm(World& world, Agent& agent, Duration stretch, const std::string& what) {
    const Duration before = agent.port().cpu_time();
    const Instant begin = world.now();
    co_await world.pause(stretch);
    const Duration cpu = agent.port().cpu_time() - before;
    const Duration took = world.now() - begin;
    world.expect(agent.alive(), "RET-1", what + ": the agent ended");
    world.expect(cpu * 50 < took, "RET-1",
                 what + ": " + format_ms(cpu) + " of processor time in " + format_ms(took) + ", more than 2 %");
    world.figure_max("cpu_percent", 100.0 * to_ms(cpu) / to_ms(took));
}

Task<> outage(World& world) {
    Proxy& proxy = world.proxy();
    const Start start = world.consume_through(proxy, "orders", shortest);
    Agent& agent = world.spawn();
    agent.hold();
    co_await agent.ready(start);
    world.publish(start.streams.front(), 5);
    bool came = co_await agent.delivered(5, 5s);
    world.require(came, "BAT-1", "5 published, " + std::to_string(agent.delivered_count()) + " handed over");

    world.record_fault("refused");
    proxy.listen(false);
    proxy.cut(Told::Both);
    const auto held = agent.unacked();
    const auto request = agent.ack(held);
    co_await expect_calm(world, agent, 4s, "connections are refused");

    world.record_fault("taken and closed");
    const Url nobody = world.bad_peer(BadPeer::Kind::Closed).url();
    proxy.use({nobody});
    proxy.listen(true);
    const size_t before = proxy.accepted().size();
    const Instant begin = world.now();
    co_await expect_calm(world, agent, 4s, "connections are taken and closed");
    const size_t attempts = proxy.accepted().size() - before;
    const double per_second = static_cast<double>(attempts) / (to_ms(world.now() - begin) / 1000.0);
    world.expect(per_second <= 20.0 + 1.0, "RET-1",
                 std::to_string(attempts) + " attempts to connect in 4 s: more than 20 a second");
    world.expect(attempts >= 4, "RET-1", "only " + std::to_string(attempts) + " attempts to connect in 4 s");
    world.figure("attempts_per_s", per_second);

    world.record_fault("healed");
    proxy.use({world.url()});
    agent.ack_as_they_come();
    world.publish(start.streams.front(), 10);
    came = co_await agent.delivered(15, 5s);
    world.expect(came, "RET-1",
                 "5 s after the outage " + std::to_string(agent.delivered_count()) + " of 15 were handed over");
    const Json* said = co_await agent.answer(request, 5s);
    world.require(said != nullptr, "ACK-6", "what was acked during the outage is not answered 5 s after it");
    co_await expect_none_pending(world, start, "ACK-6");
    expect_none_twice(world, "REC-1");
}

}  // namespace

std::vector<Case> outage_cases() {
    return {
        {"outage/1-calm",
         "8 s without a server: at most 20 attempts a second, CPU below 2 %, and nothing is lost",
         {"RET-1", "ACK-6"},
         {"streams", "concurrent", "config"},
         CaseClass::Streams,
         ServerNeed::Streams,
         Timing::None,
         outage},
    };
}

}  // namespace millrace::harness
