// REC-4: names under a lease. Nothing is read before a name is had, and nothing is handed out under one that is lost.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>

#include "consumer/lease_scene.hpp"

namespace millrace::test {
namespace {

const std::string noperm = error("NOPERM this user has no permissions to run the 'evalsha' command");
const std::string away =
    "failure: lost (the lease of the consumer name 'c-1' is lost: it is another's, or was deleted; what was held is "
    "given up, and another name is taken) retryable";
const std::string late =
    "failure: lost (the lease of the consumer name 'c-1' is lost: it could not be renewed for 30 s; what was held is "
    "given up, and another name is taken) retryable";
const std::string unread = "disconnected read dropped: lost (it reads for a consumer name that is lost) retryable";

TEST_F(LeasedName, IsHadBeforeAnythingIsRead) {
    EXPECT_EQ(asked.substr(asked.rfind("control: ")), look() + "\n");
    find();
    host.reply("control", ok());
    EXPECT_EQ(host.story(), lines({renewal(1)}));
    host.reply("control", integer(1));
    EXPECT_EQ(host.story(), lines({"read: XGROUP CREATE s g 0 MKSTREAM"}));
    host.reply("read", ok());
    EXPECT_EQ(host.story(), lines({"ready streams consumer=c-1 resp3 7.0.15",
                                   "read: XREADGROUP GROUP g c-1 COUNT 5 BLOCK 2000 STREAMS s >"}));
}

TEST_F(LeasedName, IsTheFirstThatIsFree) {
    find(3);
    host.reply("control", null());  // taken meanwhile
    EXPECT_EQ(host.story(), lines({"control: SET " + key(5) + " " + token + " NX PX 30000"}));
}

TEST_F(LeasedName, IsSoughtBeyondTheFirstWindow) {
    host.reply("control", taken(64));
    EXPECT_EQ(host.story(), lines({look(65)}));
    host.reply("control", taken(0));
    EXPECT_EQ(host.story().substr(0, 30), ("control: SET " + key(65) + " ").substr(0, 30));
}

TEST_F(LeasedName, IsSoughtAgainLaterWhereAllAreTaken) {
    for (uint32_t window = 0; window < 64; ++window) host.reply("control", taken(64));
    const std::string text = host.story();
    EXPECT_TRUE(text.ends_with("log warn: No consumer name is free; asking again. base=c tried=4096\n"));
    host.wait(100);
    EXPECT_EQ(host.story(), lines({look()}));
}

TEST_F(LeasedName, OfAnUnnamedConsumerBeginsWithConsumer) {
    ScriptedHost other;
    SourceConfig config = leased();
    config.consumer.clear();
    other.open(config);
    other.greet("control");
    other.greet("read");
    EXPECT_NE(other.story().find("MGET {s}:lease:g:consumer-1 {s}:lease:g:consumer-2 "), std::string::npos);
}

// The answer to SET is lost: the renewal tells whether the name is ours.
TEST_F(LeasedName, IsConfirmedAfterALostAnswer) {
    find();
    host.lost("control");
    const std::string again = "read: " + renewal(1).substr(9);
    EXPECT_TRUE(host.story().ends_with(again + "\n"));
    host.reply("read", integer(0));
    EXPECT_EQ(host.story(), lines({"read: " + look().substr(9)}));
}

TEST_F(LeasedName, IsRenewedEveryTenSeconds) {
    read();
    for (int i = 0; i < 3; ++i) {
        pass(9999);
        EXPECT_EQ(host.story().find("EVALSHA"), std::string::npos);
        host.wait(1);
        EXPECT_EQ(host.story(), lines({renewal(1)}));
        host.reply("control", integer(1));
    }
}

TEST_F(LeasedName, IsRenewedBySourceWhereTheScriptIsUnknown) {
    find();
    host.reply("control", ok());
    host.forget();
    host.reply("control", error("NOSCRIPT No matching script. Please use EVAL."));
    const std::string size = std::to_string(script(ScriptId::renew_lease).source.size());
    const std::string text = host.story();
    EXPECT_TRUE(text == lines({"control: EVAL (" + size + " bytes) 1 " + key(1) + " " + token + " 30000"}) ||
                text.starts_with("control: EVAL \""))
        << text;
}

TEST_F(LeasedName, ThatIsAnothersLosesWhatIsHeld) {
    hold();
    pass(9900);
    host.forget();
    host.reply("control", integer(0));
    const std::string text = host.story();
    EXPECT_TRUE(text.starts_with(lines({away, "lost s: 1-0 2-0", unread, "close read", look()}))) << text;
    EXPECT_EQ(host.ack(1).error().code, Code::lost);
    EXPECT_EQ(host.nack(1).error().code, Code::lost);
    EXPECT_EQ(host.reject(1, {0}, "bad").error().code, Code::lost);
    host.release(1);
    EXPECT_EQ(host.ack(1).error().code, Code::lost);
}

// An ack that is out may have been executed; what it was of is told as lost all the same, and once.
TEST_F(LeasedName, ThatIsAnothersTakesItsAcksWithIt) {
    hold();
    pass(9900);
    ASSERT_TRUE(host.ack(1).ok());
    host.forget();
    host.reply("control", integer(0));
    EXPECT_EQ(host.story(), lines({away, "lost s: 1-0 2-0", unread, "close read", look()}));
    host.reply("control", integer(1));
    EXPECT_EQ(host.story(), "");
}

TEST_F(LeasedName, GoesOnUnderTheNextOne) {
    hold();
    pass(9900);
    host.reply("control", integer(0));
    host.forget();
    host.reply("control", taken(1));
    host.reply("control", ok());
    host.reply("control", integer(1));
    EXPECT_EQ(host.story(), lines({"control: SET " + key(2) + " " + token + " NX PX 30000", renewal(2)}));
    host.wait(100);
    host.forget();
    host.greet("read");
    EXPECT_NE(host.story().find("read: XGROUP CREATE s g 0 MKSTREAM"), std::string::npos);
    host.forget();
    host.reply("read", error("BUSYGROUP Consumer Group name already exists"));
    EXPECT_EQ(host.story(), lines({"ready streams consumer=c-2 resp3 7.0.15", "read: XINFO GROUPS s",
                                   "read: XPENDING s g", "read: XPENDING s g 0-1 + 20 c-2"}));
}

// The old connection may still take entries, so it is ended at the server.
TEST_F(LeasedName, ThatIsAnothersHasItsReadKilled) {
    hold();
    pass(9900);
    host.reply("control", integer(0));
    host.wait(100);
    host.forget();
    host.connected("read");
    host.reply("read", hello(3, 20));
    host.reply("read", info("7.0.15"));
    EXPECT_NE(host.story().find("CLIENT KILL ID 8"), std::string::npos);
}

TEST_F(LeasedName, IsLostAfterThirtySecondsWithoutARenewal) {
    hold();
    host.oversleep(29'800);
    host.wait(99);
    EXPECT_EQ(host.story().find("lost s"), std::string::npos);
    host.wait(1);
    EXPECT_NE(host.story().find(late + "\nlost s: 1-0 2-0\n"), std::string::npos);
}

/// The server's 30 s begin before its answer comes.
TEST_F(LeasedName, LastsFromTheSendingOfItsRenewal) {
    hold();
    pass(9900);
    pass(5000);
    host.reply("control", integer(1));
    host.oversleep(24'800);
    host.forget();
    host.wait(199);
    EXPECT_EQ(host.story().find(late), std::string::npos);
    host.wait(1);
    EXPECT_NE(host.story().find(late), std::string::npos);
}

TEST_F(LeasedName, IsRenewedAgainAfterARefusalThatPasses) {
    read();
    pass(10'000);
    host.forget();
    host.reply("control", error("LOADING Redis is loading the dataset in memory"));
    EXPECT_EQ(host.story(), "");
    host.wait(100);
    EXPECT_EQ(host.story(), lines({renewal(1)}));
}

// The host slept: nothing of what was buffered is handed over, though its time has come long ago.
TEST_F(LeasedName, IsLostByTheClockAfterASuspend) {
    hold();
    host.oversleep(60'000);
    const std::string text = host.story();
    EXPECT_EQ(text.find("batch 2"), std::string::npos) << text;
    EXPECT_NE(text.find(late + "\nlost s: 1-0 2-0\n"), std::string::npos) << text;
}

TEST_F(LeasedName, IsLostByTheClockBeforeAnAckIsTaken) {
    hold();
    EXPECT_EQ(host.machine.ack(host.batch(1), EntrySet::all(), host.now() + seconds(60)).error().code, Code::lost);
    host.oversleep(60'000);
    EXPECT_EQ(host.story().find("XACK"), std::string::npos);
}

TEST_F(LeasedName, IsLostByTheClockBeforeEntriesOfAnOldReadAreTaken) {
    read();
    const std::string bytes = stream("s", {"1-0", "2-0", "3-0", "4-0", "5-0"});
    const std::span<std::byte> room = host.machine.input_room(host.conn("read"), bytes.size());
    ASSERT_GE(room.size(), bytes.size());
    std::memcpy(room.data(), bytes.data(), bytes.size());
    host.machine.handle_input(host.conn("read"), bytes.size(), host.now() + seconds(60));
    host.oversleep(60'000);
    const std::string text = host.story();
    EXPECT_EQ(text.find("batch"), std::string::npos) << text;
    EXPECT_NE(text.find("lost s: 1-0 2-0 3-0 4-0 5-0\n"), std::string::npos) << text;
}

TEST_F(LeasedName, EndsTheSourceWhereScriptsAreRefused) {
    find();
    host.reply("control", ok());
    host.forget();
    host.reply("control", noperm);
    EXPECT_EQ(host.story(), lines({"failure: no_permission (EVALSHA " + key(1) +
                                   ": NOPERM this user has no permissions to run the 'evalsha' command; a consumer "
                                   "name can't be leased here (consumer_lease)), closed"}));
    EXPECT_TRUE(host.close(source).ok());
    EXPECT_EQ(host.story(), lines({"closed source, 0 held"}));
}

TEST_F(LeasedName, LosesWhatIsHeldWhereScriptsAreRefusedLater) {
    hold();
    pass(9900);
    host.forget();
    host.reply("control", noperm);
    EXPECT_NE(host.story().find(", closed\nlost s: 1-0 2-0\n"), std::string::npos);
    EXPECT_EQ(host.ack(1).error().code, Code::lost);
}

/// What was told as closed does not begin again under another name.
TEST_F(LeasedName, OfASourceThatHasFailedIsNotSoughtAgain) {
    hold();
    host.reply("read", error("NOPERM this user has no permissions to run the 'xreadgroup' command"));
    EXPECT_NE(host.story().find(", closed\n"), std::string::npos);
    host.wait(10'000);
    host.forget();
    host.reply("control", integer(0));
    host.wait(1000);
    const std::string text = host.story();
    EXPECT_NE(text.find("lost s: 1-0\n"), std::string::npos) << text;
    EXPECT_EQ(text.find("MGET"), std::string::npos) << text;
    EXPECT_TRUE(host.close(source).ok());
    EXPECT_EQ(host.story(), lines({"closed source, 0 held"}));
}

TEST_F(LeasedName, EndsTheSourceWhereKeysAreRefused) {
    host.forget();
    host.reply("control", error("NOPERM this user has no permissions to access one of the keys used as arguments"));
    EXPECT_TRUE(host.story().starts_with("failure: no_permission (MGET " + key(1) + ": NOPERM"));
}

}  // namespace
}  // namespace millrace::test
