// Where a tail begins, and that it stays there: saved cursors, canonical ids, several streams, lost connections.

#include <algorithm>

#include "base/text.hpp"
#include "cases/table.hpp"
#include "cases/tail_story.hpp"

namespace millrace::harness {

namespace {

Json cursors_json(const std::vector<EntryKey>& keys) {
    Json list = Json::array();
    for (const auto& key : keys) list.push_back(key.stream + "=" + key.id);
    return list;
}

// The last n are those of each stream.
Task<> last_n_of_each(World& world) {
    Start start = world.tail("orders", "last:4", {{"batch_size", 5}});
    start.streams = {world.stream("orders"), world.stream("returns"), world.stream("nothing")};
    const auto orders = world.publish(start.streams[0], 30);
    const auto returns = world.publish(start.streams[1], 3);
    Agent& agent = world.spawn();
    co_await ready_as_tail(world, agent, start);
    co_await agent.delivered(7, 5s);
    std::vector<EntryKey> expected(orders.end() - 4, orders.end());
    expected.insert(expected.end(), returns.begin(), returns.end());
    for (const auto& stream : start.streams) {
        const auto fresh = world.publish(stream, 2);
        expected.insert(expected.end(), fresh.begin(), fresh.end());
    }
    co_await agent.delivered(expected.size(), 5s);
    co_await world.pause(100ms);
    auto keys = delivered_keys(agent);
    // Streams have no order among each other.
    std::sort(keys.begin(), keys.end());
    std::sort(expected.begin(), expected.end());
    world.expect(keys == expected, "TAIL-1",
                 "of three streams with 30, 3 and no entries, the last 4 of each and 2 new "
                 "ones of each are 13; came " +
                     std::to_string(keys.size()));
}

// A reader that ends and one that goes on in its place, by the last ids that it handled.
Task<> saved_cursors(World& world) {
    Start start = world.tail("orders", "0", {{"batch_size", 5}});
    start.streams = {world.stream("orders"), world.stream("returns")};
    world.publish(start.streams[0], 12);
    world.publish(start.streams[1], 7);
    Agent& first = world.spawn();
    co_await ready_as_tail(world, first, start);
    const bool all = co_await first.delivered(19, 5s);
    world.require(all, "TAIL-1", "of 19 entries " + std::to_string(first.delivered_count()) + " came");
    std::map<std::string, EntryKey> last;
    for (const auto& key : delivered_keys(first)) last.insert_or_assign(key.stream, key);
    first.kill();
    std::vector<EntryKey> expected = world.publish(start.streams[0], 3);
    for (const auto& key : world.publish(start.streams[1], 2)) expected.push_back(key);
    std::vector<EntryKey> saved;
    for (const auto& [stream, key] : last) saved.push_back(key);
    start.config["cursors"] = cursors_json(saved);
    start.from = "new";
    Agent& second = world.spawn();
    co_await ready_as_tail(world, second, start);
    co_await second.delivered(5, 5s);
    co_await world.pause(100ms);
    auto keys = delivered_keys(second);
    std::sort(keys.begin(), keys.end());
    std::sort(expected.begin(), expected.end());
    world.expect(keys == expected, "TAIL-1",
                 "behind its saved cursors there were 5 entries; came " + std::to_string(keys.size()));
}

Task<> over_cuts(World& world) {
    const Start start = world.tail("orders", "new", {{"batch_size", 7}, {"block", "200ms"}, {"retry_delay", "50ms"}});
    Agent& agent = world.spawn();
    co_await ready_as_tail(world, agent, start);
    std::vector<EntryKey> expected;
    int killed = 0;
    for (int round = 0; round < 10; ++round) {
        for (const auto& key : world.publish(start.streams.front(), 50)) expected.push_back(key);
        const Duration moment(world.random().between(0, 40'000));
        co_await world.pause(moment);
        killed += world.cut_connections(agent);
    }
    if (killed == 0) world.unsupported("the agent's connections are not to be found here");
    co_await agent.delivered(expected.size(), 10s);
    co_await expect_exactly(world, agent, expected);
    const bool told = std::any_of(agent.events().begin(), agent.events().end(), [](const Json& event) {
        return event["event"] == "gap" || event["event"] == "reset";
    });
    world.expect(!told, "TAIL-3", "a gap or reset is told, and there was none");
}

// A reply that is cut short brings what was whole in it, and the rest comes again.
Task<> in_the_middle(World& world) {
    for (const int at : {40, 400, 1200, 2500}) {
        Proxy& proxy = world.proxy();
        Start start = world.tail("orders-" + std::to_string(at), "0", {{"batch_size", 50}, {"retry_delay", "50ms"}});
        start.url = proxy.url().text();
        const auto all = world.publish(start.streams.front(), 100);
        proxy.add(CutAt{Direction::Down, static_cast<uint64_t>(at), 0});
        Agent& agent = world.spawn();
        co_await agent.hello();
        agent.start(start);
        co_await agent.delivered(all.size(), 10s);
        co_await expect_exactly(world, agent, all);
    }
}

Task<> canonical_id(World& world) {
    Start start = world.tail("orders", "id:order-2", {{"batch_size", 10}, {"id_field", "event.id"}});
    std::vector<Fields> entries;
    for (int i = 0; i < 1500; ++i) {
        const int order = i < 20 ? i % 10 : i;  // of the ids below 10 there are two
        entries.push_back({{"event", R"({"type":"made","id":"order-)" + std::to_string(order) + "\"}"}});
    }
    const auto keys = world.publish(start.streams.front(), entries);
    Agent& agent = world.spawn();
    co_await ready_as_tail(world, agent, start);
    const std::vector<EntryKey> expected(keys.begin() + 13, keys.end());
    co_await agent.delivered(expected.size(), 10s);
    const auto came = delivered_keys(agent);
    world.expect(came == expected, "TAIL-2",
                 "behind the newest entry with the id there are " + std::to_string(expected.size()) + "; came " +
                     std::to_string(came.size()) + (came.empty() ? "" : ", the first of them " + came.front().id));
}

Task<> no_such_id(World& world) {
    Start start = world.tail("orders", "id:order-x", {{"batch_size", 10}, {"id_field", "n"}});
    world.publish(start.streams.front(), 20);
    Agent& agent = world.spawn();
    co_await agent.hello();
    agent.start(start);
    const Json* told = co_await agent.next("error", 5s);
    world.require(told != nullptr, "TAIL-2", "no entry has the id, and no error says so in 5 s");
    world.expect(text_or(*told, "code") == "cursor_not_found", "TAIL-2",
                 "the error's code is '" + excerpt(text_or(*told, "code")) + "', not cursor_not_found");
    world.expect(told->value("retryable", Json()) == false, "TAIL-2", "it says that a retry may help");
    world.expect(text_or(*told, "message").find("order-x") != std::string::npos, "TAIL-2",
                 "the message does not name the id: " + excerpt(text_or(*told, "message")));
    world.expect(agent.delivered_count() == 0, "TAIL-2", "entries came all the same");
}

Task<> scan_is_bounded(World& world) {
    Start start = world.tail("orders", "id:0", {{"batch_size", 10}, {"id_field", "n"}, {"max_scan", 50}});
    world.publish(start.streams.front(), numbered(0, 100));
    Agent& agent = world.spawn();
    co_await agent.hello();
    agent.start(start);
    const Json* told = co_await agent.next("error", 5s);
    world.require(told != nullptr && text_or(*told, "code") == "cursor_not_found", "TAIL-2",
                  "the id is the 100th from the end, max_scan is 50, and there is no cursor_not_found");
}

}  // namespace

std::vector<Case> tail_place_cases() {
    constexpr auto tail = CaseClass::Tail;
    constexpr auto need = ServerNeed::Streams;
    constexpr auto none = Timing::None;
    return {
        {"tail/8-last-n-of-each",
         "The last n of each of several streams",
         {"TAIL-1"},
         {"tail", "many"},
         tail,
         need,
         none,
         last_n_of_each},
        {"tail/9-saved",
         "From saved cursors of several streams",
         {"TAIL-1"},
         {"tail", "many", "config"},
         tail,
         need,
         none,
         saved_cursors},
        {"tail/10-cuts",
         "Its place outlives lost connections",
         {"TAIL-1", "TAIL-3"},
         {"tail", "config"},
         tail,
         need,
         none,
         over_cuts},
        {"tail/11-cut-reply",
         "A reply that is cut in the middle",
         {"TAIL-1"},
         {"tail", "config"},
         tail,
         need,
         none,
         in_the_middle},
        {"tail/12-canonical-id",
         "After a canonical id, by a path into a field's JSON",
         {"TAIL-2", "DUP-1"},
         {"tail", "config"},
         tail,
         need,
         none,
         canonical_id},
        {"tail/13-no-such-id",
         "A canonical id that is not there is a typed error",
         {"TAIL-2"},
         {"tail", "config"},
         tail,
         need,
         none,
         no_such_id},
        {"tail/14-bounded",
         "The search for an id is bounded",
         {"TAIL-2"},
         {"tail", "config"},
         tail,
         need,
         none,
         scan_is_bounded},
    };
}

}  // namespace millrace::harness
