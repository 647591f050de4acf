// Batches by hand: next(), acks and nacks by position, release, and batches that outlive their client.
#include <algorithm>
#include <thread>

#include "fixture.hpp"

namespace millrace::testing {
namespace {

class BatchesTest : public ::testing::Test {
  protected:
    Batch take(Client& client) {
        Result<std::optional<Batch>> batch = client.next(patience);
        if (!batch) throw std::runtime_error(batch.error().message);
        if (!*batch) throw std::runtime_error("no batch came");
        return std::move(**batch);
    }
    /// How many entries XPENDING shows in a range; the generated names tell its rows.
    static size_t pending_rows(const LocalServer& server, const std::vector<std::string>& range) {
        std::vector<std::string> command = {"XPENDING", "orders", "billing"};
        command.insert(command.end(), range.begin(), range.end());
        const std::string rows = server.ask(command);
        size_t count = 0;
        for (size_t at = rows.find("consumer-"); at != std::string::npos; at = rows.find("consumer-", at + 1)) ++count;
        return count;
    }
    EventLog events_;
};

TEST_F(BatchesTest, that_were_settled_entry_by_entry_leave_nothing_to_ack) {
    REQUIRE_SERVER(server);
    Client client = connected(server->url("batch_size=2&flush_interval=20ms"));
    publish_numbers(client, "orders", 2);
    ASSERT_TRUE(client.open({.streams = {"orders"}, .group = "billing"}).ok());
    Batch batch = take(client);
    for (const uint32_t index : {0U, 1U}) EXPECT_TRUE(batch.reject({&index, 1}, "of a bad kind").ok());
    EXPECT_TRUE(batch.ack().ok());
    EXPECT_EQ(batch.ack().error().code, Code::not_held);
}

TEST_F(BatchesTest, are_taken_and_settled_in_any_order) {
    REQUIRE_SERVER(server);
    Client client =
        connected(server->url("batch_size=3&flush_interval=20ms&nack_delay=1ms"), {.on_event = std::ref(events_)});
    publish_numbers(client, "orders", 6);
    const Result<SourceId> source = client.open({.streams = {"orders"}, .group = "billing"});
    ASSERT_TRUE(source.ok()) << source.error().message;
    Batch first = take(client);
    Batch second = take(client);
    ASSERT_EQ(first.size(), 3U);
    ASSERT_EQ(second.size(), 3U);
    EXPECT_EQ(first.reason(), FlushReason::size);
    EXPECT_EQ(first.source(), *source);
    EXPECT_EQ(number_of(second[0]), 3);

    EXPECT_TRUE(second.ack().ok());
    EXPECT_TRUE(second.settled());
    EXPECT_EQ(second.ack().error().code, Code::not_held);
    const std::vector<uint32_t> ends = {0, 2};
    EXPECT_TRUE(first.ack(ends).ok());
    const std::vector<uint32_t> beyond = {3};
    EXPECT_EQ(first.ack(beyond).error().code, Code::bad_argument);
    EXPECT_FALSE(first.settled());
    EXPECT_TRUE(first.nack().ok());
    ASSERT_TRUE(turn_until(client, [this] { return events_.acked() == 5; }));

    Batch again = take(client);
    ASSERT_EQ(again.size(), 1U);
    EXPECT_EQ(number_of(again[0]), 1);
    EXPECT_EQ(again[0].deliveries(), 2U);
    again.release();
    EXPECT_EQ(again.size(), 0U);
    EXPECT_TRUE(again.ack().ok()) << "releasing frees bytes only";
    ASSERT_TRUE(turn_until(client, [this] { return events_.acked() == 6; }));
    EXPECT_EQ(pending_count(*server, "orders", "billing"), "0");
}

TEST_F(BatchesTest, acked_as_a_whole_tell_that_some_of_it_was_lost) {
    REQUIRE_SERVER(server);
    size_t lost = 0;
    size_t acked = 0;
    Client client = connected(server->url("batch_size=3&flush_interval=10s&claim_min_idle=200ms"),
                              {.on_event = [&](const Event& event) {
                                  if (const auto* told = std::get_if<Lost>(&event)) lost += told->ids.size();
                                  if (const auto* told = std::get_if<Acked>(&event)) acked += told->indices.size();
                              }});
    publish_numbers(client, "orders", 3);
    ASSERT_TRUE(client.open({.streams = {"orders"}, .group = "billing"}).ok());
    Batch batch = take(client);
    ASSERT_EQ(batch.size(), 3U);
    const std::string taken = batch[1].id().text();
    ASSERT_TRUE(turn_until(client, [&] {
        // Again and again: one that is as old as our last sign of life is taken for ours, and back.
        (void)server->ask({"XCLAIM", "orders", "billing", "other", "0", taken});
        return lost == 1;
    }));
    const Status status = batch.ack();
    ASSERT_FALSE(status.ok()) << "one of them is another consumer's";
    EXPECT_EQ(status.error().code, Code::lost);
    EXPECT_TRUE(batch.settled());
    ASSERT_TRUE(turn_until(client, [&] { return acked == 2; }));
    EXPECT_EQ(pending_count(*server, "orders", "billing"), "1");
}

TEST_F(BatchesTest, next_tells_a_timeout_from_an_end) {
    REQUIRE_SERVER(server);
    Client client = connected(server->url());
    const Result<SourceId> source = client.open({.streams = {"orders"}, .group = "billing"});
    ASSERT_TRUE(source.ok());
    const auto none = client.next(milliseconds(1));
    ASSERT_TRUE(none.ok()) << none.error().message;
    EXPECT_FALSE(none->has_value());
    EXPECT_TRUE(client.close(*source).ok());
    EXPECT_EQ(client.next(patience, *source).error().code, Code::closed);
    EXPECT_EQ(client.next(patience, SourceId(4711)).error().code, Code::bad_argument);
}

TEST_F(BatchesTest, next_tells_why_the_last_source_has_ended_whichever_was_opened_last) {
    REQUIRE_SERVER(server);
    Client client = connected(server->url("block=20ms"), {.on_event = std::ref(events_)});
    ASSERT_TRUE(client.open({.streams = {"orders"}, .group = "billing"}).ok());
    const Result<SourceId> other = client.open({.streams = {"other"}, .group = "billing"});
    ASSERT_TRUE(other.ok());
    ASSERT_TRUE(turn_until(client, [this] { return events_.ready() == 2; }));
    ASSERT_TRUE(client.close(*other).ok());
    EXPECT_EQ(client.next(patience, *other).error().code, Code::closed);
    ASSERT_EQ(server->ask({"SET", "orders", "no stream"}), "OK");
    EXPECT_EQ(client.next(patience).error().code, Code::wrong_type);
}

TEST_F(BatchesTest, outlive_their_client) {
    REQUIRE_SERVER(server);
    std::optional<Batch> kept;
    {
        Client client = connected(server->url("flush_interval=0"));
        publish_numbers(client, "orders", 1);
        ASSERT_TRUE(client.open({.streams = {"orders"}, .group = "billing"}).ok());
        kept = take(client);
    }
    EXPECT_EQ(number_of((*kept)[0]), 0) << "the bytes are there until the batch is released";
    EXPECT_EQ(kept->ack().error().code, Code::closed);
    EXPECT_EQ(pending_count(*server, "orders", "billing"), "1");
}

TEST_F(BatchesTest, close_sends_acks_first_and_counts_what_stays) {
    REQUIRE_SERVER(server);
    Client client = connected(server->url("batch_size=1&flush_interval=0"));
    publish_numbers(client, "orders", 3);
    ASSERT_TRUE(client.open({.streams = {"orders"}, .group = "billing"}).ok());
    Batch first = take(client);
    Batch second = take(client);
    EXPECT_TRUE(first.ack().ok());
    const Result<uint64_t> wrong = client.close(Duration{-1});
    ASSERT_FALSE(wrong.ok()) << "it would be told that nothing stays";
    EXPECT_EQ(wrong.error().code, Code::bad_argument);
    const Result<uint64_t> held = client.close();
    ASSERT_TRUE(held.ok()) << held.error().message;
    EXPECT_EQ(*held, 1U);
    // Whatever else was read was given back, for others to claim.
    EXPECT_EQ(pending_rows(*server, {"-", "+", "10"}), 1 + pending_rows(*server, {"IDLE", "60000", "-", "+", "10"}));
    EXPECT_EQ(client.close().error().code, Code::closed);
    EXPECT_EQ(client.open({.streams = {"orders"}, .group = "billing"}).error().code, Code::closed);
    EXPECT_EQ(client.publish("orders", {{"n", "4"}}).error().code, Code::closed);
    EXPECT_EQ(client.turn(Duration{}).error().code, Code::closed);
    EXPECT_EQ(second.nack().error().code, Code::closed);
}

// A batch that is ready and was not taken is not handed over: it is the group's again, and nobody is given it here.
TEST_F(BatchesTest, of_a_source_that_is_closed_are_given_back_where_nobody_took_them) {
    REQUIRE_SERVER(server);
    Client client = connected(server->url("batch_size=1&flush_interval=0"));
    publish_numbers(client, "orders", 3);
    const Result<SourceId> source = client.open({.streams = {"orders"}, .group = "billing"});
    ASSERT_TRUE(source.ok());
    Batch first = take(client);
    ASSERT_TRUE(turn_until(client, [&] { return client.health(*source).value().held == 3; }));
    ASSERT_TRUE(client.close(*source).ok());
    const auto none = client.next(patience, *source);
    ASSERT_FALSE(none.ok()) << "a batch, whose ack would be refused";
    EXPECT_EQ(none.error().code, Code::closed);
    EXPECT_TRUE(turn_until(client, [&] { return pending_rows(*server, {"IDLE", "60000", "-", "+", "10"}) == 2; }));
    EXPECT_EQ(pending_rows(*server, {"-", "+", "10"}), 3U) << "the one in hand stays";
}

TEST_F(BatchesTest, a_drain_waits_for_what_is_in_hand_and_hands_over_nothing_more) {
    REQUIRE_SERVER(server);
    uint64_t held = 99;
    bool ended = false;
    Client client = connected(server->url("batch_size=1&flush_interval=0"), {.on_event = [&](const Event& event) {
                                  const auto* closed = std::get_if<Closed>(&event);
                                  if (closed == nullptr || closed->source) return;
                                  ended = true;
                                  held = closed->held;
                              }});
    publish_numbers(client, "orders", 3);
    ASSERT_TRUE(client.open({.streams = {"orders"}, .group = "billing"}).ok());
    Batch batch = take(client);
    ASSERT_TRUE(client.drain(patience).ok());
    EXPECT_EQ(client.drain(Duration{-1}).error().code, Code::bad_argument);
    EXPECT_EQ(client.next(Duration{}).error().code, Code::closed);
    EXPECT_EQ(client.open({.streams = {"orders"}, .group = "billing"}).error().code, Code::closed);
    for (int turn = 0; turn < 5; ++turn) EXPECT_TRUE(client.turn(milliseconds(20)).ok());
    EXPECT_FALSE(ended);
    EXPECT_TRUE(batch.ack().ok());
    EXPECT_TRUE(turn_until(client, [&] { return ended; }));
    EXPECT_EQ(held, 0U);
    const Result<uint64_t> left = client.close();
    ASSERT_TRUE(left.ok());
    EXPECT_EQ(*left, 0U);
    EXPECT_EQ(pending_rows(*server, {"-", "+", "10"}), pending_rows(*server, {"IDLE", "60000", "-", "+", "10"}));
}

TEST_F(BatchesTest, many_threads_share_one_source) {
    REQUIRE_SERVER(server);
    Client client = connected(server->url("batch_size=7&flush_interval=5ms"), {.on_event = std::ref(events_)});
    constexpr int count = 2'000;
    publish_numbers(client, "orders", count);
    ASSERT_TRUE(client.open({.streams = {"orders"}, .group = "billing"}).ok());
    std::mutex mutex;
    std::vector<int> seen;
    std::vector<std::thread> workers;
    for (int worker = 0; worker < 4; ++worker) {
        workers.emplace_back([&] {
            for (;;) {
                Result<std::optional<Batch>> batch = client.next(patience);
                if (!batch || !*batch) return;
                const std::lock_guard lock(mutex);
                for (const Entry entry : **batch) seen.push_back(number_of(entry));
                EXPECT_TRUE((*batch)->ack().ok());
                if (seen.size() == count) client.stop();
            }
        });
    }
    for (std::thread& worker : workers) worker.join();
    std::sort(seen.begin(), seen.end());
    ASSERT_EQ(seen.size(), static_cast<size_t>(count));
    for (int i = 0; i < count; ++i) ASSERT_EQ(seen[static_cast<size_t>(i)], i);
    EXPECT_TRUE(client.close().ok());
    EXPECT_EQ(pending_count(*server, "orders", "billing"), "0");
}

TEST_F(BatchesTest, pause_holds_new_batches_back_until_resume) {
    REQUIRE_SERVER(server);
    Client client = connected(server->url("flush_interval=0&block=50ms"), {.on_event = std::ref(events_)});
    const Result<SourceId> source = client.open({.streams = {"orders"}, .group = "billing"});
    ASSERT_TRUE(source.ok());
    ASSERT_TRUE(turn_until(client, [this] { return events_.ready() == 1; }));
    ASSERT_TRUE(client.pause(*source).ok());
    // The read that is out there when pause is called may still bring entries; the ones after it must not be read.
    publish_numbers(client, "orders", 1);
    (void)client.next(milliseconds(200));
    publish_numbers(client, "orders", 1, 1);
    const auto held_back = client.next(milliseconds(200));
    ASSERT_TRUE(held_back.ok());
    EXPECT_FALSE(held_back->has_value());
    ASSERT_TRUE(client.resume(*source).ok());
    EXPECT_GE(take(client).size(), 1U);
}

}  // namespace
}  // namespace millrace::testing
