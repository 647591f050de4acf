// OBS-2: what health says while the server talks, falls silent, and is asked for the group's figures.
#include <gtest/gtest.h>

#include "support/scripted_host.hpp"

namespace millrace::test {
namespace {

/// XINFO GROUPS as 7.0 answers it.
std::string groups_with_lag(int64_t lag) {
    return array(
        {map({bulk("name"), bulk("g"), bulk("consumers"), integer(1), bulk("pending"), integer(2),
              bulk("last-delivered-id"), bulk("9-0"), bulk("entries-read"), integer(9), bulk("lag"), integer(lag)})});
}

struct HealthOf : ::testing::Test {
    HealthOf() { source = consume(host); }
    Health now() { return std::move(host.machine.health(source, host.now())).value(); }
    void look() {
        EXPECT_TRUE(host.machine.look(source, host.now()).ok());
        host.settle();
    }
    ScriptedHost host;
    SourceId source{};
};

TEST_F(HealthOf, ASourceThatReadsIsGood) {
    const Health health = now();
    EXPECT_TRUE(health.healthy);
    EXPECT_EQ(health.error, "");
    EXPECT_EQ(health.mode, Delivery::streams);
    EXPECT_EQ(health.group, "g");
    EXPECT_EQ(health.consumer, "c");
    EXPECT_EQ(health.since_looked, std::nullopt);
    EXPECT_EQ(health.pending, std::nullopt);
}

TEST_F(HealthOf, ASilentServerTurnsBadAfterTheDeadline) {
    host.answers_ping = false;
    host.oversleep(15'000);
    EXPECT_TRUE(now().healthy);
    host.oversleep(100);
    EXPECT_FALSE(now().healthy);
    EXPECT_EQ(now().error, "the server was last heard 15.1 s ago");
    EXPECT_EQ(now().since_heard, milliseconds(15'100));
}

/// A stopped server's kernel still accepts connections: that is no sign of life.
TEST_F(HealthOf, AConnectionThatIsMerelyAcceptedDoesNotHelp) {
    host.answers_ping = false;
    host.lost("read");
    host.wait(100);
    host.connected("read");
    host.oversleep(15'001);
    EXPECT_FALSE(now().healthy);
}

TEST_F(HealthOf, ItIsGoodAgainOnceTheServerSpeaks) {
    host.answers_ping = false;
    host.oversleep(20'000);
    EXPECT_FALSE(now().healthy);
    host.wait(200);
    host.greet("read");
    EXPECT_TRUE(now().healthy);
}

TEST_F(HealthOf, ALookAsksForTheFiguresAtOnce) {
    host.forget();
    look();
    EXPECT_EQ(host.story(), lines({"control: XLEN s", "control: XINFO GROUPS s", "control: XPENDING s g"}));
    host.reply("control", integer(12));
    host.reply("control", groups_with_lag(3));
    host.machine.handle_wall_clock(WallTime{1'800'000'060'000'000}, host.now());
    host.reply("control", pending_summary(2, "1800000000000-0", "1800000000001-0"));
    const Health health = now();
    EXPECT_EQ(health.stream_length, 12U);
    EXPECT_EQ(health.lag, 3U);
    EXPECT_EQ(health.pending, 2U);
    EXPECT_EQ(health.oldest_pending, seconds(60));
    EXPECT_EQ(health.since_looked, Duration{});
}

/// What is younger than a question was told because of it: a host waits for that.
TEST_F(HealthOf, ALookIsAsOldAsItsQuestion) {
    look();
    host.wait(5);
    host.reply("control", integer(12));
    host.reply("control", groups("9-0"));
    host.reply("control", pending_summary(2, "5-0", "7-0"));
    EXPECT_EQ(now().since_looked, milliseconds(5));
}

/// Whoever looks first looks while the group is being made: it was forgotten then, and the next one an interval off.
TEST(HealthOfOneThatBegins, ALookIsTakenOnceTheGroupIsMade) {
    ScriptedHost host;
    const SourceId source = host.open(source_of());
    host.greet("read");
    host.greet("control");
    host.forget();
    EXPECT_TRUE(host.machine.look(source, host.now()).ok());
    host.settle();
    EXPECT_EQ(host.story(), "");
    host.reply("read", ok());
    EXPECT_EQ(host.story(), lines({"ready streams consumer=c resp3 7.0.15", "read: XLEN s", "read: XINFO GROUPS s",
                                   "read: XPENDING s g", "read: XREADGROUP GROUP g c COUNT 5 BLOCK 2000 STREAMS s >"}));
}

TEST_F(HealthOf, ALookAtAGroupThatIsMadeAgainIsTakenThen) {
    host.reply("read", error("NOGROUP No such key 's' or consumer group 'g' in XREADGROUP with GROUP option"));
    look();
    host.reply("read", map({bulk("last-generated-id"), bulk("12-0")}));
    host.forget();
    host.reply("read", ok());
    EXPECT_EQ(host.story(), lines({"group recreated s from 0-0", "read: XLEN s", "read: XINFO GROUPS s",
                                   "read: XPENDING s g", "read: XREADGROUP GROUP g c COUNT 5 BLOCK 2000 STREAMS s >"}));
}

/// Up to 6.2 servers tell no lag; and an id that is a counter tells no age.
TEST_F(HealthOf, WhatTheServerDoesNotTellIsLeftOut) {
    look();
    host.reply("control", integer(12));
    host.reply("control", groups("9-0"));
    host.reply("control", pending_summary(2, "5-0", "7-0"));
    const Health health = now();
    EXPECT_EQ(health.lag, std::nullopt);
    EXPECT_EQ(health.oldest_pending, std::nullopt);
    EXPECT_EQ(health.pending, 2U);
}

TEST_F(HealthOf, ASourceThatHasEndedSaysWhy) {
    host.reply("read", error("NOPERM this user has no permissions to run the 'xreadgroup' command"));
    const Health health = now();
    EXPECT_FALSE(health.healthy);
    EXPECT_NE(health.error.find("the source has ended: XREADGROUP s g: NOPERM"), std::string::npos) << health.error;
}

TEST(Health, OfAServerThatWasNeverHeardIsBad) {
    ScriptedHost host;
    const SourceId source = host.open(source_of());
    const Health health = std::move(host.machine.health(source, host.now())).value();
    EXPECT_FALSE(health.healthy);
    EXPECT_EQ(health.error, "the server was never heard");
    EXPECT_EQ(health.mode, std::nullopt);
}

TEST(Health, OfNoSourceIsAnError) {
    ScriptedHost host;
    const Result<Health> health = host.machine.health(SourceId{7}, host.now());
    ASSERT_FALSE(health.ok());
    EXPECT_EQ(health.error().code, Code::closed);
}

}  // namespace
}  // namespace millrace::test
