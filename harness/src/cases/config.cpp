// What is wrong with a configuration is said at once, by name, and nothing connects.

#include "base/text.hpp"
#include "cases/case.hpp"

namespace millrace::harness {

namespace {

// Starts with a configuration that is wrong and listens whether anybody connects.
Task<> expect_refused(World& world, Json config, std::string_view named, std::string_view also) {
    BadPeer& peer = world.bad_peer(BadPeer::Kind::Silent);
    Start start = world.consume("orders");
    start.config = std::move(config);
    start.url = peer.url().text();
    Agent& agent = world.spawn();
    co_await agent.hello();
    agent.start(start);
    const Json* error = co_await agent.next("error", 5s);
    world.require(error != nullptr, "CFG-3", "no error event for " + start.config.dump());
    const std::string code = error->value("code", Json()).is_string() ? (*error)["code"].get<std::string>() : "";
    const std::string message =
        error->value("message", Json()).is_string() ? (*error)["message"].get<std::string>() : "";
    world.expect(code == "bad_config", "CFG-3",
                 start.config.dump() + " is code '" + excerpt(code) + "', not bad_config");
    world.expect(message.find(named) != std::string::npos, "CFG-3",
                 "the message does not name " + std::string(named) + ": " + excerpt(message, 200));
    world.expect(message.find(also) != std::string::npos, "CFG-3",
                 "the message does not speak of " + std::string(also) + ": " + excerpt(message, 200));
    co_await world.pause(150ms);
    world.expect(peer.accepted().empty(), "CFG-3", "it connected in spite of " + start.config.dump());
    if (agent.alive()) agent.kill();
}

Task<> unknown_key(World& world) {
    const Json config = {{"batch_sizes", 5}};
    co_await expect_refused(world, config, "batch_sizes", "batch_size");
    const Json other = {{"flush_intervall", "5s"}};
    co_await expect_refused(world, other, "flush_intervall", "flush_interval");
}

Task<> bad_duration(World& world) {
    const Json config = {{"flush_interval", "5 parsecs"}};
    co_await expect_refused(world, config, "flush_interval", "5 parsecs");
    const Json negative = {{"flush_interval", "-5s"}};
    co_await expect_refused(world, negative, "flush_interval", "-5s");
}

Task<> out_of_range(World& world) {
    const Json zero = {{"batch_size", 0}};
    co_await expect_refused(world, zero, "batch_size", "0");
    const Json text = {{"batch_size", "many"}};
    co_await expect_refused(world, text, "batch_size", "many");
    const Json small = {{"batch_size", 10}, {"prefetch", 5}};
    co_await expect_refused(world, small, "prefetch", "5");
    const Json mode = {{"mode", "stream"}};
    co_await expect_refused(world, mode, "mode", "streams");
}

Task<> secrets(World& world) {
    const Json config = {{"password", "hunter2-hunter2"}, {"batch_size", -1}};
    co_await expect_refused(world, config, "batch_size", "-1");
    for (const auto& agent : world.agents()) {
        for (const auto& event : agent.events()) {
            const std::string text = event.dump(-1, ' ', false, Json::error_handler_t::replace);
            world.expect(text.find("hunter2") == std::string::npos, "CFG-4",
                         "an event holds a password: " + excerpt(text));
        }
        world.expect(agent.port().errors().find("hunter2") == std::string::npos, "CFG-4", "stderr holds a password");
    }
}

// The shape of the notification agent's config.yaml: the keys in their section act, the host's sections are left alone.
Task<> whole_file(World& world) {
    Start start = world.consume("orders");
    start.config = Json::parse(R"({
        "api": {"enableNotifications": true},
        "server": {"readTimeout": "300s"},
        "synchronization": {
            "pubsub": {"redis": {"auth_token": "", "batch_size": 5, "flush_interval": "2s", "max_retries": 3,
                                 "retry_delay": "100ms", "max_retry_delay": "5s", "connection_timeout": "10s"}},
            "notification": {"enable": true, "default": "redis"}}})");
    Agent& agent = world.spawn();
    co_await agent.ready(start);
    world.publish(start.streams.front(), 20);
    const bool came = co_await agent.delivered(20, 5s);
    world.require(came, "CFG-1", "20 published, " + std::to_string(agent.delivered_count()) + " handed over");
    world.expect(agent.batches().size() == 4, "CFG-1",
                 "batch_size 5 of a whole file: 20 entries came in " + std::to_string(agent.batches().size()) +
                     " batches, not 4");
}

}  // namespace

std::vector<Case> config_cases() {
    constexpr auto config = CaseClass::Config;
    return {
        {"config/1-unknown-key",
         "An unknown key is refused, with the nearest one that there is",
         {"CFG-3"},
         {"config"},
         config,
         ServerNeed::Any,
         Timing::None,
         unknown_key},
        {"config/2-bad-duration",
         "A duration that is none is refused by name",
         {"CFG-2", "CFG-3"},
         {"config"},
         config,
         ServerNeed::Any,
         Timing::None,
         bad_duration},
        {"config/3-out-of-range",
         "Values out of range or of the wrong type are refused by name",
         {"CFG-2", "CFG-3"},
         {"config"},
         config,
         ServerNeed::Any,
         Timing::None,
         out_of_range},
        {"config/4-secrets",
         "A refusal names no secret",
         {"CFG-4"},
         {"config"},
         config,
         ServerNeed::Any,
         Timing::None,
         secrets},
        {"config/5-whole-file",
         "A whole configuration file of the notification agent's shape loads as it is",
         {"CFG-1"},
         {"config"},
         config,
         ServerNeed::Streams,
         Timing::None,
         whole_file},
    };
}

}  // namespace millrace::harness
