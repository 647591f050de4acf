// SEC-1 against a real server: a password that is changed under a running client, and replaced in it.
#include <gtest/gtest.h>

#include <string>

#include "fixture.hpp"

namespace millrace::testing {
namespace {

class ClientCredentialsTest : public ::testing::Test {
  protected:
    static std::string user_with(const LocalServer& server, const std::string& password) {
        return server.ask(
            {"ACL", "SETUSER", "worker", "reset", "on", ">" + password, "allcommands", "allkeys", "allchannels"});
    }
    static std::string url_of(const LocalServer& server) {
        return "redis://worker:old@127.0.0.1:" + std::to_string(server.port()) + "?retry_delay=10ms&flush_interval=1ms";
    }
};

TEST_F(ClientCredentialsTest, a_client_that_was_refused_goes_on_with_new_ones) {
    REQUIRE_SERVER(server);
    ASSERT_EQ(user_with(*server, "old"), "OK");
    Client client = connected(url_of(*server));
    publish_numbers(client, "orders", 1);
    ASSERT_TRUE(client.open({.streams = {"orders"}}).ok());
    Result<std::optional<Batch>> first = client.next(patience);
    ASSERT_TRUE(first.ok() && *first);

    ASSERT_EQ(user_with(*server, "new"), "OK");
    ASSERT_NE(server->ask({"CLIENT", "KILL", "USER", "worker"}), "0");
    const Result<std::optional<Batch>> refused = client.next(patience);
    ASSERT_FALSE(refused.ok());
    EXPECT_EQ(refused.error().code, Code::auth);
    EXPECT_EQ((*first)->ack().error().code, Code::closed);

    ASSERT_TRUE(client.replace_credentials("worker", Secret("new")).ok());
    EXPECT_EQ((*first)->ack().error().code, Code::lost);
    Result<std::optional<Batch>> again = client.next(patience);
    ASSERT_TRUE(again.ok() && *again) << (again.ok() ? "nothing came" : again.error().message);
    EXPECT_EQ(number_of((**again)[0]), 0);
    EXPECT_TRUE((*again)->ack().ok());
    EXPECT_TRUE(client.close().ok());
    EXPECT_EQ(pending_count(*server, "orders", "notifications"), "0");
}

TEST_F(ClientCredentialsTest, replaced_in_time_nothing_is_refused) {
    REQUIRE_SERVER(server);
    ASSERT_EQ(user_with(*server, "old"), "OK");
    EventLog log;
    Client client = connected(url_of(*server), {.on_event = std::ref(log)});
    ASSERT_TRUE(client.open({.streams = {"orders"}}).ok());
    ASSERT_TRUE(turn_until(client, [&] { return log.ready() == 1; }));
    ASSERT_EQ(user_with(*server, "new"), "OK");
    ASSERT_TRUE(client.replace_credentials("worker", Secret("new")).ok());
    ASSERT_NE(server->ask({"CLIENT", "KILL", "USER", "worker"}), "0");
    publish_numbers(client, "orders", 1);
    Result<std::optional<Batch>> batch = client.next(patience);
    ASSERT_TRUE(batch.ok() && *batch);
    EXPECT_TRUE((*batch)->ack().ok());
    for (const Error& error : log.errors()) EXPECT_NE(error.code, Code::auth) << error.message;
}

}  // namespace
}  // namespace millrace::testing
