// The end of a source: acks first, then Closed. The end of a machine is in drain_test.cpp.
#include <bit>
#include <cmath>

#include <gtest/gtest.h>

#include "consumer/batches.hpp"
#include "support/scripted_host.hpp"

namespace millrace::test {
namespace {

const std::string blocking_read = "read: XREADGROUP GROUP g c COUNT 5 BLOCK 2000 STREAMS s >";

struct Closing : ::testing::Test {
    Closing() {
        source = consume(host);
        host.reply("read", stream("s", {"1-0", "2-0", "3-0"}));
        host.wait(2000);
        host.reply("read", stream("s", {"4-0"}));  // buffered
        host.forget();
    }
    ScriptedHost host;
    SourceId source{};
};

TEST_F(Closing, ASourceGivesBackWhatItDidNotHandOverAndTellsWhatItLeavesPending) {
    ASSERT_TRUE(host.close(source).ok());
    EXPECT_EQ(host.story(), lines({"control: XCLAIM s g c 0 4-0 IDLE 60000 JUSTID", "control: CLIENT UNBLOCK 7"}));
    EXPECT_EQ(host.close(source).error().code, Code::closed);
    EXPECT_EQ(host.pause(source).error().code, Code::closed);
    host.reply("control", array({bulk("4-0")}));
    host.reply("control", integer(1));
    EXPECT_EQ(host.story(), "");
    host.reply("read", null());
    EXPECT_EQ(host.story(), lines({"closed source, 3 held"}));
    EXPECT_EQ(host.ack(1).error().code, Code::not_held);
}

TEST_F(Closing, EntriesThatArriveMeanwhileAreGivenBack) {
    ASSERT_TRUE(host.ack(1).ok());
    ASSERT_TRUE(host.close(source).ok());
    host.forget();
    host.reply("read", stream("s", {"5-0", "6-0"}));
    EXPECT_EQ(host.story(), lines({"read: XCLAIM s g c 0 5-0 6-0 IDLE 60000 JUSTID"}));
    host.reply("control", integer(3));
    EXPECT_EQ(host.story(), lines({"acked 1: 0 1 2"}));
    host.reply("control", array({bulk("4-0")}));
    host.reply("control", integer(1));
    host.reply("read", array({bulk("5-0"), bulk("6-0")}));
    EXPECT_EQ(host.story(), lines({"closed source, 0 held"}));
}

/// Nobody makes the group again for a source that ends: what waits can be given back to nobody.
TEST_F(Closing, WithoutItsGroupItEnds) {
    ASSERT_TRUE(host.nack(1, {}, seconds(10)).ok());
    host.reply("read", null());
    ASSERT_TRUE(host.close(source).ok());
    host.forget();
    const std::string gone = "NOGROUP No such key 's' or consumer group 'g'";
    for (int i = 0; i < 4; ++i) host.reply("control", error(gone));
    host.reply("control", integer(1));
    host.reply("read", error(gone + " in XREADGROUP with GROUP option"));
    EXPECT_EQ(host.story(), lines({"lost s: 1-0", "lost s: 2-0", "lost s: 3-0", "closed source, 1 held"}));
}

/// A page of recovery is counted, and then not read any more: nothing waits for that.
TEST_F(Closing, WhileAPageIsCountedWhatWaitsIsGivenBack) {
    ASSERT_TRUE(host.nack(1, {}, seconds(10)).ok());
    host.lost("read");
    host.fire();
    host.greet("read");
    ASSERT_TRUE(host.close(source).ok());
    host.forget();
    host.reply("read", array({pending("1-0", "c", 50, 1)}));
    EXPECT_NE(host.story().find("1-0 IDLE 60000 JUSTID"), std::string::npos);
}

TEST_F(Closing, ABatchStaysReadableUntilItIsReleased) {
    ASSERT_TRUE(host.close(source).ok());
    host.release(1);
    host.release(1);
    host.release(99);
}

TEST_F(Closing, TheNextSourceStartsAnew) {
    ASSERT_TRUE(host.close(source).ok());
    host.forget();
    host.open(source_of());
    EXPECT_EQ(host.story(), "");  // behind the block
    host.reply("control", array({bulk("4-0")}));
    host.reply("control", integer(1));
    host.reply("read", null());
    EXPECT_EQ(host.story(), lines({"closed source, 3 held", "read: XGROUP CREATE s g 0 MKSTREAM"}));
    host.reply("read", error("BUSYGROUP Consumer Group name already exists"));
    EXPECT_EQ(host.story(), lines({"ready #2 streams consumer=c resp3 7.0.15", "read: XINFO GROUPS s",
                                   "read: XPENDING s g", "read: XPENDING s g 0-1 + 20 c"}));
}

TEST(ClosedEarly, ASourceThatNeverBeganIsClosedAtOnce) {
    ScriptedHost host;
    const SourceId source = host.open(source_of());
    host.forget();
    ASSERT_TRUE(host.close(source).ok());
    EXPECT_EQ(host.story(), lines({"closed source, 0 held"}));
    host.release(1);
    host.greet("read");
    EXPECT_EQ(host.story().find("XGROUP"), std::string::npos);
}

// As of a server that opens a tail for each of its visitors.
TEST(ClosedEarly, SourcesComeAndGoForEver) {
    ScriptedHost host;
    const SourceId first = consume(host);
    host.reply("read", stream("s", {"1-0"}));
    host.wait(2000);
    SourceId last = first;
    // The next one's number, as the upper bits of a double, would be those of a NaN.
    while (static_cast<uint32_t>(last) < 0x7ff7) {
        const Result<SourceId> next = host.machine.open(source_of({"t"}), host.now());
        ASSERT_TRUE(next.ok()) << next.error().message;
        ASSERT_GT(*next, last);
        ASSERT_NE(place_of(*next), place_of(first));  // a batch's id says which of those that are there it is of
        last = *next;
        ASSERT_TRUE(host.machine.close(last, host.now()).ok());
        if (static_cast<uint32_t>(last) % 64 == 0) host.settle();
    }
    host.settle();
    host.forget();
    host.open(source_of({"u"}));
    host.reply("read", null());
    host.reply("read", ok());
    host.reply("read", null());  // of the first, in its turn
    host.reply("read", stream("u", {"1-0"}));
    host.wait(2000);
    ASSERT_EQ(host.batches(), 2U) << host.story();
    EXPECT_NE(host.batch(1), host.batch(2));
    EXPECT_FALSE(std::isnan(std::bit_cast<double>(host.batch(2))));
    EXPECT_TRUE(host.ack(1).ok());
    EXPECT_TRUE(host.ack(2).ok());
}

TEST(Drop, AMachineMayGoAtAnyTime) {
    for (int step = 0; step < 6; ++step) {
        ScriptedHost host;
        consume(host);
        if (step > 0) host.reply("read", stream("s", {"1-0", "2-0", "3-0", "4-0", "5-0"}));
        EXPECT_EQ(host.ack(1, {0}).ok(), step > 0);
        if (step > 1) {
            EXPECT_TRUE(host.nack(1, {1}, Duration{}).ok());
        }
        if (step > 2) {
            EXPECT_TRUE(host.publish("s", {"a"}).ok());
        }
        if (step > 3) host.lost("control");
        if (step > 4) host.reply("read", stream("s", {"6-0"}).substr(0, 20));
    }
}

TEST(Move, AMachineMayBeMoved) {
    Result<Machine> made = Machine::create({}, {}, Instant{1}, WallTime{});
    ASSERT_TRUE(made.ok());
    Machine machine = std::move(made).value();
    ASSERT_TRUE(machine.open(source_of(), Instant{1}).ok());
    Result<Machine> other = Machine::create({}, {}, Instant{1}, WallTime{});
    ASSERT_TRUE(other.ok());
    *other = std::move(machine);
    EXPECT_TRUE(other->poll_action().has_value());
}

}  // namespace
}  // namespace millrace::test
