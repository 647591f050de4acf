// What comes in faster than it is worked on: reading stops and resumes by itself, hot streams leave room for others,
// and nothing is dropped in silence.

#include <algorithm>

#include "cases/expect.hpp"
#include "cases/pending.hpp"
#include "cases/table.hpp"

namespace millrace::harness {

namespace {

// How many entries of others came before this one.
size_t place_of(World& world, const EntryKey& key) {
    size_t place = 0;
    for (const auto& batch : world.history().batches) {
        for (const auto& entry : batch.entries) {
            if (entry.key == key) return place;
            ++place;
        }
    }
    return place;
}

// Two streams have a backlog that would last; three have an entry now and then.
Task<> hot_streams(World& world) {
    Start start = world.consume("hot-1", {{"batch_size", 10}, {"prefetch", 40}, {"flush_interval", "20ms"}});
    for (const char* name : {"hot-2", "calm-1", "calm-2", "calm-3"}) start.streams.push_back(world.stream(name));
    constexpr int backlog = 3000;
    make_group(world, start);
    world.publish(start.streams[0], backlog);
    world.publish(start.streams[1], backlog);
    Agent& agent = world.spawn();
    std::vector<EntryKey> calm;
    for (const size_t i : {size_t{2}, size_t{3}, size_t{4}}) {
        for (const auto& key : world.publish(start.streams[i], 2)) calm.push_back(key);
    }
    co_await agent.ready(start);
    const bool all = co_await agent.delivered(2 * backlog + calm.size(), 30s);
    world.expect(all, "BP-1",
                 "of " + std::to_string(2 * backlog + calm.size()) + " entries of five streams " +
                     std::to_string(agent.delivered_count()) + " came within 30 s");
    for (const auto& key : calm) {
        const size_t before = place_of(world, key);
        world.figure_max("calm_waited_for", static_cast<double>(before));
        world.expect(before < 1000, "MUL-1",
                     "an entry of a calm stream waited for " + std::to_string(before) + " entries of hot ones");
    }
    // And the hot ones for each other: neither is drained before the other has begun.
    for (const size_t i : {size_t{0}, size_t{1}}) {
        const auto first = std::find_if(world.history().published.begin(), world.history().published.end(),
                                        [&](const Published& entry) { return entry.key.stream == start.streams[i]; });
        world.expect(place_of(world, first->key) < 1000, "BP-1", "one hot stream is read when the other is drained");
    }
}

Task<> paused(World& world) {
    const Start start = world.consume("orders", {{"batch_size", 5}, {"prefetch", 10}, {"flush_interval", "20ms"}});
    Agent& agent = world.spawn();
    co_await agent.ready(start);
    world.publish(start.streams.front(), 5);
    const bool came = co_await agent.delivered(5, 5s);
    world.require(came, "BAT-1", "5 published, " + std::to_string(agent.delivered_count()) + " handed over");
    const auto request = agent.send(Json{{"op", "pause"}});
    const Json* said = co_await agent.answer(request, 5s);
    world.require(said != nullptr && (*said)["event"] == "paused", "BP-1", "pause is not answered by paused");
    const size_t before = agent.delivered_count();
    world.publish(start.streams.front(), 100);
    co_await world.pause(700ms);
    // What a read that was out then has brought may still come: no more than prefetch.
    world.expect(agent.delivered_count() - before <= 10, "BP-1",
                 std::to_string(agent.delivered_count() - before) + " entries were handed over while it was paused");
    const auto pending = world.pending(start.streams.front(), start.group);
    world.expect(pending.size() <= 10, "BP-1",
                 std::to_string(pending.size()) + " entries were read while it was paused, prefetch is 10");
    const auto again = agent.send(Json{{"op", "resume"}});
    said = co_await agent.answer(again, 5s);
    world.require(said != nullptr && (*said)["event"] == "resumed", "BP-1", "resume is not answered by resumed");
    const bool all = co_await agent.delivered(105, 10s);
    world.expect(all, "BP-1", "after resume " + std::to_string(agent.delivered_count()) + " of 105 came");
}

Task<> many_bytes(World& world) {
    constexpr size_t each = 100'000;
    const Start start = world.consume(
        "orders", {{"batch_size", 100}, {"prefetch", 1000}, {"prefetch_bytes", 5 * each}, {"flush_interval", "2s"}});
    Agent& agent = world.spawn();
    co_await agent.ready(start);
    // In portions: one reply may exceed prefetch_bytes by itself. They wait for a flush, and fill memory so long.
    for (int portion = 0; portion < 6; ++portion) {
        world.publish(start.streams.front(), std::vector<Fields>(10, Fields{{"large", std::string(each, 'x')}}));
        co_await world.pause(50ms);
    }
    co_await world.pause(500ms);
    const auto pending = world.pending(start.streams.front(), start.group);
    world.figure("held_bytes", static_cast<double>(pending.size() * each));
    world.expect(pending.size() <= 5 + 10, "BP-1",
                 std::to_string(pending.size()) + " entries of 100 kB are held, prefetch_bytes is 500 kB");
    const bool all = co_await agent.delivered(60, 40s);
    world.expect(all, "BP-1", "as they are acked " + std::to_string(agent.delivered_count()) + " of 60 came");
}

// With its server gone, what an agent is told to publish has to go somewhere, or be refused.
Task<> publish_queue(World& world) {
    OwnServer& server = world.own_server({});
    const Start start = world.consume("orders", {{"publish_queue_bytes", 1 << 20}, {"flush_interval", "20ms"}});
    Agent& agent = world.spawn();
    co_await agent.ready(start);
    world.server_down(server);
    const std::string stream = world.stream("out");
    const std::vector<Fields> large(1, Fields{{"large", std::string(100'000, 'x')}});
    size_t refused = 0;
    std::vector<int64_t> requests;
    for (int i = 0; i < 30; ++i) requests.push_back(agent.publish(stream, large));
    // Each is answered at once by an error, or in the end by a result.
    const Instant until = world.now() + 3s;
    while (world.now() < until && refused == 0) {
        co_await world.pause(50ms);
        for (const Json& event : agent.events()) {
            const bool is_error = event["event"] == "error" && event.contains("re");
            refused += is_error && event.value("code", Json()) == "would_block" ? 1U : 0U;
            if (event["event"] != "published") continue;
            for (const Json& result : event.value("results", Json::array())) {
                refused += result.is_object() && result.value("error", Json()) == "would_block" ? 1U : 0U;
            }
        }
    }
    world.expect(refused > 0, "BP-2",
                 "3 MB were to be published with a queue of 1 MiB and no server, and nothing said would_block");
    world.figure("refused", static_cast<double>(refused));
}

}  // namespace

std::vector<Case> flow_cases() {
    constexpr auto streams = CaseClass::Streams;
    constexpr auto need = ServerNeed::Streams;
    constexpr auto untimed = Timing::None;
    return {
        {"flow/1-hot-streams",
         "Streams with a backlog are read in rotation, and leave room for calm ones",
         {"BP-1", "MUL-1"},
         {"streams", "many"},
         streams,
         need,
         untimed,
         hot_streams},
        {"flow/2-pause",
         "Paused it reads no more, resumed it goes on",
         {"BP-1"},
         {"streams", "pause", "config"},
         streams,
         need,
         untimed,
         paused},
        {"flow/3-bytes",
         "No more than prefetch_bytes is held, but for one reply",
         {"BP-1"},
         {"streams", "config"},
         streams,
         need,
         untimed,
         many_bytes},
        {"flow/4-publish-queue",
         "Publishing past publish_queue_bytes says would_block",
         {"BP-2"},
         {"streams", "publish", "config"},
         CaseClass::Publish,
         need,
         untimed,
         publish_queue},
    };
}

}  // namespace millrace::harness
