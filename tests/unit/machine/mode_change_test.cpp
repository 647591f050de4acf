// DET-5 so far: each reconnect detects again, and sources go on with what the new server can do.
#include <gtest/gtest.h>

#include "support/scripted_host.hpp"

namespace millrace::test {
namespace {

/// Consumes by Pub/Sub from a 3.2; a batch of one was handed over, and another message is buffered.
struct Upgrade : ::testing::Test {
    Upgrade() {
        host.server.protocol = 2;
        host.server.version = "3.2.9";
        source = host.open(source_of());
        host.greet("read");
        host.greet("control");
        host.greet("push");
        host.reply("push", array({bulk("subscribe"), bulk("s"), integer(1)}));
        host.reply("push", array({bulk("message"), bulk("s"), bulk("old")}));
        host.wait(2000);
        host.reply("push", array({bulk("message"), bulk("s"), bulk("older")}));
        host.forget();
    }
    void upgrade() {
        host.lost("read");
        host.server.protocol = 3;
        host.server.version = "7.0.15";
        host.fire();
        host.forget();
        host.greet("read");
    }
    ScriptedHost host;
    SourceId source{};
};

TEST_F(Upgrade, GoesOnWithStreamsAndSaysSo) {
    upgrade();
    EXPECT_EQ(host.story(),
              lines({"reconnected read after 1",
                     "log info: Redis Streams supported - will use Streams for notifications redis_version=7",
                     "mode streams 7.0.15", "close push", "read: XGROUP CREATE s g 0 MKSTREAM"}));
    host.reply("read", ok());
    EXPECT_EQ(host.story(), lines({"ready streams consumer=c resp3 7.0.15",
                                   "read: XREADGROUP GROUP g c COUNT 5 BLOCK 2000 STREAMS s >"}));
}

TEST_F(Upgrade, AnAckOfAnOldBatchIsNotTakenForANewOne) {
    upgrade();
    host.reply("read", ok());
    host.reply("read", stream("s", {"1-0", "2-0", "3-0", "4-0", "5-0"}));
    host.forget();
    EXPECT_EQ(host.ack(1).error().code, Code::not_held);
    host.release(1);
    EXPECT_EQ(host.story(), "");
    ASSERT_TRUE(host.ack(2).ok());
    EXPECT_EQ(host.story(), lines({"read: XACK s g 1-0 2-0 3-0 4-0 5-0"}));
}

TEST_F(Upgrade, APausedSourceStaysPaused) {
    ASSERT_TRUE(host.pause(source).ok());
    upgrade();
    host.forget();
    host.reply("read", ok());
    EXPECT_EQ(host.story(), "");
    ASSERT_TRUE(host.resume(source).ok());
    EXPECT_NE(host.story().find("XREADGROUP"), std::string::npos);
}

TEST_F(Upgrade, ASourceThatIsClosingEndsWithIt) {
    upgrade();
    ASSERT_TRUE(host.close(source).ok());
    EXPECT_NE(host.story().find("closed source, 0 held\n"), std::string::npos);
}

TEST(Downgrade, OfTheServerFallsBackWithItsReason) {
    ScriptedHost host;
    consume(host);
    host.reply("read", stream("s", {"1-0"}));
    host.lost("read");
    host.server.protocol = 2;
    host.server.version = "4.0.14";
    host.server.run_id = "run-b";
    host.fire();
    host.forget();
    host.greet("read");
    EXPECT_EQ(host.story(), lines({"reconnected read after 1",
                                   "log info: Redis Streams not supported - will use Pub/Sub for notifications "
                                   "redis_version=4 min_required=5",
                                   "mode pubsub 4.0.14", "connect push"}));
    host.wait(3000);
    EXPECT_EQ(host.batches(), 0U);  // 1-0 is pending at a server that is gone
}

TEST(SameMode, AReconnectThatFindsTheSameSaysNothingOfIt) {
    ScriptedHost host;
    consume(host);
    host.lost("read");
    host.server.version = "7.2.0";
    host.fire();
    host.forget();
    host.greet("read");
    const std::string story = host.story();
    EXPECT_EQ(story.find("log"), std::string::npos) << story;
    EXPECT_EQ(story.find("mode"), std::string::npos) << story;
}

}  // namespace
}  // namespace millrace::test
