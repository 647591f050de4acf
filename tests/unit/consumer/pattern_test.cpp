// MUL-2: a consumer of every stream whose name matches. What is found is joined, what is gone is left.
#include <gtest/gtest.h>

#include "support/scripted_host.hpp"

namespace millrace::test {
namespace {

const std::string scan = "SCAN 0 MATCH s-* COUNT 1000 TYPE stream";
const std::string gone_key = error(
    "ERR The XGROUP subcommand requires the key to exist. Note that for CREATE you may want to use the MKSTREAM "
    "option to create an empty stream automatically.");

std::string page(const Items& names, std::string_view cursor = "0") {
    Items keys;
    for (const std::string& name : names) keys.push_back(bulk(name));
    return array({bulk(cursor), array(keys)});
}

std::string no_group(const std::string& name) {
    return error("NOGROUP No such key '" + name + "' or consumer group 'g' in XREADGROUP with GROUP option");
}

std::string blocking_read(const std::string& streams, int count = 5) {
    std::string ids;
    for (const char c : streams) ids += c == ' ' ? " >" : "";
    return "read: XREADGROUP GROUP g c COUNT " + std::to_string(count) + " BLOCK 2000 STREAMS " + streams + " >" + ids;
}

SourceConfig source_of_pattern() {
    SourceConfig config = source_of({});
    config.pattern = "s-*";
    config.claim_interval = seconds(3600);
    return config;
}

/// Both lanes are there, and the first SCAN is out.
struct Scene {
    explicit Scene(const SourceConfig& config = source_of_pattern(), const ClientConfig& client = {}) : host(client) {
        source = host.open(config);
        host.greet("read");
        host.forget();
        if (client.lanes > 1) host.greet("control");
    }
    /// The streams are there from the beginning, with new groups; a read over them is out.
    void find(const Items& names) {
        host.reply("read", page(names));
        for (size_t i = 0; i < names.size(); ++i) host.reply("read", ok());
        host.forget();
    }
    /// Time passes; reads that block are answered when their block ends.
    void idle(int64_t ms) {
        for (; ms > 1900; ms -= 1900) {
            host.wait(1900);
            host.reply("read", host.server.protocol == 2 ? null_array() : null());
        }
        host.wait(ms);
    }
    std::string answer(std::string_view bytes, const std::string& lane = "read") {
        host.forget();
        host.reply(lane, bytes);
        return host.story();
    }
    ScriptedHost host;
    SourceId source{};
};

std::string searched(int count) {
    return "log info: Streams were searched for by their pattern. pattern=s-* group=g count=" + std::to_string(count);
}

TEST(Pattern, IsSearchedForBeforeAnythingIsRead) {
    ScriptedHost host;
    host.open(source_of_pattern());
    host.greet("read");
    const std::string story = host.story();
    EXPECT_NE(story.find("read: " + scan + "\n"), std::string::npos) << story;
    EXPECT_EQ(story.find("XGROUP"), std::string::npos);
}

/// REC-8: those that are there at the beginning begin at `start`; and no stream is made.
TEST(Pattern, ItsFirstStreamsBeginWhereTheSourceSays) {
    SourceConfig config = source_of_pattern();
    config.start = "7-0";
    Scene it(config);
    EXPECT_EQ(it.answer(page({"s-b"}, "17")),
              lines({"read: SCAN 17 MATCH s-* COUNT 1000 TYPE stream", "read: XGROUP CREATE s-b g 7-0"}));
    EXPECT_EQ(it.answer(page({"s-a", "s-b"})), lines({searched(2), "read: XGROUP CREATE s-a g 7-0"}));
    EXPECT_EQ(it.answer(ok()), "");
    EXPECT_EQ(it.answer(ok()), lines({"ready streams consumer=c resp3 7.0.15", blocking_read("s-b s-a")}));
}

TEST(Pattern, WithoutAStreamIsReadyAndWaits) {
    Scene it;
    EXPECT_EQ(it.answer(page({})), lines({searched(0), "ready streams consumer=c resp3 7.0.15"}));
    EXPECT_EQ(it.host.ms_to_timeout(), 5000);
    it.host.wait(5000);
    EXPECT_EQ(it.host.story(), lines({"read: " + scan}));
    EXPECT_EQ(it.answer(page({"s-a"})),
              lines({"log info: A stream was found. stream=s-a pattern=s-* group=g", "read: XGROUP CREATE s-a g 0"}));
    EXPECT_EQ(it.answer(ok()), lines({blocking_read("s-a")}));
}

/// The read that blocks is ended for it: it is joined within discover_interval and two round trips.
TEST(Pattern, WhatComesLaterBeginsAtItsBeginningAndIsJoinedAtOnce) {
    SourceConfig config = source_of_pattern();
    config.start = "$";
    Scene it(config);
    it.host.reply("read", page({"s-a"}));
    it.host.reply("read", ok());
    it.host.reply("read", groups("0-0"));
    it.host.reply("read", pending_summary(0));
    it.host.forget();
    it.host.wait(1999);
    it.host.reply("read", null());
    it.host.wait(1999);
    it.host.reply("read", null());
    it.host.wait(1002);
    EXPECT_EQ(it.host.story(), lines({blocking_read("s-a"), blocking_read("s-a"), "control: " + scan}));
    EXPECT_EQ(
        it.answer(page({"s-a", "s-b"}), "control"),
        lines({"log info: A stream was found. stream=s-b pattern=s-* group=g", "control: XGROUP CREATE s-b g 0"}));
    EXPECT_EQ(it.answer(ok(), "control"), lines({"control: CLIENT UNBLOCK 7"}));
    EXPECT_EQ(it.answer(integer(1), "control"), "");
    EXPECT_EQ(it.answer(null()), lines({blocking_read("s-a s-b")}));
}

TEST(Pattern, WhoseGroupExistsIsRecoveredFirst) {
    Scene it;
    it.find({"s-a"});
    it.idle(5000);
    it.host.reply("control", page({"s-a", "s-b"}));
    EXPECT_EQ(it.answer(error("BUSYGROUP Consumer Group name already exists"), "control"),
              lines({"control: CLIENT UNBLOCK 7"}));
    EXPECT_EQ(it.answer(null()),
              lines({"read: XINFO GROUPS s-b", "read: XPENDING s-b g", "read: XPENDING s-b g 0-1 + 20 c"}));
}

/// REC-7: neither the stream nor its group is made again.
TEST(Pattern, AStreamThatIsGoneIsLeftAndWhatIsHeldOfItIsLost) {
    Scene it;
    it.find({"s-a", "s-b"});
    it.host.reply("read", stream("s-b", {"1-0", "2-0"}));
    it.host.wait(2000);
    it.host.forget();
    EXPECT_EQ(it.answer(no_group("s-b")), lines({"read: XINFO STREAM s-b"}));
    EXPECT_EQ(it.answer(error("ERR no such key")),
              lines({"lost s-b: 1-0 2-0", "log info: A stream is gone; it is left. stream=s-b pattern=s-* group=g",
                     blocking_read("s-a")}));
    EXPECT_EQ(it.host.ack(1).error().code, Code::lost);
    // Found again it is a new one, whatever its ids.
    it.host.wait(3000);
    it.host.forget();
    EXPECT_EQ(
        it.answer(page({"s-b", "s-a"}), "control"),
        lines({"log info: A stream was found. stream=s-b pattern=s-* group=g", "control: XGROUP CREATE s-b g 0"}));
    it.host.reply("control", ok());
    it.host.forget();
    EXPECT_EQ(it.answer(null()), lines({blocking_read("s-a s-b")}));
    it.host.reply("read", stream("s-b", {"1-0"}));
    it.host.forget();
    it.host.wait(2000);
    EXPECT_EQ(it.host.story(), lines({"batch 2 by flush: 1-0"}));
}

TEST(Pattern, AllOfWhoseStreamsAreGoneGoesOn) {
    Scene it;
    it.find({"s-a"});
    it.host.reply("read", no_group("s-a"));
    EXPECT_EQ(it.answer(error("ERR no such key")),
              lines({"log info: A stream is gone; it is left. stream=s-a pattern=s-* group=g"}));
    it.host.wait(5000);
    EXPECT_EQ(it.host.story(), lines({"read: " + scan}));
}

TEST(Pattern, AStreamThatWentBeforeItsGroupWasMadeIsLeft) {
    Scene it;
    it.host.reply("read", page({"s-a", "s-b"}));
    it.host.forget();
    EXPECT_EQ(it.answer(gone_key), lines({"log info: A stream is gone; it is left. stream=s-a pattern=s-* group=g"}));
    EXPECT_EQ(it.answer(ok()), lines({"ready streams consumer=c resp3 7.0.15", blocking_read("s-b")}));
}

TEST(Pattern, AStreamThatBecameAnotherTypeIsLeft) {
    const std::string wrong = error("WRONGTYPE Operation against a key holding the wrong kind of value");
    Scene it;
    it.find({"s-a"});
    EXPECT_EQ(it.answer(wrong), lines({"read: XINFO STREAM s-a"}));
    EXPECT_EQ(it.answer(wrong), lines({"log info: A stream is gone; it is left. stream=s-a pattern=s-* group=g"}));
}

/// Also where it is the only one, and no group was ever made.
TEST(Pattern, AStreamThatMayNotBeReadIsTriedAgain) {
    SourceConfig config = source_of_pattern();
    config.claim_interval = seconds(30);
    config.discover_interval = seconds(3600);
    Scene it(config);
    it.host.reply("read", page({"s-a"}));
    it.host.reply("read", error("NOPERM No permissions to access a key"));
    it.host.forget();
    it.host.wait(30'000);
    EXPECT_EQ(it.host.story(), lines({"read: XINFO STREAM s-a"}));
}

/// Nor does it hold up the others: a page of it was counted, whose read never comes.
TEST(Pattern, AStreamWhoseLostGroupMayNotBeMadeAgainHoldsUpNoClaim) {
    SourceConfig config = source_of_pattern();
    config.claim_interval = seconds(6);
    config.claim_min_idle = seconds(10);
    config.discover_interval = seconds(3600);
    Scene it(config);
    it.find({"s-a", "s-b"});
    it.host.reply("read", stream("s-a", {"1-0"}));
    it.idle(3900);
    it.host.lost("read");
    it.host.wait(100);
    it.host.greet("read");
    it.host.reply("read", array({pending("1-0", "c", 50, 1)}));
    it.host.reply("read", array({}));
    it.host.wait(1000);
    EXPECT_TRUE(
        it.host.story().ends_with(lines({"read: XPENDING s-a g 0-1 + 19 c", "read: XCLAIM s-a g c 4750 1-0 JUSTID"})));
    EXPECT_EQ(it.answer(array({pending("1-0", "c", 50, 1)}) + no_group("s-a")), lines({"read: XINFO STREAM s-a"}));
    EXPECT_EQ(it.answer(map({bulk("last-generated-id"), bulk("1-0")})), lines({"read: XGROUP CREATE s-a g 0-0"}));
    it.host.reply("read", error("NOPERM No permissions to access a key"));
    it.host.forget();
    it.host.wait(1000);
    const std::string story = it.host.story();
    EXPECT_NE(story.find("control: XAUTOCLAIM s-a g c 10000 0-0 COUNT 14 JUSTID\n"), std::string::npos) << story;
}

/// One that was destroyed while its stream stayed is made again as anywhere else.
TEST(Pattern, AGroupThatIsGoneIsMadeAgain) {
    Scene it;
    it.find({"s-a", "s-b"});
    it.host.reply("read", no_group("s-a"));
    EXPECT_EQ(it.answer(map({bulk("last-generated-id"), bulk("9-0")})), lines({"read: XGROUP CREATE s-a g 0-0"}));
    EXPECT_EQ(it.answer(ok()), lines({"group recreated s-a from 0-0", blocking_read("s-a s-b")}));
}

/// DLQ-3.
TEST(Pattern, MatchesNoDeadStream) {
    SourceConfig config = source_of_pattern();
    config.pattern = "*";
    Scene it(config);
    EXPECT_EQ(it.answer(page({"{s-a}:dead", "s{-}a:dead", "s}-a:dead", "s-a:dead"})),
              lines({"log info: Streams were searched for by their pattern. pattern=* group=g count=1",
                     "read: XGROUP CREATE s-a:dead g 0"}));
}

/// DET-6: TYPE in SCAN is 6.0's.
TEST(Pattern, BeforeSixTypeIsAskedOfEachKeyThatIsNotKnown) {
    ScriptedHost host;
    host.server.protocol = 2;
    host.server.version = "5.0.14";
    host.open(source_of_pattern());
    host.greet("read");
    EXPECT_NE(host.story().find("read: SCAN 0 MATCH s-* COUNT 1000\n"), std::string::npos);
    host.reply("read", page({"s-a", "s-b", "{s-a}:dead", "s-c"}));
    EXPECT_EQ(host.story(), lines({"read: TYPE s-a", "read: TYPE s-b", "read: TYPE s-c"}));
    host.reply("read", status("stream"));
    EXPECT_EQ(host.story(), lines({"read: XGROUP CREATE s-a g 0"}));
    host.reply("read", status("string"));
    host.reply("read", status("none"));
    EXPECT_EQ(host.story(), lines({searched(1)}));
    host.greet("control");
    host.reply("read", ok());
    for (int i = 0; i < 2; ++i) {
        host.wait(1900);
        host.reply("read", null_array());
    }
    host.forget();
    host.wait(1200);
    EXPECT_EQ(host.story(), lines({"control: SCAN 0 MATCH s-* COUNT 1000"}));
    host.reply("control", page({"s-a", "s-c"}));
    EXPECT_EQ(host.story(), lines({"control: TYPE s-c"}));
}

TEST(Pattern, WhereTypeIsNoWordOfScanItIsAskedByItself) {
    Scene it;
    EXPECT_EQ(it.answer(error("ERR syntax error")), lines({"read: SCAN 0 MATCH s-* COUNT 1000"}));
    EXPECT_EQ(it.answer(page({"s-a"})), lines({"read: TYPE s-a"}));
    EXPECT_EQ(it.answer(status("stream")), lines({searched(1), "read: XGROUP CREATE s-a g 0"}));
}

TEST(Pattern, ThatMayNotBeSearchedForEndsTheSource) {
    Scene it;
    EXPECT_EQ(it.answer(error("NOPERM this user has no permissions to run the 'scan' command")),
              lines({"failure: no_permission (SCAN for the pattern s-*: NOPERM this user has no permissions to run the "
                     "'scan' command; streams that come are not found), closed"}));
}

/// What was found is read on, and the search is tried again; that is said once.
TEST(Pattern, ThatMayNotBeSearchedForAnyMoreKeepsWhatWasFound) {
    Scene it;
    it.find({"s-a"});
    it.idle(5000);
    const std::string no_leave = error("NOPERM this user has no permissions to run the 'scan' command");
    EXPECT_EQ(it.answer(no_leave, "control"),
              lines({"failure: no_permission (SCAN for the pattern s-*: NOPERM this user has no permissions to run the "
                     "'scan' command; streams that come are not found)"}));
    it.host.reply("read", null());
    it.idle(4999);
    it.host.forget();
    it.host.wait(1);
    EXPECT_EQ(it.host.story(), lines({"control: " + scan}));
    EXPECT_EQ(it.answer(no_leave, "control"), "");
}

TEST(Pattern, WhoseSearchIsRefusedForAWhileIsSearchedForAgain) {
    Scene it;
    for (const int64_t delay : {100, 200, 400}) {
        EXPECT_EQ(
            it.answer(error("LOADING Redis is loading the dataset in memory")),
            lines({"failure: server_busy (SCAN for the pattern s-*: LOADING Redis is loading the dataset in memory) "
                   "retryable"}));
        EXPECT_EQ(it.host.fire(), delay);
        EXPECT_EQ(it.host.story(), lines({"read: " + scan}));
    }
}

TEST(Pattern, WhoseSearchIsLostIsSearchedForAnew) {
    Scene it;
    EXPECT_EQ(it.answer(page({"s-a"}, "5")),
              lines({"read: SCAN 5 MATCH s-* COUNT 1000 TYPE stream", "read: XGROUP CREATE s-a g 0"}));
    it.host.lost("read");
    const std::string story = it.host.story();
    EXPECT_NE(story.find("control: " + scan + "\n"), std::string::npos) << story;
    EXPECT_NE(story.find("control: XGROUP CREATE s-a g 0\n"), std::string::npos) << story;
}

TEST(Pattern, OneLaneSearchesBetweenItsReads) {
    ClientConfig client;
    client.lanes = 1;
    Scene it(source_of_pattern(), client);
    it.find({"s-a"});
    for (int i = 0; i < 19; ++i) {
        it.host.wait(250);
        it.host.reply("read", null());
    }
    it.host.forget();
    it.host.wait(249);
    EXPECT_EQ(it.host.story(), "");
    it.host.wait(1);  // behind the block, which ends
    EXPECT_EQ(it.host.story(), lines({"read: " + scan}));
}

/// However many come and go.
TEST(Pattern, StreamsThatComeAndGoLeaveTheOthersAlone) {
    Scene it;
    it.find({"s-a"});
    for (int round = 0; round < 300; ++round) {
        const std::string name = "s-" + std::to_string(round);
        it.idle(5000);
        it.host.forget();
        it.host.reply("control", page({"s-a", name}));
        it.host.reply("control", ok());
        it.host.reply("control", integer(1));
        it.host.reply("read", null());
        EXPECT_NE(it.host.story().find(blocking_read("s-a " + name)), std::string::npos) << round;
        it.host.reply("read", no_group(name));
        it.host.reply("read", error("ERR no such key"));
        it.host.reply("read", null());
        ASSERT_TRUE(it.host.lives("control"));
    }
}

/// Whoever holds a batch of a stream that is gone can still ask for its name, though its number might be another's.
TEST(Pattern, ABatchKeepsTheNameOfItsStream) {
    Scene it;
    it.find({"s-a", "s-b"});
    it.host.machine.handle_timeout(it.host.now());
    it.host.reply("read", stream("s-b", {"1-0"}));
    it.host.wait(2000);
    ASSERT_EQ(it.host.batches(), 1U);
    it.host.reply("read", no_group("s-b"));
    it.host.reply("read", error("ERR no such key"));
    for (int round = 0; round < 3; ++round) {
        it.idle(round == 0 ? 3000 : 5000);
        it.host.forget();
        const std::string name = "s-" + std::to_string(round);
        it.host.reply("control", page({"s-a", name}));
        it.host.reply("control", ok());
        it.host.reply("control", integer(1));
        it.host.reply("read", null());
        EXPECT_NE(it.host.story().find(" STREAMS s-a "), std::string::npos);
    }
    EXPECT_EQ(it.host.ack(1).error().code, Code::lost);
    it.host.release(1);
}

}  // namespace
}  // namespace millrace::test
