// run(): acks on return, nacks on a throw or an Error, ends by stop() from anywhere; with both pollers and with a
// thread of its own.
#include <csignal>
#include <set>
#include <stdexcept>
#include <thread>

#include "fixture.hpp"

namespace millrace::testing {
namespace {

struct Loop {
    PollerKind poller;
    bool own_thread;
};

static_assert(BatchHandler<void (*)(Batch&)> && BatchHandler<Status (*)(const Batch&)>);
static_assert(BatchHandler<Error (*)(Batch&)>);
static_assert(!BatchHandler<bool (*)(Batch&)>, "one that returns false for a failure would have its batch acked");
static_assert(!BatchHandler<int (*)(Batch&)>);

class RunTest : public ::testing::TestWithParam<Loop> {
  protected:
    Client client(const std::string& url) {
        Client made = connected(url, {.poller = GetParam().poller, .on_event = std::ref(events_)});
        if (GetParam().own_thread && !made.start()) throw std::runtime_error("no thread");
        return made;
    }
    EventLog events_;
};

TEST_P(RunTest, acks_what_a_handler_returns_from) {
    REQUIRE_SERVER(server);
    Client client = this->client(server->url("batch_size=5&flush_interval=50ms"));
    publish_numbers(client, "orders", 23);
    std::vector<int> seen;
    std::vector<size_t> sizes;
    const Status status = client.run({.streams = {"orders"}, .group = "billing"}, [&](const Batch& batch) {
        sizes.push_back(batch.size());
        for (const Entry entry : batch) {
            EXPECT_EQ(entry.deliveries(), 1U);
            EXPECT_EQ(entry.stream(), "orders");
            seen.push_back(number_of(entry));
        }
        if (seen.size() == 23) client.stop();
    });
    EXPECT_TRUE(status.ok()) << status.error().message;
    std::vector<int> all;
    for (int i = 0; i < 23; ++i) all.push_back(i);
    EXPECT_EQ(seen, all);
    EXPECT_EQ(sizes, (std::vector<size_t>{5, 5, 5, 5, 3}));
    EXPECT_EQ(pending_count(*server, "orders", "billing"), "0") << "acked and answered before run returns";
}

TEST_P(RunTest, nacks_what_a_handler_throws_on_or_refuses) {
    REQUIRE_SERVER(server);
    Client client = this->client(server->url("batch_size=2&flush_interval=10ms&nack_delay=1ms"));
    publish_numbers(client, "orders", 2);
    std::vector<uint32_t> deliveries;
    const Status status = client.run({.streams = {"orders"}, .group = "billing"}, [&](const Batch& batch) -> Status {
        deliveries.push_back(batch[0].deliveries());
        if (deliveries.size() == 1) throw std::runtime_error("no database");
        if (deliveries.size() == 2) return Error(Code::connection, "still none");
        client.stop();
        return {};
    });
    EXPECT_TRUE(status.ok()) << status.error().message;
    EXPECT_EQ(deliveries, (std::vector<uint32_t>{1, 2, 3}));
    EXPECT_EQ(pending_count(*server, "orders", "billing"), "0");
    std::vector<std::string> told;
    for (const Log& log : events_.logs()) {
        if (log.fields.size() == 4 && log.fields[0].first == "error") told.push_back(log.fields[0].second);
    }
    EXPECT_EQ(told, (std::vector<std::string>{"no database", "still none"}));
}

TEST_P(RunTest, acks_only_what_the_handler_left) {
    REQUIRE_SERVER(server);
    Client client = this->client(server->url("batch_size=4&flush_interval=10ms"));
    publish_numbers(client, "orders", 4);
    std::multiset<int> seen;
    const Status status = client.run({.streams = {"orders"}, .group = "billing"}, [&](Batch& batch) {
        for (const Entry entry : batch) seen.insert(number_of(entry));
        if (seen.size() == 4) {
            const uint32_t first = 0;
            const uint32_t last = 3;
            EXPECT_TRUE(batch.ack({&first, 1}).ok());
            EXPECT_TRUE(batch.nack({&last, 1}, milliseconds(1)).ok());
            EXPECT_EQ(batch.ack({&first, 1}).error().code, Code::not_held);
        } else {
            client.stop();
        }
    });
    EXPECT_TRUE(status.ok()) << status.error().message;
    EXPECT_EQ(seen, (std::multiset<int>{0, 1, 2, 3, 3}));
    EXPECT_EQ(pending_count(*server, "orders", "billing"), "0");
}

TEST_P(RunTest, leaves_alone_what_the_handler_took_away) {
    REQUIRE_SERVER(server);
    Client client = this->client(server->url("batch_size=1&flush_interval=0"));
    publish_numbers(client, "orders", 2);
    std::optional<Batch> kept;
    const Status status = client.run({.streams = {"orders"}, .group = "billing"}, [&](Batch& batch) {
        if (!kept) {
            kept = std::move(batch);
            EXPECT_EQ(batch.ack().error().code, Code::not_held) << "it is the other object's";
            return;
        }
        EXPECT_EQ(number_of((*kept)[0]), 0);
        EXPECT_TRUE(kept->ack().ok());
        client.stop();
    });
    EXPECT_TRUE(status.ok()) << status.error().message;
    EXPECT_EQ(pending_count(*server, "orders", "billing"), "0");
}

TEST_P(RunTest, ends_by_stop_from_another_thread) {
    REQUIRE_SERVER(server);
    Client client = this->client(server->url("flush_interval=0"));
    publish_numbers(client, "orders", 1);
    std::thread other;
    const Status status = client.run({.streams = {"orders"}, .group = "billing"}, [&](const Batch&) {
        if (!other.joinable()) other = std::thread([&] { client.stop(); });
    });
    other.join();
    EXPECT_TRUE(status.ok()) << status.error().message;
    EXPECT_EQ(client.next(seconds(1)).error().code, Code::closed) << "stop is for good";
}

TEST_P(RunTest, ends_by_stop_in_a_signal_handler) {
    REQUIRE_SERVER(server);
    Client client = this->client(server->url("flush_interval=0"));
    static Client* stopped = nullptr;
    stopped = &client;
    ASSERT_NE(std::signal(SIGUSR1, [](int) { stopped->stop(); }), SIG_ERR);
    publish_numbers(client, "orders", 1);
    const Status status =
        client.run({.streams = {"orders"}, .group = "billing"}, [](const Batch&) { std::raise(SIGUSR1); });
    std::signal(SIGUSR1, SIG_DFL);
    EXPECT_TRUE(status.ok()) << status.error().message;
}

TEST_P(RunTest, answers_what_ends_a_source_by_itself) {
    REQUIRE_SERVER(server);
    ASSERT_EQ(server->ask({"SET", "orders", "no stream"}), "OK");
    Client client = this->client(server->url());
    const Status status = client.run({.streams = {"orders"}, .group = "billing"}, [](const Batch&) {});
    EXPECT_EQ(status.error().code, Code::wrong_type) << status.error().message;
}

TEST_P(RunTest, a_handler_may_publish_and_wait) {
    REQUIRE_SERVER(server);
    Client client = this->client(server->url("flush_interval=0"));
    publish_numbers(client, "orders", 1);
    const Status status = client.run({.streams = {"orders"}, .group = "billing"}, [&](const Batch& batch) {
        const auto result = client.publish("done", {{"n", *batch[0]["n"]}}, patience);
        EXPECT_TRUE(result.ok()) << result.error().message;
        client.stop();
    });
    EXPECT_TRUE(status.ok()) << status.error().message;
    EXPECT_EQ(server->ask({"XLEN", "done"}), "1");
}

/// DRN-1: one bounded wait, and not one for each call that ends something.
TEST_P(RunTest, close_does_not_wait_once_more_for_what_run_has_waited_for) {
    REQUIRE_SERVER(server);
    Client client = this->client(server->url("flush_interval=0&connection_timeout=3s"));
    publish_numbers(client, "orders", 1);
    const Status status = client.run({.streams = {"orders"}, .group = "billing"}, [&](const Batch&) {
        kill(server->pid(), SIGKILL);
        client.stop();
    });
    EXPECT_TRUE(status.ok()) << status.error().message;
    const auto start = std::chrono::steady_clock::now();
    const Result<uint64_t> held = client.close(seconds(4));
    EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(3));
    EXPECT_EQ(held.value(), 1U) << "its ack has no answer";
}

TEST_P(RunTest, ends_with_the_drain_that_ended_it) {
    REQUIRE_SERVER(server);
    Client client = this->client(server->url("flush_interval=0&connection_timeout=40s"));
    publish_numbers(client, "orders", 1);
    const auto start = std::chrono::steady_clock::now();
    const Status status = client.run({.streams = {"orders"}, .group = "billing"}, [&](const Batch&) {
        kill(server->pid(), SIGKILL);
        EXPECT_TRUE(client.drain(milliseconds(500)).ok());
    });
    EXPECT_TRUE(status.ok()) << status.error().message;
    EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(20));
    EXPECT_EQ(client.close().value(), 1U);
}

std::string loop_name(const ::testing::TestParamInfo<Loop>& each) {
    return std::string(each.param.poller == PollerKind::poll ? "poll" : "automatic") +
           (each.param.own_thread ? "_with_a_thread" : "_pumped");
}
INSTANTIATE_TEST_SUITE_P(Loops, RunTest,
                         ::testing::Values(Loop{PollerKind::automatic, false}, Loop{PollerKind::poll, false},
                                           Loop{PollerKind::automatic, true}, Loop{PollerKind::poll, true}),
                         loop_name);

}  // namespace
}  // namespace millrace::testing
