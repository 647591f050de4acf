// Calls that make no sense are statuses: nothing crashes, and what is wrong is named. No server is asked.
#include <array>
#include <cstring>

#include "owned.hpp"

namespace millrace::testing {
namespace {

TEST(CMisuse, NullIsNamed) {
    mr_error error = MR_ERROR_INIT;
    EXPECT_EQ(mr_config_new("redis://h", nullptr, &error), MR_BAD_ARGUMENT);
    EXPECT_NE(std::string(error.message).find("config"), std::string::npos);
    EXPECT_EQ(mr_client_new(nullptr, nullptr, nullptr, &error), MR_BAD_ARGUMENT);
    EXPECT_EQ(mr_client_open(nullptr, nullptr, nullptr, &error), MR_BAD_ARGUMENT);
    mr_batch* batch = nullptr;
    EXPECT_EQ(mr_client_next(nullptr, 0, 0, &batch, &error), MR_BAD_ARGUMENT);
    EXPECT_EQ(mr_batch_ack(nullptr, nullptr, 0, &error), MR_BAD_ARGUMENT);
    EXPECT_EQ(mr_batch_read(nullptr, nullptr), MR_BAD_ARGUMENT);
    EXPECT_EQ(mr_client_poll_event(nullptr, nullptr), MR_BAD_ARGUMENT);
    EXPECT_EQ(mr_client_publish(nullptr, nullptr, 0, nullptr, nullptr), MR_BAD_ARGUMENT);
    EXPECT_EQ(mr_client_fd(nullptr), -1);
    EXPECT_EQ(mr_entry_field(nullptr, "n").data, nullptr);
    mr_config_free(nullptr);
    mr_client_free(nullptr);
    mr_batch_free(nullptr);
    mr_batch_release(nullptr);
    mr_text_free(nullptr);
    mr_client_stop(nullptr);
}

TEST(CMisuse, ShortStructsAreRefusedAndLongerOnesAreKept) {
    const OwnedConfig config = config_of("redis://127.0.0.1:1");
    mr_error error = MR_ERROR_INIT;
    mr_client_options options = MR_CLIENT_OPTIONS_INIT;
    options.size = 4;
    mr_client* client = nullptr;
    EXPECT_EQ(mr_client_new(config.get(), &options, &client, &error), MR_BAD_ARGUMENT);
    EXPECT_EQ(client, nullptr);
    // As a program of a later version has it.
    struct {
        mr_event event;
        uint64_t more;
    } later = {MR_EVENT_INIT, 7};
    later.event.size = sizeof later;
    const OwnedClient made = client_of(config, MR_THREAD_NONE, 10);
    EXPECT_EQ(mr_client_poll_event(made.get(), &later.event), MR_OK);
    EXPECT_EQ(later.event.size, sizeof later);
    EXPECT_EQ(later.more, 7U);
    later.event.size = 8;
    EXPECT_EQ(mr_client_poll_event(made.get(), &later.event), MR_BAD_ARGUMENT);
}

TEST(CMisuse, AWrongConfigurationIsNamedAndChangesNothing) {
    const OwnedConfig config = config_of("redis://h?batch_size=7");
    mr_error error = MR_ERROR_INIT;
    EXPECT_EQ(mr_config_set(config.get(), "batch_sise", "9", &error), MR_BAD_CONFIG);
    EXPECT_NE(std::string(error.message).find("batch_size"), std::string::npos) << error.message;
    EXPECT_EQ(mr_config_set(config.get(), "batch_size", "many", &error), MR_BAD_CONFIG);
    const std::string json = R"({"group": "g", "batch_size": -1})";
    EXPECT_EQ(mr_config_json(config.get(), json.data(), json.size(), &error), MR_BAD_CONFIG);
    EXPECT_NE(std::string(error.message).find("-1"), std::string::npos) << error.message;
    EXPECT_EQ(mr_config_json(config.get(), "{}", 2, &error), MR_OK);
    EXPECT_STREQ(error.message, "");
    mr_config* none = nullptr;
    EXPECT_EQ(mr_config_new("redis://h:99999", &none, &error), MR_BAD_CONFIG);
    EXPECT_EQ(none, nullptr);
    mr_config* copy = nullptr;
    EXPECT_EQ(mr_config_copy(config.get(), &copy, &error), MR_OK);
    mr_config_free(copy);
}

TEST(CMisuse, NumbersHaveNames) {
    EXPECT_STREQ(mr_event_name(MR_EVENT_GROUP_CHANGED), "group_changed");
    EXPECT_STREQ(mr_event_name(MR_EVENT_BATCH + 1), "unknown");
    EXPECT_STREQ(mr_disconnect_name(MR_DISCONNECT_TLS_EXPIRED), "tls_expired");
    EXPECT_STREQ(mr_disconnect_name(MR_DISCONNECT_TLS_FAILED + 1), "unknown");
    EXPECT_STREQ(mr_flush_name(MR_FLUSH_RECOVERY), "recovery");
    EXPECT_STREQ(mr_log_name(MR_LOG_WARN), "warn");
    EXPECT_STREQ(mr_log_name(99), "unknown");
}

TEST(CMisuse, IdsAreReadAndWritten) {
    char text[MR_ID_TEXT_MAX];
    mr_id_format({UINT64_MAX, UINT64_MAX}, text);
    EXPECT_EQ(std::strlen(text), size_t{MR_ID_TEXT_MAX - 1});
    mr_id id = {};
    EXPECT_EQ(mr_id_parse(text, &id, nullptr), MR_OK);
    EXPECT_EQ(id.seq, UINT64_MAX);
    mr_error error = MR_ERROR_INIT;
    EXPECT_EQ(mr_id_parse("5-x", &id, &error), MR_BAD_ARGUMENT);
    EXPECT_EQ(id.ms, 0U);
}

TEST(CMisuse, APublishWithoutAnAnswerSaysSoOfEachEntry) {
    const OwnedConfig config = config_of("redis://127.0.0.1:1");
    const OwnedClient client = client_of(config);
    const mr_field field = {{"n", 1}, {"v", 1}};
    const std::array<mr_publish_entry, 2> entries = {{{&field, 1}, {&field, 1}}};
    mr_publish publish = MR_PUBLISH_INIT;
    publish.stream = mr_str_of("s");
    publish.entries = entries.data();
    publish.entry_count = entries.size();
    std::array<mr_publish_result, 2> results;
    std::memset(results.data(), 0x55, sizeof results);
    EXPECT_EQ(mr_client_publish(client.get(), &publish, 1000, results.data(), nullptr), MR_TIMEOUT);
    for (const mr_publish_result& each : results) {
        EXPECT_EQ(each.id.ms, 0U);
        EXPECT_EQ(each.status, MR_TIMEOUT);
        EXPECT_EQ(each.flags, uint32_t{MR_PUBLISH_MAYBE_WRITTEN});
    }
    EXPECT_EQ(mr_client_close(client.get(), -1, nullptr, nullptr), MR_BAD_ARGUMENT);
    EXPECT_EQ(mr_client_close(client.get(), 0, nullptr, nullptr), MR_OK);
    std::memset(results.data(), 0x55, sizeof results);
    EXPECT_EQ(mr_client_publish(client.get(), &publish, 1000, results.data(), nullptr), MR_CLOSED);
    EXPECT_EQ(results[1].status, MR_CLOSED);
    EXPECT_EQ(results[1].flags, 0U);
}

TEST(CMisuse, APublishWithHoles) {
    const OwnedConfig config = config_of("redis://127.0.0.1:1");
    const OwnedClient client = client_of(config);
    mr_error error = MR_ERROR_INIT;
    mr_publish publish = MR_PUBLISH_INIT;
    publish.stream = {"s", 1};
    publish.entry_count = 1;
    EXPECT_EQ(mr_client_publish(client.get(), &publish, 0, nullptr, &error), MR_BAD_ARGUMENT);
    const mr_publish_entry entry = {nullptr, 2};
    publish.entries = &entry;
    EXPECT_EQ(mr_client_publish(client.get(), &publish, 0, nullptr, &error), MR_BAD_ARGUMENT);
    EXPECT_NE(std::string(error.message).find("fields"), std::string::npos);
    const mr_field field = {{nullptr, 3}, {"v", 1}};
    const mr_publish_entry hollow = {&field, 1};
    publish.entries = &hollow;
    EXPECT_EQ(mr_client_publish(client.get(), &publish, 0, nullptr, &error), MR_BAD_ARGUMENT);
}

}  // namespace
}  // namespace millrace::testing
