// What is wrong with a configuration is said at once, by name, and nothing connects.

#include "base/text.hpp"
#include "cases/table.hpp"

namespace millrace::harness {

namespace {

std::string text_of(const Json& event, const char* name) {
    const Json value = event.value(name, Json());
    return value.is_string() ? value.get<std::string>() : "";
}

// The error with which a start is refused.
Task<Json> refusal(World& world, Agent& agent, const Start& start) {
    co_await agent.hello();
    agent.start(start);
    const Json* error = co_await agent.next("error", 5s);
    world.require(error != nullptr, "CFG-3", "no error event for " + start.url + " " + start.config.dump());
    co_return *error;
}

void expect_words(World& world, const std::string& message, std::initializer_list<std::string_view> words) {
    for (const std::string_view word : words) {
        world.expect(message.find(word) != std::string::npos, "CFG-3",
                     "the message does not speak of " + std::string(word) + ": " + excerpt(message, 200));
    }
    world.expect(message.find('\n') == std::string::npos, "CFG-3", "it is not one line: " + excerpt(message, 200));
}

// Starts with a configuration that is wrong and listens whether anybody connects.
Task<> expect_refused(World& world, Json config, std::string_view named, std::string_view also) {
    BadPeer& peer = world.bad_peer(BadPeer::Kind::Silent);
    Start start = world.consume("orders");
    start.config = std::move(config);
    start.url = peer.url().text();
    Agent& agent = world.spawn();
    const Json error = co_await refusal(world, agent, start);
    const std::string code = text_of(error, "code");
    world.expect(code == "bad_config", "CFG-3",
                 start.config.dump() + " is code '" + excerpt(code) + "', not bad_config");
    expect_words(world, text_of(error, "message"), {named, also});
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

// Of each kind of value: another type, less than nothing, more than there is, a unit that is none.
Task<> every_kind(World& world) {
    struct Row {
        const char* config;
        const char* shown;
    };
    constexpr Row rows[] = {
        {R"({"batch_size": "many"})", "\"many\""},
        {R"({"batch_size": -1})", "\"-1\""},
        {R"({"batch_size": "99999999999999999999"})", "99999999999999999999"},
        {R"({"batch_size": [1]})", "a list"},
        {R"({"flush_interval": -5})", "\"-5\""},
        {R"({"flush_interval": "5 parsecs"})", "\"5 parsecs\""},
        {R"({"flush_interval": "9999999999h"})", "\"9999999999h\""},
        {R"({"flush_interval": {"s": 5}})", "an object"},
        {R"({"prefetch_bytes": "64MB"})", "\"64MB\""},
        {R"({"jitter": 1.5})", "\"1.5\""},
        {R"({"delete_acked": "yes"})", "\"yes\""},
        {R"({"mode": "stream"})", "\"stream\""},
        {R"({"protocol": 4})", "\"4\""},
        {R"({"client_name": "two words"})", "\"two words\""},
        {R"({"synchronization": {"pubsub": {"redis": {"max_retries": "three"}}}})", "\"three\""},
    };
    for (const Row& row : rows) {
        Json config = Json::parse(row.config);
        co_await expect_refused(world, config, "allowed: ", row.shown);
    }
}

Task<> bad_urls(World& world) {
    constexpr std::pair<const char*, const char*> rows[] = {
        {"http://localhost", "redis://"},
        {"redis://localhost:0", "65535"},
        {"redis://localhost:99999", "65535"},
        {"redis://localhost/first", "database"},
        {"redis://local host", "host"},
        {"redis://localhost?batch_sizes=5", "batch_size"},
        {"redis://localhost?batch_size=0", "batch_size"},
        {"redis://:hunter2@localhost#1", "%23"},
        {"redis://:hunter2%@localhost", "%25"},
        {"redis-sentinel://localhost/main", "Sentinel"},
    };
    for (const auto& [url, word] : rows) {
        Start start = world.consume("orders");
        start.url = url;
        Agent& agent = world.spawn();
        const Json error = co_await refusal(world, agent, start);
        const std::string code = text_of(error, "code");
        const std::string message = text_of(error, "message");
        world.expect(code == "bad_config" || code == "unsupported", "CFG-3",
                     std::string(url) + " is code '" + excerpt(code) + "', neither bad_config nor unsupported");
        expect_words(world, message, {word});
        world.expect(message.find("hunter2") == std::string::npos, "CFG-4", "the message holds a password");
        if (agent.alive()) agent.kill();
    }
}

// The notification agent's config.yaml as its documentation has it, with the keys under `synchronization` put in.
Json file_with(const Json& redis, const Json& notification = {{"enable", true}, {"default", "redis"}}) {
    return {{"api", {{"enableNotifications", true}}},
            {"server", {{"readTimeout", "300s"}, {"writeTimeout", "300s"}}},
            {"synchronization", {{"pubsub", {{"redis", redis}}}, {"notification", notification}}}};
}

// The keys in their section act, the host's sections are left alone.
Task<> whole_file(World& world) {
    Start start = world.consume("orders");
    start.config = file_with({{"auth_token", ""},
                              {"batch_size", 5},
                              {"flush_interval", "2s"},
                              {"max_retries", 3},
                              {"retry_delay", "100ms"},
                              {"max_retry_delay", "5s"},
                              {"connection_timeout", "10s"}});
    Agent& agent = world.spawn();
    co_await agent.ready(start);
    world.publish(start.streams.front(), 20);
    bool came = co_await agent.delivered(20, 5s);
    world.require(came, "CFG-1", "20 published, " + std::to_string(agent.delivered_count()) + " handed over");
    world.expect(agent.batches().size() == 4, "CFG-1",
                 "batch_size 5 of a whole file: 20 entries came in " + std::to_string(agent.batches().size()) +
                     " batches, not 4");
    const Instant published = world.now();
    world.publish(start.streams.front(), 3);
    came = co_await agent.delivered(23, 5s);
    const Duration took = world.now() - published;
    world.expect(came && took >= 1900ms && took < 3500ms, "CFG-1",
                 "flush_interval 2s of a whole file: 3 entries came after " + format_ms(took));
}

Task<> whole_file_connects(World& world) {
    BadPeer& peer = world.bad_peer(BadPeer::Kind::Silent);
    Start start = world.consume("orders");
    start.config = file_with(
        {{"connection_timeout", "300ms"}, {"retry_delay", "200ms"}, {"max_retry_delay", "400ms"}, {"lanes", 1}});
    start.url = peer.url().text();
    Agent& agent = world.spawn();
    const Instant begin = world.now();
    const Json error = co_await refusal(world, agent, start);
    const Duration took = world.now() - begin;
    world.expect(text_of(error, "code") == "timeout" && took < 3s, "CFG-1",
                 "connection_timeout 300ms: after " + format_ms(took) + " code '" + text_of(error, "code") + "'");
    peer.become(BadPeer::Kind::HangUp);
    const size_t before = peer.accepted().size();
    const auto& accepted = peer.accepted();
    // Due after 2.6 s; if the delay went on doubling, after 25 s.
    const bool tried = co_await world.comes_true([&] { return accepted.size() - before >= 7; }, 10s);
    world.expect(tried, "CFG-1",
                 "max_retry_delay 400ms: " + std::to_string(accepted.size() - before) + " attempts to connect in 10 s");
    for (size_t i = before + 1; i < accepted.size(); ++i) {
        const Duration gap = accepted[i] - accepted[i - 1];
        world.expect(gap >= 190ms, "CFG-1", "retry_delay 200ms: the next attempt came after " + format_ms(gap));
    }
}

// The first that is not empty, and the number of the database.
Task<> whole_file_logs_in(World& world) {
    world.own_server({"--requirepass", "right"});
    constexpr const char* rows[] = {
        R"({"auth_token": "right", "redis_secret": "wrong", "password": "wrong", "database": 3})",
        R"({"password": "wrong", "redis_secret": "right", "auth_token": "", "database": 3})",
        R"({"auth_token": "", "redis_secret": "", "password": "right", "database": 3})"};
    for (const char* const row : rows) {
        Start start = world.consume("orders");
        Url url = world.url();
        url.password.clear();
        start.url = url.text();
        start.config = file_with(Json::parse(row));
        Agent& agent = world.spawn();
        co_await agent.ready(start);
        const std::string clients = world.command({"CLIENT", "LIST"}).text;
        world.expect(clients.find(" db=3 ") != std::string::npos, "CFG-1",
                     "no connection has chosen the database of " + std::string(row));
        agent.kill();
    }
}

Task<> switched_off(World& world) {
    BadPeer& peer = world.bad_peer(BadPeer::Kind::Silent);
    Start start = world.consume("orders");
    start.config = file_with(Json::object(), {{"enable", false}, {"default", "redis"}});
    start.url = peer.url().text();
    Agent& agent = world.spawn();
    const Json error = co_await refusal(world, agent, start);
    expect_words(world, text_of(error, "message"), {"synchronization.notification.enable"});
    co_await world.pause(300ms);
    world.expect(peer.accepted().empty(), "CFG-1", "it connected in spite of enable: false");
    if (agent.alive()) agent.kill();
}

Task<> default_of_a_file(World& world) {
    constexpr std::pair<const char*, const char*> rows[] = {
        {"redis", "streams"}, {"redis-streams", "streams"}, {"pubsub", "pubsub"}};
    for (const auto& [word, mode] : rows) {
        Start start = world.consume("orders");
        start.config = file_with(Json::object(), {{"enable", true}, {"default", word}});
        Agent& agent = world.spawn();
        co_await agent.hello();
        agent.start(start);
        const Json* ready = co_await agent.next("ready", 10s);
        world.require(ready != nullptr, "CFG-1", "not ready with default: " + std::string(word));
        world.expect(text_of(*ready, "mode") == mode, "CFG-1",
                     "default: " + std::string(word) + " is mode " + text_of(*ready, "mode"));
        agent.kill();
    }
    Json other = file_with(Json::object(), {{"enable", true}, {"default", "kafka"}});
    co_await expect_refused(world, other, "synchronization.notification.default", "redis, redis-streams, pubsub");
}

Case config_case(std::string_view id, std::string_view title, std::vector<std::string_view> spec, ServerNeed server,
                 Task<> (*story)(World&)) {
    return {id, title, std::move(spec), {"config"}, CaseClass::Config, server, Timing::None, story};
}

}  // namespace

std::vector<Case> config_cases() {
    constexpr auto any = ServerNeed::Any;
    constexpr auto streams = ServerNeed::Streams;
    std::vector<Case> all = {
        config_case("config/1-unknown-key", "An unknown key is refused, with the nearest one that there is", {"CFG-3"},
                    any, unknown_key),
        config_case("config/2-bad-duration", "A duration that is none is refused by name", {"CFG-2", "CFG-3"}, any,
                    bad_duration),
        config_case("config/3-out-of-range", "Values out of range or of the wrong type are refused by name",
                    {"CFG-2", "CFG-3"}, any, out_of_range),
        config_case("config/4-secrets", "A refusal names no secret", {"CFG-4"}, any, secrets),
        config_case("config/5-whole-file",
                    "A whole configuration file of the notification agent's shape loads as it is", {"CFG-1"}, streams,
                    whole_file),
        config_case("config/6-every-kind", "Every kind of value refuses what it is not, in one line that says what",
                    {"CFG-2", "CFG-3"}, any, every_kind),
        config_case("config/7-bad-url", "A URL that is none is refused in one line, without its password",
                    {"CFG-3", "CFG-4"}, any, bad_urls),
        config_case("config/8-whole-file-connects", "Timeout and delays of a whole configuration file act", {"CFG-1"},
                    any, whole_file_connects),
        config_case("config/9-whole-file-logs-in",
                    "Of a whole file's secrets the first that is not empty counts, and its database is chosen",
                    {"CFG-1"}, streams, whole_file_logs_in),
        config_case("config/10-switched-off", "A file that switches notification off opens nothing, and says so",
                    {"CFG-1"}, any, switched_off),
        config_case("config/11-default", "The default implementation of a file chooses the mode", {"CFG-1", "DET-3"},
                    streams, default_of_a_file),
    };
    all.back().needs.emplace_back("pubsub");
    return all;
}

}  // namespace millrace::harness
