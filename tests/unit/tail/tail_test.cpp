// TAIL-1: reading without a group, from now, from the last n, or after an id; `$` is never sent.
#include <gtest/gtest.h>

#include "support/scripted_host.hpp"

namespace millrace::test {
namespace {

constexpr const char* ready = "ready tail resp3 7.0.15";

struct Tailing : ::testing::Test {
    void begin(const SourceConfig& config) {
        source = host.open(config);
        host.greet("read");
        host.greet("control");
    }
    std::string answer(std::string_view bytes) {
        host.forget();
        host.reply("read", bytes);
        return host.story();
    }
    std::string commands() {
        std::string all = host.story();
        const size_t at = all.find("read: ");
        return at == std::string::npos ? "" : all.substr(at);
    }
    ScriptedHost host;
    SourceId source{};
};

/// A stream whose last entry was deleted: reads can't begin with it.
std::string info_of(std::string_view last_id) {
    return map({bulk("length"), integer(3), bulk("last-generated-id"), bulk(last_id), bulk("groups"), integer(0),
                bulk("first-entry"), entry("1-0"), bulk("last-entry"), entry("1-1")});
}

TEST_F(Tailing, FromNowBeginsAtTheLastIdTheServerGave) {
    begin(tail_of("new"));
    EXPECT_EQ(commands(), lines({"read: XINFO STREAM s"}));
    EXPECT_EQ(answer(info_of("7-3")), lines({ready, "read: XREAD COUNT 5 BLOCK 2000 STREAMS s 7-3"}));
    EXPECT_EQ(answer(stream("s", {"8-0", "9-0"})),
              lines({"batch 1 by flush: 8-0 9-0", "read: XREAD COUNT 6 STREAMS s 8-18446744073709551614",
                     "read: XREAD COUNT 5 BLOCK 2000 STREAMS s 9-0"}));
    EXPECT_EQ(answer(stream("s", {"9-0"})), "");  // it is still there: nothing behind it was trimmed
    EXPECT_EQ(answer(null()), lines({"read: XREAD COUNT 6 STREAMS s 8-18446744073709551614",
                                     "read: XREAD COUNT 5 BLOCK 2000 STREAMS s 9-0"}));
}

TEST_F(Tailing, FromNowBeginsWithTheLastEntryWhereItIsThere) {
    begin(tail_of("new"));
    const std::string reply = map({bulk("last-generated-id"), bulk("7-3"), bulk("last-entry"), entry("7-3")});
    EXPECT_EQ(answer(reply), lines({ready, "read: XREAD COUNT 6 STREAMS s 7-2"}));
    EXPECT_EQ(answer(stream("s", {"7-3"})),
              lines({"read: XREAD COUNT 6 STREAMS s 7-2", "read: XREAD COUNT 5 BLOCK 2000 STREAMS s 7-3"}));
}

TEST_F(Tailing, FromNowOfAStreamThatIsYetToBeMadeBeginsAtZero) {
    begin(tail_of("new"));
    EXPECT_EQ(answer(error("ERR no such key")), lines({ready, "read: XREAD COUNT 5 BLOCK 2000 STREAMS s 0-0"}));
}

TEST_F(Tailing, InResp2XinfoIsAFlatArray) {
    host.server.protocol = 2;
    begin(tail_of("new"));
    EXPECT_EQ(answer(array({bulk("length"), integer(3), bulk("last-generated-id"), bulk("7-3")})),
              lines({"ready tail resp2 7.0.15", "read: XREAD COUNT 5 BLOCK 2000 STREAMS s 7-3"}));
}

/// A read begins with the cursor's own entry: whether it is still there tells whether any behind it may be gone.
TEST_F(Tailing, AfterAnIdAsksNothingFirst) {
    begin(tail_of("5-1"));
    EXPECT_NE(host.story().find(lines({ready, "read: XREAD COUNT 6 STREAMS s 5-0"})), std::string::npos);
    EXPECT_EQ(answer(stream("s", {"5-1", "5-2"})), lines({"batch 1 by flush: 5-2", "read: XREAD COUNT 6 STREAMS s 5-1",
                                                          "read: XREAD COUNT 5 BLOCK 2000 STREAMS s 5-2"}));
}

TEST_F(Tailing, WhatBothReadsOfAWriteBringComesOnce) {
    begin(tail_of("0"));
    (void)answer(stream("s", {"1-1"}));
    EXPECT_EQ(answer(stream("s", {"1-1", "1-2"})), lines({"batch 2 by flush: 1-2"}));
    EXPECT_EQ(answer(stream("s", {"1-2", "1-3"})), lines({"batch 3 by flush: 1-3", "read: XREAD COUNT 6 STREAMS s 1-2",
                                                          "read: XREAD COUNT 5 BLOCK 2000 STREAMS s 1-3"}));
}

TEST_F(Tailing, TheLastNComeInTheirOrder) {
    begin(tail_of("last:3"));
    EXPECT_EQ(commands(), lines({"read: XREVRANGE s + - COUNT 3"}));
    EXPECT_EQ(answer(entries({"9-1", "8-1", "7-1"})), lines({ready, "read: XREAD COUNT 5 BLOCK 2000 STREAMS s 7-0"}));
    EXPECT_EQ(answer(stream("s", {"7-1", "8-1", "9-1"})),
              lines({"batch 1 by flush: 7-1 8-1 9-1", "read: XREAD COUNT 6 STREAMS s 9-0",
                     "read: XREAD COUNT 5 BLOCK 2000 STREAMS s 9-1"}));
}

TEST_F(Tailing, TheLastNOfNothingBeginsAtZero) {
    begin(tail_of("last:3"));
    EXPECT_EQ(answer(array({})), lines({ready, "read: XREAD COUNT 5 BLOCK 2000 STREAMS s 0-0"}));
}

TEST_F(Tailing, OfTwoStreamsEachHasItsCursor) {
    begin(tail_of("0", {"s", "t"}));
    EXPECT_EQ(answer(map({bulk("t"), array({entry("3-1")}), bulk("s"), array({entry("2-1")})})),
              lines({"batch 1 by flush: t/3-1 s/2-1", "read: XREAD COUNT 6 STREAMS s t 2-0 3-0",
                     "read: XREAD COUNT 5 BLOCK 2000 STREAMS s t 2-1 3-1"}));
}

/// Of many streams only what has moved is read again.
TEST_F(Tailing, OfManyStreamsThoseThatMovedAreReadAgain) {
    std::vector<std::string> streams;
    for (int i = 0; i < 40; ++i) streams.push_back("s" + std::to_string(i));
    SourceConfig config = tail_of("0", streams);
    config.prefetch = 400;
    begin(config);
    EXPECT_NE(answer(map({bulk("s3"), array({entry("3-1")}), bulk("s7"), array({entry("2-1")})}))
                  .find("read: XREAD COUNT 6 STREAMS s3 s7 3-0 2-0\n"),
              std::string::npos);
    (void)answer(map({bulk("s3"), array({entry("3-1")}), bulk("s7"), array({entry("2-1")})}));
    EXPECT_NE(answer(stream("s7", {"2-2"})).find("read: XREAD COUNT 6 STREAMS s7 2-1\n"), std::string::npos);
}

TEST_F(Tailing, ABacklogOfOneStreamDoesNotHoldUpTheOther) {
    begin(tail_of("0", {"s", "t"}));
    EXPECT_EQ(answer(stream("s", {"2-1", "2-2", "2-3", "2-4", "2-5"})),
              lines({"batch 1 by size: 2-1 2-2 2-3 2-4 2-5", "read: XREAD COUNT 6 STREAMS s 2-4"}));
    EXPECT_EQ(answer(stream("s", {"2-5", "2-6", "2-7", "2-8", "2-9", "3-1"})),
              lines({"batch 2 by size: 2-6 2-7 2-8 2-9 3-1", "read: XREAD COUNT 5 STREAMS t 0-0"}));
    EXPECT_EQ(answer(null()), lines({"read: XREAD COUNT 6 STREAMS s 3-0"}));
}

TEST_F(Tailing, ABacklogIsReadWithoutBlock) {
    SourceConfig config = tail_of("0");
    config.prefetch = 7;
    begin(config);
    EXPECT_EQ(answer(stream("s", {"2-1", "3-1", "4-1", "5-1", "6-1"})),
              lines({"batch 1 by size: 2-1 3-1 4-1 5-1 6-1", "read: XREAD COUNT 3 STREAMS s 6-0"}));
    EXPECT_EQ(answer(stream("s", {"6-1", "7-1", "8-1"})), lines({"batch 2 by flush: 7-1 8-1"}));  // full
    host.wait(10'000);
    EXPECT_EQ(host.story(), "");
    host.release(1);
    EXPECT_EQ(host.story(), lines({"read: XREAD COUNT 6 STREAMS s 8-0"}));
    EXPECT_EQ(answer(stream("s", {"8-1"})),
              lines({"read: XREAD COUNT 6 STREAMS s 8-0", "read: XREAD COUNT 5 BLOCK 2000 STREAMS s 8-1"}));
}

TEST_F(Tailing, BatchesCanBeGathered) {
    SourceConfig config = tail_of("0");
    config.flush_interval = seconds(1);
    begin(config);
    const std::string again =
        lines({"read: XREAD COUNT 6 STREAMS s 2-0", "read: XREAD COUNT 5 BLOCK 2000 STREAMS s 2-1"});
    EXPECT_EQ(answer(stream("s", {"2-1"})), again);
    EXPECT_EQ(answer(stream("s", {"2-1"})), "");
    host.wait(999);
    (void)answer(stream("s", {"3-1"}));
    host.forget();
    host.wait(1);
    EXPECT_EQ(host.story(), lines({"batch 1 by flush: 2-1 3-1"}));
}

TEST_F(Tailing, AfterALostConnectionItGoesOnBehindWhatCame) {
    SourceConfig config = tail_of("0");
    config.flush_interval = seconds(1);
    begin(config);
    const std::string reply = stream("s", {"2-1", "3-1"});
    host.reply("read", reply.substr(0, reply.find("$3\r\n3-1")));
    host.lost("read");
    host.fire();
    host.forget();
    host.greet("read");
    EXPECT_EQ(host.story(), lines({"reconnected read after 1", "read: XREAD COUNT 6 STREAMS s 2-0"}));
    EXPECT_EQ(answer(reply),
              lines({"read: XREAD COUNT 6 STREAMS s 3-0", "read: XREAD COUNT 5 BLOCK 2000 STREAMS s 3-1"}));
}

TEST_F(Tailing, ALostAnswerToTheFirstQuestionIsAskedForAgain) {
    begin(tail_of("new"));
    host.lost("read");
    host.fire();
    host.forget();
    host.greet("read");
    EXPECT_EQ(host.story(), lines({"reconnected read after 1", "read: XINFO STREAM s"}));
}

TEST_F(Tailing, APartOfTheLastNIsAskedForAgain) {
    begin(tail_of("last:3"));
    const std::string reply = entries({"9-1", "8-1"});
    host.reply("read", reply.substr(0, reply.find("$3\r\n8-1")));
    host.lost("read");
    host.fire();
    host.forget();
    host.greet("read");
    EXPECT_EQ(host.story(), lines({"reconnected read after 1", "read: XREVRANGE s 9-0 - COUNT 2"}));
    EXPECT_EQ(answer(entries({"8-1", "7-1"})), lines({ready, "read: XREAD COUNT 5 BLOCK 2000 STREAMS s 7-0"}));
}

TEST_F(Tailing, WhatIsRefusedForAWhileIsTriedAgain) {
    const std::string loading = "LOADING Redis is loading the dataset in memory";
    begin(tail_of("new"));
    EXPECT_EQ(answer(error(loading)), lines({"failure: server_busy (XINFO STREAM s: " + loading + ") retryable"}));
    EXPECT_EQ(host.fire(), 100);
    EXPECT_EQ(host.story(), lines({"read: XINFO STREAM s"}));
    EXPECT_EQ(answer(info_of("1-0")), lines({ready, "read: XREAD COUNT 5 BLOCK 2000 STREAMS s 1-0"}));
    EXPECT_EQ(answer(error(loading)), lines({"failure: server_busy (XREAD s: " + loading + ") retryable"}));
    EXPECT_EQ(host.fire(), 200);
    EXPECT_EQ(host.story(), lines({"read: XREAD COUNT 5 BLOCK 2000 STREAMS s 1-0"}));
}

/// The other half of the write blocks: there is nothing to do until it is answered.
TEST_F(Tailing, AWaitThatEndsUnderABlockIsNoTimer) {
    begin(tail_of("5-1"));
    host.reply("read", stream("s", {"5-1"}));
    host.forget();
    host.reply("read", error("BUSY Redis is busy running a script."));
    host.wait(1000);
    EXPECT_EQ(host.story().find("read: XREAD"), std::string::npos);
    host.reply("read", null());
    EXPECT_NE(host.story().find("read: XREAD"), std::string::npos);
}

TEST_F(Tailing, AWaitDoesNotHoldUpAFlush) {
    SourceConfig config = tail_of("0");
    config.flush_interval = milliseconds(50);
    begin(config);
    (void)answer(stream("s", {"2-1"}));
    (void)answer(error("LOADING Redis is loading the dataset in memory"));
    EXPECT_EQ(answer(error("LOADING Redis is loading the dataset in memory")), "");  // told once
    EXPECT_EQ(host.fire(), 50);
    EXPECT_EQ(host.story(), lines({"batch 1 by flush: 2-1"}));
    EXPECT_EQ(host.fire(), 50);
    EXPECT_EQ(host.story(),
              lines({"read: XREAD COUNT 6 STREAMS s 2-0", "read: XREAD COUNT 5 BLOCK 2000 STREAMS s 2-1"}));
}

TEST_F(Tailing, WhatNoRetryChangesClosesIt) {
    begin(tail_of("last:3"));
    EXPECT_EQ(answer(error("WRONGTYPE Operation against a key holding the wrong kind of value")),
              lines({"failure: wrong_type (XREVRANGE s: WRONGTYPE Operation against a key holding the wrong kind of "
                     "value), closed"}));
    host.wait(10'000);
    EXPECT_EQ(host.story(), "");
}

TEST_F(Tailing, XinfoWithoutAnIdIsAnErrorAndNotABeginningAtZero) {
    begin(tail_of("new"));
    EXPECT_EQ(answer(map({bulk("length"), integer(3)})),
              lines({"failure: protocol (XINFO STREAM s tells no last-generated-id), closed"}));
}

TEST_F(Tailing, AnAckSettlesHereAndANackIsRefused) {
    begin(tail_of("0"));
    (void)answer(stream("s", {"2-0", "3-0"}));
    EXPECT_EQ(host.nack(1).error().code, Code::unsupported);
    ASSERT_TRUE(host.ack(1, {1}).ok());
    EXPECT_EQ(host.story(), lines({"acked 1: 1"}));
    EXPECT_EQ(host.ack(1, {1}).error().code, Code::not_held);
    ASSERT_TRUE(host.ack(1).ok());
    EXPECT_EQ(host.story(), lines({"acked 1: 0"}));
    EXPECT_EQ(host.ack(1).error().code, Code::not_held);
}

TEST_F(Tailing, PauseAndClose) {
    begin(tail_of("0"));
    ASSERT_TRUE(host.pause(source).ok());
    EXPECT_EQ(answer(stream("s", {"2-0"})), lines({"batch 1 by flush: 2-0"}));
    ASSERT_TRUE(host.resume(source).ok());
    EXPECT_NE(host.story().find("read: XREAD COUNT 5 BLOCK 2000 STREAMS s 2-0\n"), std::string::npos);
    ASSERT_TRUE(host.close(source).ok());
    EXPECT_EQ(host.story(), lines({"closed source, 0 held"}));
    EXPECT_EQ(answer(stream("s", {"3-0"})), "");
    host.release(1);
}

}  // namespace
}  // namespace millrace::test
