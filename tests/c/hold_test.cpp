// The hold of the sources while too many events wait, from within: the library shows nothing of it.
#include "handles.hpp"
#include "owned.hpp"

namespace millrace::testing {
namespace {

TEST(CHold, BeginsWithAFullQueueAndEndsWhenItWasPolled) {
    const OwnedClient client = client_of(config_of("redis://127.0.0.1:1"), MR_THREAD_NONE, 2);
    client->observe(Log{LogLevel::info, "one", {}});
    EXPECT_FALSE(client->holding);
    client->observe(Log{LogLevel::info, "two", {}});
    EXPECT_TRUE(client->holding);
    mr_event event = MR_EVENT_INIT;
    EXPECT_EQ(mr_client_poll_event(client.get(), &event), MR_OK);
    EXPECT_FALSE(client->holding);
}

// Whoever polls was faster than the hold, and waits for the next event by now: held sources would bring none.
TEST(CHold, IsNotSetWhereTheQueueWasEmptiedMeanwhile) {
    const OwnedClient client = client_of(config_of("redis://127.0.0.1:1"), MR_THREAD_NONE, 1);
    const bool full = client->events.add(Event(Log{LogLevel::info, "one", {}}));
    EXPECT_TRUE(full);
    mr_event event = MR_EVENT_INIT;
    EXPECT_EQ(mr_client_poll_event(client.get(), &event), MR_OK);
    client->hold_if(full);
    EXPECT_FALSE(client->holding);
}

}  // namespace
}  // namespace millrace::testing
