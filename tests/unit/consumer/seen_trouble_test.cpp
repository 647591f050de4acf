// DUP-3 where the server refuses, answers late or not at all, and what becomes of entries that wait for its word.
#include <gtest/gtest.h>

#include <algorithm>
#include <span>
#include <utility>

#include "base/allocation.hpp"
#include "consumer/seen.hpp"
#include "consumer/seen_scene.hpp"

namespace millrace::test {
namespace {

const std::string oom = error("OOM command not allowed when used memory > 'maxmemory'.");
const std::string oom_up_to_6 = error(
    "ERR Error running script (call to f_7f): @user_script:4: -OOM command not allowed when used memory > "
    "'maxmemory'. ");
const std::string lost_group = error("NOGROUP No such key 's' or consumer group 'g' in XREADGROUP with GROUP option");
const std::string noperm = error("NOPERM this user has no permissions to run the 'mget' command");

struct SeenTrouble : ::testing::Test, SeenScene {};

TEST_F(SeenTrouble, WithoutMemoryAtTheServerIsAckedUnmarkedAndToldSo) {
    for (const std::string& refusal : {oom, oom_up_to_6}) {
        SeenScene it;
        (void)it.read({{"1-0", "a"}, {"2-0", "b"}});
        it.host.reply("read", seen({false, false}));
        ASSERT_TRUE(it.host.ack(1).ok());
        it.host.forget();
        it.host.reply("read", refusal);
        const std::string told = it.story();
        EXPECT_EQ(told.find("failure: oom (dedupe: "), 0U) << told;
        EXPECT_NE(told.find("; acked, but not remembered: 2 of stream s from 1-0) retryable\nread: XACK s g 1-0 2-0\n"),
                  std::string::npos)
            << told;
        it.host.reply("read", integer(2));
        EXPECT_EQ(it.story(), lines({"acked 1: 0 1"}));
        // It is for this ack alone.
        (void)it.read({{"3-0", "c"}});
        it.host.reply("read", seen({false}));
        it.host.forget();
        ASSERT_TRUE(it.host.ack(2).ok());
        EXPECT_EQ(it.story(), lines({marks({"c"}, "3-0")}));
    }
}

TEST_F(SeenTrouble, IsGivenUpWhereScriptsAreRefused) {
    (void)read({{"1-0", "a"}});
    host.reply("read", seen({false}));
    ASSERT_TRUE(host.ack(1).ok());
    host.forget();
    host.reply("read", error("NOPERM this user has no permissions to run the 'evalsha' command"));
    EXPECT_EQ(story(),
              lines({"failure: no_permission (dedupe: EVALSHA: NOPERM this user has no permissions to run the "
                     "'evalsha' command; ids that were acked are neither looked up nor remembered from now on)",
                     "read: XACK s g 1-0"}));
    host.reply("read", integer(1));
    EXPECT_EQ(story(), lines({"acked 1: 0"}));
    EXPECT_EQ(read({{"2-0", "b"}, {"3-0", "b"}}), lines({"batch 2 by flush: 2-0"}));
    ASSERT_TRUE(host.ack(2).ok());
    EXPECT_EQ(story(), lines({"read: XACK s g 2-0"}));
}

/// MUL-1: what is wrong with one stream leaves the others alone.
TEST(SeenOfTwoStreams, IsKeptWhereOneIsNoStreamAnyMore) {
    const std::string wrong = "WRONGTYPE Operation against a key holding the wrong kind of value";
    for (const std::string& refusal :
         {wrong, "ERR Error running script (call to f_7f): @user_script:8: -" + wrong + " "}) {
        ScriptedHost host;
        SourceConfig config = sharing();
        config.streams = {"s", "t"};
        const SourceId source = consume(host, config);
        ASSERT_TRUE(host.pause(source).ok());
        host.reply("read", map({bulk("s"), array({entry("1-0", "a")}), bulk("t"), array({entry("2-0", "b")})}));
        host.reply("read", seen({false}));
        host.reply("read", seen({false}));
        ASSERT_TRUE(host.ack(2).ok());
        host.reply("read", error(refusal));
        host.forget();
        ASSERT_TRUE(host.ack(1).ok());
        EXPECT_NE(host.story().find(marks({"a"}, "1-0")), std::string::npos) << refusal;
    }
}

TEST_F(SeenTwice, IsGivenUpWhereTheQuestionIsRefusedAndAllThatWaitedIsHandedOver) {
    host.reply("read", noperm);
    EXPECT_EQ(host.story(),
              lines({"failure: no_permission (dedupe: MGET: NOPERM this user has no permissions to run the 'mget' "
                     "command; ids that were acked are neither looked up nor remembered from now on)",
                     "batch 1 by size: 1-0", "batch 2 by size: 2-0"}));
    host.reply("read", noperm);
    EXPECT_EQ(host.story(), "");
    ASSERT_TRUE(host.ack(2).ok());
    EXPECT_EQ(host.story(), lines({"read: XACK s g 2-0"}));
}

TEST_F(SeenTwice, IsAskedAgainAfterARefusalThatMayPassAndNothingIsOvertaken) {
    host.reply("read", error("LOADING Redis is loading the dataset in memory"));
    host.reply("read", seen({false}));
    host.wait(99);
    EXPECT_EQ(host.story(), "");
    host.wait(1);
    EXPECT_EQ(host.story(), lines({asks({"a"})}));
    host.reply("read", error("BUSY Redis is busy running a script."));
    host.wait(100);
    EXPECT_EQ(host.story(), lines({asks({"a"})}));
    host.reply("read", seen({false}));
    EXPECT_EQ(host.story(), lines({"batch 1 by size: 1-0", "batch 2 by size: 2-0"}));
}

TEST_F(SeenTrouble, TheAckIsSentAgainAfterARefusalThatMayPass) {
    (void)read({{"1-0", "a"}});
    host.reply("read", seen({false}));
    ASSERT_TRUE(host.ack(1).ok());
    host.forget();
    host.reply("read", error("MISCONF Errors writing to the AOF file"));
    host.wait(100);
    EXPECT_EQ(story(), lines({marks({"a"}, "1-0")}));
    host.reply("read", acked(1));
    EXPECT_EQ(story(), lines({"acked 1: 0"}));
}

/// On the lane that lives, in the same order.
TEST_F(SeenTwice, LostAnswersAreAskedForAgain) {
    host.lost("read");
    EXPECT_EQ(host.story(), lines({"disconnected read reset: connection (localhost:6379: reset) retryable",
                                   asks({"a"}, "control"), asks({"b"}, "control")}));
    host.reply("control", seen({true}));
    host.reply("control", seen({false}));
    EXPECT_EQ(host.story(), lines({"duplicate s: 1-0 of a", "control: XACK s g 1-0", "batch 1 by size: 2-0"}));
}

TEST_F(SeenTrouble, WhatWaitsIsKeptFromOthersAndMayBeLost) {
    SourceConfig config = sharing();
    config.claim_min_idle = seconds(10);
    SeenScene it(config);
    (void)it.read({{"1-0", "a"}, {"2-0", "b"}});
    it.host.wait(5000);
    EXPECT_EQ(it.story(), lines({"read: XCLAIM s g c 4750 1-0 2-0 JUSTID"}));
    it.host.reply("read", seen({false, false}));
    it.host.forget();
    it.host.reply("read", array({bulk("1-0"), bulk("2-0")}));
    EXPECT_EQ(it.story(), "");
}

/// Another took the first: its answer is of no interest, and its copy is asked about.
TEST_F(SeenTrouble, WhatIsLostWhileItWaitsIsPassedOver) {
    SourceConfig config = sharing();
    config.claim_min_idle = seconds(10);
    SeenScene it(config);
    (void)it.read({{"1-0", "a"}, {"2-0", "a"}, {"3-0", "b"}});
    it.host.wait(5000);
    EXPECT_EQ(it.story(), lines({"read: XCLAIM s g c 4750 1-0 2-0 3-0 JUSTID"}));
    it.host.reply("read", error("LOADING Redis is loading the dataset in memory"));
    it.host.reply("read", array({bulk("2-0"), bulk("3-0")}));
    EXPECT_EQ(it.story(), lines({"read: XPENDING s g 1-0 1-0 1"}));
    it.host.reply("read", array({pending("1-0", "another", 5, 2)}));
    EXPECT_EQ(it.story(), lines({"lost s: 1-0"}));
    it.host.wait(100);
    EXPECT_EQ(it.story(), lines({asks({"", "b"}), asks({"a"})}));
    it.host.reply("read", seen({false, false}));
    EXPECT_EQ(it.story(), lines({"batch 1 by flush: 3-0"}));
    it.host.reply("read", seen({false}));
    EXPECT_EQ(it.story(), lines({"batch 2 by flush: 2-0"}));
}

/// A stream made anew begins at 1-0 again, which must not get the answer that was meant for the old one.
TEST(SeenOfALostStream, IsForgotten) {
    SourceConfig config = sharing();
    SeenScene it(config);
    (void)it.read({{"1-0", "a"}, {"2-0", "b"}});
    ASSERT_TRUE(it.host.resume(it.source).ok());
    it.host.reply("read", error("LOADING Redis is loading the dataset in memory"));
    it.host.forget();
    it.host.reply("read", lost_group);
    EXPECT_EQ(it.host.story(), lines({"read: XINFO STREAM s"}));
    it.host.reply("read", error("ERR no such key"));
    EXPECT_EQ(it.host.story(), lines({"lost s: 1-0 2-0", "read: XGROUP CREATE s g 0 MKSTREAM"}));
    it.host.reply("read", ok());
    it.host.forget();
    it.host.reply("read", stream_of("s", {entry("1-0", "c")}));
    it.host.wait(100);
    EXPECT_EQ(it.story(), lines({asks({"", ""}, "control"), asks({"c"}, "control")}));
    it.host.reply("control", seen({true, true}));
    EXPECT_EQ(it.story(), "");
    it.host.reply("control", seen({false}));
    EXPECT_EQ(it.story(), lines({"batch 1 by flush: 1-0"}));
}

/// Nor one that was meant for the one between: each that is lost keeps its place in the line, and no more.
TEST(SeenOfALostStream, IsForgottenTwice) {
    SourceConfig config = sharing();
    SeenScene it(config);
    (void)it.read({{"1-0", "a"}});
    ASSERT_TRUE(it.host.resume(it.source).ok());
    it.host.reply("read", error("LOADING Redis is loading the dataset in memory"));
    for (const char* canonical : {"b", "c"}) {
        it.host.reply("read", lost_group);
        it.host.forget();
        it.host.reply("read", error("ERR no such key"));
        EXPECT_EQ(it.host.story(), lines({"lost s: 1-0", "read: XGROUP CREATE s g 0 MKSTREAM"}));
        it.host.reply("read", ok());
        it.host.reply("read", stream_of("s", {entry("1-0", canonical)}));
    }
    it.host.forget();
    it.host.wait(100);
    EXPECT_EQ(it.story(), lines({asks({""}, "control"), asks({""}, "control"), asks({"c"}, "control")}));
    it.host.reply("control", seen({true}));
    it.host.reply("control", seen({true}));
    EXPECT_EQ(it.story(), "");
    it.host.reply("control", seen({false}));
    EXPECT_EQ(it.story(), lines({"batch 1 by flush: 1-0"}));
    ASSERT_TRUE(it.host.ack(1).ok());
    EXPECT_NE(it.story().find(" s {s}:seen:1:g:c g 600000 keep 1-0\n"), std::string::npos);
}

/// The ack was of the old stream's entry, and was told as lost: the new one's is acked by itself.
TEST(SeenOfALostStream, MarksThatAreAnsweredLateSettleNothing) {
    const std::string refusal = error("NOPERM this user has no permissions to run the 'evalsha' command");
    for (const std::string& late : {acked(1), oom, refusal, error("NOSCRIPT No matching script. Please use EVAL.")}) {
        SeenScene it;
        (void)it.read({{"1-0", "a"}});
        it.host.reply("read", seen({false}));
        ASSERT_TRUE(it.host.resume(it.source).ok());
        it.host.forget();
        ASSERT_TRUE(it.host.ack(1).ok());
        EXPECT_EQ(it.story().substr(0, 16), "control: EVALSHA");
        it.host.reply("read", lost_group);
        it.host.forget();
        it.host.reply("read", error("ERR no such key"));
        EXPECT_EQ(it.host.story(), lines({"lost s: 1-0", "read: XGROUP CREATE s g 0 MKSTREAM"}));
        it.host.reply("read", ok());
        it.host.reply("read", stream_of("s", {entry("1-0", "b")}));
        it.host.forget();
        it.host.reply("control", late);
        EXPECT_EQ(it.story(), "");
        it.host.reply("read", seen({false}));
        EXPECT_EQ(it.story(), lines({"batch 2 by flush: 1-0"}));
        ASSERT_TRUE(it.host.ack(2).ok());
        EXPECT_NE(it.story().find(" s {s}:seen:1:g:b g 600000 keep 1-0\n"), std::string::npos) << late;
        it.host.reply("control", acked(1));
        EXPECT_EQ(it.story(), lines({"acked 2: 0"}));
    }
}

TEST_F(SeenTrouble, WhatWaitsIsGivenBackByASourceThatEnds) {
    (void)read({{"1-0", "a"}, {"2-0", "a"}, {"3-0", "b"}});
    host.wait(1000);
    host.forget();
    ASSERT_TRUE(host.close(source).ok());
    EXPECT_EQ(story(), lines({"read: XCLAIM s g c 950 1-0 2-0 3-0 IDLE 60000 JUSTID"}));
    host.reply("read", seen({false, false}));
    EXPECT_EQ(story(), "");
    host.reply("read", array({bulk("1-0"), bulk("2-0"), bulk("3-0")}));
    EXPECT_EQ(story(), lines({"closed source, 0 held"}));
}

/// The heartbeat of an entry counts from when it was read, not from when it was handed over.
TEST_F(SeenTrouble, WaitingMakesNoEntryYounger) {
    (void)read({{"1-0", "a"}});
    host.wait(2000);
    host.reply("read", seen({false}));
    ASSERT_TRUE(host.nack(1, {}, milliseconds(100)).ok());
    host.forget();
    host.wait(100);
    EXPECT_EQ(story(), lines({"read: XCLAIM s g c 1995 1-0"}));
}

/// Each of the entries is asked about, or told of as one that stays pending.
TEST(SeenWithoutMemory, LosesNothing) {
    bool struck = false;
    for (uint64_t granted = 0; granted < 16; ++granted) {
        SeenScene it;
        ASSERT_TRUE(it.host.resume(it.source).ok());
        ASSERT_TRUE(it.host.pause(it.source).ok());
        it.host.forget();
        const std::string reply = stream_of("s", {entry("1-0", "a"), entry("2-0", "b")});
        const std::span<std::byte> room = it.host.machine.input_room(it.host.conn("read"), reply.size());
        std::copy(reply.begin(), reply.end(), reinterpret_cast<char*>(room.data()));
        {
            const Scarcity scarcity(granted);
            it.host.machine.handle_input(it.host.conn("read"), reply.size(), it.host.now());
            struck = struck || scarcity.struck();
        }
        it.host.settle();
        std::string story = it.host.story();
        it.host.wait(100);
        story += it.host.story();
        const bool is_cut_off = story.find("dropped: out_of_memory") != std::string::npos;
        for (const auto& [id, canonical] : {std::pair("1-0", "a"), std::pair("2-0", "b")}) {
            const bool asked = story.find(std::string("{s}:seen:1:g:") + canonical) != std::string::npos;
            const bool told = story.find(std::string("no memory to hold entry ") + id) != std::string::npos;
            EXPECT_NE(asked, told || is_cut_off) << granted << " granted\n" << story;
        }
    }
    EXPECT_TRUE(struck);
}

}  // namespace
}  // namespace millrace::test
