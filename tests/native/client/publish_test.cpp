// Publishing by a client: what becomes of it when the client ends.
#include <gtest/gtest.h>

#include <string>

#include "fixture.hpp"

namespace millrace::testing {
namespace {

/// DRN-1: queued publishes go out, those that wait for room included.
TEST(PublishTest, waits_for_room_and_goes_out_with_a_drain) {
    REQUIRE_SERVER(server);
    Client client = connected(server->url("publish_queue_bytes=1KiB"));
    const std::string large(900, 'x');
    const Field field{"f", large};
    const PublishEntry entry{{&field, 1}};
    bool is_answered = false;
    const Status queued = client.publish_async({"orders", {&entry, 1}}, [&](std::span<const PublishResult> results) {
        is_answered = true;
        EXPECT_FALSE(results[0].error.has_value());
        EXPECT_TRUE(client.drain(patience).ok());  // the next one waits still: it is this thread that turns the loop
    });
    ASSERT_TRUE(queued.ok());
    const Result<std::vector<PublishResult>> results = client.publish({"orders", {&entry, 1}}, patience);
    ASSERT_TRUE(results.ok()) << results.error().message;
    EXPECT_TRUE(is_answered);
    EXPECT_FALSE((*results)[0].error.has_value());
    EXPECT_EQ(server->ask({"XLEN", "orders"}), "2");
    EXPECT_EQ(client.publish("orders", {{"f", "late"}}).error().code, Code::closed);
}

}  // namespace
}  // namespace millrace::testing
