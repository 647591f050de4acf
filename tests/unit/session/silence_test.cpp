// REC-6: how long a server may be silent, and what is asked of one that has nothing to say. SEC-2: what ends a
// connection.
#include <gtest/gtest.h>

#include "support/scripted_host.hpp"

namespace millrace::test {
namespace {

constexpr const char* nothing_answered =
    "disconnected read timeout: timeout (localhost:6379 answers nothing) retryable";

TEST(Silence, AnIdleLaneIsAskedAfterAThirdOfTheHealthDeadline) {
    ScriptedHost host;
    host.answers_ping = false;
    consume(host);
    EXPECT_EQ(host.ms_to_timeout(), 4000);  // the read's
    host.reply("read", null());
    host.wait(3999);
    host.reply("read", null());
    host.forget();
    host.wait(1000);
    EXPECT_EQ(host.story(), "");
    host.wait(1);
    EXPECT_EQ(host.story(), lines({"control: PING"}));
}

TEST(Silence, APingWithoutAnAnswerEndsTheConnection) {
    ClientConfig config;
    config.health_deadline = seconds(3);
    ScriptedHost host(config);
    host.answers_ping = false;
    consume(host);
    host.wait(1000);
    EXPECT_EQ(host.story(), lines({"control: PING"}));
    host.wait(999);
    EXPECT_EQ(host.story(), "");
    host.wait(1);
    EXPECT_EQ(host.story(), lines({"disconnected control timeout: timeout (localhost:6379 answers nothing) retryable",
                                   "close control"}));
}

TEST(Silence, AnyAnswerToAPingShowsThatTheServerLives) {
    ClientConfig config;
    config.health_deadline = seconds(3);
    ScriptedHost host(config);
    host.answers_ping = false;
    consume(host);
    host.wait(1000);
    host.wait(500);
    host.forget();
    host.reply("control", error("NOPERM this user has no permissions to run the 'ping' command"));
    EXPECT_EQ(host.story(), "");
    host.wait(999);
    EXPECT_EQ(host.story(), "");
    host.wait(1);
    EXPECT_EQ(host.story(), lines({"control: PING"}));
}

TEST(Silence, ABlockedReadMayTakeItsBlockAndTheSlack) {
    ScriptedHost host;
    consume(host);
    host.wait(3999);
    EXPECT_EQ(host.story(), "");
    host.wait(1);
    EXPECT_EQ(host.story(), lines({nothing_answered, "close read"}));
}

TEST(Silence, EveryByteOfAReplyRestartsTheDeadline) {
    ScriptedHost host;
    consume(host);
    const std::string reply = stream("s", {"1-0"});
    for (size_t at = 0; at < 3; ++at) {
        host.wait(3999);
        host.reply("read", reply.substr(at, 1));
    }
    EXPECT_EQ(host.story(), "");
    host.wait(4000);
    EXPECT_EQ(host.story(), lines({nothing_answered, "close read"}));
}

TEST(Silence, AnotherReadBehindItHasItsTimeFromTheReplyBefore) {
    ScriptedHost host;
    consume(host);
    host.reply("read", stream("s", {"1-0", "2-0", "3-0", "4-0", "5-0"}));  // full: three reads without BLOCK
    host.forget();
    host.wait(1500);
    host.reply("read", null());
    host.wait(1999);
    EXPECT_EQ(host.story(), "");
    host.wait(1);
    EXPECT_EQ(host.story(), lines({nothing_answered, "close read"}));
}

TEST(Silence, AnAckMayTakeTheHealthDeadline) {
    ScriptedHost host;
    consume(host);
    host.reply("read", stream("s", {"1-0"}));
    host.wait(2000);
    ASSERT_TRUE(host.ack(1).ok());
    host.reply("read", null());
    for (int i = 0; i < 5; ++i) {
        host.wait(2900);
        host.reply("read", null());
    }
    host.forget();
    host.wait(499);
    EXPECT_EQ(host.story(), "");
    host.wait(1);
    EXPECT_EQ(host.story(),
              lines({"disconnected control timeout: timeout (localhost:6379 answers nothing) retryable",
                     "close control", "read: XACK s g 1-0"}));  // there is nothing better than behind the block
}

TEST(Garbage, EndsTheConnectionAndNotTheProcess) {
    for (const char* bytes :
         {"HTTP/1.1 400 Bad Request\r\n\r\n", "*3\r\n$-7\r\n", "$99999999999999999999\r\n", "!\r\n\r\n"}) {
        ScriptedHost host;
        consume(host);
        host.reply("read", bytes);
        const std::string told = host.story();
        EXPECT_EQ(told.find("disconnected read dropped: protocol (localhost:6379: "), 0U) << bytes << told;
        EXPECT_NE(told.find("close read"), std::string::npos);
        EXPECT_EQ(host.fire(), 100) << bytes;
    }
}

TEST(Garbage, AReplyThatNothingAskedForEndsTheConnection) {
    ScriptedHost host;
    consume(host);
    host.reply("control", ok());
    EXPECT_EQ(host.story(), lines({"disconnected control dropped: protocol (a reply that nothing asked for) retryable",
                                   "close control"}));
}

TEST(Garbage, AnErrorThatNothingAskedForSaysWhyTheServerCloses) {
    ScriptedHost host;
    consume(host);
    host.reply("control", error("ERR max number of clients reached"));
    EXPECT_EQ(host.story(),
              lines({"disconnected control dropped: server_busy (ERR max number of clients reached) retryable",
                     "close control"}));
}

/// Of an entry it is no garbage (BP-3: too_large_test.cpp).
TEST(Garbage, AValueOfMegabytesThatIsOfNoEntryEndsTheConnection) {
    ClientConfig config;
    config.max_message_bytes = 1024;
    ScriptedHost host(config);
    consume(host);
    host.reply("read", "%1\r\n$16777217\r\n");
    EXPECT_EQ(host.story().find("disconnected read dropped: too_large ("), 0U);
}

/// However small the messages are that are wanted, servers answer to INFO and XPENDING at length.
TEST(SmallMessages, DoNotForbidTheServersAnswers) {
    ClientConfig client;
    client.max_message_bytes = 1024;
    ScriptedHost host(client);
    host.open(source_of());
    host.connected("read");
    host.reply("read", hello(3, 7));
    host.reply(
        "read",
        verbatim("# Server\r\nredis_version:7.0.15\r\nrun_id:run-a\r\nexecutable:" + std::string(3000, 'x') + "\r\n"));
    host.reply("read", error("BUSYGROUP Consumer Group name already exists"));
    host.reply("read", groups("9-0"));
    host.reply("read", pending_summary(100, "1-0", "100-0"));
    Items rows;
    for (int i = 1; i <= 20; ++i) rows.push_back(pending(std::to_string(i) + "-0", std::string(100, 'c'), 1000, 1));
    host.forget();
    host.reply("read", array(rows));
    EXPECT_EQ(host.story(), lines({"read: XREADGROUP GROUP g c COUNT 20 STREAMS s 0-0"}));
}

/// What is asked for is no more than max_elements allows: else the connection would be given up over each answer.
TEST(FewElements, BoundWhatIsAskedFor) {
    ClientConfig client;
    client.max_elements = 1024;
    SourceConfig config = source_of();
    config.batch_size = config.prefetch.emplace(400);
    ScriptedHost host(client);
    consume_again(host, config);
    Items rows;
    for (int i = 1; i <= 128; ++i) rows.push_back(pending(std::to_string(i) + "-0", "c", 1000, 1));
    host.forget();
    host.reply("read", array(rows));
    EXPECT_EQ(host.story(), lines({"read: XREADGROUP GROUP g c COUNT 128 STREAMS s 0-0"}));
    ScriptedHost other(client);
    other.open(config);
    other.greet("read");
    other.forget();
    other.reply("read", ok());
    EXPECT_NE(other.story().find("XREADGROUP GROUP g c COUNT 128 BLOCK 2000 STREAMS s >"), std::string::npos);
    EXPECT_EQ(other.story(), "");
}

TEST(Garbage, WhatFollowsABrokenReplyIsNotRead) {
    ScriptedHost host;
    consume(host);
    host.reply("read", "?garbage\r\n" + stream("s", {"1-0"}));
    EXPECT_EQ(host.story().find("batch"), std::string::npos);
    EXPECT_EQ(host.batches(), 0U);
}

TEST(Garbage, EntriesThatCameWholeBeforeItCount) {
    ScriptedHost host;
    consume(host);
    const std::string reply = stream("s", {"1-0", "2-0"});
    host.reply("read", reply.substr(0, reply.find("$3\r\n2-0")) + "?");
    host.forget();
    host.wait(2000);
    EXPECT_NE(host.story().find("batch 1 by flush: 1-0\n"), std::string::npos);
}

}  // namespace
}  // namespace millrace::test
