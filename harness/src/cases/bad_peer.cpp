// Peers that are no servers: nobody listens, garbage, silence. The agent says what is wrong, keeps trying without a
// busy loop, and does not die of it.

#include "base/text.hpp"
#include "cases/table.hpp"

namespace millrace::harness {

namespace {

std::string code_of_error(const Json& error) {
    return error.value("code", Json()).is_string() ? error["code"].get<std::string>() : "";
}

Task<const Json*> first_error(World& world, Agent& agent, const Start& start, Duration within) {
    co_await agent.hello();
    agent.start(start);
    const Json* error = co_await agent.next("error", within);
    world.require(error != nullptr, "RET-2", "no error event within " + format_ms(within));
    const std::string message =
        error->value("message", Json()).is_string() ? (*error)["message"].get<std::string>() : "";
    world.expect(!message.empty(), "RET-2", "the error event has no message");
    co_return error;
}

// Alive, neither spinning nor giving up: RET-1 allows an attempt each 50 ms at the most.
Task<> expect_calm(World& world, Agent& agent, BadPeer& peer) {
    const size_t before = peer.accepted().size();
    const Duration cpu_before = agent.port().cpu_time();
    const Instant begin = world.now();
    co_await world.pause(2s);
    const bool tries = co_await world.comes_true([&] { return peer.accepted().size() > before; }, 10s);
    const Duration took = world.now() - begin;
    const size_t attempts = peer.accepted().size() - before;
    const Duration cpu = agent.port().cpu_time() - cpu_before;
    world.require(agent.alive(), "SEC-2", "the agent died of a bad peer");
    world.expect(tries, "RET-1", "no further attempt to connect within " + format_ms(took));
    const auto attempts_max = static_cast<size_t>(took / 50ms) + 1;
    world.expect(attempts <= attempts_max, "RET-1",
                 std::to_string(attempts) + " attempts to connect in " + format_ms(took) + ": less than 50 ms apart");
    world.expect(cpu * 2 < took, "RET-1", "busy loop: " + format_ms(cpu) + " of processor time in " + format_ms(took));
    world.figure("attempts_per_s", static_cast<double>(attempts) / (to_ms(took) / 1000.0));
}

Start start_at(World& world, const BadPeer& peer) {
    Start start = world.consume(
        "orders", {{"connection_timeout", "500ms"}, {"retry_delay", "100ms"}, {"max_retry_delay", "300ms"}});
    start.url = peer.url().text();
    return start;
}

Task<> nobody_listens(World& world) {
    BadPeer& peer = world.bad_peer(BadPeer::Kind::Closed);
    const Start start = start_at(world, peer);
    Agent& agent = world.spawn();
    const Json* error = co_await first_error(world, agent, start, 5s);
    world.expect(code_of_error(*error) == "connection", "RET-2",
                 "nobody listens: code '" + excerpt(code_of_error(*error)) + "', not connection");
    world.expect(error->value("retryable", Json()) == true, "RET-2", "nobody listens: not said to be retryable");
    co_await world.pause(500ms);
    peer.become(BadPeer::Kind::HangUp);
    co_await expect_calm(world, agent, peer);
}

Task<> garbage(World& world) {
    BadPeer& peer = world.bad_peer(BadPeer::Kind::Garbage);
    const Start start = start_at(world, peer);
    Agent& agent = world.spawn();
    const Json* error = co_await first_error(world, agent, start, 5s);
    world.expect(code_of_error(*error) == "protocol", "SEC-2",
                 "garbage: code '" + excerpt(code_of_error(*error)) + "', not protocol");
    co_await world.pause(500ms);
    world.expect(agent.alive(), "SEC-2", "the agent died of garbage");
}

Task<> endless_line(World& world) {
    BadPeer& peer = world.bad_peer(BadPeer::Kind::EndlessLine);
    const Start start = start_at(world, peer);
    Agent& agent = world.spawn();
    const Json* error = co_await first_error(world, agent, start, 5s);
    world.expect(code_of_error(*error) == "protocol", "SEC-2",
                 "an endless line: code '" + excerpt(code_of_error(*error)) + "', not protocol");
    co_await world.pause(500ms);
    world.expect(agent.alive(), "SEC-2", "the agent died of an endless line");
}

Task<> silence(World& world) {
    BadPeer& peer = world.bad_peer(BadPeer::Kind::Silent);
    const Start start = start_at(world, peer);
    Agent& agent = world.spawn();
    const Json* error = co_await first_error(world, agent, start, 8s);
    world.expect(code_of_error(*error) == "timeout", "RET-2",
                 "a silent peer: code '" + excerpt(code_of_error(*error)) + "', not timeout");
    world.expect(error->value("retryable", Json()) == true, "RET-2", "a silent peer: not said to be retryable");
    co_await expect_calm(world, agent, peer);
}

// What was wrong passes: the agent finds the server that is there now.
Task<> server_comes_late(World& world) {
    OwnServer& server = world.own_server({});
    Start start = world.consume(
        "orders",
        {{"batch_size", 5}, {"flush_interval", "50ms"}, {"retry_delay", "100ms"}, {"max_retry_delay", "300ms"}});
    world.server_down(server);
    Agent& agent = world.spawn();
    co_await first_error(world, agent, start, 5s);
    co_await world.pause(300ms);
    server.restart();
    const Json* ready = co_await agent.next("ready", 10s);
    world.require(ready != nullptr, "RET-1", "the server came, and after 10 s the agent is not ready");
    if (!world.facts().streams) co_return;
    world.publish(start.streams.front(), 5);
    const bool came = co_await agent.delivered(5, 5s);
    world.expect(came, "RET-1", "5 published, " + std::to_string(agent.delivered_count()) + " handed over");
}

}  // namespace

std::vector<Case> bad_peer_cases() {
    constexpr auto security = CaseClass::Security;
    constexpr auto any = ServerNeed::Any;
    return {
        {"bad-peer/1-nobody-listens",
         "A port nobody listens on: a typed error, calm attempts",
         {"RET-1", "RET-2"},
         {"config"},
         security,
         any,
         Timing::None,
         nobody_listens},
        {"bad-peer/2-garbage",
         "A peer that answers garbage: a typed error, and the agent lives",
         {"SEC-2"},
         {"config"},
         security,
         any,
         Timing::None,
         garbage},
        {"bad-peer/3-endless-line",
         "A line without an end: a typed error, and the agent lives",
         {"SEC-2"},
         {"config"},
         security,
         any,
         Timing::None,
         endless_line},
        {"bad-peer/4-silence",
         "A peer that never answers: a timeout, calm attempts",
         {"RET-1", "RET-2"},
         {"config"},
         security,
         any,
         Timing::None,
         silence},
        {"bad-peer/5-server-comes-late",
         "The server is down at first, and then there",
         {"RET-1"},
         {"config"},
         security,
         any,
         Timing::None,
         server_comes_late},
    };
}

}  // namespace millrace::harness
