// Names of consumers: the host's own, or generated and no two alike; and no consumer is deleted while it has entries
// pending.

#include <algorithm>
#include <regex>

#include "base/text.hpp"
#include "cases/case.hpp"
#include "cases/expect.hpp"
#include "cases/pending.hpp"

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

// With a consumer that is deleted, what is pending for it is lost.
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
         "At drain no consumer is deleted with entries pending, and none that was given its name",
         {"REC-5"},
         {"streams", "drain", "concurrent"},
         streams,
         need,
         untimed,
         left_behind},
    };
}

}  // namespace millrace::harness
