// The end of sources and of the machine: acks first, then Closed, and nothing after it.
#include <gtest/gtest.h>

#include "support/scripted_host.hpp"

namespace millrace::test {
namespace {

const std::string blocking_read = "read: XREADGROUP GROUP g c COUNT 5 BLOCK 2000 STREAMS s >";

struct Closing : ::testing::Test {
    Closing() {
        source = consume(host);
        host.reply("read", stream("s", {"1-0", "2-0", "3-0"}));
        host.wait(2000);
        host.reply("read", stream("s", {"4-0"}));  // buffered
        host.forget();
    }
    ScriptedHost host;
    SourceId source{};
};

TEST_F(Closing, ASourceTellsWhatItLeavesPending) {
    ASSERT_TRUE(host.close(source).ok());
    EXPECT_EQ(host.story(), lines({"closed source, 4 held"}));
    EXPECT_EQ(host.close(source).error().code, Code::closed);
    EXPECT_EQ(host.ack(1).error().code, Code::not_held);
    EXPECT_EQ(host.pause(source).error().code, Code::closed);
}

TEST_F(Closing, EntriesThatArriveAfterwardsStayPending) {
    ASSERT_TRUE(host.close(source).ok());
    host.release(1);  // so that the source is gone before its read is answered
    host.forget();
    host.cut = ScriptedHost::Cut::byte_by_byte;
    host.reply("read", stream("s", {"5-0", "6-0"}));
    host.wait(5000);
    EXPECT_EQ(host.story(), "");
}

TEST_F(Closing, EntriesThatArriveBeforeTheLastAckIsAnsweredAreCounted) {
    ASSERT_TRUE(host.ack(1).ok());
    ASSERT_TRUE(host.close(source).ok());
    host.forget();
    host.reply("read", stream("s", {"5-0", "6-0"}));
    EXPECT_EQ(host.story(), "");
    host.reply("control", integer(3));
    EXPECT_EQ(host.story(), lines({"acked 1: 0 1 2", "closed source, 3 held"}));
}

TEST_F(Closing, ABatchStaysReadableUntilItIsReleased) {
    ASSERT_TRUE(host.close(source).ok());
    host.release(1);
    host.release(1);
    host.release(99);
}

TEST_F(Closing, TheNextSourceStartsAnew) {
    ASSERT_TRUE(host.close(source).ok());
    host.forget();
    host.open(source_of());
    EXPECT_EQ(host.story(), "");  // behind the block
    host.reply("read", null());
    EXPECT_EQ(host.story(), lines({"read: XGROUP CREATE s g 0 MKSTREAM"}));
    host.reply("read", error("BUSYGROUP Consumer Group name already exists"));
    EXPECT_EQ(host.story(), lines({"ready #2 streams consumer=c resp3 7.0.15", "read: XINFO GROUPS s",
                                   "read: XPENDING s g", "read: XPENDING s g 0-1 + 20 c"}));
}

TEST(ClosedEarly, ASourceThatNeverBeganIsClosedAtOnce) {
    ScriptedHost host;
    const SourceId source = host.open(source_of());
    host.forget();
    ASSERT_TRUE(host.close(source).ok());
    EXPECT_EQ(host.story(), lines({"closed source, 0 held"}));
    host.release(1);
    host.greet("read");
    EXPECT_EQ(host.story().find("XGROUP"), std::string::npos);
}

TEST_F(Closing, AShutdownWaitsForAcksAndThenClosesEverything) {
    ASSERT_TRUE(host.ack(1, {0}).ok());
    host.forget();
    ASSERT_TRUE(host.drain(seconds(5)).ok());
    EXPECT_EQ(host.story(), "");
    EXPECT_FALSE(host.machine.finished());
    EXPECT_EQ(host.machine.open(source_of(), host.now()).error().code, Code::closed);
    ASSERT_TRUE(host.ack(1, {1}).ok());  // what is done meanwhile still counts
    EXPECT_EQ(host.story(), lines({"control: XACK s g 2-0"}));
    host.reply("control", integer(1));
    EXPECT_EQ(host.story(), lines({"acked 1: 0"}));
    host.reply("control", integer(1));
    EXPECT_EQ(host.story(), lines({"acked 1: 1", "closed all, 2 held", "close read", "close control"}));
    EXPECT_TRUE(host.machine.finished());
    EXPECT_EQ(host.ms_to_timeout(), std::nullopt);
    EXPECT_EQ(host.ack(1, {2}).error().code, Code::closed);
    EXPECT_EQ(host.nack(1, {2}).error().code, Code::closed);
    host.oversleep(100'000);
    host.release(1);
    EXPECT_EQ(host.story(), "");
}

TEST_F(Closing, AShutdownEndsAtItsDeadline) {
    ASSERT_TRUE(host.ack(1).ok());
    host.forget();
    ASSERT_TRUE(host.drain(milliseconds(700)).ok());
    host.wait(699);
    EXPECT_EQ(host.story(), "");
    host.wait(1);
    EXPECT_EQ(host.story(), lines({"closed all, 4 held", "close read", "close control"}));
}

TEST_F(Closing, AShutdownWithAnAckUnderWayGoesOnOverAReconnect) {
    ASSERT_TRUE(host.ack(1).ok());
    ASSERT_TRUE(host.drain(seconds(5)).ok());
    host.forget();
    host.lost("control");
    host.lost("read");
    host.fire();
    host.greet("read");
    EXPECT_EQ(
        host.story(),
        lines({"disconnected control reset: connection (localhost:6379: reset) retryable", "read: XACK s g 1-0 2-0 3-0",
               "disconnected read reset: connection (localhost:6379: reset) retryable", "connect read",
               "read: CLIENT KILL ID 7", "reconnected read after 1", "read: XACK s g 1-0 2-0 3-0"}));
    host.reply("read", integer(3));
    EXPECT_EQ(host.story(), lines({"acked 1: 0 1 2", "closed all, 1 held", "close read"}));
}

TEST(Shutdown, OfAnIdleMachineIsDoneAtOnce) {
    ScriptedHost host;
    ASSERT_TRUE(host.drain(seconds(5)).ok());
    EXPECT_EQ(host.story(), lines({"closed all, 0 held"}));
    EXPECT_EQ(host.ms_to_timeout(), std::nullopt);
}

TEST(Shutdown, WhileConnectingGivesTheConnectionsUp) {
    ScriptedHost host;
    host.open(source_of());
    host.forget();
    ASSERT_TRUE(host.drain(seconds(5)).ok());
    EXPECT_EQ(host.story(), lines({"closed all, 0 held", "close read", "close control"}));
}

TEST(Shutdown, WhilePublishesWaitForTheirConnectionLastsUntilTheyAreThrough) {
    ScriptedHost host;
    ASSERT_TRUE(host.publish("s", {"a"}).ok());
    ASSERT_TRUE(host.drain(seconds(5)).ok());
    host.forget();
    host.greet("publish");
    EXPECT_EQ(host.story(), lines({"publish: XADD s * f a"}));
    host.reply("publish", bulk("5-0"));
    EXPECT_EQ(host.story(), lines({"published 1: [5-0]", "closed all, 0 held", "close publish"}));
}

TEST(Shutdown, AfterARefusalIsDoneAtOnce) {
    ScriptedHost host;
    host.open(source_of());
    host.connected("read");
    host.reply("read", error("NOAUTH HELLO must be called with the client already authenticated"));
    host.forget();
    ASSERT_TRUE(host.drain(seconds(5)).ok());
    EXPECT_EQ(host.story(), lines({"closed all, 0 held"}));
    EXPECT_TRUE(host.machine.finished());
}

TEST(Drop, AMachineMayGoAtAnyTime) {
    for (int step = 0; step < 6; ++step) {
        ScriptedHost host;
        consume(host);
        if (step > 0) host.reply("read", stream("s", {"1-0", "2-0", "3-0", "4-0", "5-0"}));
        EXPECT_EQ(host.ack(1, {0}).ok(), step > 0);
        if (step > 1) {
            EXPECT_TRUE(host.nack(1, {1}, Duration{}).ok());
        }
        if (step > 2) {
            EXPECT_TRUE(host.publish("s", {"a"}).ok());
        }
        if (step > 3) host.lost("control");
        if (step > 4) host.reply("read", stream("s", {"6-0"}).substr(0, 20));
    }
}

TEST(Move, AMachineMayBeMoved) {
    Result<Machine> made = Machine::create({}, {}, Instant{1}, WallTime{});
    ASSERT_TRUE(made.ok());
    Machine machine = std::move(made).value();
    ASSERT_TRUE(machine.open(source_of(), Instant{1}).ok());
    Result<Machine> other = Machine::create({}, {}, Instant{1}, WallTime{});
    ASSERT_TRUE(other.ok());
    *other = std::move(machine);
    EXPECT_TRUE(other->poll_action().has_value());
}

}  // namespace
}  // namespace millrace::test
