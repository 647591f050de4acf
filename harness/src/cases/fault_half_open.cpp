// Sockets that are open and dead: at the server, where an old read still takes entries; at the client, where nothing
// comes any more; and a server that stops answering with every socket open.

#include "base/text.hpp"
#include "cases/expect.hpp"
#include "cases/table.hpp"

namespace millrace::harness {

namespace {

const Json quick = {{"batch_size", 5},
                    {"flush_interval", "20ms"},
                    {"retry_delay", "50ms"},
                    {"max_retry_delay", "200ms"},
                    {"health_deadline", "1500ms"}};

Json with(Json config, const Json& more) {
    config.merge_patch(more);
    return config;
}

// Waits until so many reads of new entries block at the server: they are what takes entries.
Task<bool> reads_block(World& world, int reads) {
    const std::string line = "blocked_clients:" + std::to_string(reads) + "\r";
    const auto blocked = [&] { return world.command({"INFO", "clients"}).text.find(line) != std::string::npos; };
    co_return co_await world.comes_true(blocked, 3s);
}

// The client has lost its connections and the server does not know: the old blocked read is the first in the queue.
Task<> old_socket_takes(World& world) {
    world.own_server({});  // blocked clients are to be this agent's alone
    Proxy& proxy = world.proxy();
    const Start start = world.consume_through(proxy, "orders", with(quick, {{"block", "5s"}}));
    Agent& agent = world.spawn();
    co_await agent.ready(start);
    bool blocks = co_await reads_block(world, 1);
    world.require(blocks, "BAT-1", "no read blocks at the server within 3 s");
    size_t expected = 0;
    size_t taken = 0;
    for (int round = 0; round < 4; ++round) {
        const uint64_t reads = proxy.seen("XREADGROUP >");
        world.record_fault("half open at the server");
        proxy.cut(Told::Client);
        const auto reads_again = [&] { return proxy.seen("XREADGROUP >") > reads; };
        // In turn: the old read takes an entry, or is still there when the new one is.
        if (round % 2 == 1) co_await world.comes_true(reads_again, 5s);
        world.publish(start.streams.front(), 1);
        ++expected;
        if (round % 2 == 0) taken += world.pending(start.streams.front(), start.group).size();
        const bool came = co_await agent.delivered(expected, 10s);
        world.require(came, "REC-6",
                      "the half-open old socket took an entry, and 10 s later " +
                          std::to_string(agent.delivered_count()) + " of " + std::to_string(expected) + " came");
        for (int i = 0; i < 5; ++i) {
            world.publish(start.streams.front(), 1);
            ++expected;
            const bool next = co_await agent.delivered(expected, 2s);
            world.require(next, "REC-6", "a new entry did not come within 2 s: the old connection may have taken it");
        }
        blocks = co_await reads_block(world, 1);
        world.expect(blocks, "REC-6", "not one read blocks at the server but another number: old ones take entries");
    }
    world.expect(taken > 0, "harness", "the old socket took nothing: nothing was tested");
    co_await expect_none_pending(world, start, "ACK-6");
    expect_none_twice(world, "REC-1");
    world.figure("taken_by_old_sockets", static_cast<double>(taken));
}

// Nobody is told. The agent has to notice by itself, by the deadline of its read.
Task<> silence(World& world, Told told) {
    Proxy& proxy = world.proxy();
    const Start start =
        world.consume_through(proxy, "orders", with(quick, {{"block", "300ms"}, {"read_slack", "700ms"}}));
    Agent& agent = world.spawn();
    co_await agent.ready(start);
    size_t expected = 0;
    for (int round = 0; round < 3; ++round) {
        world.publish(start.streams.front(), 2);
        expected += 2;
        const bool before = co_await agent.delivered(expected, 5s);
        world.require(before, "BAT-1", "2 published and not handed over");
        world.record_fault(told == Told::Server ? "half open at the client" : "silent at both ends");
        proxy.cut(told);
        world.publish(start.streams.front(), 3);
        expected += 3;
        const Instant begin = world.now();
        const bool came = co_await agent.delivered(expected, 10s);
        world.require(came, "REC-6",
                      "10 s after its connections fell silent " + std::to_string(agent.delivered_count()) + " of " +
                          std::to_string(expected) + " came");
        world.figure_max("noticed_ms", to_ms(world.now() - begin));
    }
    co_await expect_none_pending(world, start, "ACK-6");
    expect_none_twice(world, "REC-1");
}

Task<> silent_at_both(World& world) {
    return silence(world, Told::Nobody);
}
Task<> silent_at_client(World& world) {
    return silence(world, Told::Server);
}

// Connections are taken and never answered; then they are.
Task<> black_hole(World& world) {
    Proxy& proxy = world.proxy();
    const Start start = world.consume_through(
        proxy, "orders", with(quick, {{"block", "300ms"}, {"read_slack", "700ms"}, {"connection_timeout", "400ms"}}));
    Agent& agent = world.spawn();
    co_await agent.ready(start);
    world.publish(start.streams.front(), 5);
    const bool before = co_await agent.delivered(5, 5s);
    world.require(before, "BAT-1", "5 published and not handed over");
    world.record_fault("black hole");
    proxy.black_hole(true);
    const size_t attempts = proxy.accepted().size();
    const Instant begin = world.now();
    // An ack may have been sent ahead of the read: its silence counts for health_deadline first.
    co_await world.pause(3s);
    const bool tries = co_await world.comes_true([&] { return proxy.accepted().size() >= attempts + 2; }, 10s);
    world.expect(agent.alive(), "RET-1", "the agent ended in a black hole");
    const Duration took = world.now() - begin;
    const size_t tried = proxy.accepted().size() - attempts;
    world.expect(tries && tried <= static_cast<size_t>(took / 50ms), "RET-1",
                 std::to_string(tried) + " connections in " + format_ms(took) +
                     " of a black hole: at least 2, at most 20 a second, are right");
    const Json* error = co_await agent.next("error", 1s);
    world.expect(error != nullptr, "RET-2", "nothing is said of " + format_ms(took) + " without an answer");
    world.publish(start.streams.front(), 5);
    world.record_fault("healed");
    proxy.heal();
    const bool came = co_await agent.delivered(10, 10s);
    world.require(came, "RET-1",
                  "10 s after the black hole " + std::to_string(agent.delivered_count()) + " of 10 came");
    co_await expect_none_pending(world, start, "ACK-6");
    expect_none_twice(world, "REC-1");
}

// The process of the server stands still for twice the deadline of a read, and its sockets stay open: what was sent to
// it meanwhile is executed when it goes on, for connections that nobody reads any more.
Task<> server_stands_still(World& world) {
    OwnServer& server = world.own_server({});
    const Start start = world.consume("orders", with(quick, {{"block", "500ms"}, {"read_slack", "500ms"}}));
    Agent& agent = world.spawn();
    agent.hold();
    co_await agent.ready(start);
    world.publish(start.streams.front(), 5);
    const bool before = co_await agent.delivered(5, 5s);
    world.require(before, "BAT-1", "5 published and not handed over");
    const auto held = agent.unacked();
    const std::vector<EntryKey> some(held.begin(), held.begin() + 2);
    world.record_fault("SIGSTOP server");
    server.freeze();
    const auto request = agent.ack(some);  // into its sockets
    co_await world.pause(2s);
    const Json* error = co_await agent.next("error", 10s);
    world.expect(error != nullptr, "REC-6",
                 "the server stood still for at least twice the deadline of a read, and nothing was said");
    world.record_fault("SIGCONT server");
    server.thaw();
    world.publish(start.streams.front(), 5);
    const bool came = co_await agent.delivered(10, 10s);
    world.require(came, "REC-6",
                  "10 s after the server went on " + std::to_string(agent.delivered_count()) + " of 10 came");
    const Json* said = co_await agent.answer(request, 10s);
    world.require(said != nullptr, "ACK-6", "the ack that was sent while the server stood still is not answered");
    co_await world.pause(300ms);
    world.expect(agent.delivered_count() == 10, "REC-1", "entries came again");
    const auto rest = agent.unacked();
    agent.ack(rest);
    co_await expect_none_pending(world, start, "ACK-6");
    expect_all_delivered(world, "REC-6");
}

}  // namespace

std::vector<Case> half_open_cases() {
    constexpr auto streams = CaseClass::Streams;
    constexpr auto need = ServerNeed::Streams;
    return {
        {"half-open/1-old-socket",
         "A half-open old socket takes an entry: it is killed, and the entry comes by recovery",
         {"REC-6", "REC-1"},
         {"streams", "config"},
         streams,
         need,
         Timing::None,
         old_socket_takes},
        {"half-open/2-silent",
         "All connections fall silent, open at both ends: noticed by the deadline of a read",
         {"REC-6", "REC-1"},
         {"streams", "config"},
         streams,
         need,
         Timing::None,
         silent_at_both},
        {"half-open/3-client",
         "The server has closed, and the client's sockets stay open and silent",
         {"REC-6", "REC-1"},
         {"streams", "config"},
         streams,
         need,
         Timing::None,
         silent_at_client},
        {"half-open/4-black-hole",
         "Connections are taken and never answered, for 3 s",
         {"RET-1", "RET-2", "REC-6"},
         {"streams", "config"},
         streams,
         need,
         Timing::None,
         black_hole},
        {"half-open/5-server-stands-still",
         "SIGSTOP of the server for twice the deadline of a read, its sockets open",
         {"REC-6", "ACK-6"},
         {"streams", "concurrent", "config"},
         streams,
         need,
         Timing::None,
         server_stands_still},
    };
}

}  // namespace millrace::harness
