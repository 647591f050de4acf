// The dead are listed and put back: to the group that had given them up, and to no other.

#include <algorithm>

#include "base/text.hpp"
#include "cases/expect.hpp"
#include "cases/pending.hpp"
#include "cases/table.hpp"

namespace millrace::harness {

namespace {

const Json quick = {{"batch_size", 5}, {"flush_interval", "20ms"}};

// Entries of the origin that were not published by the case: what was put back. Recorded for the checker.
std::vector<EntryKey> put_back(World& world, const std::string& stream, const std::vector<DeadLetter>& letters,
                               Instant asked) {
    std::set<std::string> known;
    for (const auto& entry : world.history().published) known.insert(entry.key.id);
    std::vector<EntryKey> keys;
    size_t next = 0;
    for (const Reply& item : world.command({"XRANGE", stream, "-", "+"}).items) {
        if (known.contains(item.at(0).text) || next >= letters.size()) continue;
        keys.push_back({stream, item.at(0).text});
        world.record_redriven(stream, letters[next++], item.at(0).text);
        world.history().published.back().sent = asked;  // not earlier
    }
    return keys;
}

// The ids of the dead that an agent lists.
std::vector<std::string> listed(const Json* dead) {
    std::vector<std::string> ids;
    if (dead == nullptr || !dead->contains("entries")) return ids;
    for (const Json& entry : (*dead)["entries"]) {
        if (entry.is_object() && entry.contains("id") && entry["id"].is_string()) ids.push_back(entry["id"]);
    }
    return ids;
}

Task<> two_groups(World& world) {
    const Start first = world.consume("orders", quick);
    Start second = world.consume("orders", quick);
    second.group = "others";
    const std::string& stream = first.streams.front();
    Agent& agent = world.spawn();
    Agent& other = world.spawn();
    agent.hold();
    co_await agent.ready(first);
    co_await other.ready(second);
    const auto keys = world.publish(stream, 3);
    const bool came = co_await gets(world, agent, keys, 5s);
    const bool other_came = co_await gets(world, other, keys, 5s);
    world.require(came && other_came, "BAT-1", "3 published, and not each group was handed all of them");
    const std::vector<EntryKey> bad = {keys[0], keys[1]};
    const std::vector<EntryKey> good = {keys[2]};
    agent.reject(bad, "not yet");
    agent.ack(good);
    const auto both_dead = [&] { return world.dead_letters(stream).size() == 2; };
    const bool dead = co_await world.comes_true(both_dead, 5s);
    world.require(dead, "DLQ-2", "2 entries were rejected and are no dead letters");
    const auto letters = world.dead_letters(stream);

    const auto list_request = agent.send(Json{{"op", "dead"}});
    const Json* list = co_await agent.answer(list_request, 5s);
    const std::vector<std::string> ids = listed(list);
    world.expect(ids == std::vector<std::string>({letters[0].id, letters[1].id}), "DLQ-2",
                 "2 entries are dead, " + std::to_string(ids.size()) + " are listed");

    const Instant asked = world.now();
    const auto request = agent.send(Json{{"op", "redrive"}, {"ids", {letters[0].id, letters[1].id}}});
    const Json* said = co_await agent.answer(request, 5s);
    world.require(said != nullptr && (*said)["event"] == "redriven", "DLQ-2", "redrive is not answered by redriven");
    const auto back = put_back(world, stream, letters, asked);
    world.require(back.size() == 2, "DLQ-2", std::to_string(back.size()) + " of 2 dead letters were put back");
    world.expect(world.dead_letters(stream).empty(), "DLQ-2", "what was put back is dead still");
    const bool again = co_await gets(world, agent, back, 5s);
    world.expect(again, "DLQ-2", "what was put back is not handed over to its group");
    // The checker compares the fields: they are the entry's own, without dlq_.
    agent.ack(back);
    co_await expect_none_pending(world, first, "DLQ-2");
    const auto others_done = [&] {
        for (const Reply& group : world.command({"XINFO", "GROUPS", stream}).items) {
            if (group.field("name").text != second.group) continue;
            return group.field("last-delivered-id").text == back.back().id && group.field("pending").integer == 0;
        }
        return false;
    };
    const bool unseen = co_await world.comes_true(others_done, 5s);
    world.expect(unseen, "DLQ-2", "the other group did not ack what was put back for the first");
    for (const auto& key : back) {
        world.expect(times_delivered(other, key) == 0, "DLQ-2",
                     "the dead letter of one group was put back and handed over to another");
    }
}

}  // namespace

std::vector<Case> redrive_cases() {
    return {
        {"redrive/1-two-groups",
         "The dead of one group are put back: it gets them again, another group acks them unseen",
         {"DLQ-2", "DLQ-3"},
         {"streams", "dlq", "redrive", "concurrent"},
         CaseClass::Streams,
         ServerNeed::Streams,
         Timing::None,
         two_groups},
    };
}

}  // namespace millrace::harness
