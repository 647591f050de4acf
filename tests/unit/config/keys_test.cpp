// The table of keys: complete, consistent with the structs, and enforced by set_key.
#include "config/keys.hpp"

#include <gtest/gtest.h>

#include <set>
#include <string>

#include "config/values.hpp"
#include "millrace/config.hpp"

namespace millrace {
namespace {

Error set_error(std::string_view key, std::string_view text) {
    Config config;
    const Status status = set_key(config, key, text);
    EXPECT_FALSE(status.ok()) << key << "=" << text;
    return status.error();
}

bool is_set(Config& config, std::string_view key, std::string_view text) {
    const Status status = set_key(config, key, text);
    EXPECT_TRUE(status.ok()) << status.error().message;
    return status.ok();
}

// CFG-1, and `from`, which the agent protocol adds.
TEST(Keys, AreThoseOfTheSpecification) {
    const std::set<std::string_view> wanted{"host",
                                            "database",
                                            "auth_token",
                                            "redis_secret",
                                            "password",
                                            "batch_size",
                                            "flush_interval",
                                            "max_retries",
                                            "retry_delay",
                                            "max_retry_delay",
                                            "connection_timeout",
                                            "username",
                                            "client_name",
                                            "tls.enabled",
                                            "tls.ca",
                                            "tls.cert",
                                            "tls.key",
                                            "tls.server_name",
                                            "tls.verify",
                                            "mode",
                                            "protocol",
                                            "lanes",
                                            "block",
                                            "read_slack",
                                            "prefetch",
                                            "prefetch_bytes",
                                            "jitter",
                                            "health_deadline",
                                            "max_depth",
                                            "max_elements",
                                            "stream",
                                            "streams",
                                            "pattern",
                                            "group",
                                            "consumer",
                                            "start",
                                            "from",
                                            "cursors",
                                            "max_scan",
                                            "on_lost_group",
                                            "claim_interval",
                                            "claim_min_idle",
                                            "max_deliveries",
                                            "dedupe",
                                            "id_field",
                                            "nack_delay",
                                            "dedupe_window",
                                            "dedupe_count",
                                            "delete_acked",
                                            "consumer_expiry",
                                            "consumer_lease",
                                            "discover_interval",
                                            "publish_queue_bytes",
                                            "max_message_bytes",
                                            "max_len",
                                            "max_len_exact",
                                            "max_age",
                                            "keep_pending",
                                            "atomic",
                                            "idempotent",
                                            "on_oom",
                                            "idempotent_window",
                                            "idempotent_count"};
    std::set<std::string_view> found;
    for (const ConfigKey& key : config_keys()) EXPECT_TRUE(found.insert(key.name).second) << key.name << " twice";
    EXPECT_EQ(found, wanted);
}

TEST(Keys, SayWhatTheyMeanAndAllow) {
    ASSERT_EQ(config_keys().size(), key_rows().size());
    for (size_t i = 0; i < key_rows().size(); ++i) {
        const ConfigKey& key = config_keys()[i];
        EXPECT_EQ(key.name, key_rows()[i].key.name);
        EXPECT_FALSE(key.range.empty()) << key.name;
        EXPECT_FALSE(key.default_text.empty()) << key.name;
        EXPECT_TRUE(key.meaning.ends_with('.')) << key.name;
        EXPECT_EQ(key.available, key_rows()[i].store != nullptr) << key.name;
    }
}

// The structs' initialisers are what is used; the table's words must say the same.
TEST(Keys, SayTheDefaultsOfTheStructs) {
    for (const KeyRow& row : key_rows()) {
        if (row.load == nullptr) continue;
        const std::optional<int64_t> used = row.load(Config());
        if (!used) continue;
        const std::string_view said = row.key.default_text.substr(0, row.key.default_text.find(';'));
        Config config;
        ASSERT_TRUE(is_set(config, row.key.name, said));
        EXPECT_EQ(row.load(config), used) << row.key.name;
    }
    const Config fresh;
    EXPECT_EQ(fresh.client.endpoint.host + ":" + std::to_string(fresh.client.endpoint.port),
              find_key("host")->key.default_text);
    EXPECT_EQ(fresh.client.client_name, find_key("client_name")->key.default_text);
    EXPECT_EQ(fresh.source.group, find_key("group")->key.default_text);
    EXPECT_EQ(fresh.source.start, find_key("start")->key.default_text);
    EXPECT_EQ(fresh.source.from, find_key("from")->key.default_text);
    EXPECT_EQ(fresh.client.mode, Mode::automatic);
    EXPECT_EQ(fresh.client.protocol, Protocol::automatic);
    EXPECT_FALSE(fresh.client.tls.has_value());
    EXPECT_FALSE(fresh.publish.atomic);
}

TEST(Keys, AcceptBothEndsOfTheirRangeAndNothingPastThem) {
    for (const KeyRow& row : key_rows()) {
        if (row.load == nullptr) continue;
        const std::string_view range = row.key.range;
        const size_t to = range.find(" to ");
        const std::string_view low = range.substr(0, to);
        const std::string_view high = range.substr(to + 4, range.find(',') - to - 4);
        for (const std::string_view end : {low, high}) {
            Config config;
            ASSERT_TRUE(is_set(config, row.key.name, end)) << row.key.name;
            EXPECT_TRUE(row.load(config) == limits_of(row).min || row.load(config) == limits_of(row).max)
                << row.key.name;
        }
        // A digit more is past every range.
        const size_t digits = high.find_first_not_of("0123456789");
        const std::string above = std::string(high.substr(0, digits)) + "1" +
                                  std::string(digits == std::string_view::npos ? "" : high.substr(digits));
        EXPECT_EQ(set_error(row.key.name, above).code, Code::bad_config) << above;
        EXPECT_EQ(set_error(row.key.name, "-1").code, Code::bad_config);
        EXPECT_EQ(set_error(row.key.name, "").code, Code::bad_config);
    }
}

// CFG-2: where 0 is refused, and where it means none.
TEST(Keys, RefuseZeroAsTheSpecificationSays) {
    for (const std::string_view key : {"batch_size", "block", "read_slack", "prefetch", "connection_timeout",
                                       "health_deadline", "lanes", "max_depth", "max_elements"}) {
        const Error error = set_error(key, "0");
        EXPECT_NE(error.message.find(key), std::string::npos);
        EXPECT_TRUE(find_key(key)->key.zero_means.starts_with("refused")) << key;
    }
    for (const std::string_view key : {"max_retries", "flush_interval", "nack_delay", "retry_delay", "max_retry_delay",
                                       "database", "jitter", "consumer_expiry"}) {
        Config config;
        EXPECT_TRUE(is_set(config, key, "0")) << key;
    }
    EXPECT_EQ(limits_of(*find_key("claim_min_idle")).min, 100'000);
    EXPECT_EQ(limits_of(*find_key("claim_interval")).min, 1'000);
    EXPECT_EQ(limits_of(*find_key("dedupe_window")).min, 0);
    EXPECT_EQ(limits_of(*find_key("dedupe_count")).min, 0);
}

TEST(Keys, AreAllOfThisVersion) {
    for (const ConfigKey& key : config_keys()) EXPECT_TRUE(key.available) << key.name;
}

/// A publisher's options are laid over its client's, which can't be taken back otherwise.
TEST(SetKey, OneWayOfTrimmingTakesThePlaceOfTheOther) {
    Config config;
    is_set(config, "max_len", "1000");
    is_set(config, "max_len_exact", "true");
    is_set(config, "max_age", "1h");
    EXPECT_FALSE(config.publish.max_len.has_value());
    EXPECT_EQ(config.publish.max_age, seconds(3600));
    EXPECT_TRUE(validate(config.publish).ok());
    is_set(config, "max_len", "1000");
    EXPECT_FALSE(config.publish.max_age.has_value());
    EXPECT_EQ(config.publish.max_len, 1000U);
    EXPECT_TRUE(validate(config.publish).ok());
}

TEST(SetKey, PutsEachTypeWhereItBelongs) {
    Config config;
    is_set(config, "host", "redis.internal:7000");
    is_set(config, "database", "3");
    is_set(config, "username", "app");
    is_set(config, "client_name", "worker-1");
    is_set(config, "mode", "pubsub");
    is_set(config, "protocol", "2");
    is_set(config, "lanes", "1");
    is_set(config, "jitter", "0.2");
    is_set(config, "block", "250ms");
    is_set(config, "publish_queue_bytes", "1MiB");
    is_set(config, "streams", "a,b");
    is_set(config, "group", "");
    is_set(config, "consumer", "c1");
    is_set(config, "start", "$");
    is_set(config, "from", "last:5");
    is_set(config, "cursors", "a=b=1-2,c=3");
    is_set(config, "prefetch", "64");
    is_set(config, "atomic", "true");
    is_set(config, "consumer_lease", "true");
    is_set(config, "consumer_expiry", "0");
    EXPECT_EQ(config.client.endpoint.host, "redis.internal");
    EXPECT_EQ(config.client.endpoint.port, 7000);
    EXPECT_EQ(config.client.database, 3);
    EXPECT_EQ(config.client.username, "app");
    EXPECT_EQ(config.client.client_name, "worker-1");
    EXPECT_EQ(config.client.mode, Mode::pubsub);
    EXPECT_EQ(config.client.protocol, Protocol::resp2);
    EXPECT_EQ(config.client.lanes, 1U);
    EXPECT_EQ(config.client.jitter_ppm, 200'000U);
    EXPECT_EQ(config.client.block->us, 250'000);
    EXPECT_EQ(config.client.publish_queue_bytes, 1U << 20);
    EXPECT_EQ(config.source.streams, (std::vector<std::string>{"a", "b"}));
    EXPECT_EQ(config.source.group, "");
    EXPECT_EQ(config.source.consumer, "c1");
    EXPECT_EQ(config.source.start, "$");
    EXPECT_EQ(config.source.from, "last:5");
    ASSERT_EQ(config.source.cursors.size(), 2U);
    EXPECT_EQ(config.source.cursors[0].text(), "a=b=1-2");
    EXPECT_EQ(config.source.cursors[1].text(), "c=3-0");
    is_set(config, "from", "id:order-17");
    EXPECT_EQ(config.source.from, "id:order-17");
    EXPECT_EQ(config.source.prefetch, 64U);
    EXPECT_TRUE(config.publish.atomic);
    EXPECT_TRUE(config.source.consumer_lease);
    EXPECT_EQ(config.source.consumer_expiry, Duration{});
    is_set(config, "stream", "a,b");
    EXPECT_EQ(config.source.streams, std::vector<std::string>{"a,b"});
}

TEST(SetKey, TurnsTlsOnByAnyOfItsKeys) {
    for (const std::string_view key : {"tls.ca", "tls.cert", "tls.key", "tls.server_name"}) {
        Config config;
        is_set(config, key, "x");
        ASSERT_TRUE(config.client.tls.has_value()) << key;
        EXPECT_TRUE(config.client.tls->verify);
    }
    Config config;
    is_set(config, "tls.verify", "false");
    ASSERT_TRUE(config.client.tls.has_value());
    EXPECT_FALSE(config.client.tls->verify);
    is_set(config, "tls.enabled", "true");
    EXPECT_FALSE(config.client.tls->verify);
    is_set(config, "tls.enabled", "false");
    EXPECT_FALSE(config.client.tls.has_value());
    is_set(config, "tls.enabled", "true");
    EXPECT_TRUE(config.client.tls->verify);
}

TEST(SetKey, RefusesWhatItsKeyDoesNotAllow) {
    const std::pair<std::string_view, std::string_view> cases[] = {
        {"host", "a b"},
        {"host", "h:0"},
        {"host", "h:65536"},
        {"host", "h:x"},
        {"host", "[::1"},
        {"host", "[::1]x"},
        {"host", "[host]:1"},
        {"host", "redis://h"},
        {"client_name", "a b"},
        {"client_name", "a\n"},
        {"client_name", "\xc3\xa9"},
        {"mode", "Streams"},
        {"mode", ""},
        {"mode", "auto, streams"},
        {"protocol", "4"},
        {"tls.enabled", "yes"},
        {"atomic", "1"},
        {"stream", ""},
        {"streams", ""},
        {"streams", "a,"},
        {"streams", "a,b,a"},
        {"start", ""},
        {"start", "new"},
        {"start", "-1"},
        {"start", "1-2-3"},
        {"from", ""},
        {"from", "$"},
        {"from", "last:"},
        {"from", "last:0"},
        {"from", "last:1000001"},
        {"from", "last:-1"},
        {"from", "1-x"},
        {"from", "id:"},
        {"cursors", ""},
        {"cursors", "orders"},
        {"cursors", "orders=x"},
        {"cursors", "=1-0"},
        {"cursors", "a=1-0,a=2-0"},
        {"flush_interval", "5x"},
        {"jitter", "1.1"},
        {"max_message_bytes", "1MB"},
    };
    for (const auto& [key, text] : cases) {
        const Error error = set_error(key, text);
        EXPECT_EQ(error.code, Code::bad_config);
        EXPECT_TRUE(error.message.starts_with(std::string(key) + ": \"")) << error.message;
        EXPECT_NE(error.message.find(find_key(key)->key.range), std::string::npos) << error.message;
    }
}

TEST(SetKey, ChangesNothingOnAnError) {
    Config config;
    is_set(config, "streams", "a");
    EXPECT_FALSE(set_key(config, "streams", "b,b").ok());
    EXPECT_EQ(config.source.streams, std::vector<std::string>{"a"});
    EXPECT_FALSE(set_key(config, "client_name", "a b").ok());
    EXPECT_EQ(config.client.client_name, "millrace");
}

TEST(SetKey, AcceptsEveryNotationOfAHost) {
    const struct {
        std::string_view text;
        std::string_view host;
        uint16_t port;
    } cases[] = {
        {"h", "h", 6379},
        {"h:1", "h", 1},
        {":7000", "localhost", 7000},
        {"", "localhost", 6379},
        {"[::1]", "::1", 6379},
        {"[::1]:65535", "::1", 65535},
        {"::1", "::1", 6379},
        {"10.0.0.1:6380", "10.0.0.1", 6380},
    };
    for (const auto& each : cases) {
        Config config;
        is_set(config, "host", each.text);
        EXPECT_EQ(config.client.endpoint.host, each.host) << each.text;
        EXPECT_EQ(config.client.endpoint.port, each.port) << each.text;
    }
}

TEST(SetKey, NamesTheNearestKey) {
    const std::pair<std::string_view, std::string_view> cases[] = {
        {"batchsize", "batch_size"}, {"batchSize", "batch_size"},           {"BATCH-SIZE", "batch_size"},
        {"steam", "stream"},         {"flush_intervall", "flush_interval"}, {"tls.certificate", "tls.cert"},
        {"pasword", "password"},     {"max_retry", "max_retries"},          {"retries", "max_retries"},
    };
    for (const auto& [mistyped, meant] : cases) {
        const Error error = set_error(mistyped, "1");
        EXPECT_EQ(error.code, Code::bad_config);
        EXPECT_NE(error.message.find("\"" + std::string(mistyped) + "\""), std::string::npos) << error.message;
        EXPECT_NE(error.message.find("\"" + std::string(meant) + "\""), std::string::npos) << error.message;
    }
    EXPECT_FALSE(set_error(std::string(5000, 'x'), "1").message.empty());
    EXPECT_LT(set_error(std::string(5000, 'x'), "1").message.size(), 200U);
    EXPECT_EQ(nearest_of("anything", {}), "");
}

// An error is one line of valid UTF-8, whatever the value was.
TEST(SetKey, ShowsValuesBoundedAndPrintable) {
    EXPECT_NE(set_error("mode", "a\nb\x7f").message.find("\"a?b?\""), std::string::npos);
    EXPECT_NE(set_error("mode", "caf\xc3\xa9").message.find("\"caf\xc3\xa9\""), std::string::npos);
    EXPECT_NE(set_error("mode", "caf\xc3").message.find("\"caf?\""), std::string::npos);
    EXPECT_NE(set_error("mode", std::string(79, 'x') + "\xc3\xa9").message.find(std::string(79, 'x') + "...\""),
              std::string::npos);
    EXPECT_NE(set_error("mode", std::string(500, '\x80')).message.find("\"...\""), std::string::npos);
    EXPECT_LT(set_error("mode", std::string(5000, 'x')).message.size(), 200U);
}

TEST(SetKey, ShowsNoSecret) {
    const Error error = set_error("host", "redis://:hunter2@example.org");
    EXPECT_EQ(error.message.find("hunter2"), std::string::npos) << error.message;
}

}  // namespace
}  // namespace millrace
