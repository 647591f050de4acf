// Publishing through the agent: each entry has its own result, in order, and is on the server when it says so.

#include "base/text.hpp"
#include "cases/table.hpp"

namespace millrace::harness {

namespace {

// The ids of a published event, recorded as confirmed; an error counts as no id.
std::vector<std::string> ids_of(World& world, const Json* said, const std::string& stream,
                                const std::vector<Fields>& entries, Instant sent) {
    world.require(said != nullptr, "PUB-1", "no published event within 10 s");
    world.require((*said)["event"] == "published" && said->contains("results") && (*said)["results"].is_array(),
                  "PUB-1",
                  "the answer to publish is " + excerpt(said->dump(-1, ' ', false, Json::error_handler_t::replace)));
    const Json& results = (*said)["results"];
    world.require(results.size() == entries.size(), "PUB-1",
                  std::to_string(entries.size()) + " published, " + std::to_string(results.size()) + " results");
    std::vector<std::string> ids;
    for (size_t i = 0; i < results.size(); ++i) {
        const bool has_id = results[i].is_object() && results[i].contains("id") && results[i]["id"].is_string();
        ids.push_back(has_id ? results[i]["id"].get<std::string>() : "");
        if (has_id) world.record_published(stream, ids.back(), entries[i], sent);
    }
    return ids;
}

// The stream holds exactly these, in this order.
void expect_stream(World& world, const std::string& stream, const std::vector<std::string>& ids,
                   const std::vector<Fields>& entries) {
    const Reply range = world.command({"XRANGE", stream, "-", "+"});
    world.expect(range.items.size() == ids.size(), "PUB-1",
                 "the stream holds " + std::to_string(range.items.size()) + " entries, " + std::to_string(ids.size()) +
                     " were confirmed");
    for (size_t i = 0; i < range.items.size() && i < ids.size(); ++i) {
        const Reply& item = range.items[i];
        if (!world.expect(item.at(0).text == ids[i], "PUB-1",
                          "result " + std::to_string(i) + " says id '" + excerpt(ids[i]) + "', the stream has " +
                              item.at(0).text)) {
            return;
        }
        Fields fields;
        for (size_t k = 0; k + 1 < item.at(1).items.size(); k += 2) {
            fields.emplace_back(item.at(1).at(k).text, item.at(1).at(k + 1).text);
        }
        world.expect(fields == entries[i], "PUB-5", "entry " + ids[i] + " has other fields on the server");
    }
}

// An agent publishes once it was started; what it reads meanwhile is its own matter.
Task<> ready_to_publish(World& world, Agent& agent) {
    const Start start = world.consume("elsewhere");
    co_await agent.ready(start);
}

Task<> results(World& world) {
    Agent& agent = world.spawn();
    co_await ready_to_publish(world, agent);
    const std::string stream = world.stream("orders");
    const std::vector<Fields> entries = {
        {{"a", "1"}},
        {{"b", "2"}, {"b", "3"}, {"a", ""}},
        {{"bytes", std::string("\0\xff\r\n", 4)}},
        {{"", ""}},
    };
    const Instant sent = world.now();
    const auto request = agent.publish(stream, entries);
    const Json* said = co_await agent.answer(request, 10s);
    const auto ids = ids_of(world, said, stream, entries, sent);
    expect_stream(world, stream, ids, entries);
}

Task<> thousand(World& world) {
    Agent& agent = world.spawn();
    co_await ready_to_publish(world, agent);
    const std::string stream = world.stream("orders");
    const auto entries = numbered(0, 1000);
    const Instant sent = world.now();
    const auto request = agent.publish(stream, entries);
    const Json* said = co_await agent.answer(request, 10s);
    const auto ids = ids_of(world, said, stream, entries, sent);
    expect_stream(world, stream, ids, entries);
}

Task<> wrong_type(World& world) {
    Agent& agent = world.spawn();
    co_await ready_to_publish(world, agent);
    const std::string key = world.stream("a-string");
    world.command({"SET", key, "x"});
    const auto entries = numbered(0, 2);
    const auto request = agent.publish(key, entries);
    const Json* said = co_await agent.answer(request, 10s);
    ids_of(world, said, key, entries, world.now());
    for (const auto& result : (*said)["results"]) {
        const Json error = result.is_object() ? result.value("error", Json()) : Json();
        world.expect(error == "wrong_type", "PUB-1", "publishing to a string answers " + result.dump());
    }
    // And the next one, to a stream, is not harmed.
    const std::string stream = world.stream("orders");
    const auto one = numbered(0, 1);
    const Instant sent = world.now();
    const auto next = agent.publish(stream, one);
    said = co_await agent.answer(next, 10s);
    const auto ids = ids_of(world, said, stream, one, sent);
    expect_stream(world, stream, ids, one);
}

Task<> atomic(World& world) {
    Agent& agent = world.spawn();
    co_await ready_to_publish(world, agent);
    const std::string stream = world.stream("orders");
    const auto entries = numbered(0, 10);
    const Json options = {{"atomic", true}};
    const Instant sent = world.now();
    const auto request = agent.publish(stream, entries, options);
    const Json* said = co_await agent.answer(request, 10s);
    const auto ids = ids_of(world, said, stream, entries, sent);
    expect_stream(world, stream, ids, entries);
}

}  // namespace

std::vector<Case> publish_cases() {
    constexpr auto publish = CaseClass::Publish;
    constexpr auto need = ServerNeed::Streams;
    return {
        {"publish/1-results",
         "Each entry has its result, and is on the server as it was given",
         {"PUB-1", "PUB-5"},
         {"publish"},
         publish,
         need,
         Timing::None,
         results},
        {"publish/2-thousand",
         "1000 in one go, in order",
         {"PUB-1"},
         {"publish"},
         publish,
         need,
         Timing::None,
         thousand},
        {"publish/3-wrong-type",
         "A key of another type: each result says so",
         {"PUB-1"},
         {"publish"},
         publish,
         need,
         Timing::None,
         wrong_type},
        {"publish/4-atomic", "atomic: all in one MULTI", {"PUB-1"}, {"publish"}, publish, need, Timing::None, atomic},
    };
}

}  // namespace millrace::harness
