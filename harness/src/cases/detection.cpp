// What the agent finds out about its server, what it says of it, and what it makes of a server that will not tell.

#include <algorithm>

#include "base/text.hpp"
#include "cases/table.hpp"

namespace millrace::harness {

namespace {

const Json* find_log(const Agent& agent, std::string_view level, std::string_view message) {
    for (const auto& event : agent.events()) {
        if (event["event"] != "log" || !event.contains("message") || !event["message"].is_string()) continue;
        if (event["message"].get<std::string>() != message) continue;
        const std::string said =
            event.contains("level") && event["level"].is_string() ? event["level"].get<std::string>() : "";
        if (lower(said) == level) return &event;
    }
    return nullptr;
}

// A field of a log event as text, whether the agent sends a number or text.
std::string field_of(const Json* log, const char* name) {
    if (log == nullptr || !log->contains("fields") || !(*log)["fields"].is_object()) return {};
    const Json& fields = (*log)["fields"];
    if (!fields.contains(name)) return {};
    return fields[name].is_string() ? fields[name].get<std::string>() : fields[name].dump();
}

std::string mode_of(World& world, const Agent& agent) {
    return world.history().agents[agent.index()].mode;
}

constexpr std::string_view looking = "Auto-detecting Redis version to choose best notification implementation...";
constexpr std::string_view chose_streams = "Redis Streams supported - will use Streams for notifications";
constexpr std::string_view chose_pubsub = "Redis Streams not supported - will use Pub/Sub for notifications";
constexpr std::string_view fell_back = "Could not detect Redis version - will use Pub/Sub as safe fallback";

// Streams are not only said, they flow.
Task<> expect_streams_flow(World& world, Agent& agent, const Start& start) {
    world.require(mode_of(world, agent) == "streams", "DET-3",
                  "ready says mode '" + excerpt(mode_of(world, agent)) + "' on a server with Streams");
    world.publish(start.streams.front(), 5);
    const bool came = co_await agent.delivered(5, 5s);
    world.expect(came, "DET-3", "5 published, " + std::to_string(agent.delivered_count()) + " handed over");
}

Task<> by_version(World& world) {
    const Start start = world.consume("orders", {{"batch_size", 5}, {"flush_interval", "100ms"}});
    Agent& agent = world.spawn();
    co_await agent.ready(start);
    const std::string expected = world.facts().streams ? "streams" : "pubsub";
    world.require(mode_of(world, agent) == expected, "DET-3",
                  "on version " + world.facts().version + " ready says mode '" + excerpt(mode_of(world, agent)) +
                      "', not " + expected);
    const Json* ready = nullptr;
    for (const auto& event : agent.events()) {
        if (event["event"] == "ready") ready = &event;
    }
    const std::string version = ready->contains("server_version") && (*ready)["server_version"].is_string()
                                    ? (*ready)["server_version"].get<std::string>()
                                    : "";
    world.expect(version == world.facts().version, "DET-2",
                 "the server is " + world.facts().version + ", ready says server_version '" + excerpt(version) + "'");
    const Json protocol = ready->value("protocol", Json());
    world.expect(protocol == (world.facts().hello ? 3 : 2), "DET-1",
                 std::string("ready says protocol ") + protocol.dump() + " on a server that " +
                     (world.facts().hello ? "knows HELLO" : "knows no HELLO"));
    if (world.facts().streams) co_await expect_streams_flow(world, agent, start);
}

Task<> logs(World& world) {
    const Start start = world.consume("orders");
    Agent& agent = world.spawn();
    co_await agent.ready(start);
    co_await world.pause(50ms);
    world.expect(find_log(agent, "info", looking) != nullptr, "DET-4", "no info log \"" + std::string(looking) + "\"");
    const std::string major = std::to_string(world.facts().major);
    const std::string compatible = std::to_string(world.facts().compatible_major);
    const bool streams = world.facts().streams;
    const Json* chose = find_log(agent, "info", streams ? chose_streams : chose_pubsub);
    world.require(chose != nullptr, "DET-4",
                  "no info log \"" + std::string(streams ? chose_streams : chose_pubsub) + "\"");
    const std::string said = field_of(chose, "redis_version");
    world.expect(said == major || said == compatible, "DET-4",
                 "redis_version of the log is '" + excerpt(said) + "', not " + major);
    if (!streams) {
        world.expect(field_of(chose, "min_required") == "5", "DET-4",
                     "min_required of the log is '" + field_of(chose, "min_required") + "', not 5");
    }
}

Task<> info_refused_by_acl(World& world) {
    Start start = world.consume("orders", {{"batch_size", 5}, {"flush_interval", "100ms"}});
    const Url url = world.acl_user({"~*", "+@all", "-info"});
    start.url = url.text();
    Agent& agent = world.spawn();
    co_await agent.ready(start);
    co_await expect_streams_flow(world, agent, start);
}

// INFO and COMMAND do not exist under their names; up to 5.0 there is no HELLO either, and only the last probe is left.
Task<> info_and_command_renamed(World& world) {
    world.own_server({"--rename-command", "INFO", "", "--rename-command", "COMMAND", ""});
    const Start start = world.consume("orders", {{"batch_size", 5}, {"flush_interval", "100ms"}});
    Agent& agent = world.spawn();
    co_await agent.ready(start);
    co_await expect_streams_flow(world, agent, start);
}

Task<> nothing_tells(World& world) {
    world.own_server({"--rename-command", "INFO", ""});
    const Start start = world.consume("orders", {{"batch_size", 5}, {"flush_interval", "100ms"}});
    Agent& agent = world.spawn();
    co_await agent.ready(start);
    world.require(mode_of(world, agent) == "pubsub", "DET-3",
                  "INFO is refused and there are no Streams: ready says mode '" + excerpt(mode_of(world, agent)) + "'");
    co_await world.pause(50ms);
    // Whether COMMAND INFO tells (3.2 answers it) or nothing does, Pub/Sub it is; a warning is owed where nothing told.
    const Json* warned = find_log(agent, "warn", fell_back);
    const Json* told = find_log(agent, "info", chose_pubsub);
    world.expect(warned != nullptr || told != nullptr, "DET-4", "Pub/Sub was chosen, and no log says so");
}

Task<> nothing_tells_at_all(World& world) {
    world.own_server({"--rename-command", "INFO", "", "--rename-command", "COMMAND", ""});
    const Start start = world.consume("orders", {{"batch_size", 5}, {"flush_interval", "100ms"}});
    Agent& agent = world.spawn();
    co_await agent.ready(start);
    world.require(mode_of(world, agent) == "pubsub", "DET-3",
                  "nothing tells the version: ready says mode '" + excerpt(mode_of(world, agent)) + "'");
    co_await world.pause(50ms);
    const Json* warned = find_log(agent, "warn", fell_back);
    if (warned == nullptr) warned = find_log(agent, "warning", fell_back);
    world.require(warned != nullptr, "DET-4", "no warn log \"" + std::string(fell_back) + "\"");
    world.expect(!field_of(warned, "error").empty(), "DET-4", "the warning does not say which error it met");
}

Task<> forced_streams_without(World& world) {
    const Start start = world.consume("orders", {{"mode", "streams"}, {"max_retries", 0}});
    Agent& agent = world.spawn();
    co_await agent.hello();
    agent.start(start);
    const Json* error = co_await agent.next("error", 5s);
    world.require(error != nullptr, "DET-3", "mode streams on a server without them: no error event within 5 s");
    const std::string code = error->value("code", Json()).is_string() ? (*error)["code"].get<std::string>() : "";
    world.expect(code == "unsupported", "RET-2", "the error says code '" + excerpt(code) + "', not unsupported");
    world.expect(mode_of(world, agent) != "pubsub", "DET-3", "it fell back in spite of mode streams");
}

Task<> protocol_forced(World& world) {
    for (const int protocol : {2, 3}) {
        if (protocol == 3 && !world.facts().hello) continue;
        const Start start = world.consume("orders-" + std::to_string(protocol),
                                          {{"batch_size", 5}, {"flush_interval", "100ms"}, {"protocol", protocol}});
        Agent& agent = world.spawn();
        co_await agent.ready(start);
        Json said;
        for (const auto& event : agent.events()) {
            if (event["event"] == "ready") said = event.value("protocol", Json());
        }
        world.expect(said == protocol, "DET-1",
                     "protocol " + std::to_string(protocol) + " was asked for, ready says " + said.dump());
        co_await expect_streams_flow(world, agent, start);
    }
}

Task<> wrong_password(World& world) {
    Url url;
    if (world.setup().server_executable) {
        world.own_server({"--requirepass", "the-right-one"});
        url = world.url();
    } else {
        url = world.acl_user({"~*", "+@all"});
    }
    url.password = "not-the-right-one";
    Start start = world.consume("orders");
    start.url = url.text();
    Agent& agent = world.spawn();
    co_await agent.hello();
    agent.start(start);
    const Json* error = co_await agent.next("error", 5s);
    world.require(error != nullptr, "DET-3", "a wrong password: no error event within 5 s");
    const std::string code = error->value("code", Json()).is_string() ? (*error)["code"].get<std::string>() : "";
    world.expect(code == "auth", "RET-2", "a wrong password is code '" + excerpt(code) + "', not auth");
    world.expect(error->value("retryable", Json()) == false, "RET-2", "a wrong password does not say retryable: false");
    co_await world.pause(300ms);
    for (const auto& event : agent.events()) {
        world.expect(event["event"] != "ready", "DET-3", "ready, with a wrong password");
        world.expect(event.dump(-1, ' ', false, Json::error_handler_t::replace).find(url.password) == std::string::npos,
                     "CFG-4", "an event holds the password");
    }
    world.expect(agent.port().errors().find(url.password) == std::string::npos, "CFG-4", "stderr holds the password");
}

// NOAUTH is an error, no reason to fall back.
Task<> missing_password(World& world) {
    world.own_server({"--requirepass", "the-right-one"});
    Start start = world.consume("orders");
    Url url = world.url();
    url.password.clear();
    start.url = url.text();
    Agent& agent = world.spawn();
    co_await agent.hello();
    agent.start(start);
    const Json* error = co_await agent.next("error", 5s);
    world.require(error != nullptr, "DET-3", "no password where one is wanted: no error event within 5 s");
    const std::string code = error->value("code", Json()).is_string() ? (*error)["code"].get<std::string>() : "";
    world.expect(code == "auth", "RET-2", "a missing password is code '" + excerpt(code) + "', not auth");
    co_await world.pause(300ms);
    for (const auto& event : agent.events())
        world.expect(event["event"] != "ready", "DET-3", "ready, without a password");
}

Task<> right_password(World& world) {
    if (world.setup().server_executable) {
        world.own_server({"--requirepass", "s3cret @:/%"});
    }
    Url url = world.url();
    if (!world.setup().server_executable) url = world.acl_user({"~*", "+@all"});
    Start start = world.consume("orders", {{"batch_size", 5}, {"flush_interval", "100ms"}});
    start.url = url.text();
    Agent& agent = world.spawn();
    co_await agent.ready(start);
    co_await expect_streams_flow(world, agent, start);
}

// A real server without Streams, and on its port a real one with them: the consumer that was there all the time goes
// on.
Task<> upgrade(World& world) {
    OwnServer& server = world.own_server({});
    const Start start = world.consume("orders", {{"batch_size", 5}, {"flush_interval", "100ms"}});
    Agent& agent = world.spawn();
    co_await agent.ready(start);
    world.require(mode_of(world, agent) == "pubsub", "DET-3",
                  "ready says mode '" + excerpt(mode_of(world, agent)) + "' on a server without Streams");
    const Reply subscribers = world.command({"PUBSUB", "NUMSUB", start.streams.front()});
    world.require(subscribers.at(1).integer == 1, "PS-1", "ready, and nobody subscribes to " + start.streams.front());
    co_await agent.next("mode", 100ms);  // that of the beginning, where an agent tells it

    world.upgrade(server, "redis-6.2");
    const Instant up = world.now();
    const Json* mode = co_await agent.next("mode", 15s);
    world.require(mode != nullptr, "DET-5", "15 s after the upgrade no event mode; " + agent.last_error());
    world.expect(mode->value("mode", Json()) == "streams", "DET-5", "the event says " + excerpt(mode->dump()));
    const Json* ready = co_await agent.next("ready", 10s);
    world.require(ready != nullptr, "DET-5", "after the event mode it did not get ready; " + agent.last_error());
    world.figure("ready_after_ms", static_cast<double>((world.now() - up) / 1ms));
    const Json* gap = co_await agent.next("gap", 100ms);
    world.expect(gap != nullptr, "PS-2", "the messages between the two servers were missed, and no event gap says so");
    co_await expect_streams_flow(world, agent, start);
}

}  // namespace

std::vector<Case> detection_cases() {
    constexpr auto streams = CaseClass::Streams;
    const std::vector<std::string_view> both = {"streams", "pubsub"};
    return {
        {"detection/1-by-version",
         "The version decides between Streams and Pub/Sub; ready tells mode, version, protocol",
         {"DET-1", "DET-2", "DET-3"},
         both,
         CaseClass::Observe,
         ServerNeed::Any,
         Timing::None,
         by_version},
        {"detection/2-logs",
         "The log says what was looked for and found, word for word",
         {"DET-4"},
         both,
         CaseClass::Observe,
         ServerNeed::Any,
         Timing::None,
         logs},
        {"detection/3-info-refused",
         "An ACL refuses INFO: Streams all the same",
         {"DET-3"},
         {"streams"},
         streams,
         ServerNeed::Streams,
         Timing::None,
         info_refused_by_acl},
        {"detection/4-info-and-command-gone",
         "INFO and COMMAND are renamed away: Streams by what is left",
         {"DET-3"},
         {"streams"},
         streams,
         ServerNeed::Streams,
         Timing::None,
         info_and_command_renamed},
        {"detection/5-info-gone-no-streams",
         "INFO is renamed away on a server without Streams: Pub/Sub",
         {"DET-3", "DET-4"},
         both,
         CaseClass::PubSub,
         ServerNeed::NoStreams,
         Timing::None,
         nothing_tells},
        {"detection/6-nothing-tells",
         "Nothing tells the version of a server without Streams: Pub/Sub, with a warning",
         {"DET-3", "DET-4"},
         both,
         CaseClass::PubSub,
         ServerNeed::NoStreams,
         Timing::None,
         nothing_tells_at_all},
        {"detection/7-never-in-silence",
         "mode streams on a server without them is an error, not Pub/Sub",
         {"DET-3", "RET-2"},
         {"pubsub", "config"},
         CaseClass::Config,
         ServerNeed::NoStreams,
         Timing::None,
         forced_streams_without},
        {"detection/8-protocol",
         "RESP2 and RESP3 on request",
         {"DET-1"},
         {"streams", "config"},
         streams,
         ServerNeed::Streams,
         Timing::None,
         protocol_forced},
        {"detection/9-upgrade",
         "A server without Streams becomes one with them, on one port, under a running consumer",
         {"DET-5", "PS-2"},
         both,
         CaseClass::Observe,
         ServerNeed::NoStreams,
         Timing::None,
         upgrade},
        {"auth/1-wrong-password",
         "A wrong password is a typed error that names no secret",
         {"DET-3", "RET-2", "CFG-4"},
         {"streams"},
         CaseClass::Security,
         ServerNeed::Any,
         Timing::None,
         wrong_password},
        {"auth/2-right-password",
         "A password with every kind of character in it",
         {"DET-1", "SEC-1"},
         {"streams"},
         CaseClass::Security,
         ServerNeed::Streams,
         Timing::None,
         right_password},
        {"auth/3-no-password",
         "No password where one is wanted is a typed error",
         {"DET-3", "RET-2"},
         {"streams", "config"},
         CaseClass::Security,
         ServerNeed::Any,
         Timing::None,
         missing_password},
    };
}

}  // namespace millrace::harness
