// Consuming, settling and publishing through millrace.h.
#include <poll.h>

#include <array>
#include <thread>

#include "owned.hpp"

namespace millrace::testing {
namespace {

std::string url_of(const LocalServer& server) {
    return server.url("streams=orders&group=g&consumer=c&batch_size=3&flush_interval=20ms&nack_delay=10ms");
}

void add(const LocalServer& server, int from, int to) {
    for (int i = from; i < to; ++i) (void)server.ask({"XADD", "orders", "*", "n", std::to_string(i)});
}

TEST(CClient, DeliversAndAcks) {
    REQUIRE_SERVER(server);
    const OwnedConfig config = config_of(url_of(*server));
    const OwnedClient client = client_of(config);
    const uint32_t source = open(client);
    EXPECT_GT(source, 0U);
    add(*server, 0, 3);
    const OwnedBatch batch = next(client);
    ASSERT_NE(batch, nullptr);
    mr_batch_view view = MR_BATCH_VIEW_INIT;
    ASSERT_EQ(mr_batch_read(batch.get(), &view), MR_OK);
    EXPECT_EQ(view.source, source);
    EXPECT_EQ(view.reason, uint32_t{MR_FLUSH_SIZE});
    EXPECT_EQ(values_of(batch, "n"), (std::vector<std::string>{"0", "1", "2"}));
    const mr_entry& entry = *mr_entry_at(&view, 1);
    EXPECT_EQ(text_of(entry.stream), "orders");
    EXPECT_EQ(entry.deliveries, 1U);
    EXPECT_EQ(entry.field_count, 1U);
    EXPECT_EQ(mr_entry_field(&entry, "none").data, nullptr);
    const std::array<uint32_t, 2> some = {0, 2};
    EXPECT_EQ(mr_batch_ack(batch.get(), some.data(), some.size(), nullptr), MR_OK);
    EXPECT_EQ(mr_batch_nack(batch.get(), nullptr, 0, 0, nullptr), MR_OK);
    const OwnedBatch again = next(client, source);
    ASSERT_NE(again, nullptr);
    EXPECT_EQ(values_of(again, "n"), (std::vector<std::string>{"1"}));
    EXPECT_EQ(mr_batch_ack(again.get(), nullptr, 0, nullptr), MR_OK);
    uint64_t held = 9;
    EXPECT_EQ(mr_client_close(client.get(), 5'000'000, &held, nullptr), MR_OK);
    EXPECT_EQ(held, 0U);
    EXPECT_EQ(server->ask({"XPENDING", "orders", "g"}).substr(0, 3), "[0 ");
}

TEST(CClient, ABatchOutlivesItsClient) {
    REQUIRE_SERVER(server);
    const OwnedConfig config = config_of(url_of(*server));
    OwnedClient client = client_of(config);
    open(client);
    add(*server, 0, 3);
    const OwnedBatch batch = next(client);
    ASSERT_NE(batch, nullptr);
    const OwnedBatch second(mr_batch_retain(batch.get()));
    client.reset();
    EXPECT_EQ(values_of(second, "n").size(), 3U);
    EXPECT_EQ(mr_batch_ack(second.get(), nullptr, 0, nullptr), MR_CLOSED);
    mr_batch_release(batch.get());
    EXPECT_TRUE(values_of(second, "n").empty());
}

TEST(CClient, PublishesAndWaits) {
    REQUIRE_SERVER(server);
    const OwnedConfig config = config_of(server->url());
    const OwnedClient client = client_of(config);
    const std::string bytes("a\0b", 3);
    const std::array<mr_field, 1> fields = {{{{"n", 1}, {bytes.data(), bytes.size()}}}};
    const std::array<mr_publish_entry, 2> entries = {{{fields.data(), 1}, {fields.data(), 1}}};
    mr_publish publish = MR_PUBLISH_INIT;
    publish.stream = {"out", 3};
    publish.entries = entries.data();
    publish.entry_count = entries.size();
    std::array<mr_publish_result, 2> results = {};
    mr_error error = MR_ERROR_INIT;
    ASSERT_EQ(mr_client_publish(client.get(), &publish, 5'000'000, results.data(), &error), MR_OK) << error.message;
    EXPECT_GT(results[0].id.ms, 0U);
    EXPECT_EQ(server->ask({"XLEN", "out"}), "2");
    (void)server->ask({"SET", "text", "1"});
    publish.stream = {"text", 4};
    EXPECT_EQ(mr_client_publish(client.get(), &publish, 5'000'000, results.data(), &error), MR_WRONG_TYPE);
    EXPECT_EQ(results[1].status, MR_WRONG_TYPE);
    EXPECT_NE(std::string(error.message), "");
    uint64_t ticket = 0;
    EXPECT_EQ(mr_client_publish_async(client.get(), &publish, &ticket, &error), MR_BAD_ARGUMENT);
}

TEST(CClient, EventsTellOfPublishesAcksAndTheEnd) {
    REQUIRE_SERVER(server);
    const OwnedConfig config = config_of(url_of(*server));
    const OwnedClient client = client_of(config, MR_THREAD_OWN, 1000);
    const uint32_t source = open(client);
    const mr_event ready = wait_for(client, MR_EVENT_READY);
    EXPECT_EQ(ready.source, source);
    EXPECT_EQ(text_of(ready.consumer), "c");
    EXPECT_EQ(text_of(ready.text), "streams");
    const std::array<mr_field, 1> fields = {{{{"n", 1}, {"7", 1}}}};
    const mr_publish_entry entry = {fields.data(), 1};
    mr_publish publish = MR_PUBLISH_INIT;
    publish.stream = {"orders", 6};
    publish.entries = &entry;
    publish.entry_count = 1;
    uint64_t ticket = 0;
    ASSERT_EQ(mr_client_publish_async(client.get(), &publish, &ticket, nullptr), MR_OK);
    const OwnedBatch batch = next(client);
    ASSERT_NE(batch, nullptr);
    mr_batch_view view = MR_BATCH_VIEW_INIT;
    ASSERT_EQ(mr_batch_read(batch.get(), &view), MR_OK);
    const mr_id id = mr_entry_at(&view, 0)->id;
    const mr_event published = wait_for(client, MR_EVENT_PUBLISHED);
    EXPECT_EQ(published.ticket, ticket);
    ASSERT_EQ(published.result_count, 1U);
    EXPECT_EQ(published.results[0].id.ms, id.ms);
    ASSERT_EQ(mr_batch_ack(batch.get(), nullptr, 0, nullptr), MR_OK);
    const mr_event acked = wait_for(client, MR_EVENT_ACKED);
    EXPECT_EQ(acked.batch, view.batch);
    EXPECT_EQ(acked.index_count, 1U);
    ASSERT_EQ(mr_client_close(client.get(), 5'000'000, nullptr, nullptr), MR_OK);
    mr_event closed = MR_EVENT_INIT;
    do {
        ASSERT_EQ(mr_client_wait_event(client.get(), -1, &closed), MR_OK);
    } while (closed.kind != MR_EVENT_CLOSED || closed.source != 0);
    EXPECT_EQ(mr_client_wait_event(client.get(), -1, &closed), MR_CLOSED);
    mr_batch* none = nullptr;
    EXPECT_EQ(mr_client_next(client.get(), 0, 0, &none, nullptr), MR_CLOSED);
}

TEST(CClient, DeadLettersAreListedAndPutBack) {
    REQUIRE_SERVER(server);
    const OwnedConfig config = config_of(url_of(*server));
    const OwnedClient client = client_of(config, MR_THREAD_OWN, 1000);
    open(client);
    add(*server, 0, 1);
    const OwnedBatch batch = next(client);
    ASSERT_NE(batch, nullptr);
    ASSERT_EQ(mr_batch_reject(batch.get(), nullptr, 0, "no such customer", nullptr), MR_OK);
    const mr_event dead = wait_for(client, MR_EVENT_DEAD);
    EXPECT_EQ(text_of(dead.text), "{orders}:dead");
    EXPECT_EQ(text_of(dead.message), "no such customer");
    const mr_id dead_id = dead.other_id;
    uint64_t ticket = 0;
    ASSERT_EQ(mr_client_dead(client.get(), mr_str_of("orders"), {0, 0}, 10, &ticket, nullptr), MR_OK);
    const mr_event listed = wait_for(client, MR_EVENT_DEAD_LISTED);
    EXPECT_EQ(listed.ticket, ticket);
    ASSERT_EQ(listed.letter_count, 1U);
    EXPECT_EQ(listed.letters[0].dead_id.ms, dead_id.ms);
    EXPECT_EQ(text_of(listed.letters[0].reason), "no such customer");
    ASSERT_EQ(listed.letters[0].field_count, 1U);
    EXPECT_EQ(text_of(listed.letters[0].fields[0].value), "0");
    ASSERT_EQ(mr_client_redrive(client.get(), mr_str_of("orders"), &dead_id, 1, &ticket, nullptr), MR_OK);
    const mr_event redriven = wait_for(client, MR_EVENT_REDRIVEN);
    EXPECT_EQ(redriven.ticket, ticket);
    ASSERT_EQ(redriven.result_count, 1U);
    EXPECT_EQ(redriven.results[0].status, MR_OK);
    const OwnedBatch again = next(client);
    ASSERT_NE(again, nullptr);
    EXPECT_EQ(values_of(again, "n"), (std::vector<std::string>{"0"}));
}

TEST(CClient, GroupsAreCreatedAndDestroyed) {
    REQUIRE_SERVER(server);
    const OwnedConfig config = config_of(server->url());
    const OwnedClient client = client_of(config, MR_THREAD_OWN, 1000);
    mr_group_change change = MR_GROUP_CHANGE_INIT;
    change.stream = mr_str_of("new");
    change.group = mr_str_of("g");
    uint64_t ticket = 0;
    for (const uint64_t changed : {1U, 0U}) {
        ASSERT_EQ(mr_client_change_group(client.get(), &change, &ticket, nullptr), MR_OK);
        const mr_event told = wait_for(client, MR_EVENT_GROUP_CHANGED);
        EXPECT_EQ(told.ticket, ticket);
        EXPECT_EQ(told.status, MR_OK);
        EXPECT_EQ(told.count, changed);
    }
    change.what = 9;
    EXPECT_EQ(mr_client_change_group(client.get(), &change, &ticket, nullptr), MR_BAD_ARGUMENT);
    change.what = MR_GROUP_DESTROY;
    ASSERT_EQ(mr_client_change_group(client.get(), &change, &ticket, nullptr), MR_OK);
    EXPECT_EQ(wait_for(client, MR_EVENT_GROUP_CHANGED).count, 1U);
    EXPECT_EQ(server->ask({"EXISTS", "new"}), "1");
}

// Whoever keeps events and does not poll them is not filled up: the sources wait.
TEST(CClient, AFullQueueHoldsTheSources) {
    REQUIRE_SERVER(server);
    const OwnedConfig config = config_of(url_of(*server));
    const OwnedClient client = client_of(config, MR_THREAD_NONE, 10);
    open(client);
    add(*server, 0, 200);
    const auto take_all = [&] {
        size_t count = 0;
        for (;;) {
            mr_batch* taken = nullptr;
            EXPECT_EQ(mr_client_next(client.get(), 0, 300'000, &taken, nullptr), MR_OK);
            const OwnedBatch batch(taken);
            if (batch == nullptr) return count;
            count += values_of(batch, "n").size();
            EXPECT_EQ(mr_batch_ack(batch.get(), nullptr, 0, nullptr), MR_OK);
        }
    };
    const size_t first = take_all();
    EXPECT_LT(first, 200U);
    size_t count = first;
    size_t dropped = 0;
    while (count < 200) {
        mr_event event = MR_EVENT_INIT;
        do {
            ASSERT_EQ(mr_client_poll_event(client.get(), &event), MR_OK);
            if (event.kind == MR_EVENT_LOGS_DROPPED) dropped += event.count;
        } while (event.kind != MR_EVENT_NONE);
        const size_t more = take_all();
        ASSERT_GT(more, 0U) << "of 200 came " << count;
        count += more;
    }
    EXPECT_EQ(count, 200U);
}

TEST(CClient, ALoopOfOnesOwn) {
    REQUIRE_SERVER(server);
    const OwnedConfig config = config_of(url_of(*server));
    const OwnedClient client = client_of(config);
    open(client);
    add(*server, 0, 9);
    const int fd = mr_client_fd(client.get());
    ASSERT_GE(fd, 0);
    size_t count = 0;
    for (int turn = 0; turn < 1000 && count < 9; ++turn) {
        ASSERT_EQ(mr_client_process(client.get(), nullptr), MR_OK);
        for (;;) {
            mr_batch* taken = nullptr;
            ASSERT_EQ(mr_client_next(client.get(), 0, 0, &taken, nullptr), MR_OK);
            const OwnedBatch batch(taken);
            if (batch == nullptr) break;
            count += values_of(batch, "n").size();
            ASSERT_EQ(mr_batch_ack(batch.get(), nullptr, 0, nullptr), MR_OK);
        }
        if (count == 9) break;
        const int64_t wait = mr_client_timeout_us(client.get());
        pollfd waiting = {fd, POLLIN, 0};
        const int ready = poll(&waiting, 1, wait < 0 ? 5000 : static_cast<int>(wait / 1000) + 1);
        ASSERT_TRUE(ready > 0 || (wait >= 0 && wait < 1'000'000)) << "nothing came: something was left to be sent";
    }
    EXPECT_EQ(count, 9U);
    // With nothing to do the loop waits: it neither spins nor has anything left to send.
    int turns = 0;
    for (int64_t wait = 0; wait < 50'000 && turns < 200; ++turns) {
        ASSERT_EQ(mr_client_process(client.get(), nullptr), MR_OK);
        mr_batch* none = nullptr;
        ASSERT_EQ(mr_client_next(client.get(), 0, 0, &none, nullptr), MR_OK);
        ASSERT_EQ(none, nullptr);
        wait = mr_client_timeout_us(client.get());
        if (wait > 0 && wait < 50'000) (void)poll(nullptr, 0, static_cast<int>(wait / 1000) + 1);
    }
    EXPECT_LT(turns, 200);
}

TEST(CClient, SettlesFromOtherThreads) {
    REQUIRE_SERVER(server);
    const OwnedConfig config = config_of(url_of(*server));
    const OwnedClient client = client_of(config, MR_THREAD_OWN);
    open(client);
    add(*server, 0, 300);
    std::vector<std::thread> workers;
    for (size_t count = 0; count < 300;) {
        OwnedBatch batch = next(client);
        ASSERT_NE(batch, nullptr);
        count += values_of(batch, "n").size();
        workers.emplace_back([mine = std::move(batch)] { (void)mr_batch_ack(mine.get(), nullptr, 0, nullptr); });
    }
    for (std::thread& worker : workers) worker.join();
    ASSERT_EQ(mr_client_close(client.get(), 5'000'000, nullptr, nullptr), MR_OK);
    EXPECT_EQ(server->ask({"XPENDING", "orders", "g"}).substr(0, 3), "[0 ");
}

TEST(CClient, HealthAndMetrics) {
    REQUIRE_SERVER(server);
    const OwnedConfig config = config_of(url_of(*server));
    const OwnedClient client = client_of(config, MR_THREAD_OWN);
    const uint32_t source = open(client);
    add(*server, 0, 3);
    const OwnedBatch batch = next(client);
    ASSERT_NE(batch, nullptr);
    mr_health health = MR_HEALTH_INIT;
    mr_error error = MR_ERROR_INIT;
    ASSERT_EQ(mr_client_health(client.get(), source, 5'000'000, &health, &error), MR_OK) << error.message;
    EXPECT_EQ(health.healthy, 1) << health.message;
    EXPECT_EQ(health.held, 3U);
    EXPECT_EQ(health.pending, 3);
    mr_text text = {nullptr, 0};
    ASSERT_EQ(mr_client_metrics(client.get(), &text, nullptr), MR_OK);
    EXPECT_NE(std::string(text.data).find("millrace_"), std::string::npos);
    EXPECT_EQ(std::string(text.data).size(), text.size);
    mr_text_free(&text);
    EXPECT_EQ(text.data, nullptr);
    EXPECT_EQ(mr_client_health(client.get(), 99, 0, &health, &error), MR_CLOSED);
}

TEST(CClient, IndicesThatABatchDoesNotHave) {
    REQUIRE_SERVER(server);
    const OwnedConfig config = config_of(server->url("streams=s&group=g&consumer=c&flush_interval=0"));
    const OwnedClient client = client_of(config);
    open(client);
    (void)server->ask({"XADD", "s", "*", "a", "1"});
    const OwnedBatch batch = next(client);
    ASSERT_NE(batch, nullptr);
    mr_error error = MR_ERROR_INIT;
    const uint32_t wrong = 5;
    EXPECT_EQ(mr_batch_ack(batch.get(), &wrong, 1, &error), MR_BAD_ARGUMENT);
    EXPECT_EQ(mr_batch_ack(batch.get(), nullptr, 1, &error), MR_BAD_ARGUMENT);
    EXPECT_EQ(mr_batch_ack(batch.get(), nullptr, 0, &error), MR_OK) << error.message;
    EXPECT_EQ(mr_batch_ack(batch.get(), nullptr, 0, &error), MR_NOT_HELD);
}

}  // namespace
}  // namespace millrace::testing
