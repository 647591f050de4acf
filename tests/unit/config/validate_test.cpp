// Structs that were filled by hand are held to what documents are held to.
#include <gtest/gtest.h>

#include <string>

#include "millrace/config.hpp"

namespace millrace {
namespace {

void expect_refused(const Status& status, std::string_view key, std::string_view words = "") {
    ASSERT_FALSE(status.ok()) << key;
    EXPECT_EQ(status.error().code, Code::bad_config);
    EXPECT_TRUE(status.error().message.starts_with(std::string(key) + ":")) << status.error().message;
    EXPECT_NE(status.error().message.find(words), std::string::npos) << status.error().message;
}

SourceConfig source() {
    SourceConfig config;
    config.streams = {"orders"};
    return config;
}

TEST(Validate, AcceptsTheDefaults) {
    EXPECT_TRUE(validate(ClientConfig()).ok());
    EXPECT_TRUE(validate(source()).ok());
}

TEST(Validate, HoldsNumbersOfAClientToTheirRanges) {
    const auto refused = [](std::string_view key, std::string_view words, auto change) {
        ClientConfig config;
        change(config);
        expect_refused(validate(config), key, words);
    };
    refused("lanes", "0 is not", [](ClientConfig& c) { c.lanes = 0; });
    refused("database", "-1 is not", [](ClientConfig& c) { c.database = -1; });
    refused("connection_timeout", "0ms", [](ClientConfig& c) { c.connection_timeout = Duration{0}; });
    // BLOCK takes milliseconds: less than one would be 0, which waits for ever.
    refused("block", "999us", [](ClientConfig& c) { c.block = Duration{999}; });
    refused("block", "-5ms", [](ClientConfig& c) { c.block = milliseconds(-5); });
    refused("read_slack", "0ms", [](ClientConfig& c) { c.read_slack = Duration{0}; });
    refused("health_deadline", "2ms", [](ClientConfig& c) { c.health_deadline = milliseconds(2); });
    refused("jitter", "1000001 millionths", [](ClientConfig& c) { c.jitter_ppm = 1'000'001; });
    refused("max_depth", "7", [](ClientConfig& c) { c.max_depth = 7; });
    refused("max_message_bytes", "9223372036854775807", [](ClientConfig& c) { c.max_message_bytes = UINT64_MAX; });
    refused("publish_queue_bytes", "0", [](ClientConfig& c) { c.publish_queue_bytes = 0; });
    refused("max_retries", "4294967295", [](ClientConfig& c) { c.max_retries = UINT32_MAX; });
}

TEST(Validate, HoldsPublishing) {
    const auto refused = [](std::string_view key, std::string_view words, auto change) {
        PublishConfig config;
        change(config);
        expect_refused(validate(config), key, words);
    };
    EXPECT_TRUE(validate(PublishConfig()).ok());
    refused("max_len", "0 is not", [](PublishConfig& c) { c.max_len = 0; });
    refused("max_len", "9223372036854775807", [](PublishConfig& c) { c.max_len = UINT64_MAX; });
    refused("max_age", "0ms", [](PublishConfig& c) { c.max_age = Duration{}; });
    refused("max_age", "is given beside max_len", [](PublishConfig& c) {
        c.max_len = 5;
        c.max_age = seconds(5);
    });
    refused("max_len_exact", "without max_len", [](PublishConfig& c) { c.max_len_exact = true; });
    refused("idempotent_window", "0ms", [](PublishConfig& c) { c.idempotent_window = Duration{}; });
    refused("idempotent_count", "10001", [](PublishConfig& c) { c.idempotent_count = 10'001; });
    refused("on_oom", "its value", [](PublishConfig& c) { c.on_oom = static_cast<OnOom>(2); });
}

TEST(Validate, HoldsTextsOfAClientToWhatTheyMustBe) {
    ClientConfig config;
    config.client_name = "a b";
    expect_refused(validate(config), "client_name", "spaces");

    config = {};
    config.endpoint.host = "";
    expect_refused(validate(config), "host");
    config.endpoint.unix_path = "/tmp/s";
    EXPECT_TRUE(validate(config).ok());

    config = {};
    config.endpoint.port = 0;
    expect_refused(validate(config), "host");

    config = {};
    config.mode = static_cast<Mode>(9);
    expect_refused(validate(config), "mode", "auto, streams, pubsub");
    config = {};
    config.protocol = static_cast<Protocol>(9);
    expect_refused(validate(config), "protocol", "auto, 2, 3");

    config = {};
    config.tls.emplace().key = "k";
    expect_refused(validate(config), "tls.key", "together");
    config.tls->cert = "c";
    EXPECT_TRUE(validate(config).ok());
}

TEST(Validate, HoldsASourceToItsRules) {
    expect_refused(validate(SourceConfig()), "streams", "at least one");

    SourceConfig config = source();
    config.batch_size = 0;
    expect_refused(validate(config), "batch_size", "0 is not");

    config = source();
    config.prefetch = 9;
    expect_refused(validate(config), "prefetch", "which is 10");
    config.prefetch = 10;
    EXPECT_TRUE(validate(config).ok());

    config = source();
    config.flush_interval = Duration{-1};
    expect_refused(validate(config), "flush_interval", "-1us");
    config.flush_interval = Duration{0};
    EXPECT_TRUE(validate(config).ok());

    config = source();
    config.streams.push_back("orders");
    expect_refused(validate(config), "stream");

    config = source();
    config.streams.emplace_back("");
    expect_refused(validate(config), "stream");

    config = source();
    config.start = "first";
    expect_refused(validate(config), "start", "`$`");

    config = source();
    config.from = "id:";
    expect_refused(validate(config), "from", "canonical id");

    config = source();
    config.cursors = {{"orders", {1, 0}}, {"orders", {2, 0}}};
    expect_refused(validate(config), "cursors", "once");
    config.cursors.pop_back();
    EXPECT_TRUE(validate(config).ok());
}

}  // namespace
}  // namespace millrace
