// REC-7: a group that was lost is made anew where nothing that was pending or unread is left out.
#include <gtest/gtest.h>

#include "consumer/lost_group_answers.hpp"
#include "support/scripted_host.hpp"

namespace millrace::test {
namespace {

const std::string blocking_read = "read: XREADGROUP GROUP g c COUNT 5 BLOCK 2000 STREAMS s >";

/// The group exists, with `first` pending somewhere in it; nothing was recovered, and a read blocks.
struct Scene {
    explicit Scene(std::string_view first = "3-0", SourceConfig config = source_of()) {
        config.claim_interval = seconds(3600);
        source = host.open(config);
        host.greet("read");
        host.greet("control");
        host.reply("read", error("BUSYGROUP Consumer Group name already exists"));
        host.reply("read", groups("9-0"));
        host.reply("read", first.empty() ? pending_summary(0) : pending_summary(2, first, "8-0"));
        host.reply("read", array({}));
        host.reply("read", array({}));  // nothing was left by others
        host.forget();
    }
    ScriptedHost host;
    SourceId source{};
};

TEST(LostGroup, IsMadeAgainJustBeforeWhatWasPending) {
    Scene it;
    it.host.reply("read", no_group);
    EXPECT_EQ(it.host.story(), lines({"read: XINFO STREAM s"}));
    it.host.reply("read", stream_info("12-0"));
    EXPECT_EQ(it.host.story(), lines({"read: XGROUP CREATE s g 2-18446744073709551614 MKSTREAM"}));
    it.host.reply("read", ok());
    EXPECT_EQ(it.host.story(), lines({"group recreated s from 2-18446744073709551614", blocking_read}));
}

/// XINFO STREAM shows the first entry and the last, whatever their size.
TEST(LostGroup, OfAStreamOfLargeEntriesIsMadeAgain) {
    ClientConfig with_small_replies;
    with_small_replies.max_elements = 1024;
    ScriptedHost host(with_small_replies);
    consume(host);
    host.reply("read", no_group);
    host.forget();
    const std::string large = array({bulk("4-0"), array(Items(1100, bulk("x")))});
    host.reply("read",
               map({bulk("last-generated-id"), bulk("12-0"), bulk("first-entry"), large, bulk("last-entry"), large}));
    EXPECT_EQ(host.story(), lines({"read: XGROUP CREATE s g 0-0 MKSTREAM"}));
}

TEST(LostGroup, WithNothingPendingIsMadeAgainAtTheLastDelivered) {
    Scene it("");
    it.host.reply("read", no_group);
    it.host.reply("read", stream_info("12-0"));
    it.host.forget();
    it.host.reply("read", ok());
    EXPECT_EQ(it.host.story(), lines({"group recreated s from 9-0", blocking_read}));
}

TEST(LostGroup, DeliversWhatIsHeldNoSecondTime) {
    Scene it;
    it.host.reply("read", stream("s", {"10-0", "11-0"}));
    it.host.wait(2000);
    it.host.forget();
    it.host.reply("read", no_group);
    it.host.reply("read", stream_info("12-0"));
    it.host.reply("read", ok());
    it.host.forget();
    it.host.reply("read", stream("s", {"3-0", "10-0", "11-0"}));
    EXPECT_EQ(it.host.story(), lines({blocking_read}));
    it.host.wait(2000);
    EXPECT_EQ(it.host.story(), lines({"batch 2 by flush: 3-0"}));
    ASSERT_TRUE(it.host.ack(1).ok());  // pending with us again
    EXPECT_EQ(it.host.story(), lines({"control: XACK s g 10-0 11-0"}));
}

/// The key is gone: new entries may have the ids of those that are held.
TEST(LostGroup, WhoseKeyIsGoneDropsEverythingOfIt) {
    Scene it;
    it.host.reply("read", stream("s", {"10-0", "11-0"}));
    it.host.wait(2000);
    ASSERT_TRUE(it.host.ack(1, {0}).ok());
    it.host.forget();
    it.host.reply("read", no_group);
    it.host.forget();
    it.host.reply("read", error("ERR no such key"));
    EXPECT_EQ(it.host.story(), lines({"lost s: 10-0 11-0", "read: XGROUP CREATE s g 0 MKSTREAM"}));
    EXPECT_EQ(it.host.ack(1, {1}).error().code, Code::lost);
    it.host.reply("read", ok());
    EXPECT_EQ(it.host.story(), lines({"group recreated s from 0", blocking_read}));
    it.host.reply("control", integer(0));  // the ack of before: of no more meaning
    EXPECT_EQ(it.host.story(), "");
    it.host.reply("read", stream("s", {"10-0"}));
    it.host.wait(2000);
    EXPECT_EQ(it.host.story(), lines({blocking_read, "batch 2 by flush: 10-0"}));
}

TEST(LostGroup, WhoseKeyWasMadeAnewWithLowerIdsDropsEverythingOfIt) {
    for (const char* last : {"2-0", "9-0"}) {  // below the mark; above it, and below what was read
        Scene it;
        it.host.reply("read", stream("s", {"10-0"}));
        it.host.wait(2000);
        it.host.forget();
        it.host.reply("read", no_group);
        it.host.forget();
        it.host.reply("read", stream_info(last));
        EXPECT_EQ(it.host.story(), lines({"lost s: 10-0", "read: XGROUP CREATE s g 0 MKSTREAM"})) << last;
    }
}

/// All that was ever added has been read: most groups are lost so.
TEST(LostGroup, OfAStreamThatWasReadToItsEndKeepsWhatIsHeld) {
    Scene it("");
    it.host.reply("read", stream("s", {"10-0"}));
    it.host.wait(2000);
    it.host.reply("read", no_group);
    it.host.forget();
    it.host.reply("read", stream_info("10-0"));
    EXPECT_EQ(it.host.story(), lines({"read: XGROUP CREATE s g 9-0 MKSTREAM"}));
}

/// Of what others had read the mark tells.
TEST(LostGroup, WhoseKeyWasMadeAnewIsReadFromItsBeginningThoughNothingWasReadHere) {
    Scene it("");
    it.host.reply("read", no_group);
    it.host.forget();
    it.host.reply("read", stream_info("5-0"));
    EXPECT_EQ(it.host.story(), lines({"read: XGROUP CREATE s g 0 MKSTREAM"}));
    it.host.reply("read", ok());
    it.host.reply("read", stream("s", {"5-0"}));
    it.host.wait(2000);
    it.host.forget();
    // The ids of the key before are forgotten with it.
    it.host.reply("read", no_group);
    it.host.wait(100);
    it.host.forget();
    it.host.reply("read", stream_info("5-0"));
    EXPECT_EQ(it.host.story().find("lost"), std::string::npos);
}

TEST(LostGroup, IsMadeAgainWhereTheSourceSaysSo) {
    SourceConfig config = source_of();
    config.on_lost_group = LostGroup::newest;
    Scene newest("3-0", config);
    newest.host.reply("read", no_group);
    newest.host.forget();
    newest.host.reply("read", stream_info("12-0"));
    EXPECT_EQ(newest.host.story(), lines({"read: XGROUP CREATE s g $ MKSTREAM"}));
    newest.host.reply("read", ok());
    EXPECT_EQ(newest.host.story(),
              lines({"group recreated s from $", "read: XINFO GROUPS s", "read: XPENDING s g", blocking_read}));

    config.on_lost_group = LostGroup::start;
    config.start = "5-0";
    Scene start("3-0", config);
    start.host.reply("read", no_group);
    start.host.forget();
    start.host.reply("read", stream_info("12-0"));
    EXPECT_EQ(start.host.story(), lines({"read: XGROUP CREATE s g 5-0 MKSTREAM"}));
}

TEST(LostGroup, ThatAnotherConsumerMadeAgainIsReadOn) {
    Scene it;
    it.host.reply("read", no_group);
    it.host.reply("read", stream_info("12-0"));
    it.host.forget();
    it.host.reply("read", error("BUSYGROUP Consumer Group name already exists"));
    EXPECT_EQ(it.host.story(), lines({blocking_read}));
}

/// Somebody who destroys the group again and again meets longer and longer waits, not a loop.
TEST(LostGroup, AgainAndAgainIsMadeAgainWithBackoff) {
    Scene it;
    for (const int64_t delay : {int64_t{0}, int64_t{100}, int64_t{200}, int64_t{400}}) {
        it.host.reply("read", no_group);
        if (delay > 0) {
            it.host.forget();
            it.host.wait(delay - 1);
            EXPECT_EQ(it.host.story(), "");
            it.host.wait(1);
        }
        EXPECT_EQ(it.host.story(), lines({"read: XINFO STREAM s"})) << delay;
        it.host.reply("read", stream_info("12-0"));
        it.host.reply("read", ok());
        it.host.forget();
    }
    it.host.reply("read", null());  // a read that goes well ends that
    it.host.forget();
    it.host.reply("read", no_group);
    EXPECT_EQ(it.host.story(), lines({"read: XINFO STREAM s"}));
}

/// Since 7.0 a read that blocks is told of it so.
TEST(LostGroup, ShowsInABlockedReadWhoseKeyWasDeleted) {
    Scene it;
    it.host.reply("read", error("UNBLOCKED the stream key no longer exists"));
    EXPECT_EQ(it.host.story(), lines({"read: XINFO STREAM s"}));
}

TEST(LostGroup, ThatMayNotBeInspectedIsMadeAgainAtTheMark) {
    Scene it;
    it.host.reply("read", no_group);
    it.host.forget();
    it.host.reply("read", error("NOPERM this user has no permissions to run the 'xinfo|stream' command"));
    EXPECT_EQ(it.host.story(), lines({"read: XGROUP CREATE s g 2-18446744073709551614 MKSTREAM"}));
}

TEST(LostGroup, WhoseMendingIsLostIsMendedOnTheNextConnection) {
    Scene it;
    it.host.reply("read", no_group);
    it.host.lost("read");
    it.host.fire();
    it.host.forget();
    it.host.greet("read");
    EXPECT_EQ(it.host.story(), lines({"reconnected read after 1", "read: XINFO STREAM s"}));
    it.host.reply("read", stream_info("12-0"));
    it.host.forget();
    it.host.lost("read");
    it.host.fire();
    it.host.forget();
    it.host.greet("read");
    EXPECT_EQ(it.host.story(),
              lines({"reconnected read after 1", "read: XGROUP CREATE s g 2-18446744073709551614 MKSTREAM"}));
}

TEST(LowWater, IsTakenAgainEachClaimInterval) {
    ScriptedHost host;
    const SourceId source = consume_again(host);
    host.reply("read", array({}));
    host.reply("read", array({}));
    ASSERT_TRUE(host.pause(source).ok());
    host.reply("read", null());
    host.forget();
    host.wait(30'000);
    EXPECT_EQ(host.story(), lines({"read: XINFO GROUPS s", "read: XPENDING s g"}));
    host.reply("read", groups("40-0"));
    host.reply("read", pending_summary(1, "39-5", "40-0"));
    ASSERT_TRUE(host.resume(source).ok());
    host.reply("read", array({}));  // the sweep, which is due as well
    host.reply("read", no_group);
    host.forget();
    host.reply("read", stream_info("50-0"));
    EXPECT_EQ(host.story(), lines({"read: XGROUP CREATE s g 39-4 MKSTREAM"}));
}

TEST(LowWater, ThatIsRefusedForAWhileIsAskedForAgainWithBackoff) {
    ScriptedHost host;
    const SourceId source = consume_again(host);
    host.reply("read", array({}));
    host.reply("read", array({}));
    ASSERT_TRUE(host.pause(source).ok());
    host.reply("read", null());
    host.wait(30'000);
    for (const int64_t delay : {100, 200, 400}) {
        host.forget();
        host.reply("read", error("LOADING Redis is loading the dataset in memory"));
        host.reply("read", error("LOADING Redis is loading the dataset in memory"));
        EXPECT_EQ(host.story(), "");
        EXPECT_EQ(host.fire(), delay);
        EXPECT_EQ(host.story(), lines({"read: XINFO GROUPS s", "read: XPENDING s g"}));
    }
}

/// What is refused for a while is waited for as a whole: a mark that falls due meanwhile is no timer of its own.
TEST(LowWater, ThatIsDueInABackoffDoesNotSpin) {
    ScriptedHost host;
    SourceConfig config = source_of();
    config.claim_interval = milliseconds(50);
    consume(host, config);
    host.reply("read", error("BUSY Redis is busy running a script."));
    host.forget();
    host.wait(99);
    EXPECT_EQ(host.ms_to_timeout(), 1);
    EXPECT_EQ(host.story().find("XINFO"), std::string::npos);
    host.wait(1);
    EXPECT_NE(host.story().find("XINFO GROUPS s"), std::string::npos);
}

}  // namespace
}  // namespace millrace::test
