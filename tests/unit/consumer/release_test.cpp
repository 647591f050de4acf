// ACK-4: entries are released to others by XNACK where the server has it, else by making them look idle; and DET-6:
// what the server refuses is done one rung lower. No server at hand has XNACK (Redis 8.8), so its answers are scripted.
#include <gtest/gtest.h>

#include "command/scripts.hpp"
#include "support/scripted_host.hpp"

namespace millrace::test {
namespace {

std::string release_of(const std::string& lane, const std::string& ids) {
    return lane + ": EVALSHA " + std::string(script(ScriptId::release).sha1) + " 1 s g c " + ids;
}

/// A batch of three is with the application for half a second, and a read blocks.
struct Releasing : ::testing::Test {
    void begin(const std::string& version) {
        host.server.version = version;
        source = consume(host);
        host.reply("read", stream("s", {"1-0", "2-0", "3-0"}));
        host.wait(2000);
        host.forget();
    }
    ScriptedHost host;
    SourceId source{};
};

TEST_F(Releasing, MakesEntriesLookIdleBefore88) {
    begin("8.6.3");
    ASSERT_TRUE(host.give_back(1, {1}).ok());
    EXPECT_EQ(host.story(), lines({"control: XCLAIM s g c 1900 2-0 IDLE 60000 JUSTID"}));
    host.reply("control", array({bulk("2-0")}));
    EXPECT_EQ(host.story(), "");
    EXPECT_EQ(host.ack(1, {1}).error().code, Code::not_held);
    ASSERT_TRUE(host.ack(1).ok());
    EXPECT_EQ(host.story(), lines({"control: XACK s g 1-0 3-0"})) << "the others are still ours";
}

TEST_F(Releasing, IsXnackByAScriptThatLooksWhoseTheyAre) {
    begin("8.8.0");
    ASSERT_TRUE(host.give_back(1, {1}).ok());
    EXPECT_EQ(host.story(), lines({release_of("control", "2-0")}));
    host.reply("control", error("NOSCRIPT No matching script. Please use EVAL."));
    const std::string story = host.story();
    EXPECT_TRUE(story.starts_with("control: EVAL ")) << story;
    EXPECT_TRUE(story.ends_with(" 1 s g c 2-0\n")) << story;
    host.reply("control", integer(1));
    EXPECT_EQ(host.story(), "");
    EXPECT_EQ(host.ack(1, {1}).error().code, Code::not_held);
}

TEST_F(Releasing, ADrainDoesItToo) {
    begin("8.8.0");
    host.reply("read", stream("s", {"4-0", "5-0"}));
    host.forget();
    ASSERT_TRUE(host.drain(seconds(5), true).ok());
    EXPECT_EQ(host.story(), lines({release_of("control", "4-0 5-0"), "control: CLIENT UNBLOCK 7"}));
    host.reply("control", integer(2));
    host.reply("control", integer(1));
    host.reply("read", null());
    ASSERT_TRUE(host.ack(1).ok());
    host.forget();
    host.reply("read", integer(3));
    EXPECT_EQ(host.story(), lines({"acked 1: 0 1 2", "closed all, 0 held", "close read", "close control"}));
}

/// A lost answer is asked for again: by a script that looks first that harms nobody.
TEST_F(Releasing, IsSentAgainAfterALostAnswer) {
    begin("8.8.0");
    ASSERT_TRUE(host.give_back(1, {1}).ok());
    host.lost("control");
    host.wait(100);
    EXPECT_NE(host.story().find(release_of("read", "2-0")), std::string::npos);
}

/// Without the script it is found out first: who claimed the entry since would lose it again.
TEST_F(Releasing, IsNotSentAgainUnseenBefore88) {
    begin("8.6.3");
    ASSERT_TRUE(host.give_back(1, {0, 1}).ok());
    host.forget();
    host.lost("control");
    EXPECT_EQ(host.story(), lines({"disconnected control reset: connection (localhost:6379: reset) retryable",
                                   "read: XPENDING s g 1-0 1-0 1", "read: XPENDING s g 2-0 2-0 1"}));
    host.reply("read", null());
    host.forget();
    host.reply("read", array({pending("1-0", "another", 50, 2)}));
    EXPECT_EQ(host.story(), "") << "it is where it was to go";
    EXPECT_EQ(host.ack(1, {0}).error().code, Code::not_held);
    host.reply("read", array({pending("2-0", "c", 2000, 1)}));
    EXPECT_EQ(host.story(), lines({"read: XCLAIM s g c 1900 2-0 IDLE 60000 JUSTID"}));
}

struct Refused : Releasing, ::testing::WithParamInterface<const char*> {};

TEST_P(Refused, TheNextRungDoesTheSame) {
    begin("8.8.0");
    ASSERT_TRUE(host.give_back(1, {0}).ok());
    host.forget();
    host.reply("control", error(GetParam()));
    EXPECT_EQ(host.story(), lines({"control: XCLAIM s g c 1900 1-0 IDLE 60000 JUSTID"}));
    host.reply("control", array({bulk("1-0")}));
    ASSERT_TRUE(host.give_back(1, {1}).ok());
    EXPECT_EQ(host.story(), lines({"control: XCLAIM s g c 1900 2-0 IDLE 60000 JUSTID"})) << "for good";
}

INSTANTIATE_TEST_SUITE_P(Shapes, Refused,
                         ::testing::Values("ERR Unknown Redis command called from script script: f, on @user_script:5.",
                                           "ERR unknown command 'EVALSHA', with args beginning with: ",
                                           "ERR syntax error",
                                           "ERR Invalid stream ID specified as stream command argument",
                                           "NOPERM this user has no permissions to run the 'evalsha' command"));

TEST(ReleaseOfATail, MakesNoSense) {
    ScriptedHost host;
    host.open(tail_of("0"));
    host.greet("read");
    host.reply("read", stream("s", {"1-0"}));
    ASSERT_EQ(host.batches(), 1U);
    EXPECT_EQ(host.give_back(1).error().code, Code::unsupported);
}

}  // namespace
}  // namespace millrace::test
