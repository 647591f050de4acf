// Names of consumers: the host's own, generated and no two alike, or under a lease; and no consumer is deleted while it
// has entries pending.

#include <algorithm>
#include <regex>

#include "base/text.hpp"
#include "cases/expect.hpp"
#include "cases/pending.hpp"
#include "cases/table.hpp"

namespace millrace::harness {

namespace {

const Json quick = {{"batch_size", 5}, {"flush_interval", "20ms"}};

std::vector<std::string> consumers_of(World& world, const Start& start) {
    std::vector<std::string> names;
    for (const Reply& item : world.command({"XINFO", "CONSUMERS", start.streams.front(), start.group}).items) {
        names.push_back(item.field("name").text);
    }
    return names;
}

bool has(const std::vector<std::string>& names, const std::string& name) {
    return std::find(names.begin(), names.end(), name) != names.end();
}

Task<> stable(World& world) {
    const Start start = world.consume("orders", quick);
    for (int life = 0; life < 2; ++life) {
        Agent& agent = world.spawn();
        co_await agent.ready(start);
        const auto keys = world.publish(start.streams.front(), 5);
        const bool came = co_await gets(world, agent, keys, 5s);
        world.require(came, "BAT-1", "5 published, " + std::to_string(agent.delivered_count()) + " handed over");
        co_await expect_none_pending(world, start, "ACK-3");
        agent.kill();
    }
    const auto names = consumers_of(world, start);
    world.expect(names == std::vector<std::string>{start.consumer}, "REC-4",
                 "started twice as " + start.consumer + ", the group has " + std::to_string(names.size()) +
                     " consumers, the first " + (names.empty() ? "none" : excerpt(names.front())));
}

Task<> generated(World& world) {
    Start start = world.consume("orders", quick);
    start.consumer.clear();
    Agent& first = world.spawn();
    Agent& second = world.spawn();
    co_await first.ready(start);
    co_await second.ready(start);
    const std::regex form("consumer-[0-9]{13}-[0-9A-Za-z]+");
    for (const Agent* agent : {&first, &second}) {
        world.expect(std::regex_match(agent->consumer(), form), "REC-4",
                     "a generated name is '" + excerpt(agent->consumer()) + "', not consumer-{unix ms}-{random}");
    }
    world.expect(first.consumer() != second.consumer(), "REC-4", "two consumers have generated one name");
    world.publish(start.streams.front(), 40);
    const auto both = [&] { return first.delivered_count() + second.delivered_count() == 40; };
    const bool all = co_await world.comes_true(both, 5s);
    world.expect(all, "REC-4", "40 published, and two consumers were handed another number");
}

Task<const Json*> drained(World& world, Agent& agent) {
    const auto request = agent.send(Json{{"op", "drain"}, {"timeout_ms", 500}});
    const Json* said = co_await agent.answer(request, 5s);
    world.require(said != nullptr && (*said)["event"] == "drained", "DRN-1", "drain is not answered by drained");
    co_return said;
}

// At its drain a generated name goes, if nothing is pending for it; a given one stays.
Task<> left_behind(World& world) {
    const Start named = world.consume("orders", quick);
    Start unnamed = named;
    unnamed.consumer.clear();
    Agent& given = world.spawn();
    co_await given.ready(named);
    const auto keys = world.publish(named.streams.front(), 5);
    const bool came = co_await gets(world, given, keys, 5s);
    world.require(came, "BAT-1", "5 published, " + std::to_string(given.delivered_count()) + " handed over");
    co_await drained(world, given);
    world.expect(has(consumers_of(world, named), named.consumer), "REC-5", "at drain a given name was deleted");

    Agent& empty = world.spawn();
    co_await empty.ready(unnamed);
    const auto more = world.publish(named.streams.front(), 5);
    const bool more_came = co_await gets(world, empty, more, 5s);
    world.require(more_came, "BAT-1", "5 published, " + std::to_string(empty.delivered_count()) + " handed over");
    co_await drained(world, empty);
    world.expect(!has(consumers_of(world, named), empty.consumer()), "REC-5",
                 "a generated name with nothing pending is still there after its drain");

    Agent& holder = world.spawn();
    holder.hold();
    co_await holder.ready(unnamed);
    const auto held = world.publish(named.streams.front(), 5);
    const bool held_came = co_await gets(world, holder, held, 5s);
    world.require(held_came, "BAT-1", "5 published, " + std::to_string(holder.delivered_count()) + " handed over");
    co_await drained(world, holder);
    world.expect(pending_by_id(world, named).size() == 5, "REC-5",
                 "a consumer was deleted with 5 entries pending: " +
                     std::to_string(pending_by_id(world, named).size()) + " are left");
}

// --- names under a lease

Start leased(World& world) {
    Json config = quick;
    config["consumer_lease"] = true;
    return world.consume("orders", config);
}

std::string lease_of(const Start& start, const std::string& name) {
    return "{" + start.streams.front() + "}:lease:" + start.group + ":" + name;
}

// What would happen by itself 30 s after the last renewal.
void end_lease(World& world, const Start& start, const std::string& name) {
    const Reply deleted = world.command({"DEL", lease_of(start, name)});
    world.record_fault("the lease of " + name + " is deleted");
    world.require(deleted.integer == 1, "REC-4", "there is no lease " + lease_of(start, name));
}

Task<> lease(World& world) {
    const Start start = leased(world);
    Agent& first = world.spawn();
    Agent& second = world.spawn();
    first.hold();
    second.hold();
    co_await first.ready(start);
    co_await second.ready(start);
    world.require(first.consumer() == start.consumer + "-1", "REC-4",
                  "the first of one base name is '" + excerpt(first.consumer()) + "'");
    world.require(second.consumer() == start.consumer + "-2", "REC-4",
                  "the second of one base name is '" + excerpt(second.consumer()) + "'");
    const auto count = [&] { return first.delivered_count() + second.delivered_count(); };
    for (int i = 0; i < 20; ++i) {
        world.publish(start.streams.front(), 1);
        const bool came = co_await world.comes_true([&] { return count() == static_cast<size_t>(i) + 1; }, 5s);
        world.require(came, "BAT-1", "an entry was not handed over within 5 s");
    }

    const std::string name = first.consumer();
    const std::vector<EntryKey> left = first.unacked();
    first.kill();
    end_lease(world, start, name);
    const Instant began = world.now();
    Agent& third = world.spawn();
    co_await third.ready(start);
    world.expect(third.consumer() == name, "REC-4",
                 name + " is free again, and the next took '" + excerpt(third.consumer()) + "'");
    const bool recovered = co_await gets(world, third, left, 5s);
    world.require(recovered, "REC-1",
                  "of " + std::to_string(left.size()) + " entries that " + name + " left " +
                      std::to_string(third.delivered_count()) + " came again");
    world.figure("recovery_ms", std::chrono::duration<double, std::milli>(world.now() - began).count());
    second.ack(second.unacked());
    co_await expect_none_pending(world, start, "ACK-3");
    expect_all_delivered(world, "ACK-1");

    co_await drained(world, second);
    world.expect(world.command({"EXISTS", lease_of(start, start.consumer + "-2")}).integer == 0, "REC-4",
                 "a lease is not freed at drain");
    world.expect(!has(consumers_of(world, start), start.consumer + "-2"), "REC-5",
                 "a leased name with nothing pending is still there after its drain");
}

Task<> lease_lost(World& world) {
    const Start start = leased(world);
    Agent& agent = world.spawn();
    agent.hold();
    co_await agent.ready(start);
    const std::string name = agent.consumer();
    const auto keys = world.publish(start.streams.front(), 5);
    const bool came = co_await gets(world, agent, keys, 5s);
    world.require(came, "BAT-1", "5 published, " + std::to_string(agent.delivered_count()) + " handed over");

    end_lease(world, start, name);
    world.command({"SET", lease_of(start, name), "somebody else", "PX", "60000"});
    const Instant lost_at = world.now();
    const bool told = co_await tells_lost(world, agent, keys, 15s);
    world.require(told, "REC-4", "the lease is another's, and within 15 s the entries are not told as lost");
    world.figure("noticed_ms", std::chrono::duration<double, std::milli>(world.now() - lost_at).count());
    const auto request = agent.ack(keys);
    const Json* said = co_await agent.answer(request, 5s);
    for (const auto& key : keys) {
        world.expect(code_of(said, key) == "lost", "REC-4",
                     "an ack under a name that is lost ends as '" + code_of(said, key) + "'");
    }
    world.expect(pending_by_id(world, start).size() == 5, "REC-4", "an ack under a name that is lost was sent");
    const auto renamed = [&] { return agent.consumer() == start.consumer + "-2"; };
    const bool took_another = co_await world.comes_true(renamed, 10s);
    world.expect(took_another, "REC-4", "after the loss of " + name + " it is '" + excerpt(agent.consumer()) + "'");

    world.command({"DEL", lease_of(start, name)});
    Agent& heir = world.spawn();
    co_await heir.ready(start);
    world.expect(heir.consumer() == name, "REC-4", "the free name is not taken, but '" + heir.consumer() + "'");
    const bool inherited = co_await gets(world, heir, keys, 5s);
    world.require(inherited, "REC-1", "what was lost with the name is not handed over to its next owner");
    agent.ack_as_they_come();
    world.publish(start.streams.front(), 5);
    const auto all_came = [&] { return agent.delivered_count() + heir.delivered_count() == 15; };
    const bool all = co_await world.comes_true(all_came, 5s);
    world.expect(all, "REC-4", "after the change of names 5 were published, and not all were handed over");
    co_await expect_none_pending(world, start, "ACK-3");
}

// --- expiry

Task<> expiry(World& world) {
    Json config = quick;
    config["consumer_expiry"] = "1s";
    config["claim_interval"] = "200ms";
    const Start start = world.consume("orders", config);
    make_group(world, start);
    publish_taken(world, start, "left-with-entries", 2);
    world.command({"XREADGROUP", "GROUP", start.group, "left-empty", "STREAMS", start.streams.front(), "0"});
    world.require(has(consumers_of(world, start), "left-empty"), "REC-5", "the harness made no consumer");
    const Instant left_at = world.now();
    Agent& agent = world.spawn();
    co_await agent.ready(start);
    const auto deleted = [&] { return !has(consumers_of(world, start), "left-empty"); };
    const bool was_deleted = co_await world.comes_true(deleted, 8s);
    world.expect(was_deleted, "REC-5", "a consumer with nothing pending is still there after 8 times its expiry");
    world.expect(world.now() - left_at > 900ms, "REC-5", "a consumer was deleted before its expiry of 1 s");
    co_await world.pause(1s);
    world.expect(has(consumers_of(world, start), "left-with-entries"), "REC-5",
                 "a consumer was deleted with entries pending");
    world.expect(pending_by_id(world, start).size() == 2, "REC-5", "entries were lost with a consumer");
    const auto keys = world.publish(start.streams.front(), 5);
    const bool came = co_await gets(world, agent, keys, 5s);
    world.expect(came, "BAT-1", "5 published, " + std::to_string(agent.delivered_count()) + " handed over");
}

}  // namespace

std::vector<Case> name_cases() {
    constexpr auto streams = CaseClass::Streams;
    constexpr auto need = ServerNeed::Streams;
    constexpr auto untimed = Timing::None;
    return {
        {"names/1-stable",
         "A consumer has the name that it was given, in each of its lives",
         {"REC-4"},
         {"streams"},
         streams,
         need,
         untimed,
         stable},
        {"names/2-generated",
         "Without a name each process has one of its own",
         {"REC-4"},
         {"streams", "config"},
         streams,
         need,
         untimed,
         generated},
        {"names/3-left-behind",
         "At drain a generated name is deleted, but never with entries pending",
         {"REC-5"},
         {"streams", "drain", "concurrent"},
         streams,
         need,
         untimed,
         left_behind},
        {"names/4-lease",
         "Processes of one base name have a name each, and a name is free again once its lease has ended",
         {"REC-4", "REC-5"},
         {"streams", "config", "concurrent", "drain"},
         streams,
         need,
         untimed,
         lease},
        {"names/5-lease-lost",
         "With its lease a consumer loses what it holds, says so, and goes on under the next name",
         {"REC-4"},
         {"streams", "config", "concurrent"},
         streams,
         need,
         untimed,
         lease_lost},
        {"names/6-expiry",
         "Consumers that have left are deleted after consumer_expiry, but never with entries pending",
         {"REC-5"},
         {"streams", "config"},
         streams,
         need,
         untimed,
         expiry},
    };
}

}  // namespace millrace::harness
