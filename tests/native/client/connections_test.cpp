// Sockets that fail, and misuse: typed errors, no busy loop; unix sockets; names; recovery after SIGKILL.
#include <signal.h>
#include <sys/prctl.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <set>
#include <thread>
#include <utility>

#include "fixture.hpp"

namespace millrace::testing {
namespace {

class ConnectionsTest : public ::testing::TestWithParam<PollerKind> {
  protected:
    Client client(const std::string& url) {
        return connected(url, {.poller = GetParam(), .on_event = std::ref(events_)});
    }
    EventLog events_;
};

TEST_P(ConnectionsTest, a_port_nobody_listens_on_is_a_typed_event_and_no_busy_loop) {
    const harness::ReservedPort nobody;
    const std::string port = std::to_string(nobody.number());
    Client client = this->client("redis://127.0.0.1:" + port + "?retry_delay=50ms&max_retry_delay=50ms");
    ASSERT_TRUE(client.open({.streams = {"orders"}, .group = "billing"}).ok());
    const auto start = std::chrono::steady_clock::now();
    int turns = 0;
    while (std::chrono::steady_clock::now() - start < std::chrono::milliseconds(500)) {
        ASSERT_TRUE(client.turn(milliseconds(500)).ok());
        ++turns;
    }
    // At most 10 attempts in that time, and a handful of turns for each.
    EXPECT_LE(turns, 60);
    const std::vector<Error> errors = events_.errors();
    ASSERT_FALSE(errors.empty());
    EXPECT_LE(errors.size(), 12U);
    EXPECT_EQ(errors[0].code, Code::connection);
    EXPECT_TRUE(errors[0].retryable);
    EXPECT_NE(errors[0].message.find(port), std::string::npos) << errors[0].message;
}

TEST_P(ConnectionsTest, a_name_that_is_none_is_a_typed_event) {
    Client client = this->client("redis://" + std::string(64, 'a') + ".invalid:6379");
    ASSERT_TRUE(client.open({.streams = {"orders"}, .group = "billing"}).ok());
    ASSERT_TRUE(turn_until(client, [this] { return !events_.errors().empty(); }));
    EXPECT_EQ(events_.errors()[0].code, Code::connection);
}

// As a socket that one may not open, or no descriptor that is left: the events say `reset` of all these.
TEST_P(ConnectionsTest, what_the_system_says_of_a_connection_is_logged) {
    Client client = this->client("unix:///dev/null/redis.sock");
    ASSERT_TRUE(client.open({.streams = {"orders"}, .group = "billing"}).ok());
    ASSERT_TRUE(turn_until(client, [this] { return !events_.errors().empty(); }));
    std::vector<std::string> told;
    for (const Log& log : events_.logs()) {
        if (log.message != "A connection could not be made") continue;
        for (const auto& [key, value] : log.fields) told.push_back(value);
    }
    ASSERT_GE(told.size(), 2U);
    EXPECT_EQ(told[0], "connect: Not a directory");
    EXPECT_EQ(told[1], "/dev/null/redis.sock");
}

TEST_P(ConnectionsTest, a_unix_socket_and_a_name_serve_as_well) {
    REQUIRE_SERVER(server);
    for (const std::string& url : {server->unix_url(), "redis://localhost:" + std::to_string(server->port())}) {
        Client client = this->client(url);
        const Result<PublishResult> result = client.publish("orders", {{"n", "1"}, {"n", "2"}}, patience);
        ASSERT_TRUE(result.ok()) << url << ": " << result.error().message;
        EXPECT_TRUE(EntryId::parse(result->id).has_value()) << result->id;
    }
    EXPECT_EQ(server->ask({"XLEN", "orders"}), "2");
}

TEST_P(ConnectionsTest, a_wrong_password_ends_run_with_auth) {
    REQUIRE_SERVER(server, {"--requirepass", "right"});
    Client client = this->client("redis://:wrong@127.0.0.1:" + std::to_string(server->port()));
    const Status status = client.run({.streams = {"orders"}, .group = "billing"}, [](const Batch&) {});
    EXPECT_EQ(status.error().code, Code::auth) << status.error().message;
    EXPECT_EQ(status.error().message.find("wrong@"), std::string::npos);
}

TEST_P(ConnectionsTest, a_lost_connection_is_made_again) {
    REQUIRE_SERVER(server);
    Client client = this->client(server->url("flush_interval=0&retry_delay=50ms"));
    ASSERT_TRUE(client.open({.streams = {"orders"}, .group = "billing"}).ok());
    ASSERT_TRUE(turn_until(client, [this] { return events_.ready() == 1; }));
    ASSERT_NE(server->ask({"CLIENT", "KILL", "TYPE", "normal"}), "0");
    publish_numbers(client, "orders", 1);
    Result<std::optional<Batch>> batch = client.next(patience);
    ASSERT_TRUE(batch.ok() && batch->has_value());
    EXPECT_EQ(number_of((**batch)[0]), 0);
}

// What sends is what notices first, and the next timer is far: whoever waits is told of it all the same.
TEST_P(ConnectionsTest, a_connection_that_is_lost_in_sending_is_told_at_once) {
    REQUIRE_SERVER(server);
    Client client = this->client(server->url("retry_delay=10m&max_retry_delay=10m&health_deadline=1h"));
    publish_numbers(client, "orders", 1);
    const std::array<Field, 1> field = {Field{"n", "1"}};
    const std::array<PublishEntry, 1> entry = {PublishEntry{field}};
    // A server that dies with bytes it has not read resets the connection.
    ASSERT_EQ(kill(server->pid(), SIGSTOP), 0);
    ASSERT_TRUE(client.publish_async({"orders", entry, {}}, {}).ok());
    ASSERT_TRUE(client.turn(Duration{}).ok());
    ASSERT_EQ(kill(server->pid(), SIGKILL), 0);
    siginfo_t died{};
    ASSERT_EQ(waitid(P_PID, static_cast<id_t>(server->pid()), &died, WEXITED | WNOWAIT), 0);
    ASSERT_TRUE(client.publish_async({"orders", entry, {}}, {}).ok());
    const auto start = std::chrono::steady_clock::now();
    while (events_.errors().empty() && std::chrono::steady_clock::now() - start < std::chrono::seconds(5)) {
        ASSERT_TRUE(client.turn(patience).ok());
    }
    EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(5));
    ASSERT_FALSE(events_.errors().empty());
    EXPECT_EQ(events_.errors()[0].code, Code::connection);
}

TEST_P(ConnectionsTest, values_larger_than_any_buffer_go_both_ways) {
    REQUIRE_SERVER(server);
    Client client = this->client(server->url("flush_interval=0"));
    std::string value(8 << 20, '\0');
    for (size_t i = 0; i < value.size(); ++i) value[i] = static_cast<char>(i * 2'654'435'761U >> 13);
    const Result<PublishResult> result = client.publish("orders", {{"v", value}}, patience);
    ASSERT_TRUE(result.ok()) << result.error().message;
    ASSERT_TRUE(client.open({.streams = {"orders"}, .group = "billing"}).ok());
    Result<std::optional<Batch>> batch = client.next(patience);
    ASSERT_TRUE(batch.ok() && batch->has_value());
    EXPECT_TRUE((**batch)[0]["v"] == value);
}

TEST_P(ConnectionsTest, waits_for_descriptors_of_the_caller_too) {
    REQUIRE_SERVER(server);
    Client client = this->client(server->url());
    ASSERT_TRUE(client.open({.streams = {"orders"}, .group = "billing"}).ok());
    std::array<int, 2> ends{};
    ASSERT_EQ(pipe(ends.data()), 0);
    ASSERT_EQ(write(ends[1], "x", 1), 1);
    std::array<pollfd, 1> also = {pollfd{ends[0], POLLIN, 0}};
    ASSERT_TRUE(client.turn(patience, also).ok());
    EXPECT_NE(also[0].revents & POLLIN, 0);
    close(ends[0]);
    close(ends[1]);
}

INSTANTIATE_TEST_SUITE_P(Pollers, ConnectionsTest, ::testing::Values(PollerKind::automatic, PollerKind::poll),
                         [](const auto& each) { return each.param == PollerKind::poll ? "poll" : "automatic"; });

TEST(MisuseTest, has_typed_errors) {
    EXPECT_EQ(Client::connect("redis://localhost?colour=blue").error().code, Code::bad_config);
    EXPECT_EQ(Client::connect("rediss://localhost?tls.ca=/no/such/file").error().code, Code::bad_config);
    const std::string path(sizeof(sockaddr_un::sun_path), 'p');
    EXPECT_EQ(Client::connect("unix:///" + path).error().code, Code::bad_config);

    Result<Client> client = Client::connect("redis://127.0.0.1:1");
    ASSERT_TRUE(client.ok()) << client.error().message;
    EXPECT_EQ(client->open({.streams = {"orders"}, .group = "billing", .batch_size = 0}).error().code,
              Code::bad_config);
    ASSERT_TRUE(client->start().ok());
    EXPECT_EQ(client->start().error().code, Code::bad_argument);
    std::array<pollfd, 1> also = {pollfd{STDIN_FILENO, POLLIN, 0}};
    EXPECT_EQ(client->turn(Duration{}, also).error().code, Code::bad_argument);
}

// Whoever waits beside the client's own thread waits until that has turned.
TEST(OwnThreadTest, lets_others_wait) {
    REQUIRE_SERVER(server);
    Client client = connected(server->url("flush_interval=0"));
    ASSERT_TRUE(client.start().ok());
    ASSERT_TRUE(client.open({.streams = {"orders"}, .group = "billing"}).ok());
    (void)server->ask({"XADD", "orders", "*", "n", "1"});
    Result<std::optional<Batch>> batch = client.next(Duration{});
    while (batch.ok() && !batch->has_value()) {
        ASSERT_TRUE(client.turn(patience).ok());
        batch = client.next(Duration{});
    }
    ASSERT_TRUE(batch.ok());
    EXPECT_EQ((*batch)->size(), 1U);
}

// A thread that waits in a call turns the loop in its place: what came meanwhile shows at the descriptor.
TEST(OwnLoopTest, is_woken_by_who_turned_the_loop_in_its_place) {
    REQUIRE_SERVER(server);
    Client client = connected(server->url("flush_interval=0&block=1m&health_deadline=5m"));
    if (client.fd() < 0) GTEST_SKIP() << "the loop of this system waits with poll";
    ASSERT_TRUE(client.open({.streams = {"orders"}, .group = "billing"}).ok());
    const Result<SourceId> quiet = client.open({.streams = {"quiet"}, .group = "billing"});
    ASSERT_TRUE(quiet.ok());
    std::thread other([&] {
        (void)server->ask({"XADD", "orders", "*", "n", "1"});
        EXPECT_FALSE(client.next(seconds(1), *quiet).value().has_value());
    });
    other.join();
    pollfd state{client.fd(), POLLIN, 0};
    EXPECT_EQ(::poll(&state, 1, 0), 1);
    ASSERT_TRUE(client.turn(Duration{}).ok());
    const Result<std::optional<Batch>> batch = client.next(Duration{});
    EXPECT_TRUE(batch.ok() && batch->has_value());
    // Once it was told, there is nothing to turn for.
    ASSERT_TRUE(client.turn(Duration{}).ok());
    EXPECT_EQ(::poll(&state, 1, 0), 0);
}

/// How a child ended: its exit code, or -1 where it did not end in time.
int wait_for_exit(pid_t child) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    for (int status = 0; std::chrono::steady_clock::now() < deadline; std::this_thread::yield()) {
        if (waitpid(child, &status, WNOHANG) == child) return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    }
    (void)kill(child, SIGKILL);
    (void)waitpid(child, nullptr, 0);
    return -1;
}

// Where a language or a stack frame destroys what a child has of its parent's, which nobody asked for.
TEST(ForkTest, a_child_may_destroy_what_the_parent_goes_on_with) {
    REQUIRE_SERVER(server);
    EventLog events;
    auto client = std::make_unique<Client>(connected(server->url("flush_interval=0"), {.on_event = std::ref(events)}));
    ASSERT_TRUE(client->start().ok());
    ASSERT_TRUE(client->open({.streams = {"orders"}, .group = "billing"}).ok());
    publish_numbers(*client, "orders", 2);
    Result<std::optional<Batch>> batch = client->next(patience);
    ASSERT_TRUE(batch.ok() && batch->has_value());
    const pid_t child = fork();
    if (child == 0) {
        batch->reset();
        client.reset();
        _exit(0);
    }
    ASSERT_GT(child, 0);
    EXPECT_EQ(wait_for_exit(child), 0);
    EXPECT_TRUE((*batch)->ack().ok());
    publish_numbers(*client, "orders", 1);
    const Result<uint64_t> held = client->close();
    ASSERT_TRUE(held.ok());
    EXPECT_TRUE(events.errors().empty()) << events.errors()[0].message;
}

TEST(OwnLoopTest, is_served_by_fd_and_wait_max) {
    REQUIRE_SERVER(server);
    Client client = connected(server->url("flush_interval=30ms&batch_size=5"));
    if (client.fd() < 0) GTEST_SKIP() << "the loop of this system waits with poll";
    ASSERT_TRUE(client.open({.streams = {"orders"}, .group = "billing"}).ok());
    std::optional<Batch> batch;
    bool published = false;
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::microseconds(patience.us);
    while (!batch && std::chrono::steady_clock::now() < deadline) {
        ASSERT_TRUE(client.turn(Duration{}).ok());
        Result<std::optional<Batch>> next = client.next(Duration{});
        ASSERT_TRUE(next.ok()) << next.error().message;
        if (*next) batch = std::move(**next);
        if (batch) break;
        // 3 of 5: they come by the flush, which only wait_max tells of.
        if (!std::exchange(published, true)) {
            const std::vector<Field> field = {{"n", "0"}};
            const std::vector<PublishEntry> entries(3, PublishEntry{field});
            ASSERT_TRUE(client.publish_async({"orders", entries, {}}, {}).ok());
            continue;
        }
        const std::optional<Duration> wait = client.wait_max();
        ASSERT_TRUE(wait.has_value());
        pollfd state{client.fd(), POLLIN, 0};
        ASSERT_GE(::poll(&state, 1, static_cast<int>(wait->us / 1000 + 1)), 0);
    }
    ASSERT_TRUE(batch.has_value());
    EXPECT_EQ(batch->size(), 3U);
    EXPECT_EQ(batch->reason(), FlushReason::flush);
}

TEST(MisuseTest, an_observer_that_waits_is_told_so) {
    REQUIRE_SERVER(server);
    Client* self = nullptr;
    std::vector<Code> codes;
    Client client =
        connected(server->url(), {.on_event = [&](const Event& event) {
                      if (!std::holds_alternative<Ready>(event)) return;
                      codes = {self->next(Duration{}).error().code, self->turn(Duration{}).error().code,
                               self->publish("orders", {{"n", "1"}}).error().code, self->close().error().code};
                  }});
    self = &client;
    ASSERT_TRUE(client.open({.streams = {"orders"}, .group = "billing"}).ok());
    ASSERT_TRUE(turn_until(client, [&] { return !codes.empty(); }));
    EXPECT_EQ(codes, std::vector<Code>(4, Code::bad_argument));
}

TEST(PublishTest, by_callback_answers_each_entry_and_close_answers_the_rest) {
    REQUIRE_SERVER(server);
    ASSERT_EQ(server->ask({"SET", "taken", "no stream"}), "OK");
    Client client = connected(server->url());
    const std::array<Field, 2> fields = {Field{"a", "1"}, Field{"a", "2"}};
    const std::array<PublishEntry, 2> entries = {PublishEntry{fields}, PublishEntry{fields}};
    std::vector<size_t> good;
    std::vector<Code> bad;
    ASSERT_TRUE(client
                    .publish_async({"orders", entries, {}},
                                   [&](std::span<const PublishResult> results) {
                                       for (const PublishResult& each : results) good.push_back(each.id.size());
                                   })
                    .ok());
    ASSERT_TRUE(client
                    .publish_async({"taken", entries, {}},
                                   [&](std::span<const PublishResult> results) {
                                       for (const PublishResult& each : results) bad.push_back(each.error->code);
                                   })
                    .ok());
    ASSERT_TRUE(turn_until(client, [&] { return good.size() + bad.size() == 4; }));
    EXPECT_EQ(bad, std::vector<Code>(2, Code::wrong_type));
    for (const size_t size : good) EXPECT_GT(size, 2U);
    EXPECT_EQ(client.publish("taken", {{"a", "1"}}).error().code, Code::wrong_type);

    std::vector<PublishResult> unanswered;
    ASSERT_TRUE(client
                    .publish_async({"orders", entries, {}},
                                   [&](std::span<const PublishResult> results) {
                                       unanswered.assign(results.begin(), results.end());
                                   })
                    .ok());
    { const Client gone = std::move(client); }
    ASSERT_EQ(unanswered.size(), 2U);
    EXPECT_EQ(unanswered[0].error->code, Code::closed);
    EXPECT_TRUE(unanswered[0].maybe_written);
}

/// A consumer that acks its first batch, keeps the second, has more on their way, and says so; then it is killed.
[[noreturn]] void consume_and_hang(const std::string& url, int report) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    EventLog events;
    Client client = connected(url, {.on_event = std::ref(events)});
    if (!client.open({.streams = {"orders"}, .group = "billing", .consumer = "one"})) _exit(1);
    Result<std::optional<Batch>> first = client.next(patience);
    Result<std::optional<Batch>> second = client.next(patience);
    if (!first || !*first || !second || !*second || !(*first)->ack()) _exit(1);
    if (!turn_until(client, [&] { return events.acked() == (*first)->size(); })) _exit(1);
    const auto acked = static_cast<char>((*first)->size());
    if (write(report, &acked, 1) != 1) _exit(1);
    for (;;) (void)client.turn(seconds(60));
}

TEST(RecoveryTest, after_a_kill_what_was_not_acked_comes_again_and_nothing_else) {
    REQUIRE_SERVER(server);
    const std::string url = server->url("batch_size=5&flush_interval=10ms");
    {
        Client client = connected(url);
        publish_numbers(client, "orders", 20);
    }
    std::array<int, 2> ends{};
    ASSERT_EQ(pipe(ends.data()), 0);
    const pid_t child = fork();
    if (child == 0) consume_and_hang(url, ends[1]);
    close(ends[1]);
    char acked = 0;
    ASSERT_EQ(read(ends[0], &acked, 1), 1);
    ASSERT_EQ(acked, 5);
    ASSERT_EQ(kill(child, SIGKILL), 0);
    ASSERT_EQ(waitpid(child, nullptr, 0), child);
    close(ends[0]);

    Client client = connected(url);
    std::set<int> seen;
    const Status status =
        client.run({.streams = {"orders"}, .group = "billing", .consumer = "one"}, [&](const Batch& batch) {
            for (const Entry entry : batch) EXPECT_TRUE(seen.insert(number_of(entry)).second) << number_of(entry);
            if (seen.size() == 15) client.stop();
        });
    EXPECT_TRUE(status.ok()) << status.error().message;
    EXPECT_EQ(*seen.begin(), 5);
    EXPECT_EQ(*seen.rbegin(), 19);
    EXPECT_EQ(pending_count(*server, "orders", "billing"), "0");
}

}  // namespace
}  // namespace millrace::testing
