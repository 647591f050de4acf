// What can't be worked on goes to the dead stream and is only then acked; it is never lost on the way, and never goes
// round for ever.

#include <algorithm>

#include "base/text.hpp"
#include "cases/expect.hpp"
#include "cases/pending.hpp"
#include "cases/table.hpp"

namespace millrace::harness {

namespace {

const Json strict = {{"batch_size", 5},           {"flush_interval", "20ms"}, {"claim_interval", "200ms"},
                     {"claim_min_idle", "2s"},    {"max_deliveries", 3},      {"retry_delay", "50ms"},
                     {"max_retry_delay", "200ms"}};

// Looks at one moment whether the entry is pending, or dead, or neither: then it would be lost in a crash.
bool in_one_of_both(World& world, const Start& start, const EntryKey& key) {
    world.command({"MULTI"});
    world.command({"XPENDING", start.streams.front(), start.group, key.id, key.id, "1"});
    world.command({"XLEN", dead_stream_of(start.streams.front())});
    const Reply both = world.command({"EXEC"});
    return !both.at(0).items.empty() || both.at(1).integer > 0;
}

// Within the time, `count` dead letters; meanwhile the entry is at every moment pending or dead.
Task<std::vector<DeadLetter>> dead_come(World& world, const Start& start, size_t count, EntryKey watched,
                                        Duration within) {
    const Instant deadline = world.now() + within;
    for (;;) {
        world.require(in_one_of_both(world, start, watched), "DLQ-1",
                      "entry " + watched.id + " is neither pending nor a dead letter: it was acked first");
        auto letters = world.dead_letters(start.streams.front());
        if (letters.size() >= count || world.now() >= deadline) co_return letters;
        co_await world.pause(2ms);
    }
}

const Fields* fields_of(World& world, const std::string& id) {
    for (const auto& entry : world.history().published) {
        if (entry.key.id == id) return &entry.fields;
    }
    return nullptr;
}

// It carries the entry's own fields, and says where it comes from.
void expect_letter(World& world, const Start& start, const DeadLetter& letter, const EntryKey& key) {
    const std::string where = "the dead letter of " + key.id;
    world.expect(letter.field("dlq_origin_id") == key.id, "DLQ-1",
                 where + " has dlq_origin_id '" + excerpt(letter.field("dlq_origin_id")) + "'");
    world.expect(letter.field("dlq_stream") == start.streams.front(), "DLQ-1",
                 where + " has dlq_stream '" + excerpt(letter.field("dlq_stream")) + "'");
    world.expect(letter.field("dlq_group") == start.group, "DLQ-1",
                 where + " has dlq_group '" + excerpt(letter.field("dlq_group")) + "'");
    world.expect(!letter.field("dlq_consumer").empty(), "DLQ-1", where + " has no dlq_consumer");
    world.expect(parse_integer(letter.field("dlq_deliveries")).value_or(0) > 0, "DLQ-1",
                 where + " has dlq_deliveries '" + excerpt(letter.field("dlq_deliveries")) + "'");
    world.expect(!letter.field("dlq_error").empty(), "DLQ-1", where + " has no dlq_error");
    const Fields* own = fields_of(world, key.id);
    world.expect(own != nullptr && letter.own() == *own, "DLQ-1", where + " has other fields than the entry had");
}

Task<> nack_loop(World& world) {
    const Start start = world.consume("orders", strict);
    Agent& agent = world.spawn();
    agent.hold();
    co_await agent.ready(start);
    const auto keys = world.publish(start.streams.front(), 3);
    const std::vector<EntryKey> poison = {keys[1]};
    for (int round = 1; round <= 3; ++round) {
        const auto so_often = [&] { return times_delivered(agent, keys[1]) >= round; };
        const bool came = co_await world.comes_true(so_often, 5s);
        world.require(came, "ACK-4", "delivery " + std::to_string(round) + " of a nacked entry does not come");
        agent.nack(poison, 0ms);
    }
    const std::vector<EntryKey> good = {keys[0], keys[2]};
    agent.ack(good);
    const auto letters = co_await dead_come(world, start, 1, keys[1], 10s);
    world.require(letters.size() == 1, "DLQ-1",
                  "nacked " + std::to_string(times_delivered(agent, keys[1])) +
                      " times with max_deliveries 3, there is no dead letter");
    expect_letter(world, start, letters.front(), keys[1]);
    world.expect(
        times_delivered(agent, keys[1]) == 3, "DLQ-1",
        "with max_deliveries 3 it was handed over " + std::to_string(times_delivered(agent, keys[1])) + " times");
    co_await expect_none_pending(world, start, "DLQ-1");
    const Json* event = co_await agent.next("dead_lettered", 5s);
    world.expect(event != nullptr, "DLQ-1", "there is no event dead_lettered");
}

// Counted up by others: here it would be the fourth time.
Task<> left_by_others(World& world) {
    const Start start = world.consume("orders", strict);
    make_group(world, start);
    const auto keys = world.publish(start.streams.front(), 4);
    take_as(world, start, start.consumer, 2);  // found by its own recovery
    take_as(world, start, "gone", 2);          // found by its sweep
    for (size_t i = 0; i < keys.size(); ++i) {
        const std::string owner = i < 2 ? start.consumer : "gone";
        // One of each two is poison.
        const std::string count = i % 2 == 0 ? "3" : "2";
        world.command({"XCLAIM", start.streams.front(), start.group, owner, "0", keys[i].id, "IDLE", "60000",
                       "RETRYCOUNT", count, "JUSTID"});
    }
    Agent& agent = world.spawn();
    co_await agent.ready(start);
    const auto letters = co_await dead_come(world, start, 2, keys[0], 10s);
    world.expect(letters.size() == 2, "DLQ-1",
                 "2 entries had 3 deliveries and max_deliveries is 3: there are " + std::to_string(letters.size()) +
                     " dead letters");
    const std::vector<EntryKey> good = {keys[1], keys[3]};
    const bool came = co_await gets(world, agent, good, 5s);
    world.expect(came, "DLQ-1", "entries with 2 deliveries of 3 are not handed over");
    for (const size_t poison : {size_t{0}, size_t{2}}) {
        world.expect(times_delivered(agent, keys[poison]) == 0, "DLQ-1",
                     "entry " + keys[poison].id + ", delivered 3 times before, was handed over with max_deliveries 3");
    }
    co_await expect_none_pending(world, start, "DLQ-1");
}

Task<> rejected(World& world) {
    const Start start = world.consume("orders", strict);
    Agent& agent = world.spawn();
    agent.hold();
    co_await agent.ready(start);
    const auto keys = world.publish(start.streams.front(), 5);
    const bool came = co_await gets(world, agent, keys, 5s);
    world.require(came, "BAT-1", "5 published, " + std::to_string(agent.delivered_count()) + " handed over");
    const std::vector<EntryKey> bad = {keys[1], keys[3]};
    const std::vector<EntryKey> good = {keys[0], keys[2], keys[4]};
    const auto request = agent.reject(bad, "no such order");
    agent.ack(good);
    const auto letters = co_await dead_come(world, start, 2, keys[1], 10s);
    world.require(letters.size() == 2, "DLQ-2",
                  "of 2 rejected entries " + std::to_string(letters.size()) + " are dead letters");
    for (const auto& letter : letters) {
        const bool first = letter.field("dlq_origin_id") == keys[1].id;
        expect_letter(world, start, letter, first ? keys[1] : keys[3]);
        world.expect(letter.field("dlq_error") == "no such order", "DLQ-2",
                     "rejected for 'no such order', dlq_error is '" + excerpt(letter.field("dlq_error")) + "'");
    }
    const Json* said = co_await agent.answer(request, 5s);
    for (const auto& key : bad) {
        world.expect(code_of(said, key) == "ok", "DLQ-2", "the reject of " + key.id + " is not answered ok");
    }
    co_await expect_none_pending(world, start, "DLQ-1");
    co_await world.pause(300ms);
    world.expect(agent.delivered_count() == 5, "DLQ-2", "a rejected entry came again");
}

// EXEC does not roll back: XADD fails, and an XACK after it would lose the entry.
Task<> wrong_type(World& world) {
    const Start start = world.consume("orders", strict);
    const std::string dead = dead_stream_of(start.streams.front());
    world.command({"SET", dead, "no stream"});
    Agent& agent = world.spawn();
    agent.hold();
    co_await agent.ready(start);
    const auto keys = world.publish(start.streams.front(), 2);
    const bool came = co_await gets(world, agent, keys, 5s);
    world.require(came, "BAT-1", "2 published, " + std::to_string(agent.delivered_count()) + " handed over");
    const std::vector<EntryKey> bad = {keys[0]};
    const std::vector<EntryKey> good = {keys[1]};
    agent.reject(bad, "bad");
    agent.ack(good);
    const Json* event = co_await agent.next("dead_failed", 5s);
    world.expect(event != nullptr, "DLQ-1", "a dead letter can't be written, and there is no event dead_failed");
    co_await world.pause(500ms);
    const auto pending = pending_by_id(world, start);
    world.require(pending.contains(keys[0].id), "DLQ-1",
                  "the dead stream is of the wrong type, and the rejected entry is gone: it is lost");
    const auto more = world.publish(start.streams.front(), 5);
    const bool go_on = co_await gets(world, agent, more, 5s);
    world.expect(go_on, "DLQ-1", "a dead letter that can't be written holds up what is new");
    agent.ack(more);
    world.command({"DEL", dead});
    const auto letters = co_await dead_come(world, start, 1, keys[0], 10s);
    world.expect(letters.size() == 1, "DLQ-1", "10 s after the dead stream was mended the dead letter is not there");
    co_await expect_none_pending(world, start, "DLQ-1");
}

// More than a script takes as arguments on any server.
Task<> many_fields(World& world) {
    const Start start = world.consume("orders", strict);
    Fields many;
    for (int i = 0; i < 10'000; ++i) many.emplace_back("f" + std::to_string(i), std::to_string(i * i));
    Agent& agent = world.spawn();
    agent.hold();
    co_await agent.ready(start);
    const auto keys = world.publish(start.streams.front(), {many});
    const bool came = co_await gets(world, agent, keys, 5s);
    world.require(came, "BAT-1", "an entry of 10,000 fields does not come");
    agent.reject(keys, "too many");
    const auto letters = co_await dead_come(world, start, 1, keys[0], 10s);
    world.require(letters.size() == 1, "DLQ-1", "an entry of 10,000 fields does not become a dead letter");
    expect_letter(world, start, letters.front(), keys[0]);
    co_await expect_none_pending(world, start, "DLQ-1");
}

// 2,000 at once: no script gets more arguments than every server takes.
Task<> many_entries(World& world) {
    Json config = strict;
    config["batch_size"] = 2000;
    const Start start = world.consume("orders", config);
    Agent& agent = world.spawn();
    agent.hold();
    co_await agent.ready(start);
    const auto keys = world.publish(start.streams.front(), 2000);
    const bool came = co_await gets(world, agent, keys, 10s);
    world.require(came, "BAT-1", "2,000 published, " + std::to_string(agent.delivered_count()) + " handed over");
    agent.reject(keys, "all of them");
    const auto all_dead = [&] { return world.dead_letters(start.streams.front()).size() == keys.size(); };
    const bool dead = co_await world.comes_true(all_dead, 20s);
    world.expect(dead, "DLQ-4",
                 "of 2,000 entries that were rejected together " +
                     std::to_string(world.dead_letters(start.streams.front()).size()) + " are dead letters");
    co_await expect_none_pending(world, start, "DLQ-4");
}

}  // namespace

std::vector<Case> poison_cases() {
    constexpr auto streams = CaseClass::Streams;
    constexpr auto need = ServerNeed::Streams;
    constexpr auto untimed = Timing::None;
    return {
        {"poison/1-nack-loop",
         "An entry that is nacked again and again ends as a dead letter",
         {"DLQ-1", "DLQ-3", "ACK-4"},
         {"streams", "nack", "dlq", "concurrent"},
         streams,
         need,
         untimed,
         nack_loop},
        {"poison/2-left-by-others",
         "What others were delivered too often is found and not handed over",
         {"DLQ-1"},
         {"streams", "claim", "dlq"},
         streams,
         need,
         untimed,
         left_by_others},
        {"poison/3-rejected",
         "A rejected entry is a dead letter at once, with its error",
         {"DLQ-2", "DLQ-1", "DLQ-3"},
         {"streams", "dlq", "concurrent"},
         streams,
         need,
         untimed,
         rejected},
        {"poison/4-wrong-type",
         "The dead stream is of the wrong type: the entry stays pending until it is mended",
         {"DLQ-1"},
         {"streams", "dlq", "concurrent"},
         streams,
         need,
         untimed,
         wrong_type},
        {"poison/5-many-fields",
         "An entry of 10,000 fields becomes a dead letter whole",
         {"DLQ-1", "DLQ-4"},
         {"streams", "dlq", "concurrent"},
         streams,
         need,
         untimed,
         many_fields},
        {"poison/6-many-entries",
         "2,000 entries are rejected at once",
         {"DLQ-4"},
         {"streams", "dlq", "concurrent"},
         streams,
         need,
         untimed,
         many_entries},
    };
}

}  // namespace millrace::harness
