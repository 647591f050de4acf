// Servers that refuse for real, everything or at the door: no replicas, no disk, no room for a client. What can be
// tried again is, calmly, and nothing is lost.

#include "base/text.hpp"
#include "cases/expect.hpp"
#include "cases/table.hpp"

namespace millrace::harness {

namespace {

const Json quick = {{"batch_size", 5},
                    {"prefetch", 5},
                    {"flush_interval", "20ms"},
                    {"retry_delay", "50ms"},
                    {"max_retry_delay", "200ms"},
                    {"block", "300ms"},
                    {"read_slack", "2s"}};

uint64_t commands_seen(const Proxy& proxy) {
    uint64_t sum = 0;
    for (const auto& [words, times] : proxy.commands()) sum += times;
    return sum;
}

using Switch = std::function<void(World&)>;

// Every write is refused while the agent holds entries, acks them, and comes anew; then no more.
Task<> refuses_writes(World& world, const std::string& word, Switch refuse, Switch heal) {
    Proxy& proxy = world.proxy();
    const Start start = world.consume_through(proxy, "orders", quick);
    Start other = world.consume_through(proxy, "others", quick);
    Agent& agent = world.spawn();
    agent.hold();
    co_await agent.ready(start);
    world.publish(start.streams.front(), 15);  // more than it may hold
    world.publish(other.streams.front(), 5);
    bool came = co_await agent.delivered(5, 5s);
    world.require(came, "BAT-1", "15 published, " + std::to_string(agent.delivered_count()) + " handed over");

    world.record_fault(word + " on");
    refuse(world);
    const Reply refused = world.command({"XACK", start.streams.front(), start.group, "0-1"});
    world.require(refused.text.starts_with(word), "harness", "XACK is not refused with " + word);
    const auto held = agent.unacked();
    const auto request = agent.ack(held);
    Agent& late = world.spawn();  // its group can't be made
    co_await late.hello();
    late.start(other);
    const uint64_t before = commands_seen(proxy);
    const Instant begin = world.now();
    co_await world.pause(700ms);
    proxy.cut(Told::Both);
    co_await world.pause(700ms);
    const double per_second = static_cast<double>(commands_seen(proxy) - before) / (to_ms(world.now() - begin) / 1000);
    world.expect(per_second < 200, "RET-1",
                 std::to_string(static_cast<int>(per_second)) + " commands a second while " + word + " refuses all");
    world.figure("commands_per_s_refused", per_second);
    world.expect(agent.alive() && late.alive(), "RET-2", "an agent ended while " + word + " refused all");
    const Json* error = co_await late.next("error", 1s);
    world.expect(error != nullptr && error->value("retryable", Json()) == true, "RET-2",
                 "no retryable error event for " + word);

    world.record_fault(word + " off");
    heal(world);
    agent.ack_as_they_come();
    const Json* said = co_await agent.answer(request, 10s);
    world.require(said != nullptr, "ACK-6", "10 s after " + word + " the ack is not answered");
    for (const auto& result : parse_acked(*said)) {
        world.expect(result.code == "ok", "ACK-6", "an ack that " + word + " refused ends as '" + result.code + "'");
    }
    came = co_await agent.delivered(15, 10s);
    world.expect(came, "RET-2",
                 "10 s after " + word + " " + std::to_string(agent.delivered_count()) + " of 15 were handed over");
    const bool group = co_await late.delivered(5, 10s);
    world.expect(group, "REC-8",
                 "10 s after " + word + " " + std::to_string(late.delivered_count()) +
                     " of 5 were handed over to the one whose group was refused");
    co_await expect_none_pending(world, start, "ACK-6");
    co_await expect_none_pending(world, other, "ACK-6");
    expect_none_twice(world, "REC-1");
}

Task<> no_replicas(World& world) {
    world.own_server({});
    const Switch on = [](World& w) { w.command({"CONFIG", "SET", "min-slaves-to-write", "1"}); };
    const Switch off = [](World& w) { w.command({"CONFIG", "SET", "min-slaves-to-write", "0"}); };
    co_await refuses_writes(world, "NOREPLICAS", on, off);
}

Task<> no_disk(World& world) {
    OwnServer& server = world.own_server({});
    const Switch on = [&server](World& w) {
        w.command({"CONFIG", "SET", "save", "900 1"});
        server.break_saving();
        const Instant deadline = w.now() + 5s;
        const auto failed = [&] {
            return w.command({"INFO", "persistence"}).text.find("rdb_last_bgsave_status:err") != std::string::npos;
        };
        for (w.command({"BGSAVE"}); !failed() && w.now() < deadline;) {
        }
    };
    const Switch off = [](World& w) { w.command({"CONFIG", "SET", "stop-writes-on-bgsave-error", "no"}); };
    co_await refuses_writes(world, "MISCONF", on, off);
}

// An error that comes unasked in HELLO's place says nothing about the server's age.
Task<> max_clients(World& world) {
    world.own_server({});
    world.command({"CONFIG", "SET", "maxclients", "1"});  // the harness is that one
    const Start start = world.consume("orders", quick);
    Agent& agent = world.spawn();
    co_await agent.hello();
    agent.start(start);
    const Json* error = co_await agent.next("error", 5s);
    world.require(error != nullptr, "RET-2", "max clients: no error event within 5 s");
    const std::string code = error->value("code", Json()).is_string() ? (*error)["code"].get<std::string>() : "";
    world.expect(code == "server_busy", "RET-2", "max clients: code '" + excerpt(code) + "', not server_busy");
    world.expect(error->value("retryable", Json()) == true, "RET-2", "max clients: not said to be retryable");
    co_await world.pause(500ms);
    world.command({"CONFIG", "SET", "maxclients", "100"});
    const Json* ready = co_await agent.next("ready", 10s);
    world.require(ready != nullptr, "DET-1", "there is room again, and the agent is not ready within 10 s");
    const int expected = world.facts().hello ? 3 : 2;
    world.expect(ready->value("protocol", Json()) == expected, "DET-1",
                 "after an error in HELLO's place it speaks protocol " + ready->value("protocol", Json()).dump() +
                     ", not " + std::to_string(expected));
    world.expect(ready->value("mode", Json()) == "streams", "DET-3", "after max clients the mode is not streams");
    world.publish(start.streams.front(), 5);
    const bool came = co_await agent.delivered(5, 5s);
    world.expect(came, "RET-2", "5 published, " + std::to_string(agent.delivered_count()) + " handed over");
}

}  // namespace

std::vector<Case> server_refusal_cases() {
    constexpr auto streams = CaseClass::Streams;
    constexpr auto need = ServerNeed::Streams;
    return {
        {"refused/1-noreplicas",
         "A server without its replicas refuses every write, reads of groups among them; then it does not",
         {"RET-2", "RET-1", "ACK-6", "REC-8"},
         {"streams", "concurrent", "config"},
         streams,
         need,
         Timing::None,
         no_replicas},
        {"refused/2-misconf",
         "A server that can't save refuses every write; then it does not",
         {"RET-2", "RET-1", "ACK-6", "REC-8"},
         {"streams", "concurrent", "config"},
         streams,
         need,
         Timing::None,
         no_disk},
        {"refused/3-max-clients",
         "A server that is full says so in HELLO's place; the protocol is not stepped down for it",
         {"DET-1", "DET-3", "RET-2"},
         {"streams", "config"},
         streams,
         need,
         Timing::None,
         max_clients},
    };
}

}  // namespace millrace::harness
