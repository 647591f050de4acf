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

// One connection, whose attempts can be told apart.
const Json growing = {{"lanes", 1},         {"flush_interval", "20ms"}, {"block", "300ms"},
                      {"read_slack", "2s"}, {"retry_delay", "400ms"},   {"max_retry_delay", "800ms"}};

// The delays are those that were asked for: they double, and no further than was said.
Task<> own_delays(World& world) {
    constexpr Duration outage = 8s;
    constexpr Duration early = 10ms;  // clocks of two processes, in whole milliseconds
    Proxy& proxy = world.proxy();
    const Start start = world.consume_through(proxy, "orders", growing);
    Agent& agent = world.spawn();
    co_await agent.ready(start);
    world.record_fault("taken and closed");
    proxy.use({world.bad_peer(BadPeer::Kind::Closed).url()});
    const size_t before = proxy.accepted().size();
    proxy.cut(Told::Both);
    co_await world.pause(outage);
    const std::vector<Instant> attempts(proxy.accepted().begin() + static_cast<ptrdiff_t>(before),
                                        proxy.accepted().end());
    world.figure("attempts", static_cast<double>(attempts.size()));
    // Each 800 ms there would be ten of them; with the default's 5 s not more than six.
    world.expect(attempts.size() >= 7, "RET-1",
                 "only " + std::to_string(attempts.size()) + " attempts to connect in 8 s, max_retry_delay is 800 ms");
    for (size_t i = 1; i < attempts.size(); ++i) {
        const Duration delay = i < 2 ? 400ms : 800ms;
        const Duration waited = attempts[i] - attempts[i - 1];
        world.expect(waited >= delay - early, "RET-1",
                     "attempt " + std::to_string(i + 1) + " came " + format_ms(waited) + " after the one before, not " +
                         format_ms(delay));
    }
    world.record_fault("healed");
    proxy.use({world.url()});
    world.publish(start.streams.front(), 5);
    const bool came = co_await agent.delivered(5, 10s);
    world.expect(came, "RET-1", "10 s after the outage " + std::to_string(agent.delivered_count()) + " of 5 came");
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
        {"outage/2-own-delays",
         "retry_delay doubles up to max_retry_delay from one attempt to connect to the next",
         {"RET-1"},
         {"streams", "config"},
         CaseClass::Streams,
         ServerNeed::Streams,
         Timing::None,
         own_delays},
    };
}

}  // namespace millrace::harness
