// BP-1 and the reads of REC-6: how much is asked for at once, and what stops reading.
#include <gtest/gtest.h>

#include "support/scripted_host.hpp"

namespace millrace::test {
namespace {

const std::string blocking_read = "read: XREADGROUP GROUP g c COUNT 5 BLOCK 2000 STREAMS s >";
const std::string read_of_5 = "read: XREADGROUP GROUP g c COUNT 5 STREAMS s >";

std::string full(int first) {
    Items list;
    for (int i = first; i < first + 5; ++i) list.push_back(entry(std::to_string(i) + "-0"));
    return stream_of("s", list);
}

TEST(Backlog, KeepsSeveralReadsInFlightAndNoneOfThemBlocks) {
    ScriptedHost host;
    SourceConfig config = source_of();
    config.prefetch = 1000;
    consume(host, config);
    host.reply("read", full(1));
    EXPECT_EQ(host.story(), lines({"batch 1 by size: 1-0 2-0 3-0 4-0 5-0", read_of_5, read_of_5, read_of_5, read_of_5,
                                   read_of_5, read_of_5, read_of_5, read_of_5}));
    host.reply("read", full(6));
    EXPECT_EQ(host.story(), lines({"batch 2 by size: 6-0 7-0 8-0 9-0 10-0", read_of_5}));
}

TEST(Backlog, EndsWithTheFirstReplyThatIsNotFullAndThenOneReadBlocks) {
    ScriptedHost host;
    consume(host);
    host.reply("read", full(1));
    host.forget();
    host.reply("read", stream("s", {"6-0"}));
    EXPECT_EQ(host.story(), "");  // two more are on their way
    host.reply("read", null());
    EXPECT_EQ(host.story(), "");
    host.reply("read", null());
    EXPECT_EQ(host.story(), lines({blocking_read}));
}

TEST(Room, IsPrefetchLessWhatIsHeldAndAskedFor) {
    ScriptedHost host;
    SourceConfig config = source_of();
    config.prefetch = 12;
    consume(host, config);
    host.reply("read", full(1));
    EXPECT_EQ(host.story(), lines({"batch 1 by size: 1-0 2-0 3-0 4-0 5-0", read_of_5}));
    host.reply("read", full(6));
    EXPECT_EQ(host.story(),
              lines({"batch 2 by size: 6-0 7-0 8-0 9-0 10-0", "read: XREADGROUP GROUP g c COUNT 2 STREAMS s >"}));
    host.reply("read", stream("s", {"11-0", "12-0"}));
    EXPECT_EQ(host.story(), "");  // full
    host.wait(10'000);
    EXPECT_EQ(host.story(), lines({"batch 3 by flush: 11-0 12-0"}));
    ASSERT_TRUE(host.ack(1).ok());
    // Held until that is answered, which is before the read is.
    EXPECT_EQ(host.story(), lines({"read: XACK s g 1-0 2-0 3-0 4-0 5-0", read_of_5}));
    host.reply("read", integer(5));
    EXPECT_EQ(host.story(), lines({"acked 1: 0 1 2 3 4"}));
}

TEST(Room, OfAnAckThatWasRefusedIsThereOnceItIsDone) {
    ScriptedHost host;
    SourceConfig config = source_of();
    config.prefetch = 5;
    consume(host, config);
    host.reply("read", full(1));
    EXPECT_EQ(host.story(), lines({"batch 1 by size: 1-0 2-0 3-0 4-0 5-0"}));
    ASSERT_TRUE(host.ack(1).ok());
    EXPECT_EQ(host.story(), lines({"read: XACK s g 1-0 2-0 3-0 4-0 5-0", read_of_5}));
    host.reply("read", error("LOADING Redis is loading the dataset in memory"));
    host.reply("read", full(6));
    EXPECT_EQ(host.story(), lines({"batch 2 by size: 6-0 7-0 8-0 9-0 10-0"}));
    ASSERT_TRUE(host.ack(2).ok());
    EXPECT_EQ(host.story(), lines({"read: XACK s g 6-0 7-0 8-0 9-0 10-0"}));  // five are held still
    host.fire();
    EXPECT_EQ(host.story(), lines({"read: XACK s g 1-0 2-0 3-0 4-0 5-0"}));
    host.reply("read", integer(5));
    EXPECT_EQ(host.story(), lines({"acked 2: 0 1 2 3 4"}));
    host.reply("read", integer(5));
    EXPECT_EQ(host.story(), lines({"acked 1: 0 1 2 3 4", read_of_5}));
}

TEST(Room, IsNotTakenByNackedEntries) {
    ScriptedHost host;
    SourceConfig config = source_of();
    config.prefetch = 5;
    consume(host, config);
    host.reply("read", full(1));
    host.forget();
    ASSERT_TRUE(host.nack(1, {0, 1}, seconds(60)).ok());
    EXPECT_EQ(host.story(), lines({"read: XREADGROUP GROUP g c COUNT 2 STREAMS s >"}));
}

TEST(Room, OfBytesIsMadeByReleasingABatch) {
    ScriptedHost host;
    SourceConfig config = source_of();
    config.prefetch_bytes = 1024;
    consume(host, config);
    Items large;
    for (int i = 1; i <= 5; ++i) large.push_back(entry(std::to_string(i) + "-0", std::string(299, 'x')));
    host.reply("read", stream_of("s", large));
    EXPECT_EQ(host.story(), lines({"batch 1 by size: 1-0 2-0 3-0 4-0 5-0"}));
    ASSERT_TRUE(host.ack(1).ok());
    host.reply("read", integer(5));
    EXPECT_EQ(host.story(), lines({"read: XACK s g 1-0 2-0 3-0 4-0 5-0", "acked 1: 0 1 2 3 4"}));
    host.release(1);
    // 1,024 bytes for entries of 300: three at a time, and no second read that has no room.
    EXPECT_EQ(host.story(), lines({"read: XREADGROUP GROUP g c COUNT 3 STREAMS s >"}));
}

TEST(Room, OfBytesBoundsTheReadsInFlight) {
    ScriptedHost host;
    SourceConfig config = source_of();
    config.batch_size = 1;
    config.prefetch = 100;
    config.prefetch_bytes = 1024;
    consume(host, config);
    host.reply("read", stream_of("s", {entry("1-0", std::string(599, 'x'))}));
    EXPECT_EQ(host.story(), lines({"batch 1 by size: 1-0", "read: XREADGROUP GROUP g c COUNT 1 STREAMS s >"}));
}

TEST(Count, FallsToOneByTheSizeLastSeenAndRisesAgain) {
    ScriptedHost host;
    SourceConfig config = source_of();
    config.prefetch_bytes = 1024;
    consume(host, config);
    host.reply("read", stream_of("s", {entry("1-0", std::string(599, 'x'))}));
    EXPECT_EQ(host.story(), lines({"read: XREADGROUP GROUP g c COUNT 1 BLOCK 2000 STREAMS s >"}));
    host.reply("read", stream("s", {"2-0"}));
    EXPECT_EQ(host.story().find("read: XREADGROUP GROUP g c COUNT 5 STREAMS s >"), 0U);
}

TEST(Count, OfAReadOverManyIsAShareOfTheRoom) {
    ScriptedHost host;
    SourceConfig config = source_of({"s", "t", "u"});
    config.prefetch = 9;
    host.open(config);
    host.greet("read");
    for (int i = 0; i < 3; ++i) host.reply("read", ok());
    EXPECT_NE(host.story().find("read: XREADGROUP GROUP g c COUNT 3 BLOCK 2000 STREAMS s t u > > >"),
              std::string::npos);
}

/// BP-1: a stream whose last read was full is hot. Such streams are read in rotation, and after each rotation the
/// others once; nothing blocks until none is hot.
TEST(Rotation, OfHotStreamsGoesAroundAndLetsTheOthersInBetween) {
    ScriptedHost host;
    SourceConfig config = source_of({"s", "t", "u"});
    config.prefetch = 9;
    consume(host, config);
    const auto full = [](std::string_view key, int first) {
        Items list;
        for (int i = first; i < first + 3; ++i) list.push_back(entry(std::to_string(i) + "-0"));
        return std::vector<std::string>{bulk(key), array(list)};
    };
    Items two = full("s", 1);
    for (std::string& each : full("t", 1)) two.push_back(std::move(each));
    host.reply("read", map(two));
    // There is room for three: one stream at a time, and then there is no room for another read.
    EXPECT_EQ(host.story(), lines({"batch 1 by size: s/1-0 s/2-0 s/3-0 t/1-0 t/2-0",
                                   "read: XREADGROUP GROUP g c COUNT 3 STREAMS s >"}));
    host.reply("read", stream("s", {"4-0"}));
    EXPECT_EQ(host.story(), lines({"read: XREADGROUP GROUP g c COUNT 2 STREAMS t >"}));
    host.reply("read", null());
    EXPECT_EQ(host.story(), lines({"read: XREADGROUP GROUP g c COUNT 1 BLOCK 2000 STREAMS s t u > > >"}));
}

TEST(Rotation, ReadsTheOthersOnceAfterEachRound) {
    ScriptedHost host;
    SourceConfig config = source_of({"s", "t"});
    config.batch_size = 2;
    config.prefetch = 100;
    consume(host, config);
    host.reply("read", stream("s", {"1-0", "2-0"}));
    const std::string hot = "read: XREADGROUP GROUP g c COUNT 2 STREAMS s >";
    const std::string other = "read: XREADGROUP GROUP g c COUNT 2 STREAMS t >";
    EXPECT_EQ(host.story(), lines({"batch 1 by size: 1-0 2-0", hot, other, hot, other, hot, other, hot, other}));
    for (int i = 0; i < 4; ++i) {
        host.reply("read", null());
        host.reply("read", null());
    }
    EXPECT_EQ(host.story(), lines({"read: XREADGROUP GROUP g c COUNT 2 BLOCK 2000 STREAMS s t > >"}));
}

TEST(Pause, StopsReadingAndResumeGoesOn) {
    ScriptedHost host;
    const SourceId source = consume(host);
    ASSERT_TRUE(host.pause(source).ok());
    host.reply("read", stream("s", {"1-0"}));
    EXPECT_EQ(host.story(), "");
    host.wait(2000);
    EXPECT_EQ(host.story(), lines({"batch 1 by flush: 1-0"}));
    ASSERT_TRUE(host.ack(1).ok());
    EXPECT_EQ(host.story(), lines({"read: XACK s g 1-0"}));
    host.reply("read", integer(1));
    EXPECT_EQ(host.story(), lines({"acked 1: 0"}));
    ASSERT_TRUE(host.resume(source).ok());
    EXPECT_EQ(host.story(), lines({blocking_read}));
}

TEST(Pause, BeforeTheServerIsKnownHoldsWhenItIs) {
    ScriptedHost host;
    const SourceId source = host.open(source_of());
    EXPECT_TRUE(host.pause(source).ok());
    host.greet("read");
    host.forget();
    host.reply("read", ok());
    EXPECT_EQ(host.story(), "");
    EXPECT_TRUE(host.resume(source).ok());
    EXPECT_EQ(host.story(), lines({"ready streams consumer=c resp3 7.0.15", blocking_read}));
}

TEST(Pause, OfASourceThatIsNoneIsTold) {
    ScriptedHost host;
    EXPECT_EQ(host.pause(SourceId{3}).error().code, Code::closed);
    EXPECT_EQ(host.resume(SourceId{3}).error().code, Code::closed);
}

/// Two consumers on one read lane take turns with short blocks.
TEST(SharedLane, ConsumersTakeTurns) {
    ScriptedHost host;
    consume(host);
    SourceConfig second = source_of({"t"});
    second.consumer = "d";
    host.open(second);
    EXPECT_EQ(host.story(), "");  // the lane is blocked for two seconds
    host.reply("read", null());
    EXPECT_EQ(host.story(), lines({"read: XGROUP CREATE t g 0 MKSTREAM",
                                   "read: XREADGROUP GROUP g c COUNT 5 BLOCK 250 STREAMS s >"}));
    host.reply("read", ok());
    EXPECT_EQ(host.story(), "");
    for (int i = 0; i < 2; ++i) {
        host.reply("read", null());
        EXPECT_EQ(host.story(), lines({std::string(i == 0 ? "ready #2 streams consumer=d resp3 7.0.15\n" : "") +
                                       "read: XREADGROUP GROUP g d COUNT 5 BLOCK 250 STREAMS t >"}));
        host.reply("read", stream("t", {i == 0 ? "1-0" : "2-0"}));
        EXPECT_EQ(host.story(), lines({"read: XREADGROUP GROUP g c COUNT 5 BLOCK 250 STREAMS s >"}));
    }
}

/// REC-6: the next connection of the same lane kills the one before; until then its read may still take entries.
TEST(SharedLane, ALostReadIsNotMadeUpForOnAnotherLaneThatIsFree) {
    ClientConfig config;
    config.lanes = 3;
    ScriptedHost host(config);
    host.open(source_of());
    host.greet("read");
    host.greet("read2");
    host.greet("control");
    host.reply("read", ok());
    host.forget();
    host.lost("read");
    EXPECT_EQ(host.story(), lines({"disconnected read reset: connection (localhost:6379: reset) retryable"}));
    host.fire();
    host.greet("read");
    EXPECT_EQ(host.story(), lines({"connect read", "read: CLIENT KILL ID 7", "reconnected read after 1",
                                   "read: XPENDING s g 0-1 + 20 c"}));
}

TEST(SharedLane, MoreReadLanesBlockAsLongAsTheyLike) {
    ClientConfig config;
    config.lanes = 3;
    ScriptedHost host(config);
    host.open(source_of());
    SourceConfig second = source_of({"t"});
    second.consumer = "d";
    host.open(second);
    host.greet("read");
    host.greet("read2");
    host.greet("control");
    host.forget();
    host.reply("read", ok());
    host.reply("read", ok());
    EXPECT_EQ(host.story(), lines({"ready streams consumer=c resp3 7.0.15",
                                   "read: XREADGROUP GROUP g c COUNT 5 BLOCK 2000 STREAMS s >",
                                   "ready #2 streams consumer=d resp3 7.0.15",
                                   "read2: XREADGROUP GROUP g d COUNT 5 BLOCK 2000 STREAMS t >"}));
}

}  // namespace
}  // namespace millrace::test
