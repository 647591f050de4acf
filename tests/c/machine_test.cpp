// The machine of millrace.h against a real server: a host of a hundred lines is enough (machine_host.hpp).
#include "machine_host.hpp"

namespace millrace::testing {
namespace {

std::string url_of(const LocalServer& server) {
    return server.url("streams=orders&group=g&consumer=c&batch_size=3&flush_interval=20ms&nack_delay=10ms");
}

std::vector<std::string> values_of(const mr_event& event) {
    std::vector<std::string> values;
    for (size_t i = 0; i < event.view->count; ++i) {
        values.push_back(text_of(mr_entry_field(mr_entry_at(event.view, i), "n")));
    }
    return values;
}

TEST(CMachine, DeliversAcksAndEnds) {
    REQUIRE_SERVER(server);
    MachineHost host(config_of(url_of(*server)));
    uint32_t source = 0;
    ASSERT_EQ(mr_machine_open(host.get(), nullptr, now_us(), &source, nullptr), MR_OK);
    const mr_event ready = host.wait_for(MR_EVENT_READY);
    EXPECT_EQ(ready.source, source);
    EXPECT_EQ(text_of(ready.text), "streams");
    EXPECT_EQ(ready.protocol, 3U);
    for (int i = 0; i < 3; ++i) (void)server->ask({"XADD", "orders", "*", "n", std::to_string(i)});
    const mr_event batch = host.wait_for(MR_EVENT_BATCH);
    EXPECT_EQ(values_of(batch), (std::vector<std::string>{"0", "1", "2"}));
    EXPECT_EQ(batch.view->field_count, 3U);
    EXPECT_EQ(batch.view->batch, batch.batch);
    const std::array<uint32_t, 2> some = {0, 2};
    EXPECT_EQ(mr_machine_ack(host.get(), batch.batch, some.data(), some.size(), now_us(), nullptr), MR_OK);
    const uint32_t one = 1;
    EXPECT_EQ(mr_machine_nack(host.get(), batch.batch, &one, 1, 0, now_us(), nullptr), MR_OK);
    EXPECT_EQ(mr_machine_release(host.get(), batch.batch, now_us(), nullptr), MR_OK);
    const uint64_t first = batch.batch;
    const mr_event acked = host.wait_for(MR_EVENT_ACKED);
    EXPECT_EQ(acked.batch, first);
    ASSERT_EQ(acked.index_count, 2U);
    EXPECT_EQ(acked.indices[1], 2U);
    const mr_event again = host.wait_for(MR_EVENT_BATCH);
    EXPECT_EQ(values_of(again), (std::vector<std::string>{"1"}));
    EXPECT_EQ(mr_machine_ack(host.get(), again.batch, nullptr, 0, now_us(), nullptr), MR_OK);
    ASSERT_EQ(mr_machine_drain(host.get(), 5'000'000, 1, now_us(), nullptr), MR_OK);
    mr_event closed = host.wait_for(MR_EVENT_CLOSED);
    if (closed.source != 0) closed = host.wait_for(MR_EVENT_CLOSED);
    EXPECT_EQ(closed.count, 0U);
    EXPECT_EQ(mr_machine_finished(host.get()), 1);
    EXPECT_EQ(server->ask({"XPENDING", "orders", "g"}).substr(0, 3), "[0 ");
}

TEST(CMachine, PublishesAndAnswersRequests) {
    REQUIRE_SERVER(server);
    MachineHost host(config_of(url_of(*server)));
    const mr_field field = {mr_str_of("n"), mr_str_of("7")};
    const mr_publish_entry entry = {&field, 1};
    mr_publish publish = MR_PUBLISH_INIT;
    publish.stream = mr_str_of("orders");
    publish.entries = &entry;
    publish.entry_count = 1;
    uint64_t ticket = 0;
    ASSERT_EQ(mr_machine_publish(host.get(), &publish, now_us(), &ticket, nullptr), MR_OK);
    const mr_event published = host.wait_for(MR_EVENT_PUBLISHED);
    EXPECT_EQ(published.ticket, ticket);
    ASSERT_EQ(published.result_count, 1U);
    EXPECT_GT(published.results[0].id.ms, 0U);
    ASSERT_EQ(mr_machine_open(host.get(), nullptr, now_us(), nullptr, nullptr), MR_OK);
    const mr_event batch = host.wait_for(MR_EVENT_BATCH);
    ASSERT_EQ(mr_machine_reject(host.get(), batch.batch, nullptr, 0, "no such customer", now_us(), nullptr), MR_OK);
    const mr_event dead = host.wait_for(MR_EVENT_DEAD);
    const mr_id dead_id = dead.other_id;
    EXPECT_EQ(text_of(dead.message), "no such customer");
    ASSERT_EQ(mr_machine_dead(host.get(), mr_str_of("orders"), {0, 0}, 10, now_us(), &ticket, nullptr), MR_OK);
    const mr_event listed = host.wait_for(MR_EVENT_DEAD_LISTED);
    EXPECT_EQ(listed.ticket, ticket);
    EXPECT_EQ(listed.letter_count, 1U);
    ASSERT_EQ(mr_machine_redrive(host.get(), mr_str_of("orders"), &dead_id, 1, now_us(), &ticket, nullptr), MR_OK);
    EXPECT_EQ(host.wait_for(MR_EVENT_REDRIVEN).result_count, 1U);
    EXPECT_EQ(values_of(host.wait_for(MR_EVENT_BATCH)), (std::vector<std::string>{"7"}));
    mr_health health = MR_HEALTH_INIT;
    EXPECT_EQ(mr_machine_health(host.get(), 1, now_us(), &health, nullptr), MR_OK);
    EXPECT_EQ(health.healthy, 1) << health.message;
    EXPECT_EQ(health.held, 1U);
    mr_text text = {nullptr, 0};
    EXPECT_EQ(mr_machine_metrics(host.get(), now_us(), &text, nullptr), MR_OK);
    EXPECT_NE(std::string(text.data, text.size).find("millrace_"), std::string::npos);
    mr_text_free(&text);
}

TEST(CMachine, NobodyListens) {
    MachineHost host(config_of("redis://127.0.0.1:1?streams=s&group=g&retry_delay=1ms"));
    ASSERT_EQ(mr_machine_open(host.get(), nullptr, now_us(), nullptr, nullptr), MR_OK);
    const mr_event lost = host.wait_for(MR_EVENT_DISCONNECTED);
    EXPECT_EQ(lost.reason, uint32_t{MR_DISCONNECT_REFUSED});
    EXPECT_EQ(lost.status, MR_CONNECTION);
    EXPECT_EQ(lost.retryable, 1);
}

}  // namespace
}  // namespace millrace::testing
