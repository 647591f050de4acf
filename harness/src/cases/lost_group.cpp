// The group is gone, or the whole key: it is made again where nothing is lost, not in a busy loop, and what belonged to
// another life of the key is given up.

#include <algorithm>

#include "base/text.hpp"
#include "cases/expect.hpp"
#include "cases/pending.hpp"
#include "cases/table.hpp"

namespace millrace::harness {

namespace {

const Json quick = {{"batch_size", 5},         {"flush_interval", "20ms"}, {"claim_interval", "200ms"},
                    {"claim_min_idle", "60s"}, {"retry_delay", "100ms"},   {"max_retry_delay", "1s"},
                    {"block", "500ms"}};

// XADD with ids of the case's own choice.
std::vector<EntryKey> add_with_ids(World& world, const std::string& stream, uint64_t first, int count) {
    std::vector<EntryKey> keys;
    for (const auto& fields : numbered(static_cast<int>(world.history().published.size()), count)) {
        const std::string id = std::to_string(first + keys.size()) + "-0";
        const Instant sent = world.now();
        world.command({"XADD", stream, id, fields.front().first, fields.front().second});
        world.record_published(stream, id, fields, sent);
        keys.push_back({stream, id});
    }
    return keys;
}

// What a consumer held that is dead now was pending in a group that is destroyed: a group made again at its last
// delivered id would never deliver it.
Task<> held_by_another(World& world) {
    Json small = quick;
    small["prefetch"] = 5;
    const Start first = world.consume("orders", small);
    const Start second = world.consume("orders", quick);
    Agent& holder = world.spawn();
    holder.hold();
    co_await holder.ready(first);
    const auto older = world.publish(first.streams.front(), 5);
    const bool came = co_await holder.delivered(5, 5s);
    world.require(came, "BAT-1", "5 published, " + std::to_string(holder.delivered_count()) + " handed over");
    holder.kill();
    Agent& agent = world.spawn();
    co_await agent.ready(second);
    const auto newer = world.publish(first.streams.front(), 15);
    const bool read = co_await gets(world, agent, newer, 5s);
    world.require(read, "BAT-1", "15 published, " + std::to_string(agent.delivered_count()) + " handed over");
    co_await world.pause(1s);  // several marks of the low water
    world.destroy_group(first.streams.front(), first.group);
    const Json* event = co_await agent.next("group_recreated", 5s);
    world.expect(event != nullptr, "REC-7", "5 s after the group was destroyed there is no event group_recreated");
    const bool saved = co_await gets(world, agent, older, 10s);
    world.expect(saved, "REC-7",
                 "5 older entries were pending for another when the group was destroyed, and do not come again");
    const auto fresh = world.publish(first.streams.front(), 5);
    const bool goes_on = co_await gets(world, agent, fresh, 5s);
    world.expect(goes_on, "REC-7", "after the group was made again nothing new comes");
    co_await expect_none_pending(world, second, "ACK-3");
}

// What is held here comes again from a group that was made anew, and is filtered.
Task<> held_here(World& world) {
    const Start start = world.consume("orders", quick);
    Agent& agent = world.spawn();
    agent.hold();
    co_await agent.ready(start);
    const auto held = world.publish(start.streams.front(), 8);
    const bool came = co_await gets(world, agent, held, 5s);
    world.require(came, "BAT-1", "8 published, " + std::to_string(agent.delivered_count()) + " handed over");
    co_await world.pause(500ms);
    world.destroy_group(start.streams.front(), start.group);
    const Json* event = co_await agent.next("group_recreated", 5s);
    world.require(event != nullptr, "REC-7", "5 s after the group was destroyed there is no event group_recreated");
    const auto fresh = world.publish(start.streams.front(), 5);
    const bool goes_on = co_await gets(world, agent, fresh, 5s);
    world.expect(goes_on, "REC-7", "after the group was made again nothing new comes");
    const auto all_pending = [&] { return pending_by_id(world, start).size() == 13; };
    const bool again = co_await world.comes_true(all_pending, 5s);
    world.expect(again, "REC-7",
                 std::to_string(pending_by_id(world, start).size()) +
                     " entries are pending after the group was made again: 8 held ones and 5 new ones are owed");
    const auto all = agent.unacked();
    const auto request = agent.ack(all);
    const Json* said = co_await agent.answer(request, 5s);
    for (const auto& key : all) {
        world.expect(code_of(said, key) == "ok", "REC-7",
                     "the ack of " + key.id + ", held all the time, ends as '" + code_of(said, key) + "'");
    }
    co_await expect_none_pending(world, start, "ACK-3");
}

// After the key is gone, ids begin anew: the same id is another entry.
Task<> key_deleted(World& world) {
    const Start start = world.consume("orders", quick);
    const std::string& stream = start.streams.front();
    Agent& agent = world.spawn();
    agent.hold();
    co_await agent.ready(start);
    const auto old = add_with_ids(world, stream, 1'000'000'001, 5);
    const bool came = co_await gets(world, agent, old, 5s);
    world.require(came, "BAT-1", "5 published, " + std::to_string(agent.delivered_count()) + " handed over");
    co_await world.pause(500ms);
    world.delete_key(stream);
    const Json* event = co_await agent.next("group_recreated", 5s);
    world.require(event != nullptr, "REC-7", "5 s after the key was deleted there is no event group_recreated");
    const bool told = co_await tells_lost(world, agent, old, 5s);
    world.expect(told, "REC-7", "what was held of a key that is gone is not told lost");
    const auto late = agent.ack(old);
    const Json* said = co_await agent.answer(late, 5s);
    for (const auto& key : old) {
        const std::string code = code_of(said, key);
        world.expect(code == "lost" || code == "not_held", "REC-7",
                     "the ack of " + key.id + ", which went with its key, ends as '" + code + "'");
    }
    // Lower ids than before, and then some of the same.
    const auto lower = add_with_ids(world, stream, 1, 5);
    const bool lower_came = co_await gets(world, agent, lower, 5s);
    world.expect(lower_came, "REC-7", "after its key was deleted, entries with lower ids are not handed over");
    const size_t before = agent.delivered_count();
    add_with_ids(world, stream, 1'000'000'001, 5);
    const bool same_came = co_await agent.delivered(before + 5, 5s);
    world.expect(same_came, "REC-7",
                 "an entry with the id of one that was held before the key was deleted is not handed over");
    const auto request = agent.ack(agent.unacked());
    co_await agent.answer(request, 5s);
    co_await expect_none_pending(world, start, "ACK-3");
}

// FLUSHALL, and the next entries at once, with lower ids: the key is there when the agent looks.
Task<> flushed(World& world) {
    world.own_server({});
    const Start start = world.consume("orders", quick);
    const std::string& stream = start.streams.front();
    Agent& agent = world.spawn();
    agent.hold();
    co_await agent.ready(start);
    const auto old = add_with_ids(world, stream, 1'000'000'001, 5);
    const bool came = co_await gets(world, agent, old, 5s);
    world.require(came, "BAT-1", "5 published, " + std::to_string(agent.delivered_count()) + " handed over");
    co_await world.pause(500ms);
    const Instant sent = world.now();
    world.command({"MULTI"});
    world.command({"FLUSHALL"});
    for (int i = 1; i <= 3; ++i) world.command({"XADD", stream, std::to_string(i) + "-0", "k", "v"});
    world.command({"EXEC"});
    world.history().faults.push_back({Fault::Kind::KeyGone, sent, std::nullopt, "FLUSHALL", old});
    std::vector<EntryKey> lower;
    for (int i = 1; i <= 3; ++i) {
        lower.push_back({stream, std::to_string(i) + "-0"});
        world.record_published(stream, lower.back().id, {{"k", "v"}}, sent);
    }
    const bool lower_came = co_await gets(world, agent, lower, 10s);
    world.require(lower_came, "REC-7", "10 s after FLUSHALL, entries with lower ids are not handed over");
    const bool told = co_await tells_lost(world, agent, old, 5s);
    world.expect(told, "REC-7", "what was held before FLUSHALL is not told lost");
    const auto request = agent.ack(lower);
    const Json* said = co_await agent.answer(request, 5s);
    for (const auto& key : lower) {
        world.expect(code_of(said, key) == "ok", "REC-7", "the ack of " + key.id + " after FLUSHALL is not ok");
    }
    co_await expect_none_pending(world, start, "ACK-3");
}

int64_t calls_of_all(World& world) {
    int64_t calls = 0;
    for (const auto& line : split(world.command({"INFO", "commandstats"}).text, "\r\n")) {
        const size_t at = line.find("calls=");
        if (!line.starts_with("cmdstat_") || at == std::string::npos) continue;
        calls += parse_integer(line.substr(at + 6, line.find(',') - at - 6)).value_or(0);
    }
    return calls;
}

// Somebody destroys the group as often as it is made: each life of it is short, and the agent takes its time.
Task<> no_busy_loop(World& world) {
    world.own_server({});
    const Start start = world.consume("orders", quick);
    const std::string& stream = start.streams.front();
    Agent& agent = world.spawn();
    co_await agent.ready(start);
    const Instant begin = world.now();
    const int64_t before = calls_of_all(world);
    const Duration cpu_before = agent.port().cpu_time();
    int64_t ours = 1;
    while (world.now() < begin + 3s) {
        world.command({"XGROUP", "DESTROY", stream, start.group});
        ++ours;
        co_await world.pause(10ms);
    }
    world.destroy_group(stream, start.group);  // of hundreds the history knows one
    ++ours;
    const double seconds = to_ms(world.now() - begin) / 1000;
    const double rate = static_cast<double>(calls_of_all(world) - before - ours) / seconds;
    const double cpu = to_ms(agent.port().cpu_time() - cpu_before) / 10 / seconds;
    world.figure_max("commands_per_second", rate);
    world.figure_max("cpu_percent", cpu);
    // Each attempt is a handful of commands: read, look, create, marks.
    world.expect(rate <= 60, "REC-7",
                 "while its group is missing the agent sends " + std::to_string(static_cast<int64_t>(rate)) +
                     " commands a second: a busy loop");
    const auto keys = world.publish(stream, 5);
    const bool came = co_await gets(world, agent, keys, 10s);
    world.expect(came, "REC-7", "10 s after its group was last destroyed the agent hands over nothing");
    co_await expect_none_pending(world, start, "ACK-3");
}

// One of many streams is of the wrong type, one's key is deleted: the others go on meanwhile.
Task<> one_of_many(World& world) {
    Start start = world.consume("a", quick);
    for (const char* name : {"b", "c", "d"}) start.streams.push_back(world.stream(name));
    Agent& agent = world.spawn();
    co_await agent.ready(start);
    std::vector<EntryKey> keys;
    for (const auto& stream : start.streams) {
        for (auto& key : world.publish(stream, 3)) keys.push_back(key);
    }
    const bool came = co_await gets(world, agent, keys, 5s);
    world.require(came, "MUL-1", "4 streams of 3 entries: " + std::to_string(agent.delivered_count()) + " came");
    co_await world.pause(300ms);
    world.delete_key(start.streams[1]);
    world.command({"SET", start.streams[1], "no stream"});
    world.delete_key(start.streams[2]);
    keys.clear();
    for (const size_t i : {size_t{0}, size_t{3}}) {
        for (auto& key : world.publish(start.streams[i], 5)) keys.push_back(key);
    }
    const bool go_on = co_await gets(world, agent, keys, 5s);
    world.expect(go_on, "MUL-1", "one stream is of the wrong type and one is gone: the other two do not go on");
    const auto made_anew = world.publish(start.streams[2], 5);
    const bool back = co_await gets(world, agent, made_anew, 10s);
    world.expect(back, "REC-7", "a stream that was deleted and made anew is not read again");
    world.command({"DEL", start.streams[1]});
    const auto mended = world.publish(start.streams[1], 5);
    const bool healed = co_await gets(world, agent, mended, 10s);
    world.expect(healed, "MUL-1", "a stream that was of the wrong type, and is mended, is not read again within 10 s");
}

// on_lost_group: from the start everything comes once more, from now on nothing of what was.
Task<> as_configured(World& world) {
    for (const bool from_start : {true, false}) {
        Json config = quick;
        config["on_lost_group"] = from_start ? "start" : "new";
        const Start start = world.consume(from_start ? "again" : "onwards", config);
        const std::string& stream = start.streams.front();
        Agent& agent = world.spawn();
        co_await agent.ready(start);
        const auto older = world.publish(stream, 5);
        const bool came = co_await gets(world, agent, older, 5s);
        world.require(came, "BAT-1", "5 published, " + std::to_string(agent.delivered_count()) + " handed over");
        // An answer that comes after the group was lost would be of its next life.
        const auto is_answered = [](const Settlement& row) { return row.answered.has_value(); };
        const auto& acks = world.history().settlements;
        const bool acked = co_await world.comes_true([&] { return std::ranges::all_of(acks, is_answered); }, 5s);
        world.require(acked, "ACK-3", "5 s after they were asked for, not all acks are answered");
        world.destroy_group(stream, start.group);
        const Json* event = co_await agent.next("group_recreated", 5s);
        world.require(event != nullptr, "REC-7", "5 s after the group was destroyed there is no event group_recreated");
        const auto newer = world.publish(stream, 5);
        const bool goes_on = co_await gets(world, agent, newer, 5s);
        world.expect(goes_on, "REC-7", "after the group was made again nothing new comes");
        // What is older would have come before.
        const size_t expected = from_start ? 15 : 10;
        world.expect(agent.delivered_count() == expected, "REC-7",
                     "on_lost_group: " + config["on_lost_group"].get<std::string>() + ": " +
                         std::to_string(agent.delivered_count()) + " entries were handed over, not " +
                         std::to_string(expected));
    }
}

}  // namespace

std::vector<Case> lost_group_cases() {
    constexpr auto streams = CaseClass::Streams;
    constexpr auto need = ServerNeed::Streams;
    constexpr auto untimed = Timing::None;
    return {
        {"lost-group/1-held-by-another",
         "A group is destroyed while a dead consumer had older entries pending: they come again",
         {"REC-7"},
         {"streams", "claim", "concurrent"},
         streams,
         need,
         untimed,
         held_by_another},
        {"lost-group/2-held-here",
         "A group is destroyed under entries that are held: they stay held, do not come again, and are acked",
         {"REC-7"},
         {"streams", "claim", "concurrent"},
         streams,
         need,
         untimed,
         held_here},
        {"lost-group/3-key-deleted",
         "The key is deleted: what was held is lost, and lower or equal ids are new entries",
         {"REC-7"},
         {"streams", "claim", "concurrent"},
         streams,
         need,
         untimed,
         key_deleted},
        {"lost-group/4-flushall",
         "FLUSHALL and lower ids at once: they are handed over, the old ones are lost",
         {"REC-7"},
         {"streams", "claim", "concurrent"},
         streams,
         need,
         untimed,
         flushed},
        {"lost-group/5-no-busy-loop",
         "A group that is destroyed again and again is made again with backoff",
         {"REC-7", "RET-1"},
         {"streams", "claim"},
         streams,
         need,
         untimed,
         no_busy_loop},
        {"lost-group/6-one-of-many",
         "Of many streams one is of the wrong type and one is gone: the others go on",
         {"MUL-1", "REC-7"},
         {"streams", "claim", "many", "config"},
         streams,
         need,
         untimed,
         one_of_many},
        {"lost-group/7-as-configured",
         "on_lost_group: from the start everything comes again, from now on nothing of what was",
         {"REC-7"},
         {"streams", "config"},
         streams,
         need,
         untimed,
         as_configured},
    };
}

}  // namespace millrace::harness
