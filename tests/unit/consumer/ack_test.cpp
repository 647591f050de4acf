// ACK-1 to 3 and ACK-6: what an ack sends, where, how often, and what becomes of one without an answer.
#include <gtest/gtest.h>

#include "support/scripted_host.hpp"

namespace millrace::test {
namespace {

const std::string blocking_read = "read: XREADGROUP GROUP g c COUNT 5 BLOCK 2000 STREAMS s >";
constexpr const char* reset = "disconnected read reset: connection (localhost:6379: reset) retryable";

/// One batch of three has been handed over, and a read blocks the read lane.
struct Ack : ::testing::Test {
    explicit Ack(const ClientConfig& config = {}) : host(config) {
        source = consume(host);
        host.reply("read", stream("s", {"1-0", "2-0", "3-0"}));
        host.wait(2000);
        host.reply("read", null());
        host.forget();
    }
    ScriptedHost host;
    SourceId source{};
};

TEST_F(Ack, OfABatchIsOneCommandOnTheControlLaneWhileTheReadBlocks) {
    ASSERT_TRUE(host.ack(1).ok());
    EXPECT_EQ(host.story(), lines({"control: XACK s g 1-0 2-0 3-0"}));
    host.reply("control", integer(3));
    EXPECT_EQ(host.story(), lines({"acked 1: 0 1 2"}));
}

TEST_F(Ack, MayBeOfPartOfABatch) {
    ASSERT_TRUE(host.ack(1, {2, 0}).ok());
    EXPECT_EQ(host.story(), lines({"control: XACK s g 3-0 1-0"}));
    ASSERT_TRUE(host.ack(1).ok());  // all that is left
    EXPECT_EQ(host.story(), lines({"control: XACK s g 2-0"}));
    host.reply("control", integer(2));
    host.reply("control", integer(1));
    EXPECT_EQ(host.story(), lines({"acked 1: 2 0", "acked 1: 1"}));
}

TEST_F(Ack, TwiceIsAnErrorAndSendsNothing) {
    ASSERT_TRUE(host.ack(1, {0}).ok());
    host.forget();
    const Status again = host.ack(1, {0});
    EXPECT_EQ(again.error().code, Code::not_held);
    EXPECT_EQ(again.error().message, "entry 1-0 was acked, nacked or rejected before");
    host.reply("control", integer(1));
    EXPECT_EQ(host.ack(1, {0}).error().code, Code::not_held);
    EXPECT_EQ(host.story(), lines({"acked 1: 0"}));
}

TEST_F(Ack, OfAFewOneOfWhichIsNotHeldSendsNothingForAny) {
    ASSERT_TRUE(host.ack(1, {1}).ok());
    host.forget();
    EXPECT_EQ(host.ack(1, {0, 1, 2}).error().code, Code::not_held);
    EXPECT_EQ(host.story(), "");
    ASSERT_TRUE(host.ack(1, {0, 2}).ok());
    EXPECT_EQ(host.story(), lines({"control: XACK s g 1-0 3-0"}));
}

TEST_F(Ack, OfAPositionOutsideTheBatchOrNamedTwiceIsAnError) {
    const Status outside = host.ack(1, {0, 3});
    EXPECT_EQ(outside.error().code, Code::bad_argument);
    EXPECT_EQ(outside.error().message, "entry 3 of a batch of 3");
    EXPECT_EQ(host.ack(1, {1, 1}).error().code, Code::not_held);
    EXPECT_EQ(host.story(), "");
    ASSERT_TRUE(host.ack(1).ok());
    EXPECT_EQ(host.story(), lines({"control: XACK s g 1-0 2-0 3-0"}));
}

TEST_F(Ack, OfAllWhenNothingIsLeftIsAnError) {
    ASSERT_TRUE(host.ack(1).ok());
    host.forget();
    EXPECT_EQ(host.ack(1).error().code, Code::not_held);
    EXPECT_EQ(host.nack(1).error().code, Code::not_held);
    EXPECT_EQ(host.story(), "");
}

TEST_F(Ack, OfABatchThatIsNoneIsAnError) {
    EXPECT_EQ(host.machine.ack(BatchId{0}, EntrySet::all(), host.now()).error().code, Code::not_held);
    EXPECT_EQ(host.ack(99).error().code, Code::not_held);
    const auto forged = BatchId{static_cast<uint64_t>(host.batch(1)) + 1};
    EXPECT_EQ(host.machine.ack(forged, EntrySet::all(), host.now()).error().code, Code::not_held);
}

TEST_F(Ack, OfABatchThatIsDoneIsAnErrorAlsoWhenItsPlaceIsTaken) {
    ASSERT_TRUE(host.ack(1).ok());
    host.reply("control", integer(3));
    host.release(1);
    host.reply("read", stream("s", {"4-0", "5-0", "6-0", "7-0", "8-0"}));
    host.forget();
    EXPECT_EQ(host.ack(1).error().code, Code::not_held);
    EXPECT_EQ(host.story(), "");
}

TEST_F(Ack, MayComeAfterTheRelease) {
    host.release(1);
    ASSERT_TRUE(host.ack(1, {1}).ok());
    EXPECT_EQ(host.story(), lines({"control: XACK s g 2-0"}));
    host.release(1);  // a second time is harmless
}

TEST_F(Ack, SharesAWriteWithTheNextReadOnALaneThatDoesNotBlock) {
    host.reply("read", stream("s", {"4-0", "5-0", "6-0", "7-0", "8-0"}));  // full: reads without BLOCK follow
    EXPECT_EQ(host.story().substr(0, 41), "batch 2 by size: 4-0 5-0 6-0 7-0 8-0\nread");
    ASSERT_TRUE(host.ack(1).ok());
    EXPECT_EQ(host.story(), lines({"read: XACK s g 1-0 2-0 3-0", "read: XREADGROUP GROUP g c COUNT 5 STREAMS s >"}));
}

TEST_F(Ack, WithoutAReplyIsSentAgainBeforeAnythingIsRecovered) {
    host.reply("read", stream("s", {"4-0", "5-0", "6-0", "7-0", "8-0"}));
    ASSERT_TRUE(host.ack(1, {0, 1}).ok());
    host.lost("control");  // idle; nothing may be sent behind a block meanwhile
    host.forget();
    host.lost("read");
    EXPECT_EQ(host.story(), lines({reset}));
    host.fire();
    host.greet("read");
    EXPECT_EQ(host.story(), lines({"connect read", "read: CLIENT KILL ID 7", "reconnected read after 1",
                                   "read: XACK s g 1-0 2-0", "read: XPENDING s g 0-1 + 12 c"}));
    host.reply("read", integer(0));  // the first one had gone through
    EXPECT_EQ(host.story(), lines({"acked 1: 0 1"}));
}

TEST_F(Ack, WithARetryableErrorIsSentAgainAfterADelay) {
    ASSERT_TRUE(host.ack(1).ok());
    host.forget();
    host.reply("control", error("LOADING Redis is loading the dataset in memory"));
    EXPECT_EQ(host.story(), "");
    EXPECT_EQ(host.fire(), 100);
    EXPECT_EQ(host.story(), lines({"control: XACK s g 1-0 2-0 3-0"}));
    host.reply("control", error("LOADING Redis is loading the dataset in memory"));
    EXPECT_EQ(host.fire(), 200);
    EXPECT_EQ(host.story(), lines({"control: XACK s g 1-0 2-0 3-0"}));
    host.reply("control", integer(3));
    EXPECT_EQ(host.story(), lines({"acked 1: 0 1 2"}));
}

// A server answers 0 for a group that is missing. What stands before one may say it, and the ack must not be forgotten.
TEST_F(Ack, AnsweredWithNogroupIsSentAgain) {
    ASSERT_TRUE(host.ack(1).ok());
    host.forget();
    host.reply("control", error("NOGROUP No such key or consumer group"));
    EXPECT_EQ(host.story(), "");
    EXPECT_EQ(host.fire(), 100);
    EXPECT_EQ(host.story(), lines({"control: XACK s g 1-0 2-0 3-0"}));
    host.reply("control", integer(3));
    EXPECT_EQ(host.story(), lines({"acked 1: 0 1 2"}));
}

TEST_F(Ack, ThatWaitsWithoutALaneIsNoTimer) {
    ASSERT_TRUE(host.ack(1).ok());
    host.reply("control", error("LOADING Redis is loading the dataset in memory"));
    host.lost("control");
    host.lost("read");
    for (int i = 0; i < 4; ++i) {  // each attempt is refused; the ack has been due since the first
        host.fire();
        if (host.lives("read")) host.lost("read", DisconnectReason::refused);
        if (host.lives("control")) host.lost("control", DisconnectReason::refused);
    }
    host.forget();
    host.wait(10'000);
    EXPECT_NE(host.story().find("connect"), std::string::npos);
}

TEST_F(Ack, ThatTheServerRefusesClosesTheSource) {
    ASSERT_TRUE(host.ack(1, {0}).ok());
    host.forget();
    host.reply("control", error("NOPERM this user has no permissions to run the 'xack' command"));
    EXPECT_EQ(host.story(), lines({"failure: no_permission (XACK s g: NOPERM this user has no permissions to run the "
                                   "'xack' command), closed"}));
    host.reply("read", stream("s", {"4-0"}));
    host.wait(5000);
    EXPECT_EQ(host.story(), "");
    ASSERT_TRUE(host.close(source).ok());
    EXPECT_EQ(host.story(), lines({"closed source, 4 held"}));
}

TEST_F(Ack, OfAStreamThatIsNoStreamAnyMoreClosesTheSource) {
    ASSERT_TRUE(host.ack(1).ok());
    host.forget();
    host.reply("control", error("WRONGTYPE Operation against a key holding the wrong kind of value"));
    EXPECT_EQ(host.story(), lines({"failure: wrong_type (XACK s g: WRONGTYPE Operation against a key holding the wrong "
                                   "kind of value), closed"}));
}

TEST_F(Ack, OnAReplicaFindsTheMasterByANewConnection) {
    ASSERT_TRUE(host.ack(1).ok());
    host.forget();
    host.reply("control", error("READONLY You can't write against a read only replica."));
    EXPECT_EQ(
        host.story(),
        lines({"disconnected control dropped: server_busy (READONLY You can't write against a read only replica.) "
               "retryable",
               "close control"}));
    host.wait(100);
    EXPECT_EQ(host.story(), lines({"connect control", "read: XACK s g 1-0 2-0 3-0"}));
}

TEST_F(Ack, GoesOutAfterACloseThatWaitsForIt) {
    ASSERT_TRUE(host.ack(1, {0}).ok());
    host.forget();
    ASSERT_TRUE(host.close(source).ok());
    EXPECT_EQ(host.story(), lines({"control: CLIENT UNBLOCK 7"}));
    host.reply("read", null());
    EXPECT_EQ(host.story(), "");
    host.reply("control", integer(1));
    EXPECT_EQ(host.story(), lines({"acked 1: 0", "closed source, 2 held"}));
    EXPECT_EQ(host.ack(1, {1}).error().code, Code::not_held);
}

struct OneLane : Ack {
    static ClientConfig config() {
        ClientConfig one;
        one.lanes = 1;
        return one;
    }
    OneLane() : Ack(config()) {}
};

TEST_F(OneLane, AnAckStandsBehindTheShortBlock) {
    EXPECT_EQ(host.ack(1).ok(), true);
    EXPECT_EQ(host.story(), lines({"read: XACK s g 1-0 2-0 3-0"}));
    host.reply("read", null());
    EXPECT_EQ(host.story(), lines({"read: XREADGROUP GROUP g c COUNT 5 BLOCK 250 STREAMS s >"}));
    host.reply("read", integer(3));
    EXPECT_EQ(host.story(), lines({"acked 1: 0 1 2"}));
}

TEST(AckIndices, StayValidUntilTheNextEventIsPolled) {
    ScriptedHost host;
    consume(host);
    host.reply("read", stream("s", {"1-0", "2-0", "3-0", "4-0", "5-0"}));
    Machine& machine = host.machine;
    const std::vector<uint32_t> first{0, 2};
    const std::vector<uint32_t> second{1, 3, 4};
    ASSERT_TRUE(machine.ack(host.batch(1), EntrySet::of(first), host.now()).ok());
    ASSERT_TRUE(machine.ack(host.batch(1), EntrySet::of(second), host.now()).ok());
    const std::string replies = null() + null() + null() + integer(2) + integer(3);
    const std::span<std::byte> room = machine.input_room(host.conn("read"), replies.size());
    std::copy(replies.begin(), replies.end(), reinterpret_cast<char*>(room.data()));
    machine.handle_input(host.conn("read"), replies.size(), host.now());
    std::optional<Event> event = machine.poll_event();
    ASSERT_TRUE(event.has_value());
    const std::span<const uint32_t> indices = std::get<Acked>(*event).indices;
    machine.handle_timeout(host.now());
    EXPECT_EQ(std::vector<uint32_t>(indices.begin(), indices.end()), first);
    event = machine.poll_event();
    ASSERT_TRUE(event.has_value());
    EXPECT_EQ(std::get<Acked>(*event).indices.size(), 3U);
    EXPECT_EQ(std::get<Acked>(*event).indices[2], 4U);
}

}  // namespace
}  // namespace millrace::test
