// Tails whose entries are trimmed before they can be read, or whose stream is made anew: nothing is left out in
// silence, and what is told is true.

#include <algorithm>

#include "base/text.hpp"
#include "cases/table.hpp"
#include "cases/tail_story.hpp"

namespace millrace::harness {

namespace {

struct GapTold {
    EntryId from, to;
    std::optional<int64_t> missed;
};

std::vector<GapTold> gaps_of(World& world, const Agent& agent) {
    std::vector<GapTold> gaps;
    for (const Json& event : agent.events()) {
        if (event["event"] != "gap") continue;
        const auto from = EntryId::parse(text_or(event, "from"));
        const auto to = EntryId::parse(text_or(event, "to"));
        if (!world.expect(from && to && *from < *to, "TAIL-3", "a gap from where to where? " + excerpt(event.dump())))
            continue;
        GapTold gap{*from, *to, {}};
        if (event.contains("missed") && event["missed"].is_number_integer())
            gap.missed = event["missed"].get<int64_t>();
        gaps.push_back(gap);
    }
    return gaps;
}

size_t keys_in(const GapTold& gap, const std::vector<EntryKey>& keys) {
    return static_cast<size_t>(std::count_if(keys.begin(), keys.end(), [&gap](const EntryKey& key) {
        const auto id = EntryId::parse(key.id);
        return gap.from < *id && *id < gap.to;
    }));
}

bool is_left_out_by(const std::vector<GapTold>& gaps, const EntryKey& key) {
    return std::any_of(gaps.begin(), gaps.end(), [&key](const GapTold& gap) { return keys_in(gap, {key}) > 0; });
}

// Every entry behind the cursor came once and in order, or lies in a gap that was told; and in none of these is an
// entry that came, or that is still there.
void judge(World& world, const Agent& agent, const std::vector<EntryKey>& expected, const std::string& who) {
    const std::vector<GapTold> gaps = gaps_of(world, agent);
    const std::vector<EntryKey> came = delivered_keys(agent);
    size_t at = 0, lost = 0;
    for (const EntryKey& key : expected) {
        if (at < came.size() && came[at] == key) {
            ++at;
            world.expect(!is_left_out_by(gaps, key), "TAIL-3", who + ": " + key.id + " came, and lies in a gap");
        } else if (!is_left_out_by(gaps, key)) {
            ++lost;
        }
    }
    world.expect(at == came.size(), "TAIL-1", who + ": what came is not in order, comes twice, or was not asked for");
    world.expect(lost == 0, "TAIL-3",
                 who + ": " + std::to_string(lost) + " entries never came, and no gap tells of them");
    for (const GapTold& gap : gaps) {
        const auto in = static_cast<int64_t>(keys_in(gap, expected));
        world.expect(!gap.missed || *gap.missed == in, "TAIL-3",
                     who + ": a gap is said to hold " + std::to_string(gap.missed.value_or(0)) + " entries, and " +
                         std::to_string(in) + " are missing there");
        if (in == 0) world.figure("gaps without a missing entry", 1);
    }
    world.figure_max("gaps of one tail", static_cast<double>(gaps.size()));
}

void expect_none_there(World& world, const Agent& agent, const std::string& stream) {
    std::vector<EntryKey> there;
    for (const Reply& item : world.command({"XRANGE", stream, "-", "+"}).items)
        there.push_back({stream, item.at(0).text});
    for (const GapTold& gap : gaps_of(world, agent)) {
        world.expect(keys_in(gap, there) == 0, "TAIL-3", "a gap holds entries that are still there");
    }
}

void trim(World& world, const std::string& stream, int length) {
    world.command({"XTRIM", stream, "MAXLEN", std::to_string(length)});
    world.record_fault("XTRIM to " + std::to_string(length));
}

Task<> trimmed_before(World& world) {
    Start start = world.tail("orders", "", {{"batch_size", 10}});
    const std::string& stream = start.streams.front();
    const auto old = world.publish(stream, 30);
    trim(world, stream, 10);
    start.from = old[4].id;
    Agent& agent = world.spawn();
    co_await ready_as_tail(world, agent, start);
    co_await agent.delivered(10, 5s);
    const auto fresh = world.publish(stream, 3);
    co_await agent.delivered(13, 5s);
    const Json* told = co_await agent.next("gap", 5s);
    world.require(told != nullptr, "TAIL-3", "the entry of the cursor and 15 behind it are gone, and no gap is told");
    world.expect(told->value("stream", Json()) == stream, "TAIL-3", "the gap is of another stream: " + told->dump());
    std::vector<EntryKey> expected(old.begin() + 5, old.end());
    expected.insert(expected.end(), fresh.begin(), fresh.end());
    judge(world, agent, expected, "the tail");
    world.expect(gaps_of(world, agent).size() == 1, "TAIL-3", "the gap is told more than once");
    expect_none_there(world, agent, stream);
}

// What was read may go; so may the entry of the cursor, while others from before it stay.
Task<> no_gap(World& world) {
    Start start = world.tail("orders", "", {{"batch_size", 10}});
    const std::string& stream = start.streams.front();
    const auto old = world.publish(stream, 10);
    world.delete_entry(old[4]);
    start.from = old[4].id;
    Agent& agent = world.spawn();
    co_await ready_as_tail(world, agent, start);
    co_await agent.delivered(5, 5s);
    trim(world, stream, 8);
    const auto fresh = world.publish(stream, 3);
    std::vector<EntryKey> expected(old.begin() + 5, old.end());
    expected.insert(expected.end(), fresh.begin(), fresh.end());
    co_await agent.delivered(expected.size(), 5s);
    co_await world.pause(200ms);
    judge(world, agent, expected, "the tail");
    world.expect(gaps_of(world, agent).empty(), "TAIL-3", "a gap is told, and nothing was missed");
}

// Ten tails at different cursors, some of them paused for a while, over a stream that is trimmed all the time.
Task<> ten_tails(World& world) {
    constexpr int tails = 10, rounds = 40, kept = 60;
    Start start = world.tail("orders", "", {{"batch_size", 5}, {"block", "200ms"}});
    const std::string& stream = start.streams.front();
    std::vector<EntryKey> all = world.publish(stream, 200);
    trim(world, stream, 100);
    std::vector<Agent*> agents;
    for (int i = 0; i < tails; ++i) {
        start.from = all[static_cast<size_t>(i) * 20].id;
        agents.push_back(&world.spawn());
        co_await ready_as_tail(world, *agents.back(), start);
    }
    const bool pauses = world.agent_can("pause");
    for (int round = 0; round < rounds; ++round) {
        for (size_t i = 0; pauses && i < agents.size(); ++i) {
            const bool stops = round % 10 == static_cast<int>(i), goes_on = round % 10 == static_cast<int>(i + 3) % 10;
            if (stops || goes_on) agents[i]->send(Json{{"op", stops ? "pause" : "resume"}});
        }
        const auto fresh = world.publish(stream, static_cast<int>(world.random().between(10, 40)));
        all.insert(all.end(), fresh.begin(), fresh.end());
        trim(world, stream, kept);
        const Duration moment(world.random().between(0, 20'000));
        co_await world.pause(moment);
    }
    for (Agent* agent : agents) {
        if (pauses) agent->send(Json{{"op", "resume"}});
    }
    const auto fresh = world.publish(stream, 1);
    all.insert(all.end(), fresh.begin(), fresh.end());
    for (Agent* agent : agents) {
        const auto ends = [&] {
            const auto* last = agent->batches().empty() ? nullptr : agent->batches().back();
            return last != nullptr && !last->entries.empty() && last->entries.back().key == all.back();
        };
        const bool came = co_await world.comes_true(ends, 10s);
        world.expect(came, "TAIL-1", "the last entry did not come");
    }
    co_await world.pause(500ms);  // a gap may be told behind what came
    for (int i = 0; i < tails; ++i) {
        const size_t first = static_cast<size_t>(i) * 20 + 1;
        const std::vector<EntryKey> expected(all.begin() + static_cast<std::ptrdiff_t>(first), all.end());
        judge(world, *agents[static_cast<size_t>(i)], expected, "tail " + std::to_string(i + 1));
        expect_none_there(world, *agents[static_cast<size_t>(i)], stream);
    }
}

EntryKey add(World& world, const std::string& stream, const std::string& id) {
    const Instant sent = world.now();
    const Reply reply = world.command({"XADD", stream, id, "n", id});
    world.record_published(stream, reply.text, {{"n", id}}, sent);
    return {stream, reply.text};
}

// A read behind the old cursor would wait for ever.
Task<> made_anew(World& world) {
    const Start start = world.tail("orders", "new", {{"batch_size", 10}, {"block", "200ms"}});
    const std::string& stream = start.streams.front();
    Agent& agent = world.spawn();
    co_await ready_as_tail(world, agent, start);
    auto expected = world.publish(stream, 3);
    co_await agent.delivered(3, 5s);
    world.delete_key(stream);
    for (const char* id : {"1-1", "1-2", "2-1"}) expected.push_back(add(world, stream, id));
    co_await agent.delivered(6, 10s);
    world.expect(delivered_keys(agent) == expected, "TAIL-3",
                 "of three entries of a stream that was made anew with lower ids, " +
                     std::to_string(agent.delivered_count() - 3) + " came");
    const Json* told = co_await agent.next("reset", 1s);
    world.require(told != nullptr, "TAIL-3", "no event reset");
    world.expect(told->value("stream", Json()) == stream, "TAIL-3", "it names another stream: " + told->dump());
    expected.push_back(add(world, stream, "3-1"));
    co_await expect_exactly(world, agent, expected);
}

// The usual clock goes on: nothing is lost, and nothing comes twice.
Task<> deleted_key(World& world) {
    const Start start = world.tail("orders", "new", {{"batch_size", 10}, {"block", "200ms"}});
    const std::string& stream = start.streams.front();
    Agent& agent = world.spawn();
    co_await ready_as_tail(world, agent, start);
    auto expected = world.publish(stream, 3);
    co_await agent.delivered(3, 5s);
    world.delete_key(stream);
    co_await world.pause(1500ms);  // long enough to be noticed
    for (const auto& key : world.publish(stream, 3)) expected.push_back(key);
    co_await expect_exactly(world, agent, expected);
}

Task<> one_of_another_type(World& world) {
    Start start = world.tail("orders", "0", {{"batch_size", 10}, {"block", "200ms"}});
    const std::string good = start.streams.front(), bad = world.stream("returns");
    start.streams = {bad, good};
    auto expected = world.publish(good, 3);
    Agent& agent = world.spawn();
    co_await ready_as_tail(world, agent, start);
    co_await agent.delivered(3, 5s);
    world.command({"SET", bad, "no stream"});
    world.record_fault("SET " + bad);
    for (const auto& key : world.publish(good, 3)) expected.push_back(key);
    co_await agent.delivered(6, 10s);
    world.expect(
        delivered_keys(agent) == expected, "MUL-1",
        "with another key that is no stream, " + std::to_string(agent.delivered_count()) + " of 6 entries came");
    world.command({"DEL", bad});
    for (const auto& key : world.publish(bad, 3)) expected.push_back(key);
    const bool came = co_await agent.delivered(9, 15s);
    world.expect(came, "MUL-1", "of a stream in the place of what was none, nothing came in 15 s");
}

Task<> without_xinfo(World& world) {
    Start start = world.tail("orders", "new", {{"batch_size", 10}});
    start.url = world.acl_user({"~*", "+@all", "-xinfo"}).text();
    world.publish(start.streams.front(), 3);
    Agent& agent = world.spawn();
    co_await ready_as_tail(world, agent, start);
    const auto fresh = world.publish(start.streams.front(), 3);
    co_await expect_exactly(world, agent, fresh);
    const Json* told = co_await agent.next("error", 1s);
    world.expect(told != nullptr, "RET-1", "XINFO is refused, and nobody says what is missing without it");
}

}  // namespace

std::vector<Case> tail_gap_cases() {
    constexpr auto tail = CaseClass::Tail;
    constexpr auto need = ServerNeed::Streams;
    constexpr auto none = Timing::None;
    return {
        {"tail-gap/1-trimmed",
         "What was trimmed behind the cursor is told, once",
         {"TAIL-3"},
         {"tail"},
         tail,
         need,
         none,
         trimmed_before},
        {"tail-gap/2-none",
         "What was read may be trimmed, and what was deleted is no gap",
         {"TAIL-3"},
         {"tail"},
         tail,
         need,
         none,
         no_gap},
        {"tail-gap/3-ten-tails",
         "Ten tails over a stream that is trimmed meanwhile: each entry, or a gap that tells the truth",
         {"TAIL-1", "TAIL-3"},
         {"tail", "config"},
         tail,
         need,
         none,
         ten_tails},
        {"tail-gap/4-made-anew",
         "A stream made anew with lower ids while a read blocks",
         {"TAIL-3"},
         {"tail", "config"},
         tail,
         need,
         none,
         made_anew},
        {"tail-gap/5-deleted-key",
         "A deleted key: the place is kept",
         {"TAIL-1", "TAIL-3"},
         {"tail", "config"},
         tail,
         need,
         none,
         deleted_key},
        {"tail-gap/6-another-type",
         "One of two keys is no stream: the other goes on",
         {"MUL-1", "TAIL-1"},
         {"tail", "many", "config"},
         tail,
         need,
         none,
         one_of_another_type},
        {"tail-gap/7-without-xinfo",
         "Without XINFO it begins with what comes, and says what is missing",
         {"TAIL-1", "RET-1"},
         {"tail"},
         tail,
         need,
         none,
         without_xinfo},
    };
}

}  // namespace millrace::harness
