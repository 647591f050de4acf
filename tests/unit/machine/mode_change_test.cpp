// DET-5: each connection detects again, and sources go on with what the new server can do.
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
                     "batch 2 by flush: {data=older;}", "mode streams 7.0.15",
                     "disconnected control dropped: unsupported (this connection met a server without Streams, 3.2.9) "
                     "retryable",
                     "close push", "close control", "read: XGROUP CREATE s g 0 MKSTREAM"}));
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
    ASSERT_TRUE(host.ack(3).ok());
    EXPECT_EQ(host.story(),
              lines({"read: XACK s g 1-0 2-0 3-0 4-0 5-0", "read: XREADGROUP GROUP g c COUNT 5 STREAMS s >"}));
}

/// The server was restarted, and all connections with it: in whatever order they come back.
TEST_F(Upgrade, OfARestartedServerTellsTheGapAndSwitches) {
    host.lost("push");
    host.lost("control");
    host.lost("read");
    host.server.protocol = 3;
    host.server.version = "6.2.14";
    host.wait(200);
    host.greet("push");
    host.greet("control");
    host.forget();
    host.greet("read");
    EXPECT_EQ(host.story(),
              lines({"reconnected read after 1",
                     "log info: Redis Streams supported - will use Streams for notifications redis_version=6",
                     "interrupted s for 200 ms", "batch 2 by flush: {data=older;}", "mode streams 6.2.14", "close push",
                     "read: XGROUP CREATE s g 0 MKSTREAM"}));
}

/// Behind one address are several servers, and a new one is met first by another lane than the sources'.
TEST_F(Upgrade, SeenByAnotherLaneIsAskedAboutOnTheFirstOne) {
    host.lost("push");
    host.server.protocol = 3;
    host.server.version = "7.0.15";
    host.fire();
    host.forget();
    host.greet("push");
    EXPECT_EQ(host.story(),
              lines({"reconnected push after 1",
                     "disconnected read dropped: connection (another connection met a server with Streams; asking "
                     "again) retryable",
                     "close read", "push: SUBSCRIBE s"}));
    EXPECT_EQ(host.fire(), 100);
    host.forget();
    host.greet("read");
    EXPECT_NE(host.story().find("mode streams 7.0.15"), std::string::npos);
}

/// The rolling upgrade is not through: the lane is of no use, and tries again with backoff; acks go where Streams are.
TEST_F(Upgrade, ALaneThatMeetsTheOldServerAgainIsNotUsed) {
    upgrade();
    host.reply("read", ok());
    host.reply("read", stream("s", {"1-0", "2-0", "3-0", "4-0", "5-0"}));
    host.server.protocol = 2;
    host.server.version = "3.2.9";
    host.forget();
    host.fire();
    host.greet("control");
    EXPECT_EQ(host.story(),
              lines({"connect control",
                     "disconnected control dropped: unsupported (this connection met a server without Streams, 3.2.9) "
                     "retryable",
                     "close control"}));
    EXPECT_EQ(host.fire(), 200);
    host.greet("control");
    EXPECT_EQ(host.fire(), 400);
    host.forget();
    ASSERT_TRUE(host.ack(3).ok());
    EXPECT_EQ(host.story(),
              lines({"read: XACK s g 1-0 2-0 3-0 4-0 5-0", "read: XREADGROUP GROUP g c COUNT 5 STREAMS s >"}));
    host.server.protocol = 3;
    host.server.version = "7.0.15";
    host.greet("control");
    EXPECT_EQ(host.story(), lines({"reconnected control after 3"}));
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

/// The version of the server is hidden, and the rest of DET-3 tells nothing.
struct Undetected : ::testing::Test {
    Undetected() {
        host.server.protocol = 2;
        source = host.open(source_of());
        refuse_to_tell("read");
        refuse_to_tell("control");
        refuse_to_tell("push");
        host.reply("push", array({bulk("subscribe"), bulk("s"), integer(1)}));
        host.forget();
    }
    void refuse_to_tell(const std::string& lane) {
        host.connected(lane);
        for (const std::string& reply : {unknown_command("HELLO"), ok(), integer(7), unknown_command("INFO"),
                                         unknown_command("COMMAND"), unknown_command("XLEN")}) {
            host.reply(lane, reply);
        }
    }
    ScriptedHost host;
    SourceId source{};
};

TEST_F(Undetected, IsAskedAgainOnAConnectionOfItsOwnWithBackoff) {
    for (const int64_t delay : {100, 200, 400, 800, 1600, 3200, 5000, 5000}) {
        int64_t waited = 0;
        for (int i = 0; i < 9 && !host.lives("probe"); ++i) waited += host.fire();  // PINGs come in between
        EXPECT_EQ(waited, delay);
        host.forget();
        refuse_to_tell("probe");
        const std::string story = host.story();
        EXPECT_EQ(story.substr(story.rfind("probe: ")), "probe: XLEN millrace:probe\nclose probe\n");
        EXPECT_EQ(story.find("log"), std::string::npos) << story;
    }
}

TEST_F(Undetected, AServerThatTellsAtLastIsUsedForWhatItIs) {
    host.fire();
    host.server.version = "5.0.6";
    host.forget();
    host.greet("probe");
    EXPECT_EQ(host.story(),
              lines({"disconnected read dropped: connection (another connection met a server with Streams; asking "
                     "again) retryable",
                     "close probe", "close read"}));
    host.fire();
    host.forget();
    host.greet("read");
    EXPECT_EQ(host.story(),
              lines({"reconnected read after 1",
                     "log info: Redis Streams supported - will use Streams for notifications redis_version=5",
                     "mode streams 5.0.6",
                     "disconnected control dropped: unsupported (this connection met a server without Streams, "
                     "unknown) retryable",
                     "close push", "close control", "read: XGROUP CREATE s g 0 MKSTREAM"}));
    host.answers_ping = true;
    host.fire();
    host.greet("control");
    host.wait(20'000);
    EXPECT_FALSE(host.lives("probe"));
}

TEST_F(Undetected, AServerThatIsOldIndeedIsAskedNoMore) {
    host.fire();
    host.server.version = "4.0.14";
    host.forget();
    host.greet("probe");
    EXPECT_EQ(host.story(), lines({"log info: Redis Streams not supported - will use Pub/Sub for notifications "
                                   "redis_version=4 min_required=5",
                                   "close probe"}));
    host.wait(20'000);
    EXPECT_EQ(host.story().find("connect probe"), std::string::npos);
}

TEST_F(Undetected, NobodyAsksForASourceThatIsClosed) {
    ASSERT_TRUE(host.close(source).ok());
    host.forget();
    host.wait(20'000);
    EXPECT_EQ(host.story().find("connect probe"), std::string::npos);
}

TEST_F(Undetected, AProbeIsClosedWithTheRest) {
    host.fire();
    host.forget();
    ASSERT_TRUE(host.drain(seconds(1)).ok());
    EXPECT_NE(host.story().find("close probe\n"), std::string::npos);
    EXPECT_EQ(host.ms_to_timeout(), std::nullopt);
}

TEST(Forced, ModePubSubIsNoWantOfDetection) {
    ClientConfig config;
    config.mode = Mode::pubsub;
    ScriptedHost host(config);
    host.open(source_of());
    host.greet("read");
    host.greet("control");
    host.greet("push");
    host.wait(20'000);
    const std::string story = host.story();
    EXPECT_EQ(story.find("connect probe"), std::string::npos) << story;
    EXPECT_EQ(story.find("disconnected"), std::string::npos) << story;
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
