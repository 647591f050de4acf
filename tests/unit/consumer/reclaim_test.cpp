// REC-2: what others left is taken over, in pages to the end, less what is held here; with the counts that XPENDING
// told.
#include <gtest/gtest.h>

#include "support/scripted_host.hpp"

namespace millrace::test {
namespace {

const std::string sweep = "XPENDING s g IDLE 60000 0-0 + 256";
const std::string autoclaim = "XAUTOCLAIM s g c 60000 0-0 COUNT 15 JUSTID";
const std::string blocking_read = "read: XREADGROUP GROUP g c COUNT 5 BLOCK 2000 STREAMS s >";

/// A group that exists; nothing of our own is pending. The first sweep is out on the read lane, and a read that blocks.
struct Scene {
    explicit Scene(const std::string& version = "7.0.15", SourceConfig config = source_of()) {
        host.server.version = version;
        source = consume_again(host, config);
        host.reply("read", array({}));
        host.forget();
    }
    /// The server refuses XAUTOCLAIM: the list is out on the control lane.
    void step_down() {
        host.reply("read", error("NOPERM this user has no permissions to run the 'xautoclaim' command"));
        host.forget();
    }
    ScriptedHost host;
    SourceId source{};
};

TEST(Reclaim, TakesWhatOthersLeftInOneCommandAndHandsItOverAtOnce) {
    Scene it;
    it.step_down();
    it.host.reply("control", array({pending("1-0", "dead", 70'000, 1), pending("2-0", "dead", 90'000, 3)}));
    EXPECT_EQ(it.host.story(), lines({"control: XCLAIM s g c 60000 1-0 2-0"}));
    it.host.reply("control", entries({"1-0", "2-0"}));
    EXPECT_EQ(it.host.story(), lines({"batch 1 by recovery: 1-0(x2) 2-0(x4)"}));
    ASSERT_TRUE(it.host.ack(1).ok());
    EXPECT_EQ(it.host.story(), lines({"control: XACK s g 1-0 2-0"}));
}

TEST(Reclaim, ComesAgainEachClaimInterval) {
    Scene it;
    it.host.reply("read", array({}));
    it.host.reply("read", null());
    ASSERT_TRUE(it.host.pause(it.source).ok());
    it.host.reply("read", null());
    it.host.wait(29'999);
    EXPECT_EQ(it.host.story().find("XAUTOCLAIM"), std::string::npos);
    ASSERT_TRUE(it.host.resume(it.source).ok());
    it.host.forget();
    it.host.wait(1);
    EXPECT_EQ(it.host.story(), lines({"control: XINFO GROUPS s", "control: XPENDING s g", "control: " + autoclaim}));
}

/// Up to 6.2 a reply leaves out what was not claimed: one id at a time is mapped for certain.
TEST(Reclaim, Before7AsksForOneIdAtATime) {
    Scene it("6.2.14");
    it.step_down();
    it.host.reply("control", array({pending("1-0", "dead", 70'000, 1), pending("2-0", "dead", 70'000, 1),
                                    pending("3-0", "dead", 70'000, 1)}));
    EXPECT_EQ(it.host.story(), lines({"control: XCLAIM s g c 60000 1-0", "control: XCLAIM s g c 60000 2-0",
                                      "control: XCLAIM s g c 60000 3-0"}));
    it.host.reply("control", entries({"1-0"}));
    it.host.reply("control", array({null_bulk()}));  // deleted from its stream
    EXPECT_EQ(it.host.story(),
              lines({"log info: A pending entry was deleted from its stream; acked away. stream=s id=2-0",
                     "control: XACK s g 2-0"}));
    it.host.reply("control", array({}));  // another was faster
    EXPECT_EQ(it.host.story(), lines({"batch 1 by recovery: 1-0(x2)"}));
}

/// DET-6: IDLE is 6.2's; without it the idle times are looked at here.
TEST(Reclaim, StepsDownWhereIdleIsNotKnown) {
    Scene it("6.0.16");
    it.host.reply("read", error("ERR syntax error"));
    EXPECT_EQ(it.host.story(), lines({"control: XPENDING s g 0-0 + 256"}));
    it.host.reply("control", array({pending("1-0", "alive", 59'999, 1), pending("2-0", "dead", 60'000, 1)}));
    EXPECT_EQ(it.host.story(), lines({"control: XCLAIM s g c 60000 2-0"}));
}

TEST(Reclaim, LeavesWhatIsHeldHere) {
    Scene it;
    it.step_down();
    it.host.reply("control", array({}));
    it.host.reply("read", stream("s", {"1-0", "2-0", "3-0", "4-0", "5-0"}));
    ASSERT_TRUE(it.host.pause(it.source).ok());
    for (int i = 0; i < 3; ++i) it.host.reply("read", null());  // a backlog is read ahead
    ASSERT_TRUE(it.host.ack(1, {0, 1, 2, 3}).ok());
    it.host.reply("read", integer(4));
    it.host.wait(29'000);
    ASSERT_TRUE(it.host.resume(it.source).ok());
    it.host.wait(1000);
    const std::string story = it.host.story();
    ASSERT_NE(story.find("control: " + sweep), std::string::npos) << story;
    it.host.reply("control", groups("6-0"));
    it.host.reply("control", pending_summary(2, "5-0", "6-0"));
    it.host.forget();
    it.host.reply("control", array({pending("5-0", "c", 61'000, 1), pending("6-0", "c", 61'000, 1)}));
    // What is pending with our name and not with this process was lost with a reply once.
    EXPECT_EQ(it.host.story(), lines({"control: XCLAIM s g c 60000 6-0"}));
}

TEST(Reclaim, GoesOnInPagesToTheEnd) {
    Scene it;
    it.step_down();
    Items first;
    for (int i = 1; i <= 256; ++i) first.push_back(pending(std::to_string(i) + "-0", "alive", 70'000, 1));
    it.host.reply("control", array(first));
    const std::string story = it.host.story();
    // There is room for twenty, five of which the read that blocks may bring.
    EXPECT_EQ(story.find("control: XCLAIM s g c 60000 1-0 2-0 "), 0U) << story;
    EXPECT_NE(story.find(" 15-0\n"), std::string::npos) << story;
    it.host.reply("control", array({}));  // all of them were faster than we
    for (int claimed = 15; claimed < 256; claimed += 15) {
        EXPECT_EQ(it.host.story().find("control: XCLAIM s g c 60000 " + std::to_string(claimed + 1) + "-0"), 0U);
        it.host.reply("control", array({}));
    }
    EXPECT_EQ(it.host.story(), lines({"control: XPENDING s g IDLE 60000 256-1 + 256"}));
    it.host.reply("control", array({pending("300-0", "dead", 70'000, 1)}));
    EXPECT_EQ(it.host.story(), lines({"control: XCLAIM s g c 60000 300-0"}));
}

TEST(Reclaim, WaitsForRoom) {
    SourceConfig config = source_of();
    config.batch_size = 2;
    config.prefetch = 2;
    Scene it("7.0.15", config);
    it.step_down();
    it.host.reply("control", array({pending("1-0", "dead", 70'000, 1), pending("2-0", "dead", 70'000, 1),
                                    pending("3-0", "dead", 70'000, 1)}));
    // The read that blocks may bring two.
    EXPECT_EQ(it.host.story(), "");
    it.host.reply("read", null());
    EXPECT_EQ(it.host.story(), lines({"read: XCLAIM s g c 60000 1-0 2-0"}));
    it.host.reply("read", entries({"1-0", "2-0"}));
    EXPECT_EQ(it.host.story(), lines({"batch 1 by recovery: 1-0(x2) 2-0(x2)"}));
    ASSERT_TRUE(it.host.ack(1).ok());
    it.host.forget();
    it.host.reply("read", integer(2));
    EXPECT_EQ(it.host.story(), lines({"acked 1: 0 1", "read: XCLAIM s g c 60000 3-0",
                                      "read: XREADGROUP GROUP g c COUNT 1 BLOCK 2000 STREAMS s >"}));
}

TEST(Reclaim, WhoseClaimIsLostIsLeftToALaterSweep) {
    Scene it;
    it.step_down();
    it.host.reply("control", array({pending("1-0", "dead", 70'000, 1)}));
    it.host.forget();
    it.host.lost("control");
    it.host.forget();
    EXPECT_EQ(it.host.fire(), 100);
    // Behind the block: there is nothing better.
    EXPECT_EQ(it.host.story(), lines({"connect control", "read: XPENDING s g IDLE 60000 1-0 + 256"}));
    it.host.reply("read", null());
    it.host.forget();
    it.host.reply("read", array({}));
    EXPECT_EQ(it.host.story(), "");
}

TEST(Reclaim, OfSeveralStreamsTakesOneAfterTheOther) {
    Scene it("7.0.15", source_of({"s", "t"}));
    it.host.reply("read", array({}));
    it.step_down();
    it.host.reply("control", array({}));
    EXPECT_EQ(it.host.story(), lines({"control: XPENDING t g IDLE 60000 0-0 + 256"}));
    it.host.reply("control", array({pending("1-0", "dead", 70'000, 1)}));
    EXPECT_EQ(it.host.story(), lines({"control: XCLAIM t g c 60000 1-0"}));
    it.host.reply("control", entries({"1-0"}));
    EXPECT_EQ(it.host.story(), lines({"batch 1 by recovery: 1-0(x2)"}));
    ASSERT_TRUE(it.host.ack(1).ok());
    EXPECT_EQ(it.host.story(), lines({"control: XACK t g 1-0"}));
}

TEST(Reclaim, ThatIsForbiddenIsToldOnceAndReadingGoesOn) {
    Scene it;
    it.step_down();
    it.host.reply("control", array({pending("1-0", "dead", 70'000, 1)}));
    it.host.forget();
    it.host.reply("control", error("NOPERM this user has no permissions to run the 'xclaim' command"));
    EXPECT_EQ(it.host.story(),
              lines({"failure: no_permission (XCLAIM: NOPERM this user has no permissions to run the 'xclaim' command; "
                     "what other consumers left is not taken over)"}));
    it.host.reply("read", null());
    EXPECT_EQ(it.host.story(), lines({blocking_read}));
    it.host.wait(1000);
    EXPECT_EQ(it.host.story(), "");
}

/// What XAUTOCLAIM names is ours and not counted yet; what is deleted 7.0 has removed.
TEST(Reclaim, ByAutoclaimCountsAndBringsWhatItMadeOurs) {
    Scene it;
    it.host.reply("read", array({bulk("9-0"), array({bulk("1-0"), bulk("2-0")}), array({bulk("3-0")})}));
    EXPECT_EQ(it.host.story(), lines({"log info: Pending entries were deleted from their stream; the server removed "
                                      "them. stream=s count=1",
                                      "control: XPENDING s g 1-0 + 256 c"}));
    it.host.reply("control", array({pending("1-0", "c", 0, 1), pending("2-0", "c", 0, 3)}));
    EXPECT_EQ(it.host.story(), lines({"control: XCLAIM s g c 0 1-0 2-0"}));
    it.host.reply("control", entries({"1-0", "2-0"}));
    EXPECT_EQ(it.host.story(),
              lines({"batch 1 by recovery: 1-0(x2) 2-0(x4)", "control: XAUTOCLAIM s g c 60000 9-0 COUNT 13 JUSTID"}));
    it.host.reply("control", array({bulk("0-0"), array({}), array({})}));
    EXPECT_EQ(it.host.story(), "");
}

/// What is held here stands between, so one list may not reach the last of what was claimed. What is in none of them is
/// pending no more.
TEST(Reclaim, ByAutoclaimCountsByAsManyListsAsItTakes) {
    struct {
        std::string last;  // of a list in full
        std::string next;  // the command behind it
    } const lists[] = {{"1-300", "XPENDING s g 1-301 + 256 c"},
                       {"1-18446744073709551615", "XPENDING s g 2-0 + 256 c"},
                       {"3-0", "XCLAIM s g c 0 1-0 3-0"},
                       {"3-1", "XCLAIM s g c 0 1-0"}};
    for (const auto& [last, next] : lists) {
        Scene it;
        it.host.reply("read", array({bulk("0-0"), array({bulk("1-0"), bulk("2-0"), bulk("3-0")}), array({})}));
        EXPECT_EQ(it.host.story(), lines({"control: XPENDING s g 1-0 + 256 c"}));
        Items rows = {pending("1-0", "c", 0, 1)};
        for (int i = 1; i <= 254; ++i) rows.push_back(pending("1-" + std::to_string(i), "c", 0, 1));
        rows.push_back(pending(last, "c", 0, 4));
        it.host.reply("control", array(rows));
        EXPECT_EQ(it.host.story(), lines({"control: " + next}));
        if (next.find("XCLAIM") == 0) continue;
        it.host.reply("control", array({pending("3-0", "c", 0, 2), pending("4-0", "c", 0, 1)}));
        EXPECT_EQ(it.host.story(), lines({"control: XCLAIM s g c 0 1-0 3-0"}));
        it.host.reply("control", entries({"1-0", "3-0"}));
        EXPECT_EQ(it.host.story(), lines({"batch 1 by recovery: 1-0(x2) 3-0(x3)"}));
    }
}

/// Two elements, and a deleted entry among the ids, which its claim shows to be gone.
TEST(Reclaim, ByAutoclaimOf62BuriesWhatWasDeleted) {
    Scene it("6.2.14");
    it.host.reply("read", array({bulk("0-0"), array({bulk("1-0"), bulk("2-0")})}));
    it.host.forget();
    it.host.reply("control", array({pending("1-0", "c", 0, 1), pending("2-0", "c", 0, 1)}));
    EXPECT_EQ(it.host.story(), lines({"control: XCLAIM s g c 0 1-0", "control: XCLAIM s g c 0 2-0"}));
    it.host.reply("control", array({null_bulk()}));
    it.host.forget();
    it.host.reply("control", entries({"2-0"}));
    EXPECT_EQ(it.host.story(), lines({"batch 1 by recovery: 2-0(x2)"}));
}

/// An empty page with a cursor is no end; and what nobody left is not looked up entry by entry for ever.
TEST(Reclaim, ByAutoclaimGoesOnAndListsTheRestAfterPagesThatBroughtNothing) {
    Scene it;
    it.host.reply("read", array({bulk("1-5"), array({}), array({})}));
    for (int page = 1; page < 8; ++page) {
        const std::string from = std::to_string(page) + "-5";
        EXPECT_EQ(it.host.story(), lines({"control: XAUTOCLAIM s g c 60000 " + from + " COUNT 15 JUSTID"}));
        it.host.reply("control", array({bulk(std::to_string(page + 1) + "-5"), array({}), array({})}));
    }
    EXPECT_EQ(it.host.story(), lines({"control: XPENDING s g IDLE 60000 8-5 + 256"}));
}

/// DET-6: in each shape of a refusal the sweep goes on where it was, a rung lower.
TEST(Reclaim, ByAutoclaimStepsDownWithoutLosingItsPlace) {
    for (const char* refusal : {"ERR unknown command 'XAUTOCLAIM', with args beginning with: 's'", "ERR syntax error",
                                "ERR Invalid stream ID specified as stream command argument",
                                "NOPERM this user has no permissions to run the 'xautoclaim' command"}) {
        Scene it;
        it.host.reply("read", array({bulk("4-0"), array({}), array({})}));
        it.host.forget();
        it.host.reply("control", error(refusal));
        EXPECT_EQ(it.host.story(), lines({"control: XPENDING s g IDLE 60000 4-0 + 256"})) << refusal;
    }
}

/// What is ours already is gone on with after a refusal that passes: no sweep would find it before claim_min_idle.
TEST(Reclaim, ByAutoclaimGoesOnWithWhatIsOursAfterARefusalThatPasses) {
    Scene it;
    it.host.reply("read", array({bulk("0-0"), array({bulk("1-0")}), array({})}));
    it.host.reply("control", array({pending("1-0", "c", 0, 1)}));
    it.host.forget();
    it.host.reply("control", error("BUSY Redis is busy running a script"));
    it.host.forget();
    EXPECT_EQ(it.host.fire(), 100);
    EXPECT_EQ(it.host.story(), lines({"control: XPENDING s g 1-0 + 256 c"}));
    it.host.reply("control", array({pending("1-0", "c", 100, 1)}));
    EXPECT_EQ(it.host.story(), lines({"control: XCLAIM s g c 95 1-0"}));
    it.host.reply("control", entries({"1-0"}));
    EXPECT_EQ(it.host.story(), lines({"batch 1 by recovery: 1-0(x2)"}));
}

/// What the others bring is ours, and comes by no sweep before claim_min_idle has passed.
TEST(Reclaim, ARefusalOfOneClaimDropsNothingThatAnotherBrings) {
    Scene it("6.0.16");
    it.host.reply("read", array({pending("1-0", "dead", 70'000, 1), pending("2-0", "dead", 70'000, 1),
                                 pending("3-0", "dead", 70'000, 1)}));
    it.host.reply("control", error("BUSY Redis is busy running a script"));
    it.host.reply("control", entries({"2-0"}));
    it.host.forget();
    it.host.reply("control", entries({"3-0"}));
    EXPECT_EQ(it.host.story(), lines({"batch 1 by recovery: 2-0(x2) 3-0(x2)"}));
    EXPECT_EQ(it.host.fire(), 100);
    EXPECT_EQ(it.host.story(), lines({"control: XPENDING s g IDLE 60000 1-0 + 256"}));
}

/// 8.8: what XNACK released is nobody's, with an idle time of -1.
TEST(Reclaim, TakesWhatXnackReleased) {
    Scene it("6.0.16");
    it.host.reply("read", array({pending("1-0", "", -1, 1)}));
    EXPECT_EQ(it.host.story(), lines({"control: XCLAIM s g c 60000 1-0"}));
}

}  // namespace
}  // namespace millrace::test
