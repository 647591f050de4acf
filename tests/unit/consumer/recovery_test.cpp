// REC-1: the consumer's own pending entries come first, in pages, counted; and nothing that is held comes twice.
#include <gtest/gtest.h>

#include <algorithm>

#include "support/scripted_host.hpp"

namespace millrace::test {
namespace {

const std::string blocking_read = "read: XREADGROUP GROUP g c COUNT 5 BLOCK 2000 STREAMS s >";
// What others left is searched for once our own is recovered (REC-2).
/// It asks for no more than there is room for.
std::string sweep(int room) {
    return "read: XAUTOCLAIM s g c 60000 0-0 COUNT " + std::to_string(room) + " JUSTID";
}

/// The rows of XPENDING for entries of `c` that were delivered once.
std::string rows(std::initializer_list<std::string_view> ids, int64_t deliveries = 1) {
    Items list;
    for (const std::string_view id : ids) list.push_back(pending(id, "c", 1000, deliveries));
    return array(list);
}

TEST(Recovery, OfNothingIsOneQuestion) {
    ScriptedHost host;
    host.open(source_of());
    host.greet("read");
    host.forget();
    host.reply("read", error("BUSYGROUP Consumer Group name already exists"));
    // The low-water mark is taken before anything is read (REC-7).
    EXPECT_EQ(host.story(), lines({"ready streams consumer=c resp3 7.0.15", "read: XINFO GROUPS s",
                                   "read: XPENDING s g", "read: XPENDING s g 0-1 + 20 c"}));
    host.reply("read", groups("0-0"));
    host.reply("read", pending_summary(0));
    host.reply("read", array({}));
    EXPECT_EQ(host.story(), lines({sweep(20), blocking_read}));
}

TEST(Recovery, CountsReadsAndHandsOverAtOnceBeforeAnythingNew) {
    ScriptedHost host;
    consume_again(host);
    host.reply("read", array({pending("1-0", "c", 1000, 1), pending("2-0", "c", 1000, 4)}));
    EXPECT_EQ(host.story(), lines({"read: XREADGROUP GROUP g c COUNT 2 STREAMS s 0-0"}));
    host.reply("read", stream("s", {"1-0", "2-0"}));
    EXPECT_EQ(host.story(), lines({"read: XPENDING s g 2-1 + 18 c"}));
    host.reply("read", array({}));
    EXPECT_EQ(host.story(), lines({"batch 1 by recovery: 1-0(x2) 2-0(x5)", sweep(18), blocking_read}));
}

TEST(Recovery, GoesOnInPagesAsRoomIsMade) {
    ScriptedHost host;
    SourceConfig config = source_of();
    config.batch_size = 2;
    config.prefetch = 3;
    consume_again(host, config);
    host.reply("read", rows({"1-0", "2-0", "3-0"}));
    host.forget();
    host.reply("read", stream("s", {"1-0", "2-0", "3-0"}));
    // Full: the third is handed over too, for else nobody could make room.
    EXPECT_EQ(host.story(), lines({"batch 1 by recovery: 1-0(x2) 2-0(x2)", "batch 2 by recovery: 3-0(x2)"}));
    ASSERT_TRUE(host.ack(1).ok());
    EXPECT_EQ(host.story(), lines({"read: XACK s g 1-0 2-0"}));
    host.reply("read", integer(2));
    EXPECT_EQ(host.story(), lines({"acked 1: 0 1", "read: XPENDING s g 3-1 + 2 c"}));
    host.reply("read", rows({"4-0"}));
    host.reply("read", stream("s", {"4-0"}));
    host.reply("read", array({}));
    EXPECT_EQ(host.story(), lines({"read: XREADGROUP GROUP g c COUNT 1 STREAMS s 3-0", "read: XPENDING s g 4-1 + 1 c",
                                   "batch 3 by recovery: 4-0(x2)", sweep(1),
                                   "read: XREADGROUP GROUP g c COUNT 1 BLOCK 2000 STREAMS s >"}));
}

TEST(Recovery, EndsAtTheLastIdThereIs) {
    ScriptedHost host;
    consume_again(host);
    const std::string_view last = "18446744073709551615-18446744073709551615";
    host.reply("read", array({pending(last, "c", 10, 1)}));
    host.forget();
    host.reply("read", stream("s", {last}));
    EXPECT_EQ(host.story(),
              lines({"batch 1 by recovery: 18446744073709551615-18446744073709551615(x2)", sweep(19), blocking_read}));
}

TEST(Recovery, GoesOnBehindTheLastOfAMillisecond) {
    ScriptedHost host;
    consume_again(host);
    host.reply("read", array({pending("7-18446744073709551615", "c", 10, 1)}));
    host.forget();
    host.reply("read", stream("s", {"7-18446744073709551615"}));
    EXPECT_EQ(host.story(), lines({"read: XPENDING s g 8-0 + 19 c"}));
}

TEST(Recovery, IsNotMixedWithWhatIsNew) {
    ScriptedHost host;
    consume_again(host);
    host.reply("read", rows({"1-0"}));
    host.reply("read", stream("s", {"1-0"}));
    host.reply("read", array({}));
    host.reply("read", array({}));  // nothing was left by others
    host.forget();
    host.reply("read", stream("s", {"2-0", "3-0"}));
    host.wait(2000);
    EXPECT_EQ(host.story(), lines({blocking_read, "batch 2 by flush: 2-0 3-0"}));
}

TEST(Recovery, ThatIsHeldUpHandsOverWithTheFlushInterval) {
    ScriptedHost host;
    consume_again(host);
    host.reply("read", rows({"1-0"}));
    host.reply("read", stream("s", {"1-0"}));
    host.lost("read");
    host.forget();
    host.wait(1999);
    EXPECT_EQ(host.story().find("batch"), std::string::npos);
    host.wait(1);
    EXPECT_EQ(host.story(), lines({"batch 1 by recovery: 1-0(x2)"}));
}

TEST(Recovery, WithoutAFlushIntervalHandsOverEachPage) {
    ScriptedHost host;
    SourceConfig config = source_of();
    config.flush_interval = Duration{};
    consume_again(host, config);
    host.reply("read", rows({"1-0"}));
    host.forget();
    host.reply("read", stream("s", {"1-0"}));
    EXPECT_EQ(host.story(), lines({"batch 1 by recovery: 1-0(x2)", "read: XPENDING s g 1-1 + 19 c"}));
}

TEST(Recovery, AcksDeletedEntriesAwayOnceAndCountsThem) {
    ScriptedHost host;
    consume_again(host);
    host.reply("read", rows({"1-0", "2-0", "3-0"}));
    host.forget();
    host.reply("read", stream_of("s", {deleted("1-0"), entry("2-0"), deleted("3-0")}));
    EXPECT_EQ(host.story(), lines({"log info: A pending entry was deleted from its stream; acked away. stream=s id=1-0",
                                   "log info: A pending entry was deleted from its stream; acked away. stream=s id=3-0",
                                   "read: XACK s g 1-0 3-0", "read: XPENDING s g 3-1 + 19 c"}));
    host.reply("read", integer(2));
    host.reply("read", array({}));
    EXPECT_EQ(host.story(), lines({"batch 1 by recovery: 2-0(x2)", sweep(19), blocking_read}));
}

TEST(Recovery, AcksDeletedEntriesAwayHoweverThePageArrives) {
    ScriptedHost host;
    consume_again(host);
    host.reply("read", rows({"1-0", "2-0"}));
    host.forget();
    host.cut = ScriptedHost::Cut::byte_by_byte;
    host.reply("read", array({array({bulk("s"), array({deleted("1-0"), deleted("2-0")})})}));
    const std::string story = host.story();
    for (const char* id : {"XACK s g 1-0", "XACK s g 2-0"}) {
        EXPECT_NE(story.find(id), std::string::npos) << story;
    }
}

TEST(RecoveryRefused, WithoutXpendingPagesAreReadUncounted) {
    ScriptedHost host;
    consume_again(host);
    host.reply("read", error("NOPERM this user has no permissions to run the 'xpending' command"));
    EXPECT_EQ(host.story(), lines({"failure: no_permission (XPENDING: NOPERM this user has no permissions to run the "
                                   "'xpending' command; deliveries of recovered entries are told as 2)",
                                   "read: XREADGROUP GROUP g c COUNT 20 STREAMS s 0-0"}));
    host.reply("read", stream("s", {"1-0", "2-0"}));
    EXPECT_EQ(host.story(), lines({"batch 1 by recovery: 1-0(x2) 2-0(x2)", sweep(18), blocking_read}));
    host.reply("read", array({bulk("0-0"), array({bulk("9-0")}), array({})}));
    EXPECT_EQ(host.story(), lines({"control: XPENDING s g 9-0 + 256 c"}));
    host.reply("control", error("NOPERM this user has no permissions to run the 'xpending' command"));
    EXPECT_EQ(host.story(), lines({"failure: no_permission (XPENDING: NOPERM this user has no permissions to run the "
                                   "'xpending' command; what other consumers left is not taken over)"}));
    host.lost("read");
    host.fire();
    host.greet("read");
    host.forget();
    host.reply("read", stream("s", {"1-0", "2-0", "3-0"}));
    EXPECT_EQ(host.story(), lines({"batch 2 by recovery: 3-0(x2)", "read: XCLAIM s g c 0 1-0 2-0 RETRYCOUNT 2 JUSTID",
                                   blocking_read}));
}

TEST(RecoveryRefused, WithoutXpendingTooItGoesToTheEnd) {
    ScriptedHost host;
    SourceConfig config = source_of();
    config.batch_size = 2;
    config.prefetch = 2;
    consume_again(host, config);
    host.reply("read", unknown_command("XPENDING"));
    host.forget();
    host.reply("read", stream("s", {"1-0", "2-0"}));
    EXPECT_EQ(host.story(), lines({"batch 1 by recovery: 1-0(x2) 2-0(x2)"}));
    ASSERT_TRUE(host.ack(1).ok());
    host.forget();
    host.reply("read", integer(2));
    EXPECT_EQ(host.story(), lines({"acked 1: 0 1", "read: XREADGROUP GROUP g c COUNT 2 STREAMS s 2-0"}));
    host.reply("read", array({array({bulk("s"), array({})})}));
    EXPECT_EQ(host.story(), lines({sweep(2), "read: XREADGROUP GROUP g c COUNT 2 BLOCK 2000 STREAMS s >"}));
}

TEST(RecoveryRefused, ForAWhileItIsTriedAgain) {
    ScriptedHost host;
    consume_again(host);
    host.reply("read", error("LOADING Redis is loading the dataset in memory"));
    EXPECT_EQ(host.story(),
              lines({"failure: server_busy (XPENDING s g: LOADING Redis is loading the dataset in memory) "
                     "retryable"}));
    EXPECT_EQ(host.fire(), 100);
    EXPECT_EQ(host.story(), lines({"read: XPENDING s g 0-1 + 20 c"}));
    host.reply("read", rows({"1-0"}));
    host.forget();
    host.reply("read", error("LOADING Redis is loading the dataset in memory"));
    EXPECT_EQ(host.fire(), 100);
    EXPECT_EQ(host.story(),
              lines({"failure: server_busy (XREADGROUP s g: LOADING Redis is loading the dataset in memory)"
                     " retryable",
                     "read: XPENDING s g 0-1 + 20 c"}));
}

/// The counts that the last page had raised are given back in front of a read that blocks; then the page is over, and
/// claims may go out again.
TEST(RecoveryRefused, WithoutXpendingItsLastPageEndsToo) {
    ScriptedHost host;
    consume_again(host);
    host.reply("read", error("NOPERM this user has no permissions to run the 'xpending' command"));
    host.reply("read", stream("s", {"1-0", "2-0"}));
    host.reply("read", array({bulk("0-0"), array({}), array({})}));
    host.lost("read");
    host.fire();
    host.greet("read");
    host.forget();
    host.reply("read", stream("s", {"1-0", "2-0"}));
    EXPECT_EQ(host.story(), lines({"read: XCLAIM s g c 0 1-0 2-0 RETRYCOUNT 2 JUSTID", blocking_read}));
    host.reply("read", array({bulk("1-0"), bulk("2-0")}));
    ASSERT_TRUE(host.nack(1, {0}, Duration{}).ok());
    EXPECT_EQ(host.story(), lines({"control: XCLAIM s g c 0 1-0"}));
}

/// Of most streams there is nothing, and that is asked of all at once.
TEST(RecoveryOfStreams, IsOfThoseWithSomethingOneAfterTheOther) {
    ScriptedHost host;
    host.open(source_of({"s", "t", "u"}));
    host.greet("read");
    host.greet("control");
    for (int i = 0; i < 3; ++i) {
        host.forget();
        host.reply("read", error("BUSYGROUP Consumer Group name already exists"));
    }
    const std::string story = host.story();
    const std::string probes =
        lines({"read: XPENDING s g 0-1 + 1 c", "read: XPENDING t g 0-1 + 1 c", "read: XPENDING u g 0-1 + 1 c"});
    EXPECT_EQ(story.substr(story.size() - std::min(story.size(), probes.size())), probes);
    for (int i = 0; i < 3; ++i) {
        host.reply("read", groups("0-0"));
        host.reply("read", pending_summary(0));
    }
    host.forget();
    host.reply("read", array({}));
    host.reply("read", rows({"1-0"}));
    EXPECT_EQ(host.story(), "");
    host.reply("read", rows({"5-0"}));
    EXPECT_EQ(host.story(), lines({"read: XPENDING t g 0-1 + 20 c"}));
    host.reply("read", rows({"1-0"}));
    host.reply("read", stream("t", {"1-0"}));
    host.reply("read", array({}));
    EXPECT_EQ(host.story(), lines({"read: XREADGROUP GROUP g c COUNT 1 STREAMS t 0-0", "read: XPENDING t g 1-1 + 19 c",
                                   "read: XPENDING u g 0-1 + 19 c"}));
    host.reply("read", rows({"5-0"}));
    host.reply("read", stream("u", {"5-0"}));
    host.reply("read", array({}));
    EXPECT_EQ(host.story(), lines({"read: XREADGROUP GROUP g c COUNT 1 STREAMS u 0-0", "read: XPENDING u g 5-1 + 18 c",
                                   "batch 1 by recovery: t/1-0(x2) u/5-0(x2)", sweep(18),
                                   "read: XREADGROUP GROUP g c COUNT 5 BLOCK 2000 STREAMS s t u > > >"}));
    ASSERT_TRUE(host.ack(1).ok());
    EXPECT_EQ(host.story(), lines({"control: XACK t g 1-0", "control: XACK u g 5-0"}));
}

TEST(RecoveryOfStreams, IsAskedForAnewOnTheNextConnection) {
    ScriptedHost host;
    consume(host, source_of({"s", "t"}));
    host.lost("read");
    host.fire();
    host.greet("read");
    EXPECT_NE(host.story().find("read: XPENDING s g 0-1 + 1 c\nread: XPENDING t g 0-1 + 1 c\n"), std::string::npos);
    host.reply("read", array({}));
    host.lost("read");  // with the other's answer
    host.fire();
    host.forget();
    host.greet("read");
    EXPECT_NE(host.story().find("read: XPENDING s g 0-1 + 1 c\nread: XPENDING t g 0-1 + 1 c\n"), std::string::npos);
    host.reply("read", array({}));
    host.forget();
    host.reply("read", array({}));
    EXPECT_EQ(host.story(), lines({"read: XREADGROUP GROUP g c COUNT 5 BLOCK 2000 STREAMS s t > >"}));
}

TEST(RecoveryPaused, WaitsForTheResume) {
    ScriptedHost host;
    const SourceId source = consume_again(host);
    ASSERT_TRUE(host.pause(source).ok());
    host.reply("read", rows({"1-0"}));
    EXPECT_EQ(host.story(), lines({"read: XREADGROUP GROUP g c COUNT 1 STREAMS s 0-0"}));
    host.reply("read", stream("s", {"1-0"}));
    EXPECT_EQ(host.story(), "");
    ASSERT_TRUE(host.resume(source).ok());
    EXPECT_EQ(host.story(), lines({"read: XPENDING s g 1-1 + 19 c"}));
}

}  // namespace
}  // namespace millrace::test
