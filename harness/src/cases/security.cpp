// TLS and ACL: whom an agent believes and what it says of those it does not, and that it asks for no more than it
// needs.

#include <set>

#include "base/text.hpp"
#include "cases/expect.hpp"
#include "cases/pending.hpp"
#include "cases/table.hpp"
#include "cases/tls_server.hpp"
#include "server/acl_rules.hpp"

namespace millrace::harness {

namespace {

const Json quick = {
    {"batch_size", 5}, {"flush_interval", "20ms"}, {"retry_delay", "50ms"}, {"max_retry_delay", "100ms"}};

Task<> flows(World& world, Agent& agent, const Start& start, int count, std::string spec) {
    const auto keys = world.publish(start.streams.front(), count);
    const bool came = co_await gets(world, agent, keys, 10s);
    world.expect(came, spec, std::to_string(count) + " published, and not all of them handed over");
    co_await expect_none_pending(world, start, spec);
}

Task<> tls_on(World& world) {
    TlsServer server(world, "no");
    Agent& agent = world.spawn();
    const Start start = server.secured(world.consume("orders", quick));
    co_await agent.ready(start);
    co_await flows(world, agent, start, 100, "SEC-1");
    const Fields large{{"large", std::string(3 << 20, 'x')}};
    const auto keys = world.publish(start.streams.front(), {large});
    const bool came = co_await gets(world, agent, keys, 10s);
    world.expect(came, "SEC-1", "an entry of 3 MiB does not come through TLS");
}

Task<> client_certificate(World& world) {
    TlsServer server(world, "yes");
    Agent& agent = world.spawn();
    const Start start = server.secured(world.consume("orders", quick), server.authority().issue("ours", {}));
    co_await agent.ready(start);
    co_await flows(world, agent, start, 20, "SEC-1");
}

// The next error event of code tls whose words are none of `told`, which may come again from connections of before;
// empty when none came.
Task<std::string> refusal(World& world, Agent& agent, const std::set<std::string>& told) {
    const Instant deadline = world.now() + 10s;
    while (world.now() < deadline) {
        const Json* error = co_await agent.next("error", std::chrono::duration_cast<Duration>(deadline - world.now()));
        if (error == nullptr) break;
        if (error->value("code", Json()) != "tls" || !error->value("message", Json()).is_string()) continue;
        std::string message = (*error)["message"].get<std::string>();
        if (!told.contains(message)) co_return message;
    }
    co_return "";
}

// A running consumer whose server comes back with a certificate that can't be believed: told by its own words, nothing
// is delivered from there, and once it is right again everything is.
Task<> refused_certificates(World& world) {
    TlsServer server(world, "no");
    Agent& agent = world.spawn();
    const Start start = server.secured(world.consume("orders", quick));
    co_await agent.ready(start);
    co_await flows(world, agent, start, 10, "SEC-1");
    Authority::Request expired;
    expired.days = -1;
    Authority::Request self_signed;
    self_signed.self_signed = true;
    Authority::Request elsewhere;
    elsewhere.hosts = {"DNS:redis.example"};
    const std::vector<std::pair<std::string, Authority::Request>> bad{
        {"expired", expired}, {"self-signed", self_signed}, {"another host's", elsewhere}};
    std::set<std::string> told;
    for (const auto& [name, request] : bad) {
        server.restart_with(server.authority().issue(name.substr(0, 4), request));
        const auto keys = world.publish(start.streams.front(), 5);
        const std::string message = co_await refusal(world, agent, told);
        world.require(!message.empty(), "SEC-1",
                      "a certificate that is " + name + ": no error of code tls in words of its own");
        told.insert(message);
        int came = 0;
        for (const auto& key : keys) came += times_delivered(agent, key);
        world.expect(came == 0, "SEC-1", "entries came over a connection whose certificate is " + name);
        server.restart_with(server.authority().issue("good-" + name.substr(0, 4), {}));
        const bool all = co_await gets(world, agent, keys, 10s);
        world.require(all, "SEC-1", "after a certificate that was " + name + " not everything was handed over");
        co_await expect_none_pending(world, start, "SEC-1");
    }
    // The fourth is ours: the server wants one now.
    world.command({"CONFIG", "SET", "tls-auth-clients", "yes"});
    world.cut_connections(agent);
    const auto keys = world.publish(start.streams.front(), 5);
    const std::string message = co_await refusal(world, agent, told);
    world.require(!message.empty(), "SEC-1",
                  "the server wants a client's certificate: no error of code tls in words of its own");
    world.command({"CONFIG", "SET", "tls-auth-clients", "no"});
    const bool all = co_await gets(world, agent, keys, 10s);
    world.expect(all, "SEC-1", "after a client certificate was wanted not everything was handed over");
    co_await expect_none_pending(world, start, "SEC-1");
}

// --- ACL

AclServer acl_server(World& world) {
    AclServer server;
    server.has = [&world](std::string_view command) {
        const Reply told = world.command({"COMMAND", "INFO", std::string(command)});
        return !told.items.empty() && !told.at(0).items.empty();  // an unknown one is told as [nil]
    };
    server.guards_channels = server.has("xautoclaim");  // both came with 6.2
    return server;
}

// What the server has refused the user: nothing may be tried that the rules do not allow.
void expect_nothing_refused(World& world, const Start& start) {
    const std::string user = Url::parse(start.url).username;
    for (const Reply& entry : world.command({"ACL", "LOG", "100"}).items) {
        if (entry.field("username").text != user) continue;
        world.expect(false, "SEC-1",
                     "refused by the least rules: " + excerpt(entry.field("reason").text) + " " +
                         excerpt(entry.field("object").text));
    }
}

// Consumes, takes over, buries, lists, puts back, dedupes and publishes.
Task<> whole_life(World& world, Agent& agent, const Start& start) {
    const std::string& stream = start.streams.front();
    const auto left = world.publish(stream, {{{"id", "left"}}});
    world.command({"XGROUP", "CREATE", stream, start.group, "0"});
    world.command({"XREADGROUP", "GROUP", start.group, "gone", "STREAMS", stream, ">"});
    co_await agent.ready(start);
    const bool claimed = co_await gets(world, agent, left, 10s);
    world.expect(claimed, "SEC-1", "an entry that another consumer left is not taken over with the least rules");
    agent.hold();
    const auto keys = world.publish(stream, {{{"id", "a"}}, {{"id", "b"}}});
    const bool came = co_await gets(world, agent, keys, 10s);
    world.require(came, "SEC-1", "with the least rules not everything is handed over");
    const std::vector<EntryKey> bad = {keys[0]};
    const std::vector<EntryKey> good = {keys[1]};
    agent.reject(bad, "poison");
    agent.ack(good);
    const auto buried = [&] { return world.dead_letters(stream).size() == 1; };
    const bool dead = co_await world.comes_true(buried, 5s);
    world.require(dead, "SEC-1", "with the least rules a rejected entry becomes no dead letter");
    const auto list_request = agent.send(Json{{"op", "dead"}});
    const Json* list = co_await agent.answer(list_request, 5s);
    world.expect(list != nullptr && (*list)["event"] == "dead" && list->value("entries", Json()).size() == 1, "SEC-1",
                 "with the least rules the dead are not listed");
    agent.ack_as_they_come();
    const auto letters = world.dead_letters(stream);
    const Instant asked = world.now();
    const auto request = agent.send(Json{{"op", "redrive"}, {"ids", {letters[0].id}}});
    const Json* said = co_await agent.answer(request, 5s);
    world.require(said != nullptr && (*said)["event"] == "redriven", "SEC-1",
                  "with the least rules the dead are not put back");
    const Reply last = world.command({"XREVRANGE", stream, "+", "-", "COUNT", "1"});
    world.record_redriven(stream, letters[0], last.at(0).at(0).text);
    world.history().published.back().sent = asked;
    const std::vector<EntryKey> back = {{stream, last.at(0).at(0).text}};
    const bool again = co_await gets(world, agent, back, 10s);
    world.expect(again, "SEC-1", "with the least rules what was put back is not handed over");
    const auto copies = world.publish(stream, {{{"id", "b"}}});
    co_await expect_none_pending(world, start, "SEC-1");
    world.expect(times_delivered(agent, copies[0]) == 0, "SEC-1", "with the least rules a duplicate is handed over");
    const auto own = numbered(1000, 3);
    const Instant sent = world.now();
    const auto publish = agent.publish(stream, own);
    const Json* published = co_await agent.answer(publish, 5s);
    world.require(published != nullptr && (*published)["event"] == "published", "SEC-1",
                  "with the least rules publishing is not answered");
    const Json results = published->value("results", Json::array());
    for (size_t i = 0; i < own.size(); ++i) {
        const Json result = results.size() > i && results.is_array() ? results[i] : Json();
        const Json id = result.is_object() ? result.value("id", Json()) : Json();
        if (!world.expect(id.is_string(), "SEC-1", "publishing is refused: " + excerpt(result.dump()))) continue;
        world.record_published(stream, id.get<std::string>(), own[i], sent);
    }
    co_await expect_none_pending(world, start, "SEC-1");
    const auto drain = agent.send(Json{{"op", "drain"}, {"timeout_ms", 2000}});
    const Json* drained = co_await agent.answer(drain, 5s);
    world.expect(drained != nullptr && drained->value("held", Json()) == 0, "SEC-1",
                 "with the least rules it does not end cleanly");
}

Start with_least_rules(World& world, Start start, std::initializer_list<std::string_view> features) {
    const std::vector<std::string_view> wanted(features);
    Url url = world.acl_user(acl_rules(wanted, start.streams.front(), acl_server(world)));
    start.url = url.text();
    return start;
}

Json everything() {
    Json config = quick;
    config["dedupe"] = "redis";
    config["claim_min_idle"] = "100ms";
    config["claim_interval"] = "200ms";
    return config;
}

Start consumer_with_least_rules(World& world) {
    return with_least_rules(
        world, world.consume("orders", everything()),
        {"connect", "consume", "drain", "claim", "tidy", "dead letters", "redrive", "dedupe", "publish"});
}

Task<> least_rules(World& world) {
    const Start start = consumer_with_least_rules(world);
    Agent& agent = world.spawn();
    co_await whole_life(world, agent, start);
    expect_nothing_refused(world, start);
}

Task<> least_rules_for_a_pattern(World& world, const std::string& stream) {
    Start start = world.consume_pattern("order*", quick);
    start.streams = {stream};  // what the rules are for
    start = with_least_rules(world, start, {"connect", "consume", "drain", "pattern"});
    Agent& agent = world.spawn();
    co_await agent.ready(start);
    const auto keys = world.publish(stream, 3);
    const bool came = co_await gets(world, agent, keys, 5s);
    world.expect(came, "SEC-1", "with the least rules a stream of a pattern is not handed over");
    expect_nothing_refused(world, start);
}

Task<> least_rules_for_reading_along(World& world) {
    const Start tail = with_least_rules(world, world.tail("orders", "last:2", quick), {"connect", "tail"});
    const auto before = world.publish(tail.streams.front(), 3);
    Agent& reader = world.spawn();
    co_await reader.ready(tail);
    const auto after = world.publish(tail.streams.front(), 2);
    const std::vector<EntryKey> expected = {before[1], before[2], after[0], after[1]};
    const bool came = co_await gets(world, reader, expected, 5s);
    world.expect(came, "SEC-1", "with the least rules a tail does not hand over everything");
    expect_nothing_refused(world, tail);
    if (world.agent_can("pattern")) co_await least_rules_for_a_pattern(world, tail.streams.front());
    Json config = quick;
    config["mode"] = "pubsub";
    const Start channel = with_least_rules(world, world.consume("channel", config), {"connect", "pubsub"});
    Agent& subscriber = world.spawn();
    co_await subscriber.ready(channel);
    world.command({"PUBLISH", channel.streams.front(), R"({"n":"1"})"});
    const bool heard = co_await subscriber.delivered(1, 5s);
    world.expect(heard, "SEC-1", "with the least rules a message of Pub/Sub is not handed over");
    expect_nothing_refused(world, channel);
}

Task<> least_rules_over_tls(World& world) {
    TlsServer server(world, "yes");
    const Start start = server.secured(consumer_with_least_rules(world), server.authority().issue("ours", {}));
    Agent& agent = world.spawn();
    co_await whole_life(world, agent, start);
    expect_nothing_refused(world, start);
}

}  // namespace

std::vector<Case> security_cases() {
    constexpr auto security = CaseClass::Security;
    constexpr auto need = ServerNeed::Streams;
    const std::vector<std::string_view> whole{"claim",  "nack",    "dlq",   "redrive",
                                              "dedupe", "publish", "drain", "config"};
    std::vector<std::string_view> whole_tls = whole;
    whole_tls.push_back("tls");
    return {
        {"security/1-tls",
         "TLS, with the server's certificate verified",
         {"SEC-1"},
         {"tls"},
         security,
         need,
         Timing::None,
         tls_on},
        {"security/2-client-certificate",
         "A server that wants a client's certificate gets it",
         {"SEC-1"},
         {"tls"},
         security,
         need,
         Timing::None,
         client_certificate},
        {"security/3-refused-certificates",
         "Expired, self-signed, another host's, none of ours: four errors, nothing lost",
         {"SEC-1"},
         {"tls"},
         security,
         need,
         Timing::None,
         refused_certificates},
        {"security/4-least-rules",
         "A user with the least rules can do all that a consumer does",
         {"SEC-1"},
         whole,
         security,
         need,
         Timing::None,
         least_rules},
        {"security/5-least-rules-tail-pubsub",
         "And a tail, and a subscriber",
         {"SEC-1"},
         {"tail", "pubsub", "config"},
         security,
         need,
         Timing::None,
         least_rules_for_reading_along},
        {"security/6-least-rules-over-tls",
         "Both together",
         {"SEC-1"},
         whole_tls,
         security,
         need,
         Timing::None,
         least_rules_over_tls},
    };
}

}  // namespace millrace::harness
