// ACK-4: a nacked entry stays pending, comes again after its delay, and the server counts that.
#include <gtest/gtest.h>

#include "consumer/redelivery.hpp"
#include "support/scripted_host.hpp"

namespace millrace::test {
namespace {

/// A batch of five was handed over at the start of the story, and a read without end blocks the read lane.
struct Scene {
    Scene() {
        SourceConfig config = source_of();
        config.prefetch = 20;
        config.flush_interval = milliseconds(10);
        source = consume(host, config);
        host.reply("read", stream("s", {"1-0", "2-0"}));
        host.wait(10);
        host.forget();
    }
    /// Time passes while empty reads go on.
    void wait(int64_t ms) {
        for (; ms > 1000; ms -= 1000) {
            host.wait(1000);
            host.reply("read", null());
        }
        host.wait(ms);
        host.reply("read", null());
        host.wait(0);
    }
    /// What was sent and told, without the reads of new entries.
    std::string story() {
        std::string all = host.story();
        std::string kept;
        while (!all.empty()) {
            const size_t end = all.find('\n') + 1;
            if (all.find("XREADGROUP") > end) kept += all.substr(0, end);
            all.erase(0, end);
        }
        return kept;
    }
    ScriptedHost host;
    SourceId source{};
};

struct Nack : ::testing::Test, Scene {};

TEST_F(Nack, ComesAgainAfterTheDelayWithOneMoreDelivery) {
    ASSERT_TRUE(host.nack(1, {0}, seconds(1)).ok());
    EXPECT_EQ(story(), "");
    wait(999);
    EXPECT_EQ(story(), "");
    wait(1);
    // 1,010 ms after it was read, less a twentieth: nobody else can have touched it (REC-3).
    EXPECT_EQ(story(), lines({"control: XCLAIM s g c 959 1-0"}));
    host.reply("control", entries({"1-0"}));
    EXPECT_EQ(story(), lines({"batch 2 by recovery: 1-0(x2)"}));
    ASSERT_TRUE(host.ack(2).ok());
    EXPECT_EQ(story(), lines({"control: XACK s g 1-0"}));
    host.reply("control", integer(1));
    EXPECT_EQ(story(), lines({"acked 2: 0"}));
    EXPECT_EQ(host.ack(1, {0}).error().code, Code::not_held);
    ASSERT_TRUE(host.ack(1, {1}).ok());
}

/// No clock reaches the end of such a delay, and adding it to one overflows.
TEST_F(Nack, MayBeForEver) {
    ASSERT_TRUE(host.nack(1, {0}, Duration{INT64_MAX}).ok());
    wait(5000);
    EXPECT_EQ(story(), "");
}

TEST_F(Nack, WithoutADelayWaitsLongerWithEachDelivery) {
    ASSERT_TRUE(host.nack(1, {0}).ok());
    wait(99);
    EXPECT_EQ(story(), "");
    wait(1);
    EXPECT_EQ(story(), lines({"control: XCLAIM s g c 104 1-0"}));
    host.reply("control", entries({"1-0"}));
    ASSERT_TRUE(host.nack(2).ok());
    host.forget();
    wait(199);
    EXPECT_EQ(story(), "");
    wait(1);
    EXPECT_EQ(story(), lines({"control: XCLAIM s g c 190 1-0"}));
    host.reply("control", entries({"1-0"}));
    EXPECT_EQ(story(), lines({"batch 3 by recovery: 1-0(x3)"}));
}

TEST_F(Nack, SeveralThatAreDueTogetherComeInOneBatch) {
    ASSERT_TRUE(host.nack(1, {}, milliseconds(100)).ok());
    wait(100);
    EXPECT_EQ(story(), lines({"control: XCLAIM s g c 104 1-0", "control: XCLAIM s g c 104 2-0"}));
    host.reply("control", entries({"1-0"}));
    EXPECT_EQ(story(), "");
    host.reply("control", entries({"2-0"}));
    EXPECT_EQ(story(), lines({"batch 2 by recovery: 1-0(x2) 2-0(x2)"}));
}

TEST_F(Nack, WithoutAnyDelayIsClaimedAtOnce) {
    ASSERT_TRUE(host.nack(1, {1}, Duration{}).ok());
    EXPECT_EQ(story(), lines({"control: XCLAIM s g c 9 2-0"}));
    EXPECT_EQ(host.nack(1, {0}, Duration{-1}).error().code, Code::bad_argument);
}

TEST_F(Nack, OfWhatIsNotHeldIsAnErrorAndChangesNothing) {
    ASSERT_TRUE(host.ack(1, {0}).ok());
    host.forget();
    EXPECT_EQ(host.nack(1, {0}).error().code, Code::not_held);
    EXPECT_EQ(host.nack(1, {5}).error().code, Code::bad_argument);
    ASSERT_TRUE(host.nack(1, {1}, milliseconds(100)).ok());
    EXPECT_EQ(host.nack(1, {1}).error().code, Code::not_held);
    EXPECT_EQ(host.ack(1, {1}).error().code, Code::not_held);
    EXPECT_EQ(host.nack(9).error().code, Code::not_held);
    wait(100);
    EXPECT_EQ(story(), lines({"control: XCLAIM s g c 104 2-0"}));
}

TEST_F(Nack, WhoseClaimBringsNothingAsksWhoHasIt) {
    ASSERT_TRUE(host.nack(1, {}, milliseconds(100)).ok());
    wait(100);
    host.forget();
    host.reply("control", array({}));
    EXPECT_EQ(story(), lines({"control: XPENDING s g 1-0 1-0 1"}));
    host.reply("control", array({}));
    EXPECT_EQ(story(), lines({"control: XPENDING s g 2-0 2-0 1"}));
    host.reply("control", array({pending("1-0", "another", 50, 3)}));
    EXPECT_EQ(story(), lines({"lost s: 1-0"}));
    EXPECT_EQ(host.ack(1, {0}).error().code, Code::lost);
    // Ours, and idle for less than was asked: an earlier claim had gone through unheard, and had counted.
    host.reply("control", array({pending("2-0", "c", 60, 2)}));
    EXPECT_EQ(story(), lines({"control: XCLAIM s g c 57 2-0"}));
    host.reply("control", entries({"2-0"}));
    EXPECT_EQ(story(), lines({"batch 2 by recovery: 2-0(x3)"}));
}

TEST_F(Nack, OfAnEntryThatIsGoneIsLost) {
    ASSERT_TRUE(host.nack(1, {0}, milliseconds(100)).ok());
    wait(100);
    host.reply("control", array({}));
    host.forget();
    host.reply("control", array({}));
    EXPECT_EQ(story(), lines({"lost s: 1-0"}));
}

TEST(NackShapes, OfADeletedEntryIsAckedAway) {
    for (const std::string& shape : {array({null_bulk()}), array({null_array()}), array({deleted("1-0")})}) {
        Scene other;
        ASSERT_TRUE(other.host.nack(1, {0}, milliseconds(100)).ok());
        other.wait(100);
        other.host.forget();
        other.host.reply("control", shape);
        EXPECT_EQ(other.story(), lines({"log info: A pending entry was deleted from its stream; acked away. stream=s "
                                        "id=1-0",
                                        "control: XACK s g 1-0"}))
            << shape;
        other.host.reply("control", integer(1));
        EXPECT_EQ(other.story(), "");
        ASSERT_TRUE(other.host.close(other.source).ok());
        other.host.forget();
        other.host.reply("read", null());
        EXPECT_EQ(other.story(), lines({"closed source, 1 held"}));
    }
}

TEST_F(Nack, WhoseClaimIsLostAsksWhetherItWasExecuted) {
    ASSERT_TRUE(host.nack(1, {0}, milliseconds(100)).ok());
    wait(100);
    host.forget();
    host.lost("control");
    EXPECT_EQ(story(), lines({"disconnected control reset: connection (localhost:6379: reset) retryable",
                              "read: XPENDING s g 1-0 1-0 1"}));  // behind the block: there is nothing better
    host.reply("read", null());
    host.reply("read", array({pending("1-0", "c", 100, 2)}));  // it was, and has counted
    EXPECT_EQ(story(), lines({"read: XCLAIM s g c 95 1-0"}));
    host.reply("read", null());
    host.reply("read", entries({"1-0"}));
    EXPECT_EQ(story(), lines({"batch 2 by recovery: 1-0(x3)"}));
}

TEST_F(Nack, WhoseClaimIsRefusedForAWhileIsClaimedLater) {
    ASSERT_TRUE(host.nack(1, {0}, milliseconds(100)).ok());
    wait(100);
    host.forget();
    host.reply("control", error("BUSY Redis is busy running a script."));
    EXPECT_EQ(story(), "");
    wait(100);
    EXPECT_EQ(story(), lines({"control: XCLAIM s g c 199 1-0"}));
    host.reply("control", array({}));
    host.forget();
    host.reply("control", error("BUSY Redis is busy running a script."));  // of XPENDING
    EXPECT_EQ(story(), "");
    wait(200);
    EXPECT_EQ(story(), lines({"control: XCLAIM s g c 294 1-0"}));
}

TEST_F(Nack, WhoseClaimIsForbiddenIsToldAndLeftPending) {
    ASSERT_TRUE(host.nack(1, {}, milliseconds(100)).ok());
    wait(100);
    host.forget();
    host.reply("control", error("NOPERM this user has no permissions to run the 'xclaim' command"));
    host.reply("control", error("NOPERM this user has no permissions to run the 'xclaim' command"));
    EXPECT_EQ(story(), lines({"failure: no_permission (XCLAIM: NOPERM this user has no permissions to run the 'xclaim' "
                              "command; nacked entries stay pending)",
                              "lost s: 1-0", "lost s: 2-0"}));
}

/// MUL-1: what is wrong with one stream leaves the others alone.
TEST(NackOfTwoStreams, OfAKeyThatIsNoStreamAnyMoreIsLost) {
    ScriptedHost host;
    SourceConfig config = source_of({"s", "t"});
    config.flush_interval = Duration{};
    consume(host, config);
    host.reply("read", stream("s", {"1-0"}));
    host.reply("read", stream("t", {"2-0"}));
    ASSERT_TRUE(host.nack(1, {0}, Duration{}).ok());
    host.forget();
    host.reply("control", error("WRONGTYPE Operation against a key holding the wrong kind of value"));
    EXPECT_EQ(host.story(), lines({"lost s: 1-0"}));
    ASSERT_TRUE(host.nack(2, {0}, Duration{}).ok());
    EXPECT_EQ(host.story(), lines({"control: XCLAIM t g c 0 2-0"}));
}

TEST_F(Nack, AnAnswerThatIsAnotherEntryIsNotTaken) {
    ASSERT_TRUE(host.nack(1, {0}, milliseconds(100)).ok());
    wait(100);
    host.forget();
    host.reply("control", entries({"9-0"}));
    EXPECT_EQ(story(), lines({"control: XPENDING s g 1-0 1-0 1"}));
}

TEST_F(Nack, ThatIsDueWithoutALaneIsNoTimer) {
    ASSERT_TRUE(host.nack(1, {0}, milliseconds(150)).ok());
    host.lost("control");
    host.lost("read");
    host.wait(150);  // both are being connected
    const std::optional<int64_t> next = host.ms_to_timeout();
    ASSERT_TRUE(next.has_value());
    EXPECT_GT(*next, 9000);
    host.forget();
    host.greet("control");
    EXPECT_EQ(story(), lines({"reconnected control after 1", "control: XCLAIM s g c 152 1-0"}));
}

TEST_F(Nack, OfAReleasedBatchStillComesAgain) {
    ASSERT_TRUE(host.nack(1, {0}, milliseconds(100)).ok());
    ASSERT_TRUE(host.ack(1).ok());
    host.reply("control", integer(1));
    host.release(1);
    wait(100);
    host.forget();
    host.reply("control", entries({"1-0"}));
    EXPECT_EQ(story(), lines({"batch 2 by recovery: 1-0(x2)"}));
}

/// DRN-1: it waits for nobody any more; and what a claim brings that is out is given back all the same.
TEST_F(Nack, IsGivenBackByASourceThatCloses) {
    ASSERT_TRUE(host.nack(1, {0}, milliseconds(100)).ok());
    wait(100);
    host.forget();
    ASSERT_TRUE(host.nack(1, {1}, milliseconds(5000)).ok());
    ASSERT_TRUE(host.close(source).ok());
    EXPECT_EQ(story(), lines({"control: XCLAIM s g c 104 2-0 IDLE 60000 JUSTID", "control: CLIENT UNBLOCK 7"}));
    host.reply("control", entries({"1-0"}));
    EXPECT_EQ(story(), lines({"control: XPENDING s g 1-0 1-0 1"}));
    host.reply("control", array({bulk("2-0")}));
    host.reply("control", integer(1));
    host.reply("read", null());
    host.wait(10);
    EXPECT_EQ(story(), "");
    host.reply("control", array({pending("1-0", "c", 10, 2)}));
    EXPECT_EQ(story(), lines({"read: XCLAIM s g c 9 1-0 IDLE 60000 JUSTID"}));
    host.reply("read", array({bulk("1-0")}));
    EXPECT_EQ(story(), lines({"closed source, 0 held"}));
}

/// At most 10 x prefetch wait here; more are released to whoever reclaims.
TEST(NackRelease, BeginsAtTenTimesPrefetch) {
    ScriptedHost host;
    SourceConfig config = source_of();
    config.batch_size = 1;
    config.prefetch = 1;
    consume(host, config);
    for (int i = 1; i <= 10; ++i) {
        host.reply("read", stream("s", {std::to_string(i) + "-0"}));
        ASSERT_TRUE(host.nack(static_cast<size_t>(i), {}, seconds(3)).ok());
    }
    host.forget();
    host.reply("read", stream("s", {"11-0"}));
    EXPECT_EQ(host.story(), lines({"batch 11 by size: 11-0"}));
    host.wait(500);
    ASSERT_TRUE(host.nack(11, {}, seconds(3)).ok());
    EXPECT_EQ(host.story(), lines({"read: XCLAIM s g c 475 11-0 IDLE 60000 JUSTID",
                                   "read: XREADGROUP GROUP g c COUNT 1 STREAMS s >"}));
    host.reply("read", array({bulk("11-0")}));
    EXPECT_EQ(host.story(), "");
    EXPECT_EQ(host.ack(11).error().code, Code::not_held);
    host.reply("read", null());
    host.wait(2500);
    EXPECT_EQ(host.story().find(lines({"read: XREADGROUP GROUP g c COUNT 1 BLOCK 2000 STREAMS s >",
                                       "control: XCLAIM s g c 2850 1-0", "control: XCLAIM s g c 2850 2-0"})),
              0U);
}

/// REC-3: what a claim of our own asks for is a little less than the time that must have passed.
TEST(OwnIdle, IsLessByATwentiethAndAtMostByHalfOfClaimMinIdle) {
    const Instant read{5'000'000};
    EXPECT_EQ(own_idle(read, read, seconds(60)), Duration{});
    EXPECT_EQ(own_idle(read, Instant{4'000'000}, seconds(60)), Duration{});
    EXPECT_EQ(own_idle(read, read + seconds(1), seconds(60)), milliseconds(950));
    EXPECT_EQ(own_idle(read, read + seconds(600), seconds(60)), seconds(570));
    EXPECT_EQ(own_idle(read, read + seconds(1200), seconds(60)), seconds(1170));
    EXPECT_EQ(own_idle(read, read + seconds(10), milliseconds(100)), milliseconds(9950));
}

TEST(NackDelay, IsThatOfTheSourceWhereItHasOne) {
    ScriptedHost host;
    SourceConfig config = source_of();
    config.nack_delay = milliseconds(700);
    consume(host, config);
    host.reply("read", stream("s", {"1-0", "2-0", "3-0", "4-0", "5-0"}));
    for (int i = 0; i < 3; ++i) host.reply("read", null());
    ASSERT_TRUE(host.nack(1, {4, 0}).ok());
    host.forget();
    host.wait(699);
    EXPECT_EQ(host.story(), "");
    host.wait(1);
    EXPECT_EQ(host.story(), lines({"control: XCLAIM s g c 665 5-0", "control: XCLAIM s g c 665 1-0"}));
}

}  // namespace
}  // namespace millrace::test
