// What no part of a consumer owns alone: a connection that goes while a command is out which moves entries, a source
// that ends while others of its commands are refused, and an entry that two parts know of.
#include <gtest/gtest.h>

#include <functional>

#include "consumer/lost_group_answers.hpp"
#include "support/scripted_host.hpp"

namespace millrace::test {
namespace {

SourceConfig calm() {
    SourceConfig config = source_of();
    config.flush_interval = Duration{};
    config.claim_min_idle = seconds(10);
    config.claim_interval = seconds(3600);
    return config;
}

/// Two entries are with the application; nothing is out, and nothing more is read.
struct Interplay : ::testing::Test {
    Interplay() { begin(calm()); }
    void begin(const SourceConfig& config) {
        source = consume(host, config);
        EXPECT_TRUE(host.pause(source).ok());
        host.reply("read", stream("s", {"1-0", "2-0"}));
        host.forget();
    }
    /// Loses the lane; whether its next connection begins by killing the one before.
    bool kills(const std::string& lane) {
        host.forget();
        host.lost(lane);
        host.fire();
        host.greet(lane);
        return host.story().find(lane + ": CLIENT KILL ID ") != std::string::npos;
    }
    ScriptedHost host;
    SourceId source{};
};

/// REC-6: executed late, from the old socket, it would take what another has by then.
TEST_F(Interplay, AHeartbeatWithoutAnAnswerIsKilledWithItsConnection) {
    host.wait(5000);
    EXPECT_EQ(host.story(), lines({"read: XCLAIM s g c 4750 1-0 2-0 JUSTID"}));
    EXPECT_TRUE(kills("read"));
}

TEST_F(Interplay, ANackedEntrysClaimWithoutAnAnswerIsKilledWithItsConnection) {
    host.wait(100);
    ASSERT_TRUE(host.nack(1, {0}, Duration{}).ok());
    EXPECT_EQ(host.story(), lines({"read: XCLAIM s g c 95 1-0"}));
    EXPECT_TRUE(kills("read"));
}

TEST_F(Interplay, AReleaseWithoutAnAnswerIsKilledWithItsConnection) {
    host.wait(100);
    ASSERT_TRUE(host.give_back(1, {0}).ok());
    EXPECT_EQ(host.story(), lines({"read: XCLAIM s g c 95 1-0 IDLE 10000 JUSTID"}));
    EXPECT_TRUE(kills("read"));
}

TEST_F(Interplay, ARestoreOfCountsWithoutAnAnswerIsKilledWithItsConnection) {
    EXPECT_FALSE(kills("read"));
    ASSERT_TRUE(host.resume(source).ok());
    host.reply("read", array({pending("1-0", "c", 50, 1), pending("2-0", "c", 50, 1)}));
    host.forget();
    host.reply("read", stream("s", {"1-0", "2-0"}));
    EXPECT_EQ(host.story(),
              lines({"read: XCLAIM s g c 0 1-0 2-0 RETRYCOUNT 1 JUSTID", "read: XPENDING s g 2-1 + 18 c"}));
    EXPECT_TRUE(kills("read"));
}

/// By XAUTOCLAIM, and by the XCLAIM that brings what was listed.
TEST(InterplayOfASweep, WithoutAnAnswerIsKilledWithItsConnection) {
    for (const bool is_listed : {false, true}) {
        ScriptedHost host;
        host.server.version = is_listed ? "6.0.16" : "7.0.15";
        SourceConfig config = source_of();
        config.claim_interval = seconds(1);
        consume(host, config);
        host.forget();
        host.wait(1000);
        host.reply("control", groups("0-0"));
        host.reply("control", pending_summary(0));
        if (is_listed) host.reply("control", array({pending("1-0", "dead", 70'000, 1)}));
        EXPECT_NE(host.story().find(is_listed ? "XCLAIM s g c 60000 1-0" : "XAUTOCLAIM"), std::string::npos);
        host.lost("control");
        host.fire();
        host.greet("control");
        EXPECT_NE(host.story().find("control: CLIENT KILL ID "), std::string::npos) << is_listed;
    }
}

/// A heartbeat has found it with another, but it is the nack's to tell, when its time has come.
TEST_F(Interplay, ANackedEntryThatAnotherTookIsToldLostOnce) {
    ASSERT_TRUE(host.nack(1, {0}, seconds(7)).ok());
    host.wait(5000);
    host.reply("read", array({bulk("2-0")}));
    host.forget();
    host.reply("read", array({pending("1-0", "another", 50, 2)}));
    EXPECT_EQ(host.story(), "");
    host.wait(2000);
    EXPECT_EQ(host.story(), lines({"read: XCLAIM s g c 6650 1-0"}));
    host.reply("read", array({}));
    EXPECT_EQ(host.story(), lines({"read: XPENDING s g 1-0 1-0 1"}));
    host.reply("read", array({pending("1-0", "another", 2050, 2)}));
    EXPECT_EQ(host.story(), lines({"lost s: 1-0"}));
    ASSERT_TRUE(host.ack(1).ok());
    EXPECT_EQ(host.story(), lines({"read: XACK s g 2-0"}));
}

/// The group is not made again by a source that ends, so nothing that needs it may wait for it.
TEST_F(Interplay, ADeadLetterWithoutAGroupDoesNotHoldUpAClose) {
    ASSERT_TRUE(host.reject(1, {}, "e").ok());
    ASSERT_TRUE(host.close(source).ok());
    host.forget();
    host.reply("read", error("NOGROUP No such key 's' or consumer group 'g'"));
    host.reply("read", error("NOGROUP No such key 's' or consumer group 'g'"));
    EXPECT_TRUE(host.story().ends_with("closed source, 2 held\n"));
}

TEST_F(Interplay, AnAckWithoutAGroupDoesNotHoldUpAClose) {
    ASSERT_TRUE(host.ack(1, {0}).ok());
    ASSERT_TRUE(host.close(source).ok());
    host.forget();
    host.reply("read", error("NOGROUP No such key or consumer group"));
    EXPECT_EQ(host.story(), lines({"closed source, 2 held"}));
}

TEST_F(Interplay, AnAckThatEndedItsSourceDoesNotHoldUpAClose) {
    ASSERT_TRUE(host.ack(1, {0}).ok());
    host.reply("read", error("WRONGTYPE Operation against a key holding the wrong kind of value"));
    host.wait(1000);
    host.forget();
    ASSERT_TRUE(host.close(source).ok());
    EXPECT_EQ(host.story(), lines({"closed source, 2 held"}));
}

/// What the sweep's XAUTOCLAIM has made ours is given back, though nobody has counted it yet.
TEST(InterplayOfADrain, GivesBackWhatXautoclaimBringsToo) {
    ScriptedHost host;
    consume_again(host);
    host.reply("read", array({}));
    ASSERT_TRUE(host.drain(seconds(5)).ok());
    host.forget();
    host.reply("read", array({bulk("0-0"), array({bulk("1-0"), bulk("2-0")}), array({})}));
    EXPECT_EQ(host.story(), lines({"control: XCLAIM s g c 0 1-0 2-0 IDLE 60000 JUSTID"}));
}

TEST(InterplayOfADrain, DoesNotEndBeforeXautoclaimIsAnswered) {
    ScriptedHost host;
    SourceConfig config = source_of();
    config.claim_interval = seconds(1);
    consume(host, config);
    host.wait(1000);
    host.reply("control", groups("0-0"));
    host.reply("control", pending_summary(0));
    ASSERT_TRUE(host.drain(seconds(5)).ok());
    host.reply("read", null());
    EXPECT_EQ(host.story().find("closed"), std::string::npos);
    host.reply("control", array({bulk("0-0"), array({bulk("1-0")}), array({})}));
    host.reply("control", integer(0));  // to CLIENT UNBLOCK
    EXPECT_NE(host.story().find("XCLAIM s g c 0 1-0 IDLE 60000 JUSTID"), std::string::npos);
}

TEST(InterplayOfASweep, ThatIsRefusedForAWhileStaysOnItsRung) {
    ScriptedHost host;
    consume_again(host);
    host.reply("read", array({}));
    host.reply("read", error("BUSY Redis is busy running a script"));
    host.forget();
    EXPECT_EQ(host.fire(), 100);
    EXPECT_EQ(host.story(), lines({"control: XAUTOCLAIM s g c 60000 0-0 COUNT 15 JUSTID"}));
}

/// DUP-2: nobody has the id in hand any more, so its next entry must not wait for what becomes of the lost one.
TEST(InterplayOfDedupe, AStreamThatIsMadeAnewHasNothingInHand) {
    ScriptedHost host;
    SourceConfig config = calm();
    config.dedupe = DedupeMode::memory;
    config.id_field = "f";
    consume(host, config);
    host.reply("read", stream_of("s", {entry("1-0", "a"), entry("2-0", "a")}));
    host.reply("read", no_group);
    host.forget();
    host.reply("read", error("ERR no such key"));
    EXPECT_EQ(host.story(), lines({"lost s: 1-0 2-0", "read: XGROUP CREATE s g 0 MKSTREAM"}));
    host.reply("read", ok());
    host.forget();
    host.reply("read", stream_of("s", {entry("5-0", "a")}));
    EXPECT_TRUE(host.story().starts_with("batch 2 by flush: 5-0"));
}

/// An ack, a nack and a reject are under way when the key is found gone: what is answered concerns nobody, and takes no
/// room of what comes.
TEST(InterplayOfALostStream, AnswersAboutTheOldOneSayNothingOfTheNew) {
    ScriptedHost host;
    SourceConfig config = calm();
    config.prefetch = 5;
    consume(host, config);
    host.reply("read", stream("s", {"1-0", "2-0", "3-0"}));
    ASSERT_TRUE(host.ack(1, {0}).ok());
    ASSERT_TRUE(host.nack(1, {1}, Duration{}).ok());
    ASSERT_TRUE(host.reject(1, {2}, "e").ok());
    host.reply("read", no_group);
    host.forget();
    host.reply("read", error("ERR no such key"));
    EXPECT_EQ(host.story(), lines({"lost s: 1-0 2-0 3-0", "read: XGROUP CREATE s g 0 MKSTREAM"}));
    host.reply("read", ok());
    host.reply("read", stream("s", {"1-0", "2-0", "3-0"}));
    host.forget();
    host.reply("control", integer(1));
    host.reply("control", entries({"2-0"}));
    host.reply("control", array({bulk("not_ours")}));
    EXPECT_EQ(host.story(), "");
    host.reply("read", null());
    EXPECT_EQ(host.story(), lines({"read: XREADGROUP GROUP g c COUNT 2 BLOCK 2000 STREAMS s >"}));
    ASSERT_TRUE(host.ack(2).ok());
    EXPECT_EQ(host.story(), lines({"control: XACK s g 1-0 2-0 3-0"}));
}

/// REC-1: the second one's recovery would bring what the first one has in hand.
TEST_F(Interplay, TwoSourcesOfOneNameAreRefused) {
    const auto refusal = [this](const SourceConfig& config) {
        const Result<SourceId> opened = host.machine.open(config, host.now());
        return opened.ok() ? std::string() : opened.error().message;
    };
    SourceConfig other = source_of({"t", "s"});
    EXPECT_NE(refusal(other).find("give each its own"), std::string::npos);
    other.consumer = "d";
    EXPECT_EQ(refusal(other), "");
    EXPECT_NE(refusal(other), "");
    other.group = "h";
    EXPECT_EQ(refusal(other), "");
    EXPECT_EQ(refusal(source_of({"t"})), "");
    SourceConfig leased = source_of();
    leased.consumer_lease = true;
    EXPECT_EQ(refusal(leased), "");
    SourceConfig found = source_of({});
    found.pattern = "s*";
    EXPECT_EQ(refusal(found), "");
    EXPECT_NE(refusal(found), "");
    ASSERT_TRUE(host.machine.close(source, host.now()).ok());
    EXPECT_EQ(refusal(source_of()), "");
}

}  // namespace
}  // namespace millrace::test
