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

std::string info_of(std::string_view last_id) {
    return map({bulk("length"), integer(3), bulk("last-generated-id"), bulk(last_id), bulk("groups"), integer(0),
                bulk("first-entry"), entry("1-0")});
}

TEST_F(Tailing, FromNowBeginsAtTheLastIdTheServerGave) {
    begin(tail_of("new"));
    EXPECT_EQ(commands(), lines({"read: XINFO STREAM s"}));
    EXPECT_EQ(answer(info_of("7-3")), lines({ready, "read: XREAD COUNT 5 BLOCK 2000 STREAMS s 7-3"}));
    EXPECT_EQ(answer(stream("s", {"8-0", "9-0"})),
              lines({"batch 1 by flush: 8-0 9-0", "read: XREAD COUNT 5 BLOCK 2000 STREAMS s 9-0"}));
    EXPECT_EQ(answer(null()), lines({"read: XREAD COUNT 5 BLOCK 2000 STREAMS s 9-0"}));
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

TEST_F(Tailing, AfterAnIdAsksNothingFirst) {
    begin(tail_of("5-1"));
    EXPECT_NE(host.story().find(lines({ready, "read: XREAD COUNT 5 BLOCK 2000 STREAMS s 5-1"})), std::string::npos);
}

TEST_F(Tailing, TheLastNComeInTheirOrder) {
    begin(tail_of("last:3"));
    EXPECT_EQ(commands(), lines({"read: XREVRANGE s + - COUNT 3"}));
    EXPECT_EQ(answer(entries({"9-0", "8-0", "7-0"})),
              lines({"batch 1 by flush: 7-0 8-0 9-0", ready, "read: XREAD COUNT 5 BLOCK 2000 STREAMS s 9-0"}));
}

TEST_F(Tailing, TheLastNOfNothingBeginsAtZero) {
    begin(tail_of("last:3"));
    EXPECT_EQ(answer(array({})), lines({ready, "read: XREAD COUNT 5 BLOCK 2000 STREAMS s 0-0"}));
}

TEST_F(Tailing, TheLastNOfTwoStreams) {
    begin(tail_of("last:2", {"s", "t"}));
    EXPECT_EQ(commands(), lines({"read: XREVRANGE s + - COUNT 2"}));
    EXPECT_EQ(answer(entries({"9-0", "8-0"})), lines({"batch 1 by flush: 8-0 9-0", "read: XREVRANGE t + - COUNT 2"}));
    EXPECT_EQ(answer(entries({"4-0"})),
              lines({"batch 2 by flush: 4-0", ready, "read: XREAD COUNT 5 BLOCK 2000 STREAMS s t 9-0 4-0"}));
}

TEST_F(Tailing, OfTwoStreamsEachHasItsCursor) {
    begin(tail_of("1-0", {"s", "t"}));
    EXPECT_EQ(answer(map({bulk("t"), array({entry("3-0")}), bulk("s"), array({entry("2-0")})})),
              lines({"batch 1 by flush: t/3-0 s/2-0", "read: XREAD COUNT 5 BLOCK 2000 STREAMS s t 2-0 3-0"}));
}

TEST_F(Tailing, ABacklogIsReadWithoutBlock) {
    SourceConfig config = tail_of("1-0");
    config.prefetch = 7;
    begin(config);
    EXPECT_EQ(answer(stream("s", {"2-0", "3-0", "4-0", "5-0", "6-0"})),
              lines({"batch 1 by size: 2-0 3-0 4-0 5-0 6-0", "read: XREAD COUNT 2 STREAMS s 6-0"}));
    EXPECT_EQ(answer(stream("s", {"7-0", "8-0"})), lines({"batch 2 by flush: 7-0 8-0"}));  // full
    host.wait(10'000);
    EXPECT_EQ(host.story(), "");
    host.release(1);
    EXPECT_EQ(host.story(), lines({"read: XREAD COUNT 5 STREAMS s 8-0"}));
    EXPECT_EQ(answer(null()), lines({"read: XREAD COUNT 5 BLOCK 2000 STREAMS s 8-0"}));
}

TEST_F(Tailing, BatchesCanBeGathered) {
    SourceConfig config = tail_of("1-0");
    config.flush_interval = seconds(1);
    begin(config);
    EXPECT_EQ(answer(stream("s", {"2-0"})), lines({"read: XREAD COUNT 5 BLOCK 2000 STREAMS s 2-0"}));
    host.wait(999);
    EXPECT_EQ(answer(stream("s", {"3-0"})), lines({"read: XREAD COUNT 5 BLOCK 2000 STREAMS s 3-0"}));
    host.forget();
    host.wait(1);
    EXPECT_EQ(host.story(), lines({"batch 1 by flush: 2-0 3-0"}));
}

TEST_F(Tailing, AfterALostConnectionItGoesOnBehindWhatCame) {
    SourceConfig config = tail_of("1-0");
    config.flush_interval = seconds(1);
    begin(config);
    const std::string reply = stream("s", {"2-0", "3-0"});
    host.reply("read", reply.substr(0, reply.find("$3\r\n3-0")));
    host.lost("read");
    host.fire();
    host.forget();
    host.greet("read");
    EXPECT_EQ(host.story(), lines({"reconnected read after 1", "read: XREAD COUNT 5 BLOCK 2000 STREAMS s 2-0"}));
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
    const std::string reply = entries({"9-0", "8-0"});
    host.reply("read", reply.substr(0, reply.find("$3\r\n8-0")));
    host.lost("read");
    host.fire();
    host.forget();
    host.greet("read");
    EXPECT_EQ(host.story(), lines({"reconnected read after 1", "read: XREVRANGE s + - COUNT 3"}));
    EXPECT_EQ(answer(reply).substr(0, 30), "batch 1 by flush: 8-0 9-0\nread");
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

TEST_F(Tailing, AWaitDoesNotHoldUpAFlush) {
    SourceConfig config = tail_of("1-0");
    config.flush_interval = milliseconds(50);
    begin(config);
    (void)answer(stream("s", {"2-0"}));
    (void)answer(error("LOADING Redis is loading the dataset in memory"));
    host.forget();
    EXPECT_EQ(host.fire(), 50);
    EXPECT_EQ(host.story(), lines({"batch 1 by flush: 2-0"}));
    EXPECT_EQ(host.fire(), 50);
    EXPECT_EQ(host.story(), lines({"read: XREAD COUNT 5 BLOCK 2000 STREAMS s 2-0"}));
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
    begin(tail_of("1-0"));
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
    begin(tail_of("1-0"));
    ASSERT_TRUE(host.pause(source).ok());
    EXPECT_EQ(answer(stream("s", {"2-0"})), lines({"batch 1 by flush: 2-0"}));
    ASSERT_TRUE(host.resume(source).ok());
    EXPECT_EQ(host.story(), lines({"read: XREAD COUNT 5 BLOCK 2000 STREAMS s 2-0"}));
    ASSERT_TRUE(host.close(source).ok());
    EXPECT_EQ(host.story(), lines({"closed source, 0 held"}));
    EXPECT_EQ(answer(stream("s", {"3-0"})), "");
    host.release(1);
}

TEST_F(Tailing, ACloseInTheMiddleOfTheLastNHandsNothingOver) {
    begin(tail_of("last:3"));
    const std::string reply = entries({"9-0", "8-0"});
    const size_t half = reply.find("$3\r\n8-0");
    host.reply("read", reply.substr(0, half));
    host.forget();
    ASSERT_TRUE(host.close(source).ok());
    EXPECT_EQ(host.story(), lines({"closed source, 0 held"}));
    EXPECT_EQ(answer(reply.substr(half)), "");
}

TEST_F(Tailing, NorWithABatchOutThatIsNotReleased) {
    begin(tail_of("last:2", {"s", "t"}));
    (void)answer(entries({"9-0", "8-0"}));
    const std::string reply = entries({"5-0", "4-0"});
    const size_t half = reply.find("$3\r\n4-0");
    host.reply("read", reply.substr(0, half));
    ASSERT_TRUE(host.close(source).ok());
    EXPECT_EQ(answer(reply.substr(half)), "");
    host.release(1);
}

}  // namespace
}  // namespace millrace::test
