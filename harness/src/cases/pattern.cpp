// Every stream whose name matches: those that come are found, those that go are left, and a busy one does not keep the
// others waiting.

#include <algorithm>
#include <optional>

#include "cases/expect.hpp"
#include "cases/pending.hpp"
#include "cases/table.hpp"

namespace millrace::harness {

namespace {

constexpr Duration discover = 300ms;
const Json quick = {{"batch_size", 5}, {"flush_interval", "100ms"}, {"discover_interval", "300ms"}};

bool has_group(World& world, const std::string& stream, const std::string& group) {
    for (const auto& row : world.command({"XINFO", "GROUPS", stream}).items) {
        if (row.field("name").text == group) return true;
    }
    return false;
}

// REC-8: those that are there begin at `start`, those that come at their beginning. Other keys are left alone.
Task<> found_later(World& world) {
    Json config = quick;
    config["start"] = "$";
    Start start = world.consume_pattern("orders-*", config);
    const std::string first = world.stream("orders-1");
    const std::string later = world.stream("orders-2");
    const std::string other = world.stream("invoices-1");
    const std::string text = world.stream("orders-text");
    for (const auto& stream : {first, later}) world.watch(stream, start);
    for (const auto& key : world.publish(first, 3)) world.history().excused.insert(key);
    for (const auto& key : world.publish(other, 3)) world.history().excused.insert(key);
    world.command({"SET", text, "no stream"});
    Agent& agent = world.spawn();
    co_await agent.ready(start);
    const auto fresh = world.publish(first, 4);
    const bool began = co_await gets(world, agent, fresh, 5s);
    world.require(began, "MUL-2", "entries of a stream that matches are not handed over");
    world.expect(agent.delivered_count() == 4, "REC-8", "a stream that was there did not begin at `start`");
    const Instant added = world.now();
    const auto found = world.publish(later, 7);
    const bool came = co_await gets(world, agent, found, 5s);
    world.require(came, "MUL-2", "5 s after it came, a stream that matches is not read from its beginning");
    const Duration took = world.now() - added;
    world.figure_max("found_ms", to_ms(took));
    world.expect(took <= discover + 1s, "MUL-2",
                 "a stream was joined after " + std::to_string(static_cast<int>(to_ms(took))) +
                     " ms, with a discover_interval of 300 ms");
    world.expect(!has_group(world, other, start.group), "MUL-2", "a stream that does not match has got the group");
    world.expect(world.command({"GET", text}).text == "no stream", "MUL-2", "a key that is no stream was touched");
    for (const auto& stream : {first, later}) {
        Start one = start;
        one.streams = {stream};
        co_await expect_none_pending(world, one, "ACK-3");
    }
}

// REC-7: nobody makes it again; what is held of it is lost; and if it comes again, it is a new one.
Task<> gone_is_left(World& world) {
    Start start = world.consume_pattern("orders-*", quick);
    const std::string stays = world.stream("orders-1");
    const std::string goes = world.stream("orders-2");
    for (const auto& stream : {stays, goes}) world.watch(stream, start);
    world.publish(stays, 1);
    const auto old = world.publish(goes, 3);
    Agent& agent = world.spawn();
    agent.hold();
    co_await agent.ready(start);
    const bool came = co_await gets(world, agent, old, 5s);
    world.require(came, "MUL-2", "entries of a stream that matches are not handed over");
    world.delete_key(goes);
    const bool told = co_await tells_lost(world, agent, old, 5s);
    world.expect(told, "REC-7", "what is held of a stream that was deleted is not told lost");
    co_await world.pause(3 * discover);
    world.expect(world.command({"EXISTS", goes}).integer == 0, "REC-7", "a stream that was deleted was made again");
    agent.ack_as_they_come();
    const auto more = world.publish(stays, 5);
    const bool go_on = co_await gets(world, agent, more, 5s);
    world.expect(go_on, "MUL-1", "one stream is gone, and another does not go on");
    const auto again = world.publish(goes, 4);
    const bool back = co_await gets(world, agent, again, 5s);
    world.expect(back, "MUL-2", "a stream that was deleted and came again is not read from its beginning");
}

// The pattern matches the name of the dead stream, too, but for what that is.
Task<> dead_streams(World& world) {
    Start start = world.consume_pattern("", quick);
    start.pattern = "*" + start.pattern + "*";
    const std::string stream = world.stream("orders");
    world.watch(stream, start);
    const auto keys = world.publish(stream, 2);
    Agent& agent = world.spawn();
    agent.hold();
    co_await agent.ready(start);
    const bool came = co_await gets(world, agent, keys, 5s);
    world.require(came, "MUL-2", "entries of a stream that matches are not handed over");
    agent.reject({keys.front()}, "no good");
    agent.ack({keys.back()});
    const std::string dead = dead_stream_of(stream);
    const bool died = co_await world.comes_true([&] { return world.command({"EXISTS", dead}).integer == 1; }, 5s);
    world.require(died, "DLQ-1", "a rejected entry is not in its dead stream");
    co_await world.pause(5 * discover);
    world.expect(!has_group(world, dead, start.group), "DLQ-3", "a dead stream has got the group");
    world.expect(agent.delivered_count() == 2, "DLQ-3", "an entry of a dead stream was handed over");
}

// An entry of a quiet stream, and how far the busy one had been read when it was published.
struct Probe {
    EntryKey key;
    std::string busy_at;
};

Probe probe(World& world, const std::string& stream, const std::string& busy, const std::string& group) {
    const Instant sent = world.now();
    const auto replies = world.database().pipeline(
        {{"MULTI"}, {"XADD", stream, "*", "n", "probe"}, {"XINFO", "GROUPS", busy}, {"EXEC"}});
    const Reply& results = replies.back();
    Probe made{{stream, results.at(0).text}, "0-0"};
    world.record_published(stream, made.key.id, {{"n", "probe"}}, sent);
    for (const auto& row : results.at(1).items) {
        if (row.field("name").text == group) made.busy_at = row.field("last-delivered-id").text;
    }
    return made;
}

bool is_behind(const std::string& id, const std::string& other) {
    return EntryId::parse(id) > EntryId::parse(other);
}

// How many entries of the busy stream were read after the probe's publish and handed over before it; none when the
// probe was not handed over.
std::optional<size_t> busy_before(const Agent& agent, const Probe& probe, const std::string& busy) {
    size_t count = 0;
    for (const Batch* batch : agent.batches()) {
        for (const auto& entry : batch->entries) {
            if (entry.key == probe.key) return count;
            count += entry.key.stream == busy && is_behind(entry.key.id, probe.busy_at) ? 1U : 0U;
        }
    }
    return std::nullopt;
}

// 1,000 streams, of which 100 go and 100 others come while one has a backlog.
Task<> come_and_go(World& world) {
    constexpr int many = 1000;
    constexpr int changes = 100;
    constexpr int batch_size = 20;
    const int backlog = 3000 * world.rounds();
    const Json config = {{"batch_size", batch_size}, {"flush_interval", "20ms"}, {"discover_interval", "300ms"}};
    Start start = world.consume_pattern("s-*", config);
    const std::string busy = world.stream("s-busy");
    const auto numbered_stream = [&](int i) { return world.stream("s-" + std::to_string(i)); };
    for (int i = 0; i < many; ++i) world.publish(numbered_stream(i), 1);
    world.publish(busy, 1);
    world.watch(busy, start);
    for (int i = changes; i < many + changes; ++i) world.watch(numbered_stream(i), start);
    Agent& agent = world.spawn();
    co_await agent.ready(start, 20s);
    const bool all_came = co_await agent.delivered(many + 1, 20s);
    world.require(all_came, "MUL-2",
                  "1 entry in each of 1,001 streams: " + std::to_string(agent.delivered_count()) + " came");
    const auto request = agent.send({{"op", "pause"}});
    const Json* paused = co_await agent.answer(request, 5s);
    world.require(paused != nullptr, "BP-1", "pause is not answered");
    for (int published = 0; published < backlog; published += 1000) world.publish(busy, 1000);
    agent.send({{"op", "resume"}});
    std::vector<Probe> probes;
    for (int i = 0; i < changes; ++i) {
        world.publish(numbered_stream(many + i), 1);
        world.delete_key(numbered_stream(i));
        const auto quiet = static_cast<int>(world.random().between(changes, many - 1));
        probes.push_back(probe(world, numbered_stream(quiet), busy, start.group));
        co_await world.pause(3ms);
    }
    const size_t wanted = static_cast<size_t>(many + 1 + backlog + 2 * changes);
    const bool drained = co_await agent.delivered(wanted, 30s);
    world.expect(drained, "MUL-2",
                 std::to_string(agent.delivered_count()) + " of " + std::to_string(wanted) + " entries came");
    expect_all_delivered(world, "MUL-2");
    size_t most = 0;
    int under_load = 0;
    const std::string last = world.history().published[static_cast<size_t>(many + backlog)].key.id;
    for (const Probe& each : probes) {
        most = std::max(most, busy_before(agent, each, busy).value_or(0));
        under_load += is_behind(last, each.busy_at) ? 1 : 0;
    }
    world.figure("busy_entries_before_a_quiet_one", static_cast<double>(most));
    world.figure("probes_under_load", under_load);
    world.expect(under_load >= 5, "harness", "the backlog was read before the streams had changed");
    world.expect(most <= 2 * batch_size, "MUL-1",
                 std::to_string(most) +
                     " entries of a busy stream came before one of another that was published while "
                     "they were unread: more than two batches of " +
                     std::to_string(batch_size));
    for (int i = 0; i < changes; ++i) {
        const bool exists = world.command({"EXISTS", numbered_stream(i)}).integer == 1;
        if (!world.expect(!exists, "REC-7", "a stream that was deleted was made again")) break;
    }
}

}  // namespace

std::vector<Case> pattern_cases() {
    constexpr auto streams = CaseClass::Streams;
    constexpr auto need = ServerNeed::Streams;
    constexpr auto untimed = Timing::None;
    return {
        {"mul/1-found-later",
         "A pattern: streams that are there begin at start, one that comes is found and begins at its beginning",
         {"MUL-2", "REC-8"},
         {"streams", "pattern"},
         streams,
         need,
         untimed,
         found_later},
        {"mul/2-gone-is-left",
         "A stream of a pattern is deleted: it is not made again, what was held is lost, and it may come again",
         {"MUL-2", "REC-7"},
         {"streams", "pattern", "concurrent"},
         streams,
         need,
         untimed,
         gone_is_left},
        {"mul/3-dead-streams",
         "A pattern that matches the name of a dead stream leaves it alone",
         {"MUL-2", "DLQ-3"},
         {"streams", "pattern", "concurrent", "dlq"},
         streams,
         need,
         untimed,
         dead_streams},
        {"mul/4-come-and-go",
         "1,000 streams by pattern, 100 come and 100 go beside a busy one: nothing is lost, nobody waits for long",
         {"MUL-1", "MUL-2"},
         {"streams", "pattern", "pause"},
         streams,
         need,
         untimed,
         come_and_go,
         true},
    };
}

}  // namespace millrace::harness
