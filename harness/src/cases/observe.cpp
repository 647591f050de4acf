// What operators see: counters that count what happened, the group's figures as the server has them, and health that
// turns bad when the server falls silent, whatever the sockets say.

#include <cstdlib>
#include <optional>

#include "base/text.hpp"
#include "cases/expect.hpp"
#include "cases/pending.hpp"
#include "cases/table.hpp"

namespace millrace::harness {

namespace {

const Json quick = {{"batch_size", 5}, {"flush_interval", "20ms"}};

Json quick_with(const Json& more) {
    Json config = quick;
    config.update(more);
    return config;
}

// The sum of the samples of `name` behind either prefix (OBS-1); none where there is no such sample.
std::optional<double> metric(const std::string& text, const std::string& name) {
    std::optional<double> sum;
    for (const auto& line : split(text, "\n")) {
        const size_t end = line.find_first_of("{ ");
        if (line.empty() || line.front() == '#' || end == std::string::npos) continue;
        const std::string_view known = std::string_view(line).substr(0, end);
        if (known != "millrace_" + name && known != "redis_streams_" + name) continue;
        // What is no number there reads as 0, and is then a wrong figure.
        sum = sum.value_or(0) + std::strtod(line.c_str() + line.rfind(' ') + 1, nullptr);
    }
    return sum;
}

Task<std::string> stats_of(Agent& agent) {
    const auto request = agent.send(Json{{"op", "stats"}});
    const Json* answer = co_await agent.answer(request, 5s);
    if (answer == nullptr || (*answer)["event"] != "stats") co_return std::string();
    const Json text = answer->value("text", Json());
    co_return text.is_string() ? text.get<std::string>() : std::string();
}

Task<Json> health_of(Agent& agent) {
    const auto request = agent.send(Json{{"op", "health"}});
    const Json* answer = co_await agent.answer(request, 5s);
    co_return answer != nullptr ? *answer : Json::object();
}

void expect_metric(World& world, const std::string& stats, const std::string& name, double right) {
    const auto told = metric(stats, name);
    world.expect(
        told == right, "OBS-1",
        name + " is " + (told ? std::to_string(*told) : "missing") + ", and " + std::to_string(right) + " is right");
}

// Once the server has told the agent of `acked` acks: they were executed a moment before.
Task<std::string> stats_after_acks(World& world, Agent& agent, double acked) {
    const Instant deadline = world.now() + 5s;
    for (;;) {
        std::string stats = co_await stats_of(agent);
        if (metric(stats, "acked_total").value_or(0) >= acked || world.now() >= deadline) co_return stats;
        co_await world.pause(10ms);
    }
}

// 20 are delivered, 15 of them acked; a second life gets the other 5 again.
Task<> counted(World& world) {
    const Start start = world.consume("orders", quick);
    Agent& first = world.spawn();
    first.hold();
    co_await first.ready(start);
    const auto keys = world.publish(start.streams.front(), 20);
    const bool came = co_await gets(world, first, keys, 5s);
    world.require(came, "BAT-1", "20 published, " + std::to_string(first.delivered_count()) + " handed over");
    const auto request = first.ack(std::vector<EntryKey>(keys.begin(), keys.begin() + 15));
    const Json* acked = co_await first.answer(request, 5s);
    world.require(acked != nullptr, "ACK-3", "an ack is not answered in 5 s");
    const std::string stats = co_await stats_of(first);
    world.require(!stats.empty(), "OBS-1", "stats is not answered by the event stats with a text");
    expect_metric(world, stats, "delivered_total", 20);
    expect_metric(world, stats, "redelivered_total", 0);
    expect_metric(world, stats, "acked_total", 15);
    expect_metric(world, stats, "held", 5);
    expect_metric(world, stats, "batches_total", 4);
    expect_metric(world, stats, "delivery_seconds_count", 20);
    first.kill();

    Agent& second = world.spawn();
    co_await second.ready(start);
    const bool again = co_await gets(world, second, {keys.begin() + 15, keys.end()}, 5s);
    world.require(again, "REC-1", "5 were pending, " + std::to_string(second.delivered_count()) + " came again");
    co_await expect_none_pending(world, start, "ACK-3");
    const std::string later = co_await stats_after_acks(world, second, 5);
    expect_metric(world, later, "delivered_total", 5);
    expect_metric(world, later, "redelivered_total", 5);
    expect_metric(world, later, "acked_total", 5);
}

bool says(const Json& health, const char* field, const Json& right) {
    return health.contains(field) && health[field] == right;
}

// The figures are the server's: 12 entries, of which 5 are pending and 7 not yet read.
Task<> figures(World& world) {
    const Start start = world.consume("orders", quick_with({{"prefetch", 5}}));
    Agent& agent = world.spawn();
    agent.hold();
    const auto keys = world.publish(start.streams.front(), 12);
    co_await agent.ready(start);
    const bool came = co_await agent.delivered(5, 5s);
    world.require(came, "BAT-1", "12 published, " + std::to_string(agent.delivered_count()) + " handed over");
    const Json health = co_await health_of(agent);
    world.expect(says(health, "healthy", true), "OBS-2", "a consumer at work says of itself: " + health.dump());
    world.expect(says(health, "mode", "streams") && says(health, "consumerGroup", start.group), "OBS-2",
                 "mode or group are wrong: " + health.dump());
    world.expect(says(health, "streamLength", 12) && says(health, "pendingMessages", 5), "OBS-2",
                 "12 entries, 5 of them pending, are told as " + health.dump());
    const bool tells_lag = world.facts().compatible_major >= 7;
    world.expect(says(health, "lag", tells_lag ? Json(7) : Json()), "OBS-2",
                 std::string("a lag that is ") + (tells_lag ? "7" : "not known to this server") + " is told as " +
                     health.dump());
    const Json oldest = health.value("oldestPendingMs", Json());
    world.expect(oldest.is_number() && oldest.get<int64_t>() >= 0 && oldest.get<int64_t>() < 60'000, "OBS-2",
                 "an entry of a moment ago is told as pending for " + oldest.dump() + " ms");
}

// The server stands still with its sockets open: bad within the deadline, and good again after.
Task<> silent(World& world) {
    OwnServer& server = world.own_server({});
    const Start start = world.consume(
        "orders", quick_with({{"health_deadline", "900ms"}, {"block", "300ms"}, {"read_slack", "300ms"}}));
    Agent& agent = world.spawn();
    co_await agent.ready(start);
    const Json before = co_await health_of(agent);
    world.require(says(before, "healthy", true), "OBS-2", "a consumer at work says of itself: " + before.dump());
    world.record_fault("SIGSTOP server");
    server.freeze();
    const Instant stopped = world.now();
    Json health = before;
    while (says(health, "healthy", true) && world.now() - stopped < 10s) {
        co_await world.pause(20ms);
        health = co_await health_of(agent);
    }
    const Duration took = world.now() - stopped;
    world.expect(says(health, "healthy", false) && health.value("error", Json()).is_string(), "OBS-2",
                 "10 s after the server stopped health is still " + health.dump());
    world.figure("bad_after_ms",
                 static_cast<double>(std::chrono::duration_cast<std::chrono::milliseconds>(took).count()));
    world.expect(took < 3s, "OBS-2", "health_deadline is 900 ms, and health turned bad after more than 3 s");
    world.record_fault("SIGCONT server");
    server.thaw();
    const Instant went_on = world.now();
    while (!says(health, "healthy", true) && world.now() - went_on < 10s) {
        co_await world.pause(20ms);
        health = co_await health_of(agent);
    }
    world.expect(says(health, "healthy", true), "OBS-2",
                 "10 s after the server went on health is still " + health.dump());
}

}  // namespace

std::vector<Case> observe_cases() {
    constexpr auto observe = CaseClass::Observe;
    constexpr auto need = ServerNeed::Streams;
    constexpr auto untimed = Timing::None;
    return {
        {"observe/1-counted",
         "Counters count what was delivered, delivered again and acked",
         {"OBS-1"},
         {"streams", "stats", "concurrent"},
         observe,
         need,
         untimed,
         counted},
        {"observe/2-figures",
         "Health tells length, pending and lag as the server has them",
         {"OBS-2"},
         {"streams", "health", "concurrent", "config"},
         observe,
         need,
         untimed,
         figures},
        {"observe/3-silence",
         "Health turns bad when the server stands still, and good again",
         {"OBS-2"},
         {"streams", "health", "config"},
         observe,
         need,
         Timing::Judged,
         silent},
    };
}

}  // namespace millrace::harness
