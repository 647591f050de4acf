// DUP-3: the server remembers what was seen. It is asked before an entry is handed over, and told by the ack.
#include "consumer/seen.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "consumer/seen_scene.hpp"

namespace millrace::test {
namespace {

struct Seen : ::testing::Test, SeenScene {};

TEST_F(Seen, IsAskedBeforeAnythingIsHandedOverAndToldByTheAck) {
    EXPECT_EQ(read({{"1-0", "a"}, {"2-0", "b"}, {"3-0", "c"}}), lines({asks({"a", "b", "c"})}));
    host.reply("read", seen({false, true, false}));
    EXPECT_EQ(story(), lines({"duplicate s: 2-0 of b", "batch 1 by flush: 1-0 3-0", "read: XACK s g 2-0"}));
    host.reply("read", integer(1));
    ASSERT_TRUE(host.ack(1).ok());
    EXPECT_EQ(story(), lines({marks({"a", "c"}, "1-0 3-0")}));
    host.reply("read", acked(2));
    EXPECT_EQ(story(), lines({"acked 1: 0 1"}));
}

TEST_F(Seen, WorksHoweverTheRepliesAreCut) {
    for (const ScriptedHost::Cut cut : {ScriptedHost::Cut::byte_by_byte, ScriptedHost::Cut::in_three}) {
        SeenScene it;
        (void)it.read({{"1-0", "a"}, {"2-0", "b"}});
        it.host.cut = cut;
        it.host.reply("read", seen({false, true}));
        EXPECT_EQ(it.story(), lines({"duplicate s: 2-0 of b", "batch 1 by flush: 1-0", "read: XACK s g 2-0"}));
        it.host.reply("read", integer(1));
        ASSERT_TRUE(it.host.ack(1).ok());
        it.host.forget();
        it.host.reply("read", acked(1));
        EXPECT_EQ(it.story(), lines({"acked 1: 0"}));
    }
}

/// A batch's bytes may be given back long before its ack.
TEST_F(Seen, IsToldAfterTheBytesAreGone) {
    (void)read({{"1-0", "a"}});
    host.reply("read", seen({false}));
    host.release(1);
    host.forget();
    ASSERT_TRUE(host.ack(1).ok());
    EXPECT_EQ(story(), lines({marks({"a"}, "1-0")}));
    host.reply("read", error("NOSCRIPT No matching script. Please use EVAL."));
    const std::string size = std::to_string(script(ScriptId::mark_seen).source.size());
    EXPECT_EQ(story(), lines({"read: EVAL (" + size + " bytes) 2 s {s}:seen:1:g:a g 600000 keep 1-0"}));
    host.reply("read", acked(1));
    EXPECT_EQ(story(), lines({"acked 1: 0"}));
}

TEST_F(SeenTwice, HandsOverAsTheAnswersCome) {
    host.reply("read", seen({false}));
    EXPECT_EQ(host.story(), lines({"batch 1 by size: 1-0"}));
    host.reply("read", seen({true}));
    EXPECT_EQ(host.story(), lines({"duplicate s: 2-0 of b", "read: XACK s g 2-0"}));
}

/// Those of one process are no matter of the server's.
TEST_F(Seen, ACopyOfWhatIsInHandWaitsUnasked) {
    EXPECT_EQ(read({{"1-0", "a"}, {"2-0", "a"}, {"3-0", "a"}}), lines({asks({"a"})}));
    host.reply("read", seen({false}));
    EXPECT_EQ(story(), lines({"batch 1 by flush: 1-0"}));
    ASSERT_TRUE(host.ack(1).ok());
    EXPECT_EQ(story(), lines({marks({"a"}, "1-0")}));
    host.reply("read", acked(1));
    EXPECT_EQ(story(),
              lines({"acked 1: 0", "duplicate s: 2-0 of a", "duplicate s: 3-0 of a", "read: XACK s g 2-0 3-0"}));
    host.reply("read", integer(2));
    ASSERT_TRUE(host.close(source).ok());
    EXPECT_EQ(story(), lines({"closed source, 0 held"}));
}

TEST_F(Seen, TheCopiesOfASeenOneAreSeenToo) {
    (void)read({{"1-0", "a"}, {"2-0", "a"}});
    host.reply("read", seen({true}));
    EXPECT_EQ(story(), lines({"duplicate s: 1-0 of a", "duplicate s: 2-0 of a", "read: XACK s g 1-0 2-0"}));
}

TEST_F(Seen, WhatWasRejectedIsNotRememberedAndItsCopyIsAskedAbout) {
    (void)read({{"1-0", "a"}, {"2-0", "a"}});
    host.reply("read", seen({false}));
    ASSERT_TRUE(host.reject(1, {}, "bad").ok());
    host.forget();
    host.reply("read", array({bulk("done"), bulk("9-0")}));
    EXPECT_EQ(story(), lines({"dead s/1-0(x1) in {s}:dead/9-0: bad", asks({"a"})}));
    host.reply("read", seen({false}));
    EXPECT_EQ(story(), lines({"batch 2 by flush: 2-0"}));
}

TEST_F(Seen, AskedAgainWhenANackedOneComesBack) {
    (void)read({{"1-0", "a"}});
    host.reply("read", seen({false}));
    ASSERT_TRUE(host.nack(1, {}, milliseconds(100)).ok());
    host.wait(100);
    host.forget();
    host.reply("read", array({entry("1-0", "a")}));
    EXPECT_EQ(story(), lines({asks({"a"})}));
    host.reply("read", seen({false}));
    EXPECT_EQ(story(), lines({"batch 2 by recovery: 1-0(x2)"}));
    ASSERT_TRUE(host.ack(2).ok());
    EXPECT_EQ(story(), lines({marks({"a"}, "1-0")}));
}

/// DLQ-2: what was redriven was seen before, of course. It does not overtake what waits.
TEST_F(Seen, WhatWasRedrivenIsExemptAndKeepsItsPlace) {
    ASSERT_TRUE(host.resume(source).ok());
    ASSERT_TRUE(host.pause(source).ok());
    host.forget();
    const std::string redriven = array(
        {bulk("2-0"), array({bulk("f"), bulk("a"), bulk("dlq_origin_id"), bulk("0-9"), bulk("dlq_group"), bulk("g")})});
    host.reply("read", stream_of("s", {entry("1-0", "b"), redriven}));
    EXPECT_EQ(story(), lines({asks({"b", ""})}));
    host.reply("read", seen({false, true}));
    EXPECT_EQ(story(), lines({"batch 1 by flush: 1-0 2-0"}));
    ASSERT_TRUE(host.ack(1, {1}).ok());
    EXPECT_EQ(story(), lines({"read: XACK s g 2-0"}));
    host.reply("read", integer(1));
    host.forget();
    ASSERT_TRUE(host.ack(1).ok());
    EXPECT_EQ(story(), lines({marks({"b"}, "1-0")}));
}

TEST_F(Seen, OneCallHasAThousandArgumentsAtMost) {
    SourceConfig config = sharing();
    config.batch_size = 1200;
    config.flush_interval = seconds(2);
    SeenScene it(config);
    Items list;
    for (int i = 1; i <= 1200; ++i) list.push_back(entry(std::to_string(i) + "-0", "x" + std::to_string(i)));
    ASSERT_TRUE(it.host.resume(it.source).ok());
    ASSERT_TRUE(it.host.pause(it.source).ok());
    it.host.forget();
    it.host.reply("read", stream_of("s", list));
    const std::string questions = it.host.story();
    EXPECT_EQ(std::count(questions.begin(), questions.end(), '\n'), 2);
    EXPECT_NE(questions.find(":x1000\nread: MGET {s}:seen:1:g:x1001 "), std::string::npos);
    it.host.reply("read", array(Items(1000, null())));
    it.host.reply("read", array(Items(200, null())));
    it.host.forget();
    ASSERT_TRUE(it.host.ack(1).ok());
    const std::string acks = it.host.story();
    EXPECT_EQ(std::count(acks.begin(), acks.end(), '\n'), 3);
    EXPECT_NE(acks.find(" 499 s "), std::string::npos) << acks.substr(0, 200);
    EXPECT_NE(acks.find(" 498-0\nread: EVALSHA "), std::string::npos);
    EXPECT_NE(acks.find(" 996-0\nread: EVALSHA "), std::string::npos);
    for (const int64_t count : {498, 498, 204}) it.host.reply("read", acked(count));
    EXPECT_NE(it.host.story().find("acked 1: "), std::string::npos);
    ASSERT_TRUE(it.host.close(it.source).ok());
    EXPECT_EQ(it.story(), lines({"closed source, 0 held"}));
}

TEST_F(Seen, IsRememberedForEverWithoutAWindow) {
    SourceConfig config = sharing();
    config.dedupe_window = Duration{};
    SeenScene it(config);
    (void)it.read({{"1-0", "a"}});
    it.host.reply("read", seen({false}));
    it.host.forget();
    ASSERT_TRUE(it.host.ack(1).ok());
    EXPECT_EQ(it.story(), lines({marks({"a"}, "1-0", "0 keep")}));
}

TEST_F(Seen, IsMarkedAndDeletedTogether) {
    SourceConfig config = sharing();
    config.delete_acked = true;
    SeenScene it(config);
    (void)it.read({{"1-0", "a"}});
    it.host.reply("read", seen({false}));
    it.host.forget();
    ASSERT_TRUE(it.host.ack(1).ok());
    EXPECT_EQ(it.story(), lines({marks({"a"}, "1-0", "600000 delete")}));
    it.host.reply("read", array({integer(1), integer(0), integer(2)}));
    EXPECT_EQ(it.story(), lines({"log info: delete_acked: other groups may still want the entries; acked, not deleted.",
                                 "acked 1: 0"}));
}

TEST_F(Seen, BatchesBeginWhenTheAnswerCame) {
    SourceConfig config = sharing();
    config.flush_interval = seconds(2);
    SeenScene it(config);
    (void)it.read({{"1-0", "a"}});
    it.host.wait(1500);
    it.host.forget();
    it.host.reply("read", seen({false}));
    it.host.wait(1999);
    EXPECT_EQ(it.story(), "");
    it.host.wait(1);
    EXPECT_EQ(it.story(), lines({"batch 1 by flush: 1-0"}));
}

TEST_F(Seen, EachStreamHasItsOwnQuestionAndItsOwnKeys) {
    SourceConfig config = sharing();
    config.streams = {"s", "a{b}c"};
    SeenScene two(config);
    two.host.forget();
    two.host.reply("read", map({bulk("s"), array({entry("1-0", "a")}), bulk("a{b}c"), array({entry("1-0", "a")})}));
    EXPECT_EQ(two.story(), lines({"read: MGET {s}:seen:1:g:a", "read: MGET a{b}c:seen:1:g:a"}));
    two.host.reply("read", seen({false}));
    two.host.reply("read", seen({true}));
    EXPECT_EQ(two.story(), lines({"batch 1 by flush: 1-0", "duplicate a{b}c: 1-0 of a", "read: XACK a{b}c g 1-0"}));
}

/// What the consumer had before is asked about like what is new, and handed over as recovered.
TEST(SeenInRecovery, ComesBeforeWhatIsNew) {
    ScriptedHost host;
    (void)consume_again(host, sharing());
    host.reply("read", array({pending("1-0", "c", 5, 1), pending("2-0", "c", 5, 1)}));
    host.forget();
    host.reply("read", stream_of("s", {entry("1-0", "a"), entry("2-0", "b")}));
    EXPECT_EQ(host.story().find(asks({"a", "b"}) + "\n"), 0U);
    host.reply("read", seen({true, false}));
    const std::string told = host.story();
    EXPECT_NE(told.find("duplicate s: 1-0 of a\n"), std::string::npos) << told;
    EXPECT_NE(told.find("XACK s g 1-0"), std::string::npos) << told;
}

}  // namespace
}  // namespace millrace::test
