// The fallback to Pub/Sub, a class of its own: the same batches and flushes, at most once. On servers with Streams it
// is forced by mode: pubsub.

#include <algorithm>

#include "base/text.hpp"
#include "cases/flush_time.hpp"
#include "cases/table.hpp"

namespace millrace::harness {

namespace {

Start subscribe(World& world, Json config) {
    if (world.facts().streams) {
        if (!world.agent_can("config"))
            world.unsupported("the agent can't be told to use Pub/Sub on a server with Streams");
        config["mode"] = "pubsub";
    }
    return world.consume("orders", std::move(config));
}

Task<> ready_in_pubsub(World& world, Agent& agent, const Start& start) {
    co_await agent.ready(start);
    const std::string mode = world.history().agents[agent.index()].mode;
    world.require(mode == "pubsub", "PS-1", "ready says mode '" + excerpt(mode) + "', not pubsub");
    const Reply subscribers = world.command({"PUBSUB", "NUMSUB", start.streams.front()});
    world.require(subscribers.at(1).integer == 1, "PS-1", "ready, and nobody subscribes to " + start.streams.front());
}

void publish(World& world, const std::string& channel, const std::vector<std::string>& payloads) {
    std::vector<Command> commands;
    for (const auto& payload : payloads) commands.push_back({"PUBLISH", channel, payload});
    world.database().pipeline(commands);
}

std::vector<const DeliveredEntry*> entries_of(const Agent& agent) {
    std::vector<const DeliveredEntry*> all;
    for (const auto* batch : agent.batches()) {
        for (const auto& entry : batch->entries) all.push_back(&entry);
    }
    return all;
}

bool has_fields(const DeliveredEntry& entry, const Fields& expected) {
    return std::equal(
        expected.begin(), expected.end(), entry.fields.begin(), entry.fields.end(),
        [](const auto& a, const auto& b) { return b.first.matches(a.first) && b.second.matches(a.second); });
}

Task<> batches(World& world) {
    const Start start = subscribe(world, {{"batch_size", 5}, {"flush_interval", "400ms"}});
    Agent& agent = world.spawn();
    co_await ready_in_pubsub(world, agent, start);
    std::vector<std::string> payloads;
    for (int i = 0; i < 22; ++i) payloads.push_back("{\"n\":\"" + std::to_string(i) + "\"}");
    publish(world, start.streams.front(), payloads);
    const bool all = co_await agent.delivered(22, 5s);
    world.expect(all, "PS-1", "22 published, " + std::to_string(agent.delivered_count()) + " handed over");
    std::vector<std::string> sizes;
    for (const auto* batch : agent.batches())
        sizes.push_back(std::to_string(batch->entries.size()) + " " + batch->reason);
    world.expect(join(sizes, ", ") == "5 size, 5 size, 5 size, 5 size, 2 flush", "BAT-1",
                 "22 at once with batch_size 5 came as " + join(sizes, ", "));
    const auto entries = entries_of(agent);
    for (size_t i = 0; i < entries.size(); ++i) {
        world.expect(entries[i]->key.id.empty(), "PS-1", "a message has the id '" + excerpt(entries[i]->key.id) + "'");
        world.expect(has_fields(*entries[i], {{"n", std::to_string(i)}}), "BAT-2",
                     "message " + std::to_string(i) + " is another, or has other fields");
    }
}

Task<> flush(World& world) {
    const Start start = subscribe(world, {{"batch_size", 10}, {"flush_interval", "1s"}});
    Agent& agent = world.spawn();
    co_await ready_in_pubsub(world, agent, start);
    const Instant sent = world.now();
    publish(world, start.streams.front(), {"{\"n\":\"0\"}", "{\"n\":\"1\"}", "{\"n\":\"2\"}"});
    const Instant confirmed = world.now();
    const bool came = co_await agent.delivered(3, 3s);
    world.require(
        came, "BAT-3",
        "3 published with flush_interval 1 s, " + std::to_string(agent.delivered_count()) + " handed over after 3 s");
    world.expect(agent.batches().size() == 1, "BAT-1",
                 "they came in " + std::to_string(agent.batches().size()) + " batches");
    judge_flush(world, *agent.batches()[0], sent, confirmed, 1s);
}

Task<> payloads(World& world) {
    const Start start = subscribe(world, {{"batch_size", 10}, {"flush_interval", "100ms"}});
    Agent& agent = world.spawn();
    co_await ready_in_pubsub(world, agent, start);
    const std::vector<std::pair<std::string, Fields>> table = {
        {R"({"a":"1","b":"2"})", {{"a", "1"}, {"b", "2"}}},
        {R"({"raw":{"b64":"AP/+"}})", {{"raw", std::string("\0\xff\xfe", 3)}}},
        {R"({"text":"\u00e4 \"x\""})", {{"text", "\xc3\xa4 \"x\""}}},
        {"plain words", {{"data", "plain words"}}},
        {"[1,2]", {{"data", "[1,2]"}}},
        {"{broken", {{"data", "{broken"}}},
        {std::string("\x00\xff\r\n", 4), {{"data", std::string("\x00\xff\r\n", 4)}}},
        {"", {{"data", ""}}},
    };
    std::vector<std::string> sent;
    for (const auto& row : table) sent.push_back(row.first);
    publish(world, start.streams.front(), sent);
    const bool came = co_await agent.delivered(table.size(), 5s);
    world.require(
        came, "PS-1",
        std::to_string(table.size()) + " payloads, " + std::to_string(agent.delivered_count()) + " handed over");
    const auto entries = entries_of(agent);
    for (size_t i = 0; i < table.size(); ++i) {
        world.expect(has_fields(*entries[i], table[i].second), "PS-1",
                     "the payload '" + excerpt(table[i].first) + "' came with other fields");
    }
}

// Nobody may take this class for the other one.
Task<> says_at_most_once(World& world) {
    const Start start = subscribe(world, {{"batch_size", 10}, {"flush_interval", "100ms"}});
    Agent& agent = world.spawn();
    co_await ready_in_pubsub(world, agent, start);
    const auto says = [](const Json& event) {
        return event.dump(-1, ' ', false, Json::error_handler_t::replace).find("at_most_once") != std::string::npos;
    };
    const bool said =
        co_await world.comes_true([&] { return std::any_of(agent.events().begin(), agent.events().end(), says); }, 5s);
    world.expect(said, "PS-1", "no event says at_most_once");
}

// A message that was sent to nobody is lost; that there may have been one is said.
Task<> gap(World& world) {
    const Start start = subscribe(world, {{"batch_size", 1}, {"flush_interval", "0"}, {"retry_delay", "100ms"}});
    Agent& agent = world.spawn();
    co_await ready_in_pubsub(world, agent, start);
    const int killed = world.cut_connections(agent);
    if (killed == 0) world.unsupported("the agent's connections are not to be found here");
    const Json* told = co_await agent.next("gap", 10s);
    world.require(told != nullptr, "PS-2", "10 s after its connections were cut there is no event gap");
    world.expect(told->value("stream", Json()) == start.streams.front(), "PS-2",
                 "the event names another stream: " + excerpt(told->dump()));
    const Reply subscribers = world.command({"PUBSUB", "NUMSUB", start.streams.front()});
    world.expect(subscribers.at(1).integer == 1, "PS-2", "it told of the gap before it was subscribed again");
    publish(world, start.streams.front(), {"after"});
    const bool came = co_await agent.delivered(1, 5s);
    world.expect(came, "PS-2", "a message after the gap did not come");
}

// A message that is too large is no garbage: it is counted, told and left out, and the subscription stands.
Task<> too_large(World& world) {
    const Start start = subscribe(world, {{"batch_size", 1}, {"flush_interval", "0"}, {"max_message_bytes", "64KiB"}});
    Agent& agent = world.spawn();
    co_await ready_in_pubsub(world, agent, start);
    constexpr size_t size = 200'000;
    publish(world, start.streams.front(), {"before", std::string(size, 'v'), "after"});
    const bool came = co_await agent.delivered(2, 5s);
    world.expect(
        came, "BP-3",
        "of the messages before and after one that is too large " + std::to_string(agent.delivered_count()) + " came");
    const Json* told = co_await agent.next("too_large", 1s);
    world.require(told != nullptr, "BP-3", "a message of 200,000 bytes, max_message_bytes is 64 KiB, and no too_large");
    world.expect(told->value("bytes", Json()) == size, "BP-3", "its size is not told: " + excerpt(told->dump()));
    const bool cut = std::any_of(agent.events().begin(), agent.events().end(),
                                 [](const Json& event) { return event["event"] == "gap"; });
    world.expect(!cut, "BP-3", "the connection was given up over it");
}

}  // namespace

std::vector<Case> pubsub_cases() {
    constexpr auto pubsub = CaseClass::PubSub;
    constexpr auto any = ServerNeed::Any;
    return {
        {"pubsub/1-batches",
         "The same batches as with Streams, with empty ids",
         {"PS-1", "BAT-1", "BAT-2"},
         {"pubsub"},
         pubsub,
         any,
         Timing::None,
         batches},
        {"pubsub/2-flush",
         "The same flush as with Streams",
         {"PS-1", "BAT-3"},
         {"pubsub"},
         pubsub,
         any,
         Timing::Judged,
         flush},
        {"pubsub/3-payloads",
         "A payload is a JSON object of fields, or one field data",
         {"PS-1"},
         {"pubsub"},
         pubsub,
         any,
         Timing::None,
         payloads},
        {"pubsub/4-at-most-once",
         "The class is said to be at_most_once",
         {"PS-1"},
         {"pubsub"},
         pubsub,
         any,
         Timing::None,
         says_at_most_once},
        {"pubsub/5-gap",
         "A subscription that was cut is made again, and the gap is told",
         {"PS-2", "RET-1"},
         {"pubsub", "config"},
         pubsub,
         any,
         Timing::None,
         gap},
        {"pubsub/6-too-large",
         "A message past max_message_bytes is told and left out, and the subscription stands",
         {"BP-3", "PS-1"},
         {"pubsub", "config"},
         pubsub,
         any,
         Timing::None,
         too_large},
    };
}

}  // namespace millrace::harness
