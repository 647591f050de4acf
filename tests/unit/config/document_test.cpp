// JSON documents: alone, inside a whole configuration file, and what is refused where.
#include <gtest/gtest.h>

#include <random>
#include <string>

#include "base/allocation.hpp"
#include "millrace/config.hpp"

namespace millrace {
namespace {

Config parsed(std::string_view json, std::string_view fallback = {}, Config base = {}) {
    Result<Config> config = parse_json(json, fallback, std::move(base));
    if (config.ok()) return *config;
    ADD_FAILURE() << json << ": " << config.error().message;
    return {};
}

Error refusal(std::string_view json) {
    const Result<Config> config = parse_json(json);
    if (!config.ok()) return config.error();
    ADD_FAILURE() << json << " is accepted";
    return {};
}

// seeds: the notification agent's file, with the sections around ours.
constexpr std::string_view whole_file = R"({
  "api": {"enableNotifications": true, "maxConns": 0, "nested": [{"batch_size": 0}, [1]]},
  "synchronization": {
    "pubsub": {"redis": {"host": "redis:6380", "auth_token": "", "database": 2, "batch_size": 5, "flush_interval": "2s",
      "max_retries": 3, "retry_delay": "100ms", "max_retry_delay": "5s", "connection_timeout": "10s"}},
    "notification": {"enable": true, "default": "redis"}},
  "server": {"readTimeout": "300s"},
  "log": "debug"
})";

TEST(Document, SetsKeysOfEveryType) {
    const Config config =
        parsed(R"({"host":"h:1","database":"2","batch_size":5,"flush_interval":2000,"block":"1s","jitter":0.5,
        "prefetch_bytes":1048576,"max_message_bytes":"1MiB","streams":["a","b,c"],"group":7,"start":0,"atomic":true,"protocol":3,
        "mode":"streams","tls":{"ca":"/ca","verify":false},"consumer":"c"})");
    EXPECT_EQ(config.client.endpoint.host, "h");
    EXPECT_EQ(config.client.database, 2);
    EXPECT_EQ(config.source.batch_size, 5U);
    EXPECT_EQ(config.source.flush_interval->us, 2'000'000);
    EXPECT_EQ(config.client.block->us, 1'000'000);
    EXPECT_EQ(config.client.jitter_ppm, 500'000U);
    EXPECT_EQ(config.source.prefetch_bytes, 1U << 20);
    EXPECT_EQ(config.client.max_message_bytes, 1U << 20);
    EXPECT_EQ(config.source.streams, (std::vector<std::string>{"a", "b,c"}));
    EXPECT_EQ(config.source.group, "7");
    EXPECT_EQ(config.source.start, "0");
    EXPECT_TRUE(config.publish.atomic);
    EXPECT_EQ(config.client.protocol, Protocol::resp3);
    EXPECT_EQ(config.client.mode, Mode::streams);
    EXPECT_EQ(config.client.tls->ca, "/ca");
    EXPECT_FALSE(config.client.tls->verify);
    EXPECT_TRUE(config.enabled);
    EXPECT_TRUE(config.passed_over.empty());
}

TEST(Document, MayNameTlsKeysInOne) {
    EXPECT_EQ(parsed(R"({"tls.ca":"/ca"})").client.tls->ca, "/ca");
    EXPECT_EQ(parsed(R"({"tls":{}})").client.tls, std::nullopt);
    EXPECT_NE(refusal(R"({"tls.ca":"a","tls":{"ca":"b"}})").message.find("twice"), std::string::npos);
    EXPECT_EQ(parsed(R"({"tls":{"ca":"x","enabled":false,"server_name":"y"}})").client.tls, std::nullopt);
}

TEST(Document, LeavesADefaultWhereAKeyHasNoValue) {
    const Config config = parsed(R"({"redis_secret":null,"batch_size":null,"tls":null,"streams":null,"pattern":null})");
    EXPECT_EQ(config.source.batch_size, 10U);
    EXPECT_TRUE(config.client.password.empty());
    EXPECT_EQ(parsed(R"({"synchronization":null})").source.batch_size, 10U);
    EXPECT_EQ(parsed(R"({"synchronization":{"pubsub":null,"notification":null}})").source.batch_size, 10U);
    EXPECT_EQ(parsed(R"({"synchronization":{"pubsub":{"redis":null},"notification":{"enable":null,"default":null}}})")
                  .source.batch_size,
              10U);
}

TEST(Document, GoesOnTopOfABase) {
    Config base;
    base.source.batch_size = 7;
    base.source.group = "g";
    base.client.password = Secret("from the base");
    const Config config = parsed(R"({"group":"h","auth_token":""})", "from the environment", base);
    EXPECT_EQ(config.source.batch_size, 7U);
    EXPECT_EQ(config.source.group, "h");
    EXPECT_EQ(config.client.password.reveal(), "from the base");
    EXPECT_EQ(parsed(R"({"password":"p"})", "e", base).client.password.reveal(), "p");
}

// CFG-1: the first not empty, in whatever order the document has them.
TEST(Document, TakesTheFirstPassword) {
    const std::pair<std::string_view, std::string_view> cases[] = {
        {R"({"auth_token":"a","redis_secret":"b","password":"c"})", "a"},
        {R"({"password":"c","redis_secret":"b","auth_token":"a"})", "a"},
        {R"({"auth_token":"","redis_secret":"b","password":"c"})", "b"},
        {R"({"password":"c","redis_secret":"b","auth_token":""})", "b"},
        {R"({"auth_token":"","redis_secret":"","password":"c"})", "c"},
        {R"({"auth_token":"","redis_secret":null,"password":""})", "env"},
        {R"({})", "env"},
        {R"({"auth_token":123,"password":"c"})", "123"},
        {R"({"password":"c","auth_token":123})", "123"},
        {R"({"auth_token":"a","password":5})", "a"},
    };
    for (const auto& [json, password] : cases)
        EXPECT_EQ(parsed(json, "env").client.password.reveal(), password) << json;
}

TEST(Document, LoadsAWholeConfigurationFile) {
    const Config config = parsed(whole_file, "env");
    EXPECT_EQ(config.client.endpoint.host, "redis");
    EXPECT_EQ(config.client.endpoint.port, 6380);
    EXPECT_EQ(config.client.database, 2);
    EXPECT_EQ(config.client.password.reveal(), "env");
    EXPECT_EQ(config.source.batch_size, 5U);
    EXPECT_EQ(config.source.flush_interval->us, 2'000'000);
    EXPECT_EQ(config.client.mode, Mode::automatic);
    EXPECT_TRUE(config.enabled);
    EXPECT_EQ(config.passed_over, (std::vector<std::string>{"api", "server", "log"}));
}

TEST(Document, ReadsTheNotificationSection) {
    const struct {
        std::string_view json;
        bool enabled;
        Mode mode;
    } cases[] = {
        {R"({"synchronization":{"notification":{"enable":false}}})", false, Mode::automatic},
        {R"({"synchronization":{"notification":{"enable":"false"}}})", false, Mode::automatic},
        {R"({"synchronization":{"notification":{"default":"redis"}}})", true, Mode::automatic},
        {R"({"synchronization":{"notification":{"default":"redis-streams"}}})", true, Mode::streams},
        {R"({"synchronization":{"notification":{"default":"pubsub"}}})", true, Mode::pubsub},
        {R"({"synchronization":{"notification":{"default":"redis"},"pubsub":{"redis":{"mode":"streams"}}}})", true,
         Mode::streams},
        {R"({"synchronization":{"notification":{"default":"pubsub"},"pubsub":{"redis":{"mode":"pubsub"}}}})", true,
         Mode::pubsub},
    };
    for (const auto& each : cases) {
        const Config config = parsed(each.json);
        EXPECT_EQ(config.enabled, each.enabled) << each.json;
        EXPECT_EQ(config.client.mode, each.mode) << each.json;
    }
}

// CFG-3: the key with where it stands, the value, what is allowed, the nearest known key.
TEST(Document, NamesWhatIsWrongAndWhere) {
    const struct {
        std::string_view json;
        std::string_view words[3];
    } cases[] = {
        {R"({"batch_size":0})", {"batch_size: \"0\"", "1 to 1000000", ""}},
        {R"({"batch_size":-1})", {"batch_size: \"-1\"", "1 to 1000000", ""}},
        {R"({"batch_size":1e1})", {"batch_size: \"1e1\"", "1 to 1000000", ""}},
        {R"({"batch_size":10.0})", {"batch_size: \"10.0\"", "", ""}},
        {R"({"batch_size":"ten"})", {"batch_size: \"ten\"", "", ""}},
        {R"({"batch_size":true})", {"batch_size: \"true\"", "", ""}},
        {R"({"batch_size":{}})", {"batch_size: an object", "1 to 1000000", ""}},
        {R"({"batch_size":[1]})", {"batch_size: a list", "1 to 1000000", ""}},
        {R"({"flush_interval":"5 s"})", {"flush_interval: \"5 s\"", "1h30m", ""}},
        {R"({"flush_interval":1.5})", {"flush_interval: \"1.5\"", "1h30m", ""}},
        {R"({"max_message_bytes":"1MB"})", {"max_message_bytes", "KiB", ""}},
        {R"({"jitter":2})", {"jitter: \"2\"", "0 to 1", "decimals"}},
        {R"({"atomic":1})", {"atomic: \"1\"", "true, false", ""}},
        {R"({"group":1e5})", {"group: \"1e5\"", "", ""}},
        {R"({"group":true})", {"group: \"true\"", "", ""}},
        {R"({"group":["a"]})", {"group: a list", "a name", ""}},
        {R"({"password":true})", {"password", "text", ""}},
        {R"({"password":1e5})", {"password", "text", ""}},
        {R"({"streams":5})", {"streams: \"5\"", "", ""}},
        {R"({"streams":[5]})", {"streams: \"5\"", "list of texts", ""}},
        {R"({"streams":[["a"]]})", {"streams: a list", "list of texts", ""}},
        {R"({"streams":[{}]})", {"streams: an object", "list of texts", ""}},
        {R"({"streams":[]})", {"streams: a list", "", ""}},
        {R"({"streams":["a","a"]})", {"streams: a list", "once", ""}},
        {R"({"stream":"a","streams":["b"]})", {"streams", "beside stream", "one of them"}},
        {R"({"max_len":1,"max_age":"1s"})", {"max_age", "beside max_len", "one of them"}},
        {R"({"max_len_exact":true,"max_age":"1s"})", {"max_len_exact", "without max_len", "both together"}},
        {R"({"mode":"redis"})", {"mode: \"redis\"", "auto, streams, pubsub", ""}},
        {R"({"batch_size":1,"batch_size":1})", {"batch_size", "twice", ""}},
        {R"({"password":"a","password":"a"})", {"password", "twice", ""}},
        {R"({"batch_sise":1})", {"\"batch_sise\"", "\"batch_size\"", ""}},
        {R"({"batch_sise":null})", {"\"batch_sise\"", "\"batch_size\"", ""}},
        {R"({"batch_sise":[]})", {"\"batch_sise\"", "\"batch_size\"", ""}},
        {R"({"synchronisation":{}})", {"\"synchronisation\"", "\"synchronization\"", ""}},
        {R"({"tls":5})", {"tls", "object", ""}},
        {R"({"tls":[]})", {"tls: a list", "object of the tls keys", ""}},
        {R"({"tls":{"caa":"x"}})", {"\"tls.caa\"", "\"tls.ca\"", ""}},
        {R"({"tls":{"caa":{}}})", {"\"tls.caa\"", "\"tls.ca\"", ""}},
        {R"({"tls":{"ca":{}}})", {"tls.ca: an object", "a path", ""}},
        {R"({"tls":{"cert":"x"}})", {"tls.cert", "tls.key", ""}},
        {R"({"prefetch":5})", {"prefetch: 5", "batch_size", "10"}},
        {R"({"synchronization":5})", {"synchronization", "object", ""}},
        {R"({"synchronization":[]})", {"synchronization", "object", ""}},
        {R"({"synchronization":{"pubsubs":{}}})", {"\"synchronization.pubsubs\"", "\"pubsub\"", ""}},
        {R"({"synchronization":{"pubsubs":1}})", {"\"synchronization.pubsubs\"", "\"pubsub\"", ""}},
        {R"({"synchronization":{"pubsub":1}})", {"synchronization.pubsub:", "object", ""}},
        {R"({"synchronization":{"pubsub":[]}})", {"synchronization.pubsub:", "object", ""}},
        {R"({"synchronization":{"pubsub":{"rediss":{}}}})", {"\"synchronization.pubsub.rediss\"", "\"redis\"", ""}},
        {R"({"synchronization":{"pubsub":{"redis":1}}})", {"synchronization.pubsub.redis:", "object", ""}},
        {R"({"synchronization":{"pubsub":{"redis":{"batch_sise":1}}}})",
         {"\"synchronization.pubsub.redis.batch_sise\"", "\"batch_size\"", ""}},
        {R"({"synchronization":{"pubsub":{"redis":{"batch_size":0}}}})",
         {"synchronization.pubsub.redis.batch_size: \"0\"", "1 to 1000000", ""}},
        {R"({"synchronization":{"pubsub":{"redis":{"tls":{"verify":3}}}}})",
         {"synchronization.pubsub.redis.tls.verify: \"3\"", "true, false", ""}},
        {R"({"synchronization":{"notification":{"enabled":true}}})",
         {"\"synchronization.notification.enabled\"", "\"enable\"", ""}},
        {R"({"synchronization":{"notification":{"enable":1}}})",
         {"synchronization.notification.enable: \"1\"", "true, false", ""}},
        {R"({"synchronization":{"notification":{"enable":[]}}})",
         {"synchronization.notification.enable", "no list", ""}},
        {R"({"synchronization":{"notification":{"enable":true,"enable":true}}})",
         {"synchronization.notification.enable", "twice", ""}},
        {R"({"synchronization":{"notification":{"default":"kafka"}}})",
         {"synchronization.notification.default: \"kafka\"", "redis, redis-streams, pubsub", ""}},
        {R"({"synchronization":{"notification":{"default":"pubsub"},"pubsub":{"redis":{"mode":"auto"}}}})",
         {"synchronization.notification.default", "mode", "same"}},
        {R"([])", {"no JSON object", "", ""}},
        {R"("host")", {"no JSON object", "", ""}},
        {R"(5)", {"no JSON object", "", ""}},
    };
    for (const auto& each : cases) {
        const Error error = refusal(each.json);
        EXPECT_EQ(error.code, Code::bad_config) << each.json;
        for (const std::string_view words : each.words) {
            EXPECT_NE(error.message.find(words), std::string::npos)
                << each.json << ": " << error.message << " lacks " << words;
        }
    }
}

TEST(Document, SaysWhereItIsNoJson) {
    EXPECT_NE(refusal("{\n  \"host\": h\n}").message.find("line 2, column 11"), std::string::npos);
    EXPECT_NE(refusal("").message.find("line 1, column 1"), std::string::npos);
    EXPECT_NE(refusal("{\"host\":\"h\"").message.find("line 1, column 11"), std::string::npos);
    EXPECT_NE(refusal(std::string(100, '[')).message.find("64 deep"), std::string::npos);
}

TEST(Document, SaysWhenThereIsNoMemoryForIt) {
    const std::string document = "{}" + std::string(70'000, ' ');
    const test::Scarcity scarcity(0);
    EXPECT_EQ(refusal(document).code, Code::out_of_memory);
}

/// What is read is said once, and what a document says of it takes the place of what was said before.
TEST(Document, NamesStreamsOrAPattern) {
    const Config named =
        parsed(R"({"synchronization":{"pubsub":{"redis":{"pattern":"a*","discover_interval":"1s"}}}})");
    EXPECT_EQ(named.source.pattern, "a*");
    EXPECT_EQ(named.source.discover_interval, seconds(1));
    EXPECT_TRUE(validate(named.source).ok());
    const Result<Config> other = parse_json(R"({"stream":"s"})", {}, named);
    ASSERT_TRUE(other.ok());
    EXPECT_EQ(other->source.pattern, "");
    EXPECT_EQ(other->source.streams, std::vector<std::string>{"s"});
    const Result<Config> back = parse_json(R"({"pattern":"b*"})", {}, *other);
    ASSERT_TRUE(back.ok());
    EXPECT_TRUE(back->source.streams.empty());
    for (const std::string_view json :
         {R"({"stream":"a","pattern":"b*"})", R"({"pattern":"b*","streams":["a"]})", R"({"pattern":"b*","group":""})",
          R"({"pattern":""})", R"({"pattern":"b*","discover_interval":0})"}) {
        EXPECT_EQ(refusal(json).code, Code::bad_config) << json;
    }
}

// CFG-4
TEST(Document, QuotesNoSecret) {
    for (const std::string_view json :
         {R"({"password":"hunter2","password":"hunter2"})", R"({"password":"hunter2)", R"({"password":"hunter2" x})",
          R"({"auth_token":hunter2})", R"({"redis_secret":["hunter2"]})", R"({"redis_secret":{"hunter2":1}})",
          R"({"password":"hunter2","batch_size":0})", R"({"host":"redis://:hunter2@h"})"}) {
        const Error error = refusal(json);
        EXPECT_EQ(error.message.find("hunter2"), std::string::npos) << error.message;
    }
}

TEST(Document, TakesAnyBytes) {
    std::mt19937 random(50);
    size_t good = 0;
    for (int round = 0; round < 3'000; ++round) {
        std::string json(whole_file);
        for (size_t changes = random() % 3; changes > 0; --changes) {
            const size_t at = random() % json.size();
            if (random() % 2 == 0) {
                json[at] = static_cast<char>(random() % 256);
            } else {
                json[at] = whole_file[random() % whole_file.size()];
            }
        }
        const Result<Config> config = parse_json(json);
        if (config.ok()) {
            ++good;
            ASSERT_TRUE(validate(config->client).ok()) << json;
        } else {
            ASSERT_FALSE(config.error().message.empty());
        }
    }
    EXPECT_GT(good, 300U);
}

}  // namespace
}  // namespace millrace
