// REC-3: what is held is kept from being reclaimed, and never taken back from whoever has it.
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "support/scripted_host.hpp"

namespace millrace::test {
namespace {

/// claim_min_idle is 10 s, and nothing of others is asked for.
SourceConfig beating(Duration flush_interval = {}, std::vector<std::string> streams = {"s"}) {
    SourceConfig config = source_of(std::move(streams));
    config.flush_interval = flush_interval;
    config.claim_min_idle = seconds(10);
    config.claim_interval = seconds(3600);
    return config;
}

/// Two entries were handed over at the start of the story. Nothing more is read.
struct Scene {
    Scene() {
        source = consume(host, beating());
        EXPECT_TRUE(host.pause(source).ok());
        host.reply("read", stream("s", {"1-0", "2-0"}));
        host.forget();
    }
    ScriptedHost host;
    SourceId source{};
};

struct Heartbeat : ::testing::Test, Scene {};

TEST_F(Heartbeat, GoesOutAtHalfOfClaimMinIdleAndAgainAfterEachAnswer) {
    host.wait(4999);
    EXPECT_EQ(host.story(), "");
    host.wait(1);
    EXPECT_EQ(host.story(), lines({"read: XCLAIM s g c 4750 1-0 2-0 JUSTID"}));
    host.wait(1000);
    host.reply("read", array({bulk("1-0"), bulk("2-0")}));
    EXPECT_EQ(host.story(), "");
    // Counted from the answer: 4 s, less a twentieth.
    host.wait(3999);
    EXPECT_EQ(host.story(), "");
    host.wait(1);
    EXPECT_EQ(host.story(), lines({"read: XCLAIM s g c 3800 1-0 2-0 JUSTID"}));
}

TEST_F(Heartbeat, IsOfWhatIsHeldAlone) {
    ASSERT_TRUE(host.ack(1, {0}).ok());
    host.reply("read", integer(1));
    host.forget();
    host.wait(5000);
    EXPECT_EQ(host.story(), lines({"read: XCLAIM s g c 4750 2-0 JUSTID"}));
    ASSERT_TRUE(host.ack(1, {1}).ok());
    host.reply("read", array({bulk("2-0")}));
    host.reply("read", integer(1));
    host.forget();
    host.wait(60'000);
    EXPECT_EQ(host.story(), "");
}

TEST_F(Heartbeat, GoesOutForWhatIsNotHandedOverYetAndForWhatWaits) {
    ASSERT_TRUE(host.nack(1, {0}, seconds(30)).ok());
    host.wait(5000);
    EXPECT_EQ(host.story(), lines({"read: XCLAIM s g c 4750 1-0 2-0 JUSTID"}));
}

/// A late one asks for so much idle time that what another has claimed meanwhile stays where it is.
TEST_F(Heartbeat, ThatIsLateAsksForAllTheTimeThatMustHavePassed) {
    host.answers_ping = false;
    host.oversleep(30'000);  // the process was stopped
    const std::string story = host.story();
    EXPECT_EQ(story.find("XCLAIM s g c 4750"), std::string::npos) << story;
    EXPECT_NE(story.find("XCLAIM s g c 28500 1-0 2-0 JUSTID"), std::string::npos) << story;
}

TEST_F(Heartbeat, WhatItDoesNotBringBackIsAskedFor) {
    host.wait(5000);
    host.forget();
    host.reply("read", array({}));
    EXPECT_EQ(host.story(), lines({"read: XPENDING s g 1-0 1-0 1", "read: XPENDING s g 2-0 2-0 1"}));
    host.reply("read", array({pending("1-0", "another", 50, 2)}));
    EXPECT_EQ(host.story(), lines({"lost s: 1-0"}));
    EXPECT_EQ(host.ack(1, {0}).error().code, Code::lost);
    host.reply("read", array({}));
    EXPECT_EQ(host.story(), lines({"lost s: 2-0"}));
    host.wait(60'000);
    EXPECT_EQ(host.story(), "");
}

/// The answer about an entry that was acked meanwhile, on the other lane, says nothing of one that came since.
TEST(HeartbeatQuestions, AreAnsweredForThemselvesAlone) {
    ScriptedHost host;
    SourceConfig config = source_of();
    config.flush_interval = Duration{};
    config.claim_min_idle = seconds(10);
    config.claim_interval = seconds(6);
    const SourceId source = consume(host, config);
    ASSERT_TRUE(host.pause(source).ok());
    host.reply("read", stream("s", {"2-0", "3-0"}));
    host.wait(5000);
    host.reply("read", array({bulk("3-0")}));  // 2-0 is asked for there
    ASSERT_TRUE(host.resume(source).ok());
    ASSERT_TRUE(host.ack(1).ok());
    host.reply("control", integer(2));
    host.wait(1000);
    host.reply("control", groups("3-0"));
    host.reply("control", pending_summary(1, "1-0", "1-0"));
    host.reply("control", array({bulk("0-0"), array({bulk("1-0")}), array({})}));
    host.reply("control", array({pending("1-0", "c", 0, 1)}));
    host.reply("control", entries({"1-0"}));
    host.wait(5000);
    host.forget();
    host.reply("read", array({}));  // of 2-0
    EXPECT_EQ(host.story(), lines({"control: XCLAIM s g c 4750 1-0 JUSTID"}));
    host.reply("control", array({}));
    EXPECT_EQ(host.story(), lines({"control: XPENDING s g 1-0 1-0 1"}));
    host.reply("control", array({pending("1-0", "c", 50, 2)}));
    EXPECT_TRUE(host.ack(2).ok());
}

TEST_F(Heartbeat, WhoseReplyWasLostHasRefreshedNevertheless) {
    host.wait(5000);
    host.forget();
    host.lost("read");
    EXPECT_EQ(host.story(), lines({"disconnected read reset: connection (localhost:6379: reset) retryable",
                                   "control: XCLAIM s g c 4750 1-0 2-0 JUSTID"}));
    host.wait(50);
    host.forget();
    host.reply("control", array({}));
    EXPECT_EQ(host.story(), lines({"control: XPENDING s g 1-0 1-0 1", "control: XPENDING s g 2-0 2-0 1"}));
    host.reply("control", array({pending("1-0", "c", 50, 1)}));
    host.reply("control", array({pending("2-0", "c", 50, 1)}));
    EXPECT_EQ(host.story(), "");
    ASSERT_TRUE(host.ack(1).ok());
    EXPECT_EQ(host.story(), lines({"control: XACK s g 1-0 2-0"}));
}

/// REC-3: then its idle time at the server is what counts, which began before anything was heard of it.
TEST_F(Heartbeat, TheNextOneCountsFromTheIdleTimeThatTheServerTold) {
    host.wait(5000);
    host.reply("read", array({bulk("2-0")}));
    host.reply("read", array({pending("1-0", "c", 2000, 1)}));
    host.forget();
    host.wait(2999);
    EXPECT_EQ(host.story(), "");
    host.wait(1);
    EXPECT_EQ(host.story(), lines({"read: XCLAIM s g c 4750 1-0 JUSTID", "read: XCLAIM s g c 2850 2-0 JUSTID"}));
}

TEST_F(Heartbeat, AnEntryThatIsAckedMeanwhileIsNotMissed) {
    host.wait(5000);
    ASSERT_TRUE(host.ack(1, {0}).ok());
    host.forget();
    host.reply("read", array({bulk("2-0")}));  // the ack was executed first, on the other lane
    EXPECT_EQ(host.story(), "");
    host.reply("read", integer(1));
    EXPECT_EQ(host.story(), lines({"acked 1: 0"}));
}

TEST_F(Heartbeat, ThatIsRefusedForAWhileIsTriedAgain) {
    host.wait(5000);
    host.forget();
    host.reply("read", error("BUSY Redis is busy running a script."));
    EXPECT_EQ(host.fire(), 100);
    EXPECT_EQ(host.story(), lines({"read: XCLAIM s g c 4845 1-0 2-0 JUSTID"}));
    host.reply("read", error("BUSY Redis is busy running a script."));
    EXPECT_EQ(host.fire(), 200);
    EXPECT_EQ(host.story(), lines({"read: XCLAIM s g c 5035 1-0 2-0 JUSTID"}));
}

TEST_F(Heartbeat, ThatIsForbiddenIsToldOnce) {
    host.wait(5000);
    host.forget();
    host.reply("read", error("NOPERM this user has no permissions to run the 'xclaim' command"));
    EXPECT_EQ(host.story(),
              lines({"failure: no_permission (XCLAIM: NOPERM this user has no permissions to run the 'xclaim' command; "
                     "what is held for longer than claim_min_idle may be taken by others from now on)"}));
    host.wait(60'000);
    EXPECT_EQ(host.story(), "");
}

/// Ids of one command are so near in age that the idle time asked for holds for each of them.
TEST(HeartbeatGroups, AreOfOneAgeAndOneStream) {
    ScriptedHost host;
    SourceConfig config = beating({}, {"s", "t"});
    config.prefetch = 100;
    const SourceId source = consume(host, config);
    host.reply("read", stream("s", {"1-0"}));
    host.wait(100);
    host.reply("read", stream("t", {"1-0"}));
    host.wait(50);
    ASSERT_TRUE(host.pause(source).ok());
    host.reply("read", stream("s", {"2-0"}));
    host.wait(4500);
    host.forget();
    host.wait(350);
    // 5 s after the first: all have come half of the way. 4,850 ms is within a twentieth of 5,000 ms.
    EXPECT_EQ(host.story(), lines({"read: XCLAIM s g c 4750 1-0 2-0 JUSTID", "read: XCLAIM t g c 4655 1-0 JUSTID"}));
}

/// Each entry's time counts from its own last refresh, also where a look has just been taken at others.
TEST(HeartbeatGroups, ComeWhenEachIsDue) {
    ScriptedHost host;
    SourceConfig config = beating();
    config.prefetch = 100;
    const SourceId source = consume(host, config);
    host.reply("read", stream("s", {"1-0"}));
    host.wait(1900);
    host.reply("read", null());
    host.wait(1100);
    ASSERT_TRUE(host.pause(source).ok());
    host.reply("read", stream("s", {"2-0"}));
    host.wait(2000);
    host.reply("read", array({bulk("1-0")}));
    host.forget();
    host.wait(2999);
    EXPECT_EQ(host.story(), "");
    host.wait(1);
    EXPECT_EQ(host.story(), lines({"read: XCLAIM s g c 4750 2-0 JUSTID", "read: XCLAIM s g c 2850 1-0 JUSTID"}));
}

/// A younger entry's command would take the older one back from whoever claimed it meanwhile.
TEST(HeartbeatGroups, TakeNoOldEntryByTheAgeOfAYoungOne) {
    ScriptedHost host;
    SourceConfig config = beating();
    config.prefetch = 100;
    const SourceId source = consume(host, config);
    host.reply("read", stream("s", {"1-0"}));
    host.wait(300);
    ASSERT_TRUE(host.pause(source).ok());
    host.reply("read", stream("s", {"2-0"}));
    host.wait(4600);
    host.forget();
    host.wait(100);
    EXPECT_EQ(host.story(), lines({"read: XCLAIM s g c 4750 1-0 JUSTID", "read: XCLAIM s g c 4465 2-0 JUSTID"}));
}

/// Four entries wait for the flush; of the first and the third others have taken over.
TEST(HeartbeatOfABatch, WhatWasLostBeforeItWasHandedOverIsNotHandedOver) {
    ScriptedHost host;
    const SourceId source = consume(host, beating(seconds(20)));
    ASSERT_TRUE(host.pause(source).ok());
    host.reply("read", stream("s", {"1-0", "2-0", "3-0", "4-0"}));
    host.wait(5000);
    host.reply("read", array({bulk("2-0"), bulk("4-0")}));
    host.forget();
    host.reply("read", array({pending("1-0", "another", 50, 2)}));
    host.reply("read", array({}));
    EXPECT_EQ(host.story(), lines({"lost s: 1-0", "lost s: 3-0"}));
    host.wait(5000);
    host.reply("read", array({bulk("4-0")}));
    host.reply("read", array({}));  // 2-0 is gone, too
    host.forget();
    host.wait(10'000);
    EXPECT_EQ(host.story(), lines({"read: XCLAIM s g c 4750 4-0 JUSTID", "batch 1 by flush: 4-0"}));
    host.reply("read", array({bulk("4-0")}));
    ASSERT_TRUE(host.ack(1).ok());
    EXPECT_EQ(host.story(), lines({"read: XACK s g 4-0"}));
    host.reply("read", integer(1));
    host.release(1);
    EXPECT_EQ(host.story(), lines({"acked 1: 0"}));
    ASSERT_TRUE(host.close(source).ok());
    EXPECT_EQ(host.story(), lines({"closed source, 0 held"}));
}

TEST(HeartbeatOfABatch, ThatWasLostAsAWholeHandsOverNothing) {
    ScriptedHost host;
    consume(host, beating(seconds(20)));
    host.reply("read", stream("s", {"1-0"}));
    host.wait(2000);
    host.reply("read", null());
    host.wait(2000);
    host.reply("read", null());
    host.wait(1000);
    host.forget();
    host.reply("control", array({}));
    host.reply("control", array({pending("1-0", "another", 50, 2)}));
    EXPECT_EQ(host.story(), lines({"control: XPENDING s g 1-0 1-0 1", "lost s: 1-0"}));
    host.reply("read", stream("s", {"2-0", "3-0"}));
    host.wait(1000);
    host.reply("read", stream("s", {"4-0", "5-0"}));
    host.forget();
    host.reply("read", stream("s", {"6-0"}));
    EXPECT_NE(host.story().find("batch 1 by size: 2-0 3-0 4-0 5-0 6-0"), std::string::npos);
}

}  // namespace
}  // namespace millrace::test
