// REC-1, REC-6: what is recovered after a connection was lost, while entries are held and replies are missing.
#include <gtest/gtest.h>

#include "support/scripted_host.hpp"

namespace millrace::test {
namespace {

const std::string blocking_read = "read: XREADGROUP GROUP g c COUNT 5 BLOCK 2000 STREAMS s >";

/// The rows of XPENDING for entries of `c` that were delivered once.
std::string rows(std::initializer_list<std::string_view> ids, int64_t deliveries = 1) {
    Items list;
    for (const std::string_view id : ids) list.push_back(pending(id, "c", 1000, deliveries));
    return array(list);
}

/// A batch of three was read and handed over, and the read lane is lost while a read blocks.
struct Reconnect : ::testing::Test {
    Reconnect() {
        source = consume(host);
        host.reply("read", stream("s", {"1-0", "2-0", "3-0"}));
        host.wait(2000);
        host.reply("read", null());
    }
    void reconnect() {
        host.fire();
        host.greet("read");
    }
    /// Up to the first page: that is out.
    void reconnect_and_count(std::string_view reply) {
        host.lost("read");
        reconnect();
        host.reply("read", reply);
        host.forget();
    }
    ScriptedHost host;
    SourceId source{};
};

TEST_F(Reconnect, KillsTheOldConnectionAndRecoversBeforeReading) {
    host.forget();
    host.lost("read");
    reconnect();
    EXPECT_EQ(host.story(),
              lines({"disconnected read reset: connection (localhost:6379: reset) retryable", "connect read",
                     "read: CLIENT KILL ID 7", "reconnected read after 1", "read: XPENDING s g 0-1 + 17 c"}));
}

TEST_F(Reconnect, KillsNothingWhenTheServerWasStartedAnew) {
    host.server.run_id = "run-b";
    host.forget();
    host.lost("read");
    reconnect();
    EXPECT_EQ(host.story().find("KILL"), std::string::npos);
}

TEST_F(Reconnect, KillsNothingWhenNoReadWasOut) {
    ASSERT_TRUE(host.pause(source).ok());
    host.reply("read", null());
    host.forget();
    host.lost("read");
    reconnect();
    EXPECT_EQ(host.story().find("KILL"), std::string::npos);
}

TEST_F(Reconnect, KillsTheFirstConnectionAlsoAtTheThirdAttempt) {
    host.forget();
    host.lost("read");
    host.fire();
    host.connected("read");
    host.reply("read", hello(3, 40));
    host.lost("read");
    reconnect();
    EXPECT_NE(host.story().find("read: CLIENT KILL ID 7\n"), std::string::npos);
}

TEST_F(Reconnect, TheKillMayBeRefused) {
    host.lost("read");
    host.fire();
    host.connected("read");
    host.reply("read", hello(3, 40));
    host.reply("read", info("7.0.15"));
    host.forget();
    host.reply("read", error("NOPERM this user has no permissions to run the 'client|kill' command"));
    EXPECT_EQ(host.story(), lines({"reconnected read after 1", "read: XPENDING s g 0-1 + 17 c"}));
}

TEST_F(Reconnect, WhatIsHeldDoesNotComeAgainAndGetsItsCountsBack) {
    reconnect_and_count(array({pending("1-0", "c", 10, 1), pending("2-0", "c", 10, 3), pending("3-0", "c", 10, 1),
                               pending("4-0", "c", 10, 1)}));
    host.reply("read", stream("s", {"1-0", "2-0", "3-0", "4-0"}));
    EXPECT_EQ(host.story(),
              lines({"read: XCLAIM s g c 0 1-0 2-0 3-0 RETRYCOUNT 1 JUSTID", "read: XPENDING s g 4-1 + 16 c"}));
    host.reply("read", array({bulk("1-0"), bulk("2-0"), bulk("3-0")}));
    host.reply("read", array({}));
    EXPECT_EQ(host.story(), lines({"batch 2 by recovery: 4-0(x2)", blocking_read}));
    ASSERT_TRUE(host.ack(1).ok());
    EXPECT_EQ(host.story(), lines({"control: XACK s g 1-0 2-0 3-0"}));
}

TEST_F(Reconnect, WhatWasBufferedAndNotHandedOverIsHeldToo) {
    host.reply("read", stream("s", {"4-0"}));
    reconnect_and_count(rows({"1-0", "2-0", "3-0", "4-0"}));
    host.reply("read", stream("s", {"1-0", "2-0", "3-0", "4-0"}));
    host.reply("read", array({}));
    host.reply("read", array({}));
    host.forget();
    host.wait(2000);
    EXPECT_EQ(host.story(), lines({"batch 2 by flush: 4-0"}));
}

TEST_F(Reconnect, NackedEntriesThatWaitAreHeldToo) {
    ASSERT_TRUE(host.nack(1, {1}, seconds(30)).ok());
    reconnect_and_count(rows({"1-0", "2-0", "3-0"}));
    host.reply("read", stream("s", {"1-0", "2-0", "3-0"}));
    EXPECT_EQ(host.story(),
              lines({"read: XCLAIM s g c 0 1-0 2-0 3-0 RETRYCOUNT 1 JUSTID", "read: XPENDING s g 3-1 + 18 c"}));
}

TEST_F(Reconnect, AnAckThatIsAnsweredOnTheOtherLaneMeanwhileDoesNotComeAgain) {
    ASSERT_TRUE(host.ack(1).ok());  // on the control lane
    reconnect_and_count(rows({"1-0", "2-0", "9-0"}));
    const std::string page = stream("s", {"1-0", "3-0", "4-0"});  // 3-0 was not counted
    host.reply("control", integer(3));
    EXPECT_EQ(host.story(), lines({"acked 1: 0 1 2"}));
    host.reply("read", page);
    host.reply("read", array({bulk("1-0")}));
    host.reply("read", array({}));
    EXPECT_EQ(host.story(), lines({"read: XCLAIM s g c 0 1-0 RETRYCOUNT 1 JUSTID", "read: XPENDING s g 4-1 + 19 c",
                                   "batch 2 by recovery: 4-0(x2)", blocking_read}));
}

TEST_F(Reconnect, APageThatHoldsMoreThanWasCountedLeavesTheRestForTheNext) {
    reconnect_and_count(rows({"4-0", "6-0"}));
    host.reply("read", stream("s", {"4-0", "5-0"}));  // 5-0 was given to this name in between
    EXPECT_EQ(host.story(), lines({"read: XPENDING s g 5-1 + 15 c"}));
    host.reply("read", rows({"6-0"}));
    EXPECT_EQ(host.story(), lines({"read: XREADGROUP GROUP g c COUNT 1 STREAMS s 5-0"}));
}

TEST_F(Reconnect, ALostReplyGivesTheWholePageItsCountsBack) {
    reconnect_and_count(array({pending("1-0", "c", 10, 1), pending("4-0", "c", 10, 2), pending("5-0", "c", 10, 2),
                               pending("6-0", "c", 10, 2)}));
    host.lost("read");
    reconnect();
    // The read had been executed. 6-0 has become another's meanwhile, and is named no more.
    host.reply("read", array({pending("1-0", "c", 10, 2), pending("4-0", "c", 10, 3), pending("5-0", "c", 10, 3)}));
    EXPECT_EQ(host.story(), lines({"disconnected read reset: connection (localhost:6379: reset) retryable",
                                   "connect read", "read: CLIENT KILL ID 9", "reconnected read after 1",
                                   "read: XPENDING s g 0-1 + 17 c", "read: XCLAIM s g c 0 4-0 5-0 RETRYCOUNT 2 JUSTID",
                                   "read: XREADGROUP GROUP g c COUNT 3 STREAMS s 0-0"}));
    host.reply("read", array({bulk("4-0"), bulk("5-0")}));
    host.reply("read", stream("s", {"1-0", "4-0", "5-0"}));
    host.reply("read", array({bulk("1-0")}));
    host.reply("read", array({}));
    EXPECT_EQ(host.story(), lines({"read: XCLAIM s g c 0 1-0 RETRYCOUNT 1 JUSTID", "read: XPENDING s g 5-1 + 15 c",
                                   "batch 2 by recovery: 4-0(x3) 5-0(x3)", blocking_read}));
}

TEST_F(Reconnect, ALostReplyOfAReadThatWasNotExecutedRestoresNothing) {
    const std::string shown = rows({"4-0", "5-0"});
    reconnect_and_count(shown);
    host.lost("read");
    reconnect();
    host.forget();
    host.reply("read", shown);
    EXPECT_EQ(host.story(), lines({"read: XREADGROUP GROUP g c COUNT 2 STREAMS s 0-0"}));
}

TEST_F(Reconnect, OfAPageThatCameInPartTheEntriesThatCameCount) {
    reconnect_and_count(rows({"4-0", "5-0"}));
    const std::string page = stream("s", {"4-0", "5-0"});
    host.reply("read", page.substr(0, page.find("$3\r\n5-0")));
    host.lost("read");
    reconnect();
    host.forget();
    host.reply("read", rows({"4-0", "5-0"}, 2));
    EXPECT_EQ(host.story(), lines({"read: XCLAIM s g c 0 5-0 RETRYCOUNT 1 JUSTID",
                                   "read: XREADGROUP GROUP g c COUNT 2 STREAMS s 0-0"}));
    host.reply("read", array({bulk("5-0")}));
    host.reply("read", stream("s", {"4-0", "5-0"}));
    host.reply("read", array({bulk("4-0")}));
    host.reply("read", array({}));
    EXPECT_EQ(host.story(), lines({"read: XCLAIM s g c 0 4-0 RETRYCOUNT 2 JUSTID", "read: XPENDING s g 5-1 + 15 c",
                                   "batch 2 by recovery: 4-0(x2) 5-0(x2)", blocking_read}));
}

TEST_F(Reconnect, ALostRestoreIsMadeUpFor) {
    reconnect_and_count(rows({"1-0", "2-0"}));
    host.reply("read", stream("s", {"1-0", "2-0"}));
    EXPECT_EQ(host.story(),
              lines({"read: XCLAIM s g c 0 1-0 2-0 RETRYCOUNT 1 JUSTID", "read: XPENDING s g 2-1 + 17 c"}));
    host.lost("read");  // before the counts were set
    reconnect();
    host.forget();
    host.reply("read", rows({"1-0", "2-0"}, 2));
    host.reply("read", stream("s", {"1-0", "2-0"}));
    EXPECT_EQ(host.story(),
              lines({"read: XREADGROUP GROUP g c COUNT 2 STREAMS s 0-0",
                     "read: XCLAIM s g c 0 1-0 2-0 RETRYCOUNT 1 JUSTID", "read: XPENDING s g 2-1 + 17 c"}));
}

TEST_F(Reconnect, WhatWasClaimedMeanwhileGetsTheCountThatWasTold) {
    ASSERT_TRUE(host.nack(1, {0}, milliseconds(150)).ok());
    host.lost("read");
    host.fire();
    host.wait(50);
    host.forget();
    host.greet("read");  // the claim is out on the control lane: no page is counted before it has its answer
    EXPECT_EQ(host.story(), lines({"read: CLIENT KILL ID 7", "reconnected read after 1"}));
    host.reply("control", entries({"1-0"}));
    EXPECT_EQ(host.story(), lines({"read: XPENDING s g 0-1 + 17 c"}));
    ASSERT_TRUE(host.nack(1, {1}, Duration{}).ok());  // nor is one claimed while a page is open
    EXPECT_EQ(host.story(), "");
    host.reply("read", array({pending("1-0", "c", 10, 2), pending("2-0", "c", 10, 1), pending("3-0", "c", 10, 1)}));
    host.reply("read", stream("s", {"1-0", "2-0", "3-0"}));
    EXPECT_EQ(host.story(),
              lines({"read: XREADGROUP GROUP g c COUNT 3 STREAMS s 0-0", "read: XCLAIM s g c 0 1-0 RETRYCOUNT 2 JUSTID",
                     "read: XCLAIM s g c 0 2-0 3-0 RETRYCOUNT 1 JUSTID", "read: XPENDING s g 3-1 + 18 c"}));
    host.reply("read", array({bulk("1-0")}));
    host.reply("read", array({bulk("2-0"), bulk("3-0")}));
    EXPECT_EQ(host.story(), "");
    host.reply("read", array({}));
    EXPECT_EQ(host.story(), lines({"batch 2 by recovery: 1-0(x2)", "read: XCLAIM s g c 0 2-0", blocking_read}));
}

TEST_F(Reconnect, ARestoreThatIsRefusedIsToldOnce) {
    reconnect_and_count(rows({"1-0"}));
    host.reply("read", stream("s", {"1-0"}));
    host.forget();
    host.reply("read", error("ERR syntax error"));
    EXPECT_EQ(host.story(),
              lines({"failure: unsupported (XCLAIM … RETRYCOUNT: ERR syntax error; delivery counts include "
                     "reads by recovery from now on)"}));
    reconnect_and_count(rows({"1-0"}, 2));
    host.reply("read", stream("s", {"1-0"}));
    EXPECT_EQ(host.story(), lines({"read: XPENDING s g 1-1 + 17 c"}));
}

TEST_F(Reconnect, ARestoreThatIsRefusedForAWhileIsLeft) {
    reconnect_and_count(rows({"1-0"}));
    host.reply("read", stream("s", {"1-0"}));
    host.forget();
    host.reply("read", error("BUSY Redis is busy running a script."));
    EXPECT_EQ(host.story(), "");
}

/// That is about the group, or the key, or the memory of the moment, and not about what the server can do.
TEST_F(Reconnect, ARestoreThatMetNoGroupIsNoReasonToRestoreNothingAnyMore) {
    for (const char* const refusal : {"NOGROUP No such key 's' or consumer group 'g'", "OOM command not allowed",
                                      "WRONGTYPE Operation against a key holding the wrong kind of value"}) {
        reconnect_and_count(rows({"1-0"}));
        host.reply("read", stream("s", {"1-0"}));
        EXPECT_EQ(host.story(),
                  lines({"read: XCLAIM s g c 0 1-0 RETRYCOUNT 1 JUSTID", "read: XPENDING s g 1-1 + 17 c"}));
        host.reply("read", error(refusal));
        EXPECT_EQ(host.story(), "");
    }
}

/// A claim that is executed first would have its delivery counted away.
TEST_F(Reconnect, ARestoreIsAnsweredBeforeAnythingElseCounts) {
    ASSERT_TRUE(host.nack(1, {0}, seconds(5)).ok());
    reconnect_and_count(rows({"1-0", "2-0"}));
    ASSERT_TRUE(host.pause(source).ok());
    host.reply("read", stream("s", {"1-0", "2-0"}));
    EXPECT_EQ(host.story(), lines({"read: XCLAIM s g c 0 1-0 2-0 RETRYCOUNT 1 JUSTID"}));
    host.wait(5000);
    EXPECT_EQ(host.story(), "");
    host.reply("read", array({bulk("1-0"), bulk("2-0")}));
    EXPECT_EQ(host.story(), lines({"read: XCLAIM s g c 4750 1-0"}));
}

/// The group is gone between the count of a page and its read, which is then not sent: nothing waits for it.
TEST_F(Reconnect, APageOfAStreamThatIsGoneHoldsBackNothing) {
    ASSERT_TRUE(host.ack(1, {0}).ok());
    host.lost("read");
    reconnect();
    host.forget();
    host.reply("control", error("NOGROUP No such key 's' or consumer group 'g'"));
    EXPECT_EQ(host.story(), lines({"read: XINFO STREAM s"}));
    host.reply("read", rows({"1-0", "2-0", "3-0"}));
    EXPECT_EQ(host.story(), "");
    host.reply("read", error("ERR no such key"));
    host.reply("read", ok());
    host.reply("read", stream("s", {"7-0"}));
    host.wait(2000);
    host.forget();
    ASSERT_TRUE(host.nack(2, {0}, Duration{}).ok());
    EXPECT_EQ(host.story(), lines({"control: XCLAIM s g c 1900 7-0"}));
}

TEST_F(Reconnect, APendingEntryThatIsHeldAndDeletedIsLeftToItsAck) {
    reconnect_and_count(rows({"1-0"}));
    host.reply("read", stream_of("s", {deleted("1-0")}));
    EXPECT_EQ(host.story(), lines({"read: XCLAIM s g c 0 1-0 RETRYCOUNT 1 JUSTID", "read: XPENDING s g 1-1 + 17 c"}));
}

TEST_F(Reconnect, EntriesOfABlockedReadThatCameInPartAreHeldAndTheRestIsRecovered) {
    const std::string reply = stream("s", {"4-0", "5-0"});
    host.reply("read", reply.substr(0, reply.find("$3\r\n5-0")));
    reconnect_and_count(rows({"1-0", "2-0", "3-0", "4-0", "5-0"}));
    host.reply("read", stream("s", {"1-0", "2-0", "3-0", "4-0", "5-0"}));
    host.reply("read", array({}));
    host.reply("read", array({}));
    EXPECT_EQ(host.story(), lines({"read: XCLAIM s g c 0 1-0 2-0 3-0 4-0 RETRYCOUNT 1 JUSTID",
                                   "read: XPENDING s g 5-1 + 15 c", "batch 2 by recovery: 5-0(x2)", blocking_read}));
}

TEST_F(Reconnect, OfTheControlLaneChangesNothingForTheReads) {
    host.forget();
    host.lost("control");
    host.fire();
    host.greet("control");
    EXPECT_EQ(host.story(), lines({"disconnected control reset: connection (localhost:6379: reset) retryable",
                                   "connect control", "reconnected control after 1"}));
}

}  // namespace
}  // namespace millrace::test
