// MUL-1: what is wrong with one stream of a source, a lost group or another type, leaves the others alone.
#include <gtest/gtest.h>

#include "consumer/lost_group_answers.hpp"
#include "support/scripted_host.hpp"

namespace millrace::test {
namespace {

/// One NOGROUP fails a read of many, and names the first that it is about.
TEST(ManyStreams, OneWhoseGroupIsLostIsMendedAndTheOthersStay) {
    ScriptedHost host;
    consume(host, source_of({"r", "s", "t"}));
    host.reply("read", no_group);
    EXPECT_EQ(host.story(), lines({"read: XINFO STREAM s"}));
    host.reply("read", stream_info("12-0"));
    EXPECT_EQ(host.story(), lines({"read: XGROUP CREATE s g 0-0 MKSTREAM"}));
    host.reply("read", ok());
    EXPECT_EQ(host.story(), lines({"group recreated s from 0-0",
                                   "read: XREADGROUP GROUP g c COUNT 5 BLOCK 2000 STREAMS r s t > > >"}));
}

/// In 7.0 a read that blocks is told that a key is gone, and the next one which.
TEST(ManyStreams, OneWhoseKeyIsGoneUnderABlockIsNamedToTheNextRead) {
    ScriptedHost host;
    consume(host, source_of({"s", "t"}));
    host.reply("read", error("UNBLOCKED the stream key no longer exists"));
    EXPECT_EQ(host.story(), lines({"read: XREADGROUP GROUP g c COUNT 5 BLOCK 2000 STREAMS s t > >"}));
    host.reply("read", no_group);
    EXPECT_EQ(host.story(), lines({"read: XINFO STREAM s"}));
}

/// A line of an error has no newlines; a name that has some can't be found in it.
TEST(ManyStreams, WhereNoneIsNamedEachIsLookedAt) {
    ScriptedHost host;
    consume(host, source_of({"s", "t"}));
    host.reply("read", error("NOGROUP No such key 's ' or consumer group 'g' in XREADGROUP with GROUP option"));
    EXPECT_EQ(host.story(), lines({"read: XINFO STREAM s", "read: XINFO STREAM t"}));
    host.reply("read", stream_info("12-0"));
    host.reply("read", stream_info("12-0"));
    EXPECT_EQ(host.story(), lines({"read: XGROUP CREATE s g 0-0 MKSTREAM", "read: XGROUP CREATE t g 0-0 MKSTREAM"}));
    host.reply("read", error("BUSYGROUP Consumer Group name already exists"));
    host.reply("read", ok());
    EXPECT_EQ(host.story(),
              lines({"group recreated t from 0-0", "read: XREADGROUP GROUP g c COUNT 5 BLOCK 2000 STREAMS s t > >"}));
}

TEST(ManyStreams, OneOfTheWrongTypeIsLeftUntilItIsMended) {
    ScriptedHost host;
    const std::string wrong = "WRONGTYPE Operation against a key holding the wrong kind of value";
    consume(host, source_of({"s", "t"}));
    host.reply("read", error(wrong));
    host.reply("read", stream_info("12-0"));
    host.reply("read", error(wrong));
    EXPECT_EQ(host.story(),
              lines({"read: XINFO STREAM s", "read: XINFO STREAM t", "read: XGROUP CREATE s g 0-0 MKSTREAM",
                     "failure: wrong_type (XINFO STREAM t g: " + wrong + ")"}));
    host.reply("read", error("BUSYGROUP Consumer Group name already exists"));
    const std::string read_s = "read: XREADGROUP GROUP g c COUNT 5 BLOCK 2000 STREAMS s >";
    EXPECT_EQ(host.story(), lines({read_s}));
    for (int i = 0; i < 15; ++i) {
        host.wait(2000);
        if (i == 14) break;
        host.reply("read", null());
    }
    host.reply("control", groups("0-0"));
    host.reply("control", pending_summary(0));
    host.reply("control", array({}));
    host.reply("control", array({}));
    host.forget();
    host.reply("read", null());  // t is looked at again: its key has been deleted
    EXPECT_EQ(host.story(), lines({"read: XINFO STREAM t"}));
    host.reply("read", error("ERR no such key"));
    host.forget();
    host.reply("read", ok());
    EXPECT_EQ(host.story(),
              lines({"group recreated t from 0", "read: XREADGROUP GROUP g c COUNT 5 BLOCK 2000 STREAMS s t > >"}));
}

/// Nothing of it can be acked any more: what was held gives its room to the others.
TEST(ManyStreams, WhatIsHeldOfOneThatIsLeftIsLost) {
    ScriptedHost host;
    const std::string wrong = "WRONGTYPE Operation against a key holding the wrong kind of value";
    SourceConfig config = source_of({"s", "t"});
    config.flush_interval = Duration{};
    const SourceId source = consume(host, config);
    host.reply("read", stream("t", {"1-0", "2-0"}));
    ASSERT_TRUE(host.ack(1, {0}).ok());
    host.forget();
    host.reply("control", error(wrong));
    host.reply("read", error(wrong));
    host.reply("read", stream_info("12-0"));
    host.reply("read", error(wrong));
    EXPECT_EQ(host.story(),
              lines({"read: XINFO STREAM s", "read: XINFO STREAM t", "read: XGROUP CREATE s g 0-0 MKSTREAM",
                     "lost t: 1-0 2-0", "failure: wrong_type (XINFO STREAM t g: " + wrong + ")"}));
    EXPECT_EQ(host.ack(1, {1}).error().code, Code::lost);
    EXPECT_EQ(host.machine.health(source, host.now()).value().held, 0U);
    host.wait(5000);
    EXPECT_EQ(host.story().find("XACK"), std::string::npos);
}

/// One that is a stream again when it is looked at keeps its acks.
TEST(ManyStreams, AnAckThatMetTheWrongTypeIsSentAgain) {
    ScriptedHost host;
    SourceConfig config = source_of({"s", "t"});
    config.flush_interval = Duration{};
    consume(host, config);
    host.reply("read", stream("t", {"1-0"}));
    ASSERT_TRUE(host.ack(1).ok());
    host.forget();
    host.reply("control", error("WRONGTYPE Operation against a key holding the wrong kind of value"));
    EXPECT_EQ(host.fire(), 100);
    EXPECT_EQ(host.story(), lines({"control: XACK t g 1-0"}));
    host.reply("control", integer(1));
    EXPECT_EQ(host.story(), lines({"acked 1: 0"}));
}

TEST(ManyStreams, AllOfTheWrongTypeCloseTheSource) {
    ScriptedHost host;
    const std::string wrong = "WRONGTYPE Operation against a key holding the wrong kind of value";
    consume(host, source_of({"s", "t"}));
    host.reply("read", error(wrong));
    host.reply("read", error(wrong));
    host.forget();
    host.reply("read", error(wrong));
    EXPECT_EQ(host.story(), lines({"failure: wrong_type (XINFO STREAM t g: " + wrong + "), closed"}));
}

}  // namespace
}  // namespace millrace::test
