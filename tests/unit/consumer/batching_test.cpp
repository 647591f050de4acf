// BAT: a batch is handed over by its size, by time, or at the end of recovery; never early, never empty, never mixed.
#include <gtest/gtest.h>

#include "support/scripted_host.hpp"

namespace millrace::test {
namespace {

const std::string blocking_read = "read: XREADGROUP GROUP g c COUNT 5 BLOCK 2000 STREAMS s >";
const std::string read_of_5 = "read: XREADGROUP GROUP g c COUNT 5 STREAMS s >";

TEST(Batching, TheStoryOfAFirstConnection) {
    ScriptedHost host;
    host.open(source_of());
    EXPECT_EQ(host.story(),
              lines({"log info: Auto-detecting Redis version to choose best notification implementation...",
                     "connect read", "connect control"}));
    host.greet("read");
    host.greet("control");
    EXPECT_EQ(host.story(),
              lines({"log info: Redis Streams supported - will use Streams for notifications redis_version=7",
                     "mode streams 7.0.15", "read: XGROUP CREATE s g 0 MKSTREAM"}));
    host.reply("read", ok());
    EXPECT_EQ(host.story(), lines({"ready streams consumer=c resp3 7.0.15", blocking_read}));
    host.reply("read", stream("s", {"1-0", "2-0", "3-0", "4-0", "5-0"}));
    EXPECT_EQ(host.story(), lines({"batch 1 by size: 1-0 2-0 3-0 4-0 5-0", read_of_5, read_of_5, read_of_5}));
}

TEST(Batching, AFlushComesExactlyAfterTheIntervalFromTheFirstEntry) {
    ScriptedHost host;
    consume(host);
    host.wait(700);
    host.reply("read", stream("s", {"1-0"}));
    host.wait(1000);
    host.reply("read", stream("s", {"2-0", "3-0"}));
    EXPECT_EQ(host.story(), lines({blocking_read, blocking_read}));
    host.wait(999);
    EXPECT_EQ(host.story(), "");
    host.wait(1);
    EXPECT_EQ(host.story(), lines({"batch 1 by flush: 1-0 2-0 3-0"}));
    host.wait(1999);
    EXPECT_EQ(host.story(), "");  // nothing has come since: an empty batch is never handed over
}

TEST(Batching, AfterAFlushTheNextIntervalBeginsWithTheNextEntry) {
    ScriptedHost host;
    consume(host);
    host.reply("read", stream("s", {"1-0"}));
    host.wait(2000);
    host.wait(500);
    host.reply("read", stream("s", {"2-0"}));
    host.forget();
    host.wait(1999);
    EXPECT_EQ(host.story(), "");
    host.wait(1);
    EXPECT_EQ(host.story(), lines({"batch 2 by flush: 2-0"}));
}

TEST(Batching, AFullBatchGoesAtOnceAndTheRestWaitsItsOwnTime) {
    ScriptedHost host;
    consume(host);
    host.reply("read", stream("s", {"1-0", "2-0", "3-0"}));
    host.wait(1500);
    host.forget();
    host.reply("read", stream("s", {"4-0", "5-0", "6-0"}));
    EXPECT_EQ(host.story(), lines({"batch 1 by size: 1-0 2-0 3-0 4-0 5-0", blocking_read}));
    host.wait(1999);
    EXPECT_EQ(host.story(), "");
    host.wait(1);
    EXPECT_EQ(host.story(), lines({"batch 2 by flush: 6-0"}));
}

TEST(Batching, ALateHostGetsTheFlushOnce) {
    ScriptedHost host;
    consume(host);
    host.reply("read", stream("s", {"1-0"}));
    host.forget();
    host.oversleep(3000);
    EXPECT_EQ(host.story(), lines({"batch 1 by flush: 1-0"}));
    host.oversleep(1);
    host.oversleep(0);
    EXPECT_EQ(host.story(), "");
}

TEST(Batching, WithoutAnIntervalWhatHasComeIsHandedOver) {
    ScriptedHost host;
    SourceConfig config = source_of();
    config.flush_interval = Duration{};
    consume(host, config);
    host.reply("read", stream("s", {"1-0", "2-0"}));
    EXPECT_EQ(host.story(), lines({"batch 1 by flush: 1-0 2-0", blocking_read}));
    host.reply("read", null());
    EXPECT_EQ(host.story(), lines({blocking_read}));
}

TEST(Batching, TheDefaultIntervalIsFiveSeconds) {
    ScriptedHost host;
    SourceConfig config = source_of();
    config.flush_interval.reset();
    consume(host, config);
    host.reply("read", stream("s", {"1-0"}));
    host.wait(2000);
    host.reply("read", null());
    host.wait(2000);
    host.reply("read", null());
    host.wait(999);
    host.forget();
    host.wait(1);
    EXPECT_EQ(host.story(), lines({"batch 1 by flush: 1-0"}));
}

TEST(Batching, ABatchOfOneNeverWaits) {
    ScriptedHost host;
    SourceConfig config = source_of();
    config.batch_size = 1;
    consume(host, config);
    host.reply("read", stream("s", {"1-0"}));
    EXPECT_EQ(host.story().substr(0, 20), "batch 1 by size: 1-0");
}

/// BAT-2, with the replies in pieces of every kind.
class Burst : public ::testing::TestWithParam<ScriptedHost::Cut> {};

TEST_P(Burst, Of20GivesFourBatchesOfFiveAndNoneOfThemWaits) {
    ScriptedHost host;
    consume(host);
    host.cut = GetParam();
    host.reply("read", stream("s", {"1-0", "2-0", "3-0", "4-0", "5-0"}));
    host.reply("read", stream("s", {"6-0", "7-0", "8-0", "9-0", "10-0"}));
    host.reply("read", stream("s", {"11-0", "12-0", "13-0", "14-0", "15-0"}));
    host.reply("read", stream("s", {"16-0", "17-0", "18-0", "19-0", "20-0"}));
    EXPECT_EQ(host.story(), lines({"batch 1 by size: 1-0 2-0 3-0 4-0 5-0", read_of_5, read_of_5, read_of_5,
                                   "batch 2 by size: 6-0 7-0 8-0 9-0 10-0", "batch 3 by size: 11-0 12-0 13-0 14-0 15-0",
                                   "batch 4 by size: 16-0 17-0 18-0 19-0 20-0"}));
}

TEST_P(Burst, OverRepliesOfAnySizeGivesTheSameBatches) {
    ScriptedHost host;
    consume(host);
    host.cut = GetParam();
    host.reply("read", stream("s", {"1-0", "2-0", "3-0"}));
    host.reply("read", stream("s", {"4-0", "5-0", "6-0", "7-0"}));
    host.reply("read", stream("s", {"8-0"}));
    host.reply("read", stream("s", {"9-0", "10-0", "11-0", "12-0"}));
    std::string batches;
    const std::string story = host.story();
    for (size_t at = story.find("batch"); at != std::string::npos; at = story.find("batch", at + 1)) {
        batches += story.substr(at, story.find('\n', at) + 1 - at);
    }
    EXPECT_EQ(batches, lines({"batch 1 by size: 1-0 2-0 3-0 4-0 5-0", "batch 2 by size: 6-0 7-0 8-0 9-0 10-0"}));
    host.wait(2000);
    EXPECT_NE(host.story().find("batch 3 by flush: 11-0 12-0\n"), std::string::npos);
}

TEST_P(Burst, OfASlowNetworkArrivesWhenItsBytesDo) {
    ScriptedHost host;
    consume(host);
    const std::string reply = stream("s", {"1-0", "2-0"});
    const size_t half = reply.find("$3\r\n2-0");
    host.cut = GetParam();
    host.reply("read", reply.substr(0, half));
    host.wait(1999);
    EXPECT_EQ(host.story(), "");
    host.wait(1);
    EXPECT_EQ(host.story(), lines({"batch 1 by flush: 1-0"}));
    host.reply("read", reply.substr(half));
    host.forget();
    host.wait(2000);
    EXPECT_EQ(host.story(), lines({"batch 2 by flush: 2-0"}));
}

INSTANTIATE_TEST_SUITE_P(Pieces, Burst,
                         ::testing::Values(ScriptedHost::Cut::whole, ScriptedHost::Cut::byte_by_byte,
                                           ScriptedHost::Cut::in_three));

TEST(Streams, OfOneSourceShareItsBatchesInTheOrderOfArrival) {
    ScriptedHost host;
    consume(host, source_of({"s", "t"}));
    host.reply("read", map({bulk("s"), array({entry("1-0"), entry("2-0")}), bulk("t"), array({entry("1-0")})}));
    host.reply("read", map({bulk("t"), array({entry("2-0"), entry("3-0")})}));
    EXPECT_EQ(host.story(), lines({"read: XREADGROUP GROUP g c COUNT 5 BLOCK 2000 STREAMS s t > >",
                                   "batch 1 by size: s/1-0 s/2-0 t/1-0 t/2-0 t/3-0",
                                   "read: XREADGROUP GROUP g c COUNT 5 BLOCK 2000 STREAMS s t > >"}));
    ASSERT_TRUE(host.ack(1).ok());
    EXPECT_EQ(host.story(), lines({"control: XACK s g 1-0 2-0", "control: XACK t g 1-0 2-0 3-0"}));
}

TEST(Streams, OfResp2AreArraysOfPairs) {
    ScriptedHost host;
    host.server.protocol = 2;
    host.server.version = "5.0.6";
    consume(host);
    host.reply("read", stream2("s", {"1-0", "2-0", "3-0", "4-0", "5-0"}));
    EXPECT_EQ(host.story(), lines({"batch 1 by size: 1-0 2-0 3-0 4-0 5-0", read_of_5, read_of_5, read_of_5}));
    for (int i = 0; i < 3; ++i) host.reply("read", null_array());
    EXPECT_EQ(host.story(), lines({blocking_read}));
}

TEST(Fields, AreHandedOverInOrderWithRepeatsAndAnyBytes) {
    ScriptedHost host;
    consume(host);
    const std::string binary("\0\r\n\xff", 4);
    const std::string reply = stream_of(
        "s", {array({bulk("1-0"), array({bulk("k"), bulk("1"), bulk("k"), bulk(binary), bulk(""), bulk("")})})});
    const std::span<std::byte> room = host.machine.input_room(host.conn("read"), reply.size());
    ASSERT_GE(room.size(), reply.size());
    std::copy(reply.begin(), reply.end(), reinterpret_cast<char*>(room.data()));
    host.machine.handle_input(host.conn("read"), reply.size(), host.now());
    host.machine.handle_timeout(host.now() + seconds(2));
    const std::optional<Event> event = host.machine.poll_event();
    ASSERT_TRUE(event.has_value());
    const BatchView& view = std::get<BatchReady>(*event).entries;
    ASSERT_EQ(view.size(), 1U);
    const Entry entry = view[0];
    ASSERT_EQ(entry.field_count(), 3U);
    EXPECT_EQ(entry.field(0).value, "1");
    EXPECT_EQ(entry.field(1).name, "k");
    EXPECT_EQ(entry.field(1).value, binary);
    EXPECT_EQ(entry.field(2).name, "");
    EXPECT_EQ(entry["k"], "1");
    EXPECT_EQ(entry["x"], std::nullopt);
    EXPECT_EQ(entry.deliveries(), 1U);
}

}  // namespace
}  // namespace millrace::test
