// REC-1: the consumer's own pending entries come first, in pages, counted; and nothing that is held comes twice.
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

TEST(Recovery, OfNothingIsOneQuestion) {
    ScriptedHost host;
    host.open(source_of());
    host.greet("read");
    host.forget();
    host.reply("read", error("BUSYGROUP Consumer Group name already exists"));
    EXPECT_EQ(host.story(), lines({"ready streams consumer=c resp3 7.0.15", "read: XPENDING s g 0-1 + 20 c"}));
    host.reply("read", array({}));
    EXPECT_EQ(host.story(), lines({blocking_read}));
}

TEST(Recovery, CountsReadsAndHandsOverAtOnceBeforeAnythingNew) {
    ScriptedHost host;
    consume_again(host);
    host.reply("read", array({pending("1-0", "c", 1000, 1), pending("2-0", "c", 1000, 4)}));
    EXPECT_EQ(host.story(), lines({"read: XREADGROUP GROUP g c COUNT 2 STREAMS s 0-0"}));
    host.reply("read", stream("s", {"1-0", "2-0"}));
    EXPECT_EQ(host.story(), lines({"read: XPENDING s g 2-1 + 18 c"}));
    host.reply("read", array({}));
    EXPECT_EQ(host.story(), lines({"batch 1 by recovery: 1-0(x2) 2-0(x5)", blocking_read}));
}

TEST(Recovery, GoesOnInPagesAsRoomIsMade) {
    ScriptedHost host;
    SourceConfig config = source_of();
    config.batch_size = 2;
    config.prefetch = 3;
    consume_again(host, config);
    host.reply("read", rows({"1-0", "2-0", "3-0"}));
    host.forget();
    host.reply("read", stream("s", {"1-0", "2-0", "3-0"}));
    // Full: the third is handed over too, for else nobody could make room.
    EXPECT_EQ(host.story(), lines({"batch 1 by recovery: 1-0(x2) 2-0(x2)", "batch 2 by recovery: 3-0(x2)"}));
    ASSERT_TRUE(host.ack(1).ok());
    EXPECT_EQ(host.story(), lines({"read: XACK s g 1-0 2-0"}));
    host.reply("read", integer(2));
    EXPECT_EQ(host.story(), lines({"acked 1: 0 1", "read: XPENDING s g 3-1 + 2 c"}));
    host.reply("read", rows({"4-0"}));
    host.reply("read", stream("s", {"4-0"}));
    host.reply("read", array({}));
    EXPECT_EQ(host.story(),
              lines({"read: XREADGROUP GROUP g c COUNT 1 STREAMS s 3-0", "read: XPENDING s g 4-1 + 1 c",
                     "batch 3 by recovery: 4-0(x2)", "read: XREADGROUP GROUP g c COUNT 1 BLOCK 2000 STREAMS s >"}));
}

TEST(Recovery, IsNotMixedWithWhatIsNew) {
    ScriptedHost host;
    consume_again(host);
    host.reply("read", rows({"1-0"}));
    host.reply("read", stream("s", {"1-0"}));
    host.reply("read", array({}));
    host.forget();
    host.reply("read", stream("s", {"2-0", "3-0"}));
    host.wait(2000);
    EXPECT_EQ(host.story(), lines({blocking_read, "batch 2 by flush: 2-0 3-0"}));
}

TEST(Recovery, ThatIsHeldUpHandsOverWithTheFlushInterval) {
    ScriptedHost host;
    consume_again(host);
    host.reply("read", rows({"1-0"}));
    host.reply("read", stream("s", {"1-0"}));
    host.lost("read");
    host.forget();
    host.wait(1999);
    EXPECT_EQ(host.story().find("batch"), std::string::npos);
    host.wait(1);
    EXPECT_EQ(host.story(), lines({"batch 1 by recovery: 1-0(x2)"}));
}

TEST(Recovery, WithoutAFlushIntervalHandsOverEachPage) {
    ScriptedHost host;
    SourceConfig config = source_of();
    config.flush_interval = Duration{};
    consume_again(host, config);
    host.reply("read", rows({"1-0"}));
    host.forget();
    host.reply("read", stream("s", {"1-0"}));
    EXPECT_EQ(host.story(), lines({"batch 1 by recovery: 1-0(x2)", "read: XPENDING s g 1-1 + 19 c"}));
}

TEST(Recovery, AcksDeletedEntriesAwayOnceAndCountsThem) {
    ScriptedHost host;
    consume_again(host);
    host.reply("read", rows({"1-0", "2-0", "3-0"}));
    host.forget();
    host.reply("read", stream_of("s", {deleted("1-0"), entry("2-0"), deleted("3-0")}));
    EXPECT_EQ(host.story(), lines({"log info: A pending entry was deleted from its stream; acked away. stream=s id=1-0",
                                   "log info: A pending entry was deleted from its stream; acked away. stream=s id=3-0",
                                   "read: XACK s g 1-0 3-0", "read: XPENDING s g 3-1 + 19 c"}));
    host.reply("read", integer(2));
    host.reply("read", array({}));
    EXPECT_EQ(host.story(), lines({"batch 1 by recovery: 2-0(x2)", blocking_read}));
}

TEST(Recovery, AcksDeletedEntriesAwayHoweverThePageArrives) {
    ScriptedHost host;
    consume_again(host);
    host.reply("read", rows({"1-0", "2-0"}));
    host.forget();
    host.cut = ScriptedHost::Cut::byte_by_byte;
    host.reply("read", array({array({bulk("s"), array({deleted("1-0"), deleted("2-0")})})}));
    const std::string story = host.story();
    for (const char* id : {"XACK s g 1-0", "XACK s g 2-0"}) {
        EXPECT_NE(story.find(id), std::string::npos) << story;
    }
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
    reconnect_and_count(rows({"1-0", "2-0"}));
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
    EXPECT_EQ(host.story(), lines({"batch 2 by recovery: 1-0(x2)", "read: XCLAIM s g c 2042 2-0", blocking_read}));
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

TEST(RecoveryRefused, WithoutXpendingPagesAreReadUncounted) {
    ScriptedHost host;
    consume_again(host);
    host.reply("read", error("NOPERM this user has no permissions to run the 'xpending' command"));
    EXPECT_EQ(host.story(), lines({"failure: no_permission (XPENDING: NOPERM this user has no permissions to run the "
                                   "'xpending' command; deliveries of recovered entries are told as 2)",
                                   "read: XREADGROUP GROUP g c COUNT 20 STREAMS s 0-0"}));
    host.reply("read", stream("s", {"1-0", "2-0"}));
    EXPECT_EQ(host.story(), lines({"batch 1 by recovery: 1-0(x2) 2-0(x2)", blocking_read}));
    host.lost("read");
    host.fire();
    host.greet("read");
    host.forget();
    host.reply("read", stream("s", {"1-0", "2-0", "3-0"}));
    EXPECT_EQ(host.story(), lines({"batch 2 by recovery: 3-0(x2)", "read: XCLAIM s g c 0 1-0 2-0 RETRYCOUNT 2 JUSTID",
                                   blocking_read}));
}

TEST(RecoveryRefused, WithoutXpendingTooItGoesToTheEnd) {
    ScriptedHost host;
    SourceConfig config = source_of();
    config.batch_size = 2;
    config.prefetch = 2;
    consume_again(host, config);
    host.reply("read", unknown_command("XPENDING"));
    host.forget();
    host.reply("read", stream("s", {"1-0", "2-0"}));
    EXPECT_EQ(host.story(), lines({"batch 1 by recovery: 1-0(x2) 2-0(x2)"}));
    ASSERT_TRUE(host.ack(1).ok());
    host.forget();
    host.reply("read", integer(2));
    EXPECT_EQ(host.story(), lines({"acked 1: 0 1", "read: XREADGROUP GROUP g c COUNT 2 STREAMS s 2-0"}));
    host.reply("read", array({array({bulk("s"), array({})})}));
    EXPECT_EQ(host.story(), lines({"read: XREADGROUP GROUP g c COUNT 2 BLOCK 2000 STREAMS s >"}));
}

TEST(RecoveryRefused, ForAWhileItIsTriedAgain) {
    ScriptedHost host;
    consume_again(host);
    host.reply("read", error("LOADING Redis is loading the dataset in memory"));
    EXPECT_EQ(host.story(),
              lines({"failure: server_busy (XPENDING s g: LOADING Redis is loading the dataset in memory) "
                     "retryable"}));
    EXPECT_EQ(host.fire(), 100);
    EXPECT_EQ(host.story(), lines({"read: XPENDING s g 0-1 + 20 c"}));
    host.reply("read", rows({"1-0"}));
    host.forget();
    host.reply("read", error("LOADING Redis is loading the dataset in memory"));
    EXPECT_EQ(host.fire(), 100);
    EXPECT_EQ(host.story(),
              lines({"failure: server_busy (XREADGROUP s g: LOADING Redis is loading the dataset in memory)"
                     " retryable",
                     "read: XPENDING s g 0-1 + 20 c"}));
}

TEST(RecoveryRefused, AnAnswerThatIsNoListClosesTheSource) {
    for (const std::string& bytes : {ok(), array({array({bulk("x"), bulk("c"), integer(1), integer(1)})}),
                                     array({array({bulk("1-0"), bulk("c")})})}) {
        ScriptedHost host;
        consume_again(host);
        host.reply("read", bytes);
        EXPECT_EQ(host.story(),
                  lines({"failure: protocol (the answer to XPENDING is no list of pending entries), closed"}))
            << bytes;
    }
}

TEST(RecoveryOfStreams, IsOfOneAfterTheOther) {
    ScriptedHost host;
    consume_again(host, source_of({"s", "t"}));
    host.reply("read", array({}));
    EXPECT_EQ(host.story(), lines({"read: XPENDING t g 0-1 + 20 c"}));
    host.reply("read", rows({"1-0"}));
    host.reply("read", stream("t", {"1-0"}));
    host.reply("read", array({}));
    EXPECT_EQ(host.story(),
              lines({"read: XREADGROUP GROUP g c COUNT 1 STREAMS t 0-0", "read: XPENDING t g 1-1 + 19 c",
                     "batch 1 by recovery: 1-0(x2)", "read: XREADGROUP GROUP g c COUNT 5 BLOCK 2000 STREAMS s t > >"}));
    ASSERT_TRUE(host.ack(1).ok());
    EXPECT_EQ(host.story(), lines({"control: XACK t g 1-0"}));
}

TEST(RecoveryPaused, WaitsForTheResume) {
    ScriptedHost host;
    const SourceId source = consume_again(host);
    ASSERT_TRUE(host.pause(source).ok());
    host.reply("read", rows({"1-0"}));
    EXPECT_EQ(host.story(), lines({"read: XREADGROUP GROUP g c COUNT 1 STREAMS s 0-0"}));
    host.reply("read", stream("s", {"1-0"}));
    EXPECT_EQ(host.story(), "");
    ASSERT_TRUE(host.resume(source).ok());
    EXPECT_EQ(host.story(), lines({"read: XPENDING s g 1-1 + 19 c"}));
}

}  // namespace
}  // namespace millrace::test
