// A consumer dies with SIGKILL and comes back under its name: everything unacked comes again before anything new,
// nothing acked does, and deliveries are counted.

#include <algorithm>
#include <map>
#include <set>

#include "base/text.hpp"
#include "cases/expect.hpp"
#include "cases/table.hpp"

namespace millrace::harness {

namespace {

constexpr int batch_size = 4;

// Waits until the server shows exactly `count` entries pending.
Task<std::map<std::string, PendingEntry>> pending_settles_at(World& world, const Start& start, size_t count,
                                                             Duration within) {
    const Instant deadline = world.now() + within;
    for (;;) {
        auto pending = pending_by_id(world, start);
        if (pending.size() == count || world.now() >= deadline) co_return pending;
        co_await world.pause(2ms);
    }
}

// What was left pending has to come first, all of it, as recovery, each counted once more than the server did.
void judge_recovered(World& world, const Agent& agent, const std::map<std::string, PendingEntry>& before) {
    std::set<std::string> missing;
    for (const auto& [id, entry] : before) missing.insert(id);
    for (const auto* batch : agent.batches()) {
        for (const auto& entry : batch->entries) {
            const auto was = before.find(entry.key.id);
            if (was == before.end()) {
                world.expect(missing.empty(), "REC-1",
                             "new entry " + entry.key.id + " came before " + std::to_string(missing.size()) +
                                 " that were still to be recovered");
                continue;
            }
            missing.erase(entry.key.id);
            world.expect(batch->reason == "recovery", "BAT-1",
                         "recovered entry " + entry.key.id + " came with reason '" + excerpt(batch->reason) + "'");
            const int64_t expected = was->second.deliveries + 1;
            world.expect(!entry.deliveries || *entry.deliveries == expected, "REC-1",
                         "recovered entry " + entry.key.id + " says deliveries " +
                             std::to_string(entry.deliveries.value_or(0)) + ", the server counted " +
                             std::to_string(was->second.deliveries) + " before it was read again");
        }
    }
    for (const auto& id : missing) world.expect(false, "REC-1", "entry " + id + " was pending and did not come again");
}

struct Rounds {
    std::map<std::string, PendingEntry> left;  // by the consumer that was killed
    int counted = 0;
    size_t acked = 0, delivered_not_acked = 0, read_not_delivered = 0;
};

// One life of the consumer: it recovers, gets new entries, acks some, holds some, has read some more, and is killed.
Task<> one_life(World& world, const Start& start, Rounds& rounds) {
    const std::string& stream = start.streams.front();
    Agent& agent = world.spawn();
    agent.hold();
    // Two full batches, and a rest that waits for a flush which does not come: read, and not handed over.
    const auto rest = static_cast<size_t>(world.random().between(1, batch_size - 1));
    const auto fresh = world.publish(stream, static_cast<int>(2 * batch_size + rest));
    rounds.left = pending_by_id(world, start);
    const size_t recovered = rounds.left.size();
    // The connection of the one that was killed may have taken some before the server noticed.
    const auto taken =
        std::count_if(fresh.begin(), fresh.end(), [&](const EntryKey& key) { return rounds.left.contains(key.id); });
    const size_t full = (fresh.size() - static_cast<size_t>(taken)) / batch_size * batch_size;
    const Instant started = world.now();
    co_await agent.ready(start);
    bool came = co_await agent.delivered(recovered, 10s);
    world.require(came, "REC-1",
                  std::to_string(recovered) + " were pending, " + std::to_string(agent.delivered_count()) +
                      " came again within 10 s");
    if (recovered > 0) world.figure_max("recover_ms", to_ms(world.now() - started));
    // Room for the new ones: what was recovered is done.
    auto done = agent.unacked();
    agent.ack(done);
    came = co_await agent.delivered(recovered + full, 10s);
    world.require(came, "REC-1",
                  "after recovery " + std::to_string(agent.delivered_count() - recovered) + " of " +
                      std::to_string(full) + " new entries came within 10 s");
    judge_recovered(world, agent, rounds.left);

    // The first batch of the new ones is acked, the second is held.
    std::vector<EntryKey> first(fresh.begin(), fresh.begin() + batch_size);
    auto others = agent.unacked();
    std::erase_if(others,
                  [&](const EntryKey& key) { return std::find(fresh.begin(), fresh.end(), key) != fresh.end(); });
    first.insert(first.end(), others.begin(), others.end());
    const auto request = agent.ack(first);
    const Json* said = co_await agent.answer(request, 5s);
    world.require(said != nullptr, "ACK-2", "no answer to an ack within 5 s");
    const size_t held = agent.unacked().size();
    const size_t unread = fresh.size() - static_cast<size_t>(taken) - full;
    const auto pending = co_await pending_settles_at(world, start, held + unread, 2s);
    world.expect(pending.size() >= held, "ACK-1",
                 std::to_string(held) + " are handed over and not acked, the server has " +
                     std::to_string(pending.size()) + " pending");
    if (pending.size() > held && held > 0) {
        ++rounds.counted;
        rounds.acked += first.size() + recovered;
        rounds.delivered_not_acked += held;
        rounds.read_not_delivered += pending.size() - held;
    }
    // Sometimes in the middle of one more ack, whose fate nobody knows then.
    if (held > 0 && world.random().between(0, 1) == 1) {
        const std::vector<EntryKey> one = {agent.unacked().front()};
        agent.ack(one);
        const Duration moment(world.random().between(0, 1500));
        co_await world.pause(moment);
    }
    agent.kill();
    rounds.left = pending_by_id(world, start);
}

Task<> sigkill(World& world) {
    Start start = world.consume("orders", {{"batch_size", batch_size}, {"flush_interval", "60s"}});
    Rounds rounds;
    // The group exists from the start, so that what is pending can be asked for before the first life.
    world.command({"XGROUP", "CREATE", start.streams.front(), start.group, "0", "MKSTREAM"});
    // A life does not count when the last one's connection has taken what was meant for it: more lives, then. After one
    // that went wrong there is nothing to learn from others.
    const auto is_well = [&] { return world.findings().empty(); };
    for (int life = 0; rounds.counted < world.rounds() && life < 10 * world.rounds() && is_well(); ++life) {
        co_await one_life(world, start, rounds);
    }
    world.expect(rounds.counted == world.rounds() || !is_well(), "REC-1",
                 "only " + std::to_string(rounds.counted) + " of " + std::to_string(world.rounds()) +
                     " rounds had entries acked, handed over and not acked, and read and not handed over");

    // The last life has peace: everything comes and is acked.
    start.config["flush_interval"] = "50ms";
    Agent& last = world.spawn();
    const auto left = rounds.left;
    co_await last.ready(start);
    const bool came = co_await last.delivered(left.size(), 10s);
    world.expect(came, "REC-1",
                 std::to_string(left.size()) + " were pending, " + std::to_string(last.delivered_count()) +
                     " came again within 10 s");
    judge_recovered(world, last, left);
    const auto pending = co_await pending_settles_at(world, start, 0, 3s);
    world.expect(pending.empty(), "ACK-1", std::to_string(pending.size()) + " are pending after all was acked");
    std::set<std::string> delivered;
    for (const auto& batch : world.history().batches) {
        for (const auto& entry : batch.entries) delivered.insert(entry.key.id);
    }
    size_t lost = 0;
    for (const auto& entry : world.history().published) lost += delivered.contains(entry.key.id) ? 0U : 1U;
    world.expect(lost == 0, "REC-1", std::to_string(lost) + " entries were never handed over: lost");
    world.figure("rounds", rounds.counted);
    world.figure("lost", static_cast<double>(lost));
    world.figure("acked_before_kill", static_cast<double>(rounds.acked));
    world.figure("delivered_not_acked", static_cast<double>(rounds.delivered_not_acked));
    world.figure("read_not_delivered", static_cast<double>(rounds.read_not_delivered));
}

// More is pending than a page or prefetch holds.
Task<> in_pages(World& world) {
    const Start start = world.consume("orders", {{"batch_size", 5}, {"flush_interval", "50ms"}});
    const std::string& stream = start.streams.front();
    world.command({"XGROUP", "CREATE", stream, start.group, "0", "MKSTREAM"});
    world.publish(stream, 503);
    // Read under the agent's name, as its former life would have.
    world.command({"XREADGROUP", "GROUP", start.group, start.consumer, "COUNT", "503", "STREAMS", stream, ">"});
    const auto before = pending_by_id(world, start);
    world.publish(stream, 20);
    Agent& agent = world.spawn();
    co_await agent.ready(start);
    const bool came = co_await agent.delivered(523, 20s);
    world.expect(came, "REC-1", "503 pending and 20 new: " + std::to_string(agent.delivered_count()) + " came");
    judge_recovered(world, agent, before);
    const auto pending = co_await pending_settles_at(world, start, 0, 3s);
    world.expect(pending.empty(), "REC-1", std::to_string(pending.size()) + " are pending after all was acked");
}

Task<> deleted_while_pending(World& world) {
    const Start start = world.consume("orders", {{"batch_size", 5}, {"flush_interval", "50ms"}});
    const std::string& stream = start.streams.front();
    world.command({"XGROUP", "CREATE", stream, start.group, "0", "MKSTREAM"});
    const auto keys = world.publish(stream, 6);
    world.command({"XREADGROUP", "GROUP", start.group, start.consumer, "COUNT", "6", "STREAMS", stream, ">"});
    for (const size_t gone : {size_t{0}, size_t{3}, size_t{5}}) world.delete_entry(keys[gone]);

    Agent& agent = world.spawn();
    co_await agent.ready(start);
    const bool came = co_await agent.delivered(3, 5s);
    world.expect(
        came, "REC-1",
        "3 of 6 pending entries were deleted; of the others " + std::to_string(agent.delivered_count()) + " came");
    const auto fresh = world.publish(stream, 1);
    const bool more = co_await agent.delivered(4, 5s);
    world.expect(more, "REC-1", "nothing new is handed over after deleted pending entries");
    for (const auto* batch : agent.batches()) {
        for (const auto& entry : batch->entries) {
            const bool deleted = entry.key == keys[0] || entry.key == keys[3] || entry.key == keys[5];
            world.expect(!deleted, "REC-1", "deleted entry " + entry.key.id + " was handed over");
        }
    }
    const auto pending = co_await pending_settles_at(world, start, 0, 3s);
    world.expect(pending.empty(), "REC-1",
                 std::to_string(pending.size()) + " are pending: deleted entries are to be acked away");
}

// A consumer that had nothing pending starts with what is new.
Task<> restart_without_pending(World& world) {
    const Start start = world.consume("orders", {{"batch_size", 5}, {"flush_interval", "50ms"}});
    Agent& first = world.spawn();
    co_await first.ready(start);
    world.publish(start.streams.front(), 5);
    const bool came = co_await first.delivered(5, 5s);
    world.require(came, "BAT-1", "5 published, " + std::to_string(first.delivered_count()) + " handed over");
    const auto pending = co_await pending_settles_at(world, start, 0, 3s);
    world.require(pending.empty(), "ACK-3", "acked entries are pending after 3 s");
    first.kill();
    world.publish(start.streams.front(), 5);
    Agent& second = world.spawn();
    co_await second.ready(start);
    const bool again = co_await second.delivered(5, 5s);
    world.expect(
        again, "REC-1",
        "5 published while it was dead, " + std::to_string(second.delivered_count()) + " handed over after its return");
    co_await world.pause(200ms);
    world.expect(second.delivered_count() == 5, "REC-1", "more came than what was new");
}

Task<> group_from_start(World& world) {
    const Start start = world.consume("orders", {{"batch_size", 5}, {"flush_interval", "50ms"}});
    world.publish(start.streams.front(), 10);  // before there is a group
    Agent& agent = world.spawn();
    co_await agent.ready(start);
    const bool came = co_await agent.delivered(10, 5s);
    world.expect(came, "REC-8",
                 "a group starts at 0 by default: of 10 entries from before it " +
                     std::to_string(agent.delivered_count()) + " came");
}

Task<> group_from_end(World& world) {
    const Start start = world.consume("orders", {{"batch_size", 5}, {"flush_interval", "50ms"}, {"start", "$"}});
    const auto old = world.publish(start.streams.front(), 10);
    world.history().excused.insert(old.begin(), old.end());
    Agent& agent = world.spawn();
    co_await agent.ready(start);
    world.publish(start.streams.front(), 5);
    const bool came = co_await agent.delivered(5, 5s);
    world.expect(came, "REC-8", "5 published after ready, " + std::to_string(agent.delivered_count()) + " came");
    co_await world.pause(200ms);
    for (const auto* batch : agent.batches()) {
        for (const auto& entry : batch->entries) {
            const bool is_old = std::find(old.begin(), old.end(), entry.key) != old.end();
            world.expect(!is_old, "REC-8", "start is $, and " + entry.key.id + " from before the group came");
        }
    }
}

Task<> group_exists(World& world) {
    const Start start = world.consume("orders", {{"batch_size", 5}, {"flush_interval", "50ms"}, {"start", "0"}});
    const auto old = world.publish(start.streams.front(), 4);
    world.history().excused.insert(old.begin(), old.end());
    world.command({"XGROUP", "CREATE", start.streams.front(), start.group, "$"});
    world.publish(start.streams.front(), 3);
    Agent& agent = world.spawn();
    co_await agent.ready(start);
    const bool came = co_await agent.delivered(3, 5s);
    world.expect(
        came, "REC-8",
        "the group exists: of 3 entries after its position " + std::to_string(agent.delivered_count()) + " came");
    co_await world.pause(200ms);
    world.expect(agent.delivered_count() == 3, "REC-8", "an existing group was moved");
}

Task<> no_stream_yet(World& world) {
    const Start start = world.consume("orders", {{"batch_size", 5}, {"flush_interval", "50ms"}});
    Agent& agent = world.spawn();
    co_await agent.ready(start);
    const Reply groups = world.command({"XINFO", "GROUPS", start.streams.front()});
    world.expect(groups.items.size() == 1, "REC-8", "there is no group when the agent says ready");
    world.publish(start.streams.front(), 5);
    const bool came = co_await agent.delivered(5, 5s);
    world.expect(came, "REC-8", "5 published, " + std::to_string(agent.delivered_count()) + " came");
}

}  // namespace

std::vector<Case> recovery_cases() {
    constexpr auto streams = CaseClass::Streams;
    constexpr auto need = ServerNeed::Streams;
    return {
        {"recovery/1-sigkill",
         "SIGKILL between delivery and ack: what is unacked comes again first, nothing acked does",
         {"REC-1", "BAT-1", "ACK-1"},
         {"streams", "concurrent"},
         streams,
         need,
         Timing::None,
         sigkill,
         true},
        {"recovery/2-pages",
         "503 pending entries are recovered in pages, before anything new",
         {"REC-1"},
         {"streams"},
         streams,
         need,
         Timing::None,
         in_pages},
        {"recovery/3-deleted",
         "Deleted pending entries are acked away and never handed over",
         {"REC-1"},
         {"streams"},
         streams,
         need,
         Timing::None,
         deleted_while_pending},
        {"recovery/4-nothing-pending",
         "A consumer that left nothing pending goes on with what is new",
         {"REC-1"},
         {"streams"},
         streams,
         need,
         Timing::None,
         restart_without_pending},
        {"group/1-from-0",
         "A new group starts at the beginning of the stream",
         {"REC-8"},
         {"streams"},
         streams,
         need,
         Timing::None,
         group_from_start},
        {"group/2-from-end",
         "A new group with start $ starts at its end",
         {"REC-8"},
         {"streams", "config"},
         streams,
         need,
         Timing::None,
         group_from_end},
        {"group/3-exists",
         "A group that exists stays where it is",
         {"REC-8"},
         {"streams"},
         streams,
         need,
         Timing::None,
         group_exists},
        {"group/4-no-stream",
         "A stream that does not exist yet is made with its group",
         {"REC-8"},
         {"streams"},
         streams,
         need,
         Timing::None,
         no_stream_yet},
    };
}

}  // namespace millrace::harness
