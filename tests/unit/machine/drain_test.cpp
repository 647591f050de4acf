// DRN-1: nothing is handed over any more, blocked reads are ended, what was not handed over is given back, what was is
// finished, publishes go out; then Closed, and nothing after it.
#include <gtest/gtest.h>

#include "support/scripted_host.hpp"

namespace millrace::test {
namespace {

/// One batch of three is with the application, 4-0 is buffered, and a read blocks.
struct Draining : ::testing::Test {
    explicit Draining(const ClientConfig& config = {}) : host(config) {
        source = consume(host);
        host.reply("read", stream("s", {"1-0", "2-0", "3-0"}));
        host.wait(2000);
        host.reply("read", stream("s", {"4-0"}));
        host.forget();
    }
    /// What the server answers to the release of 4-0 and to CLIENT UNBLOCK.
    void answer_release() {
        host.reply("control", array({bulk("4-0")}));
        host.reply("control", integer(1));
        host.reply("read", null());
    }
    ScriptedHost host;
    SourceId source{};
};

const std::vector<std::string> release_and_unblock{"control: XCLAIM s g c 0 4-0 IDLE 60000 JUSTID",
                                                   "control: CLIENT UNBLOCK 7"};

TEST_F(Draining, WaitsUntilTheApplicationHasSettledWhatItHolds) {
    ASSERT_TRUE(host.drain(seconds(5), true).ok());
    EXPECT_EQ(host.story(), lines(release_and_unblock));
    answer_release();
    EXPECT_EQ(host.story(), "");
    EXPECT_FALSE(host.machine.finished());
    EXPECT_EQ(host.machine.open(source_of(), host.now()).error().code, Code::closed);
    EXPECT_EQ(host.publish("s", {"a"}).error().code, Code::closed);
    ASSERT_TRUE(host.ack(1, {0, 2}).ok());
    EXPECT_EQ(host.story(), lines({"read: XACK s g 1-0 3-0"}));
    host.reply("read", integer(2));
    EXPECT_EQ(host.story(), lines({"acked 1: 0 2"}));
    host.wait(1500);
    ASSERT_TRUE(host.nack(1, {1}).ok());  // not here again: to whoever reclaims it
    EXPECT_EQ(host.story(), lines({"read: XCLAIM s g c 3325 2-0 IDLE 60000 JUSTID"}));
    host.reply("read", array({bulk("2-0")}));
    EXPECT_EQ(host.story(), lines({"closed all, 0 held", "close read", "close control"}));
    EXPECT_TRUE(host.machine.finished());
    EXPECT_EQ(host.ms_to_timeout(), std::nullopt);
    EXPECT_EQ(host.ack(1, {2}).error().code, Code::closed);
    EXPECT_EQ(host.nack(1, {2}).error().code, Code::closed);
    EXPECT_EQ(host.drain(seconds(5)).error().code, Code::closed);
    host.oversleep(100'000);
    host.release(1);
    EXPECT_EQ(host.story(), "");
}

TEST_F(Draining, ItIsTheAnswersAloneThatAreAwaitedOnRequest) {
    ASSERT_TRUE(host.ack(1, {0}).ok());
    host.forget();
    ASSERT_TRUE(host.drain(seconds(5)).ok());
    EXPECT_EQ(host.story(), lines(release_and_unblock));
    host.reply("control", integer(1));
    EXPECT_EQ(host.story(), lines({"acked 1: 0"}));
    answer_release();
    EXPECT_EQ(host.story(), lines({"closed all, 2 held", "close read", "close control"}));
}

TEST_F(Draining, ASecondCallCanOnlyShortenIt) {
    ASSERT_TRUE(host.drain(seconds(5), true).ok());
    answer_release();
    host.forget();
    ASSERT_TRUE(host.drain(seconds(50), true).ok());
    host.wait(4999);
    EXPECT_EQ(host.story(), "");
    ASSERT_TRUE(host.drain(seconds(50), false).ok());
    EXPECT_EQ(host.story(), lines({"closed all, 3 held", "close read", "close control"}));
    EXPECT_EQ(host.drain(Duration{-1}).error().code, Code::closed);
}

TEST_F(Draining, ANegativeTimeoutIsMisuse) {
    EXPECT_EQ(host.drain(Duration{-1}).error().code, Code::bad_argument);
    host.wait(100);
    EXPECT_EQ(host.story(), "");
}

TEST_F(Draining, EndsAtItsDeadlineAndTellsWhatIsLeft) {
    ASSERT_TRUE(host.ack(1).ok());
    ASSERT_TRUE(host.drain(milliseconds(700)).ok());
    host.forget();
    host.wait(699);
    EXPECT_EQ(host.story(), "");
    host.wait(1);
    EXPECT_EQ(host.story(), lines({"closed all, 4 held", "close read", "close control"}));
}

/// An entry that the server hands to the blocked read in the very moment of the drain.
TEST_F(Draining, WhatArrivesNowIsGivenBackAndNotHandedOver) {
    ASSERT_TRUE(host.drain(seconds(5)).ok());
    host.forget();
    host.reply("read", stream("s", {"5-0", "6-0", "7-0", "8-0", "9-0"}));
    EXPECT_EQ(host.story(), lines({"read: XCLAIM s g c 0 5-0 6-0 7-0 8-0 9-0 IDLE 60000 JUSTID"}));
    host.reply("control", array({bulk("4-0")}));
    host.reply("control", integer(0));
    EXPECT_EQ(host.story(), "");
    host.reply("read", entries({}));
    EXPECT_EQ(host.story(), lines({"closed all, 3 held", "close read", "close control"}));
    EXPECT_EQ(host.batches(), 1U);
}

/// The first word may overtake the read, whose block then begins after it.
TEST_F(Draining, UnblockingIsRepeatedUntilTheReadIsAnswered) {
    ASSERT_TRUE(host.drain(seconds(5)).ok());
    host.reply("control", array({bulk("4-0")}));
    host.forget();
    host.reply("control", integer(0));
    host.wait(49);
    EXPECT_EQ(host.story(), "");
    host.wait(1);
    EXPECT_EQ(host.story(), lines({"control: CLIENT UNBLOCK 7"}));
    host.wait(200);
    EXPECT_EQ(host.story(), "");  // not before there is an answer
    host.reply("control", integer(1));
    host.reply("read", null());
    EXPECT_EQ(host.story(), lines({"closed all, 3 held", "close read", "close control"}));
}

TEST_F(Draining, WhereUnblockingIsRefusedTheBlockIsWaitedOut) {
    ASSERT_TRUE(host.drain(seconds(5)).ok());
    host.reply("control", array({bulk("4-0")}));
    host.forget();
    host.reply("control", error("NOPERM this user has no permissions to run the 'client|unblock' command"));
    host.wait(1999);
    EXPECT_EQ(host.story(), "");
    host.reply("read", null());
    EXPECT_EQ(host.story(), lines({"closed all, 3 held", "close read", "close control"}));
}

/// Ids start anew with the server: the old one may be anybody's by now.
TEST_F(Draining, AnotherRunOfTheServerIsNotAskedToUnblock) {
    host.server.run_id = "run-b";
    host.lost("control");
    host.fire();
    host.greet("control");
    host.forget();
    ASSERT_TRUE(host.drain(seconds(5)).ok());
    EXPECT_EQ(host.story(), lines({"control: XCLAIM s g c 95 4-0 IDLE 60000 JUSTID"}));
    host.wait(500);
    EXPECT_EQ(host.story(), "");
}

TEST_F(Draining, UnblocksOnceTheOtherLaneIsBack) {
    host.lost("control");
    ASSERT_TRUE(host.drain(seconds(5)).ok());
    host.wait(100);
    host.forget();
    host.greet("control");
    const std::string story = host.story();
    EXPECT_NE(story.find("control: CLIENT UNBLOCK 7\n"), std::string::npos) << story;
}

struct DrainingOneLane : Draining {
    DrainingOneLane() : Draining(one_lane()) {}
    static ClientConfig one_lane() {
        ClientConfig config;
        config.lanes = 1;
        return config;
    }
};

TEST_F(DrainingOneLane, WaitsOutTheBlock) {
    ASSERT_TRUE(host.drain(seconds(5)).ok());
    EXPECT_EQ(host.story(), lines({"read: XCLAIM s g c 0 4-0 IDLE 60000 JUSTID"}));
    host.wait(250);
    EXPECT_EQ(host.story(), "");
    host.reply("read", null());
    host.reply("read", array({bulk("4-0")}));
    EXPECT_EQ(host.story(), lines({"closed all, 3 held", "close read"}));
}

/// Without a word of it the entries stay where they are, and count as left.
TEST_F(Draining, WhereGivingBackIsRefusedTheEntriesAreLeftPending) {
    ASSERT_TRUE(host.drain(seconds(5)).ok());
    host.reply("control", error("NOPERM this user has no permissions to run the 'xclaim' command"));
    host.reply("control", integer(1));
    host.forget();
    host.reply("read", null());
    EXPECT_EQ(host.story(), lines({"closed all, 4 held", "close read", "close control"}));
}

TEST_F(Draining, GivingBackIsTriedAgainWhereThatMayHelp) {
    ASSERT_TRUE(host.drain(seconds(5)).ok());
    host.reply("control", error("BUSY Redis is busy running a script."));
    host.reply("control", integer(1));
    host.reply("read", null());
    host.forget();
    host.wait(100);
    EXPECT_EQ(host.story(), lines({"read: XCLAIM s g c 95 4-0 IDLE 60000 JUSTID"}));
}

/// Whether it was executed nobody knows, and others may have the entry by now.
TEST_F(Draining, ALostAnswerToGivingBackIsNotAskedForAgain) {
    ASSERT_TRUE(host.drain(seconds(5)).ok());
    host.forget();
    host.lost("control");
    host.reply("read", null());
    EXPECT_EQ(host.story(), lines({"disconnected control reset: connection (localhost:6379: reset) retryable",
                                   "closed all, 4 held", "close read"}));
}

TEST_F(Draining, WithAnAckUnderWayItGoesOnOverAReconnect) {
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

/// What is held for long is kept from being reclaimed until the end.
TEST_F(Draining, HeartbeatsGoOn) {
    ASSERT_TRUE(host.drain(seconds(100), true).ok());
    answer_release();
    host.forget();
    host.wait(30'000);
    EXPECT_NE(host.story().find("1-0 2-0 3-0 JUSTID"), std::string::npos);
}

/// A page of recovery is on its way: nothing of it is handed over, and nothing new is asked for.
TEST(DrainOfRecovery, GivesThePageBack) {
    ScriptedHost host;
    consume_again(host);
    host.reply("read", array({pending("1-0", "c", 9000, 1), pending("2-0", "c", 9000, 1)}));
    ASSERT_TRUE(host.drain(seconds(5), true).ok());
    host.forget();
    host.reply("read", stream("s", {"1-0", "2-0"}));
    EXPECT_EQ(host.story(), lines({"read: XCLAIM s g c 0 1-0 2-0 IDLE 60000 JUSTID"}));
    host.reply("read", array({bulk("1-0"), bulk("2-0")}));
    EXPECT_EQ(host.story(), lines({"closed all, 0 held", "close read", "close control"}));
    EXPECT_EQ(host.batches(), 0U);
}

/// What XAUTOCLAIM has made ours and XCLAIM has not brought yet is given back, too.
TEST(DrainOfReclaim, GivesBackWhatIsOursAlready) {
    for (const bool is_claimed : {false, true}) {
        ScriptedHost host;
        consume_again(host);
        host.reply("read", array({}));
        host.reply("read", array({bulk("0-0"), array({bulk("1-0"), bulk("2-0")}), array({})}));
        if (is_claimed) host.reply("control", array({pending("1-0", "c", 0, 1), pending("2-0", "c", 0, 3)}));
        ASSERT_TRUE(host.drain(seconds(5)).ok());
        if (is_claimed) {
            host.forget();
            host.reply("control", error("BUSY Redis is busy running a script."));
            EXPECT_EQ(host.story(), lines({"control: XCLAIM s g c 0 1-0 2-0 IDLE 60000 JUSTID"}));
        } else {
            EXPECT_NE(host.story().find("control: XCLAIM s g c 0 1-0 2-0 IDLE 60000 JUSTID"), std::string::npos);
            host.reply("control", array({pending("1-0", "c", 0, 1), pending("2-0", "c", 0, 3)}));
            host.reply("control", array({bulk("1-0"), bulk("2-0")}));
            host.reply("control", integer(1));
            host.forget();
            host.reply("read", null());
            EXPECT_EQ(host.story(), lines({"closed all, 0 held", "close read", "close control"}));
        }
    }
}

/// A claim that is out brings its entries; they are given back once.
TEST(DrainOfReclaim, GivesBackWhatAClaimBrings) {
    ScriptedHost host;
    consume_again(host);
    host.reply("read", array({}));
    host.reply("read", array({bulk("0-0"), array({bulk("1-0"), bulk("2-0")}), array({})}));
    host.reply("control", array({pending("1-0", "c", 0, 1), pending("2-0", "c", 0, 3)}));
    ASSERT_TRUE(host.drain(seconds(5)).ok());
    host.forget();
    host.reply("control", entries({"1-0", "2-0"}));
    EXPECT_EQ(host.story(), lines({"control: XCLAIM s g c 0 1-0 2-0 IDLE 60000 JUSTID"}));
}

/// Of many streams each gets its command, and no command names entries of very different age.
TEST(DrainOfMany, GivesBackByStreamAndAge) {
    ScriptedHost host;
    consume(host, source_of({"s", "t"}));
    host.reply("read", map({bulk("t"), entries({"1-0"}), bulk("s"), entries({"1-0"})}));
    host.wait(1000);
    host.reply("read", map({bulk("s"), entries({"2-0"})}));
    host.wait(10);
    host.forget();
    ASSERT_TRUE(host.drain(seconds(5)).ok());
    EXPECT_EQ(host.story(),
              lines({"control: XCLAIM s g c 959 1-0 IDLE 60000 JUSTID", "control: XCLAIM s g c 9 2-0 IDLE 60000 JUSTID",
                     "control: XCLAIM t g c 959 1-0 IDLE 60000 JUSTID", "control: CLIENT UNBLOCK 7"}));
}

TEST(DrainOfOthers, ATailAndASubscriptionEndAtOnce) {
    ScriptedHost host;
    host.open(tail_of("0"));
    host.greet("read");
    host.forget();
    ASSERT_TRUE(host.drain(seconds(5), true).ok());
    EXPECT_EQ(host.story(), lines({"closed all, 0 held", "close read", "close control"}));
}

TEST(Drain, OfAnIdleMachineIsDoneAtOnce) {
    ScriptedHost host;
    ASSERT_TRUE(host.drain(seconds(5), true).ok());
    EXPECT_EQ(host.story(), lines({"closed all, 0 held"}));
    EXPECT_EQ(host.ms_to_timeout(), std::nullopt);
}

TEST(Drain, WhileConnectingGivesTheConnectionsUp) {
    ScriptedHost host;
    host.open(source_of());
    host.forget();
    ASSERT_TRUE(host.drain(seconds(5), true).ok());
    EXPECT_EQ(host.story(), lines({"closed all, 0 held", "close read", "close control"}));
}

TEST(Drain, WhilePublishesWaitForTheirConnectionLastsUntilTheyAreThrough) {
    ScriptedHost host;
    ASSERT_TRUE(host.publish("s", {"a"}).ok());
    ASSERT_TRUE(host.drain(seconds(5)).ok());
    host.forget();
    host.greet("publish");
    EXPECT_EQ(host.story(), lines({"publish: XADD s * f a"}));
    host.reply("publish", bulk("5-0"));
    EXPECT_EQ(host.story(), lines({"published 1: [5-0]", "closed all, 0 held", "close publish"}));
}

TEST(Drain, AfterARefusalIsDoneAtOnce) {
    ScriptedHost host;
    host.open(source_of());
    host.connected("read");
    host.reply("read", error("NOAUTH HELLO must be called with the client already authenticated"));
    host.forget();
    ASSERT_TRUE(host.drain(seconds(5), true).ok());
    EXPECT_EQ(host.story(), lines({"closed all, 0 held"}));
    EXPECT_TRUE(host.machine.finished());
}

}  // namespace
}  // namespace millrace::test
