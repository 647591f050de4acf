// PUB-2: idempotent publishing, by IDMP or by a script: a repeat is known to the server within the window, and past it
// the result says maybe_duplicate.
#include <gtest/gtest.h>

#include "support/scripted_host.hpp"

namespace millrace::test {
namespace {

constexpr const char* producer = "millrace-";

PublishConfig once(uint32_t count = 100, Duration window = seconds(100)) {
    PublishConfig options;
    options.idempotent = true;
    options.idempotent_count = count;
    options.idempotent_window = window;
    return options;
}

std::string window_of(int64_t duration_s, int64_t count) {
    return map({bulk("length"), integer(3), bulk("idmp-duration"), integer(duration_s), bulk("idmp-maxsize"),
                integer(count), bulk("groups"), integer(0)});
}

/// Commands with the producer's random id replaced by `P`.
std::string plain(std::string story) {
    for (size_t at = 0; (at = story.find(producer, at)) != std::string::npos;) story.replace(at, 9 + 32, "P");
    return story;
}

struct Idempotent : ::testing::Test {
    explicit Idempotent(const ClientConfig& config = {}) : host(config) {}
    void on(const std::string& version) {
        host.server.version = version;
        EXPECT_TRUE(host.publish("warm", {"up"}).ok());
        host.greet("publish");
        host.reply("publish", bulk("1-0"));
        host.forget();
    }
    /// On 8.6, with a stream whose window is known to be the server's default.
    void on_idmp() {
        on("8.6.3");
        EXPECT_TRUE(host.publish("s", {"first"}, once()).ok());
        EXPECT_EQ(host.story(), lines({"publish: XINFO STREAM s"}));
        host.reply("publish", window_of(100, 100));
        EXPECT_EQ(plain(host.story()), lines({"publish: XADD s IDMP P 1 * f first"}));
        host.reply("publish", bulk("4-0"));
        host.forget();
    }
    void reconnect() {
        host.fire();
        host.forget();
        host.greet("publish");
    }
    ScriptedHost host;
};

TEST_F(Idempotent, IsIdmpOnceTheServersWindowIsKnown) {
    on_idmp();
    ASSERT_TRUE(host.publish("s", {"a", "b"}, once()).ok());
    EXPECT_EQ(plain(host.story()), lines({"publish: XADD s IDMP P 2 * f a", "publish: XADD s IDMP P 3 * f b"}));
    host.reply("publish", bulk("5-0"));
    host.reply("publish", bulk("5-1"));
    EXPECT_EQ(host.story(), lines({"published 3: [5-0] [5-1]"}));
}

TEST_F(Idempotent, ALostReplyIsNoDuplicateWithinTheWindow) {
    on_idmp();
    ASSERT_TRUE(host.publish("s", {"a", "b"}, once()).ok());
    host.reply("publish", bulk("5-0"));
    host.lost("publish");
    reconnect();
    EXPECT_EQ(host.story(), lines({"reconnected publish after 1", "publish: XINFO STREAM s"}));
    host.reply("publish", window_of(100, 100));
    EXPECT_EQ(plain(host.story()), lines({"publish: XADD s IDMP P 3 * f b"}));  // the same number
    host.reply("publish", bulk("5-1"));
    EXPECT_EQ(host.story(), lines({"published 3: [5-0] [5-1]"}));
}

TEST_F(Idempotent, PastTheWindowItMayBeOne) {
    on_idmp();
    ASSERT_TRUE(host.publish("s", {"a"}, once(100, milliseconds(500))).ok());
    host.wait(300);
    host.lost("publish");
    reconnect();
    host.reply("publish", window_of(100, 100));
    host.wait(200);
    host.forget();
    host.reply("publish", bulk("5-1"));
    EXPECT_EQ(host.story(), lines({"published 3: [5-1 maybe_duplicate]"}));
}

TEST_F(Idempotent, NoMoreAreOutThanTheWindowHolds) {
    on_idmp();
    ASSERT_TRUE(host.publish("s", {"a", "b", "c"}, once(2)).ok());
    EXPECT_EQ(plain(host.story()), lines({"publish: XADD s IDMP P 2 * f a", "publish: XADD s IDMP P 3 * f b"}));
    host.reply("publish", error("LOADING Redis is loading the dataset in memory"));
    host.reply("publish", bulk("5-0"));
    EXPECT_EQ(host.story(), "");  // the first is still open, and would fall out of the window
    host.fire();
    EXPECT_EQ(plain(host.story()), lines({"publish: XADD s IDMP P 2 * f a"}));
    host.reply("publish", bulk("5-1"));
    EXPECT_EQ(plain(host.story()), lines({"publish: XADD s IDMP P 4 * f c"}));
    host.reply("publish", bulk("5-2"));
    EXPECT_EQ(host.story(), lines({"published 3: [5-1 reordered] [5-0] [5-2]"}));
}

TEST_F(Idempotent, TheServersWindowIsRaisedAndNeverLowered) {
    on_idmp();
    ASSERT_TRUE(host.publish("s", {"a"}, once(100, seconds(10))).ok());
    ASSERT_TRUE(host.publish("s", {"b"}, once(1000, milliseconds(99'001))).ok());
    // What is out would not be known any more, so the change waits for its answer.
    EXPECT_EQ(plain(host.story()), lines({"publish: XADD s IDMP P 2 * f a"}));
    host.reply("publish", bulk("5-0"));
    EXPECT_EQ(host.story(), lines({"published 3: [5-0]", "publish: XCFGSET s IDMP-DURATION 100 IDMP-MAXSIZE 1000"}));
    host.reply("publish", ok());
    EXPECT_EQ(plain(host.story()), lines({"publish: XADD s IDMP P 3 * f b"}));
}

TEST_F(Idempotent, WhatTheScriptWroteIdmpDoesNotKnow) {
    on("8.4.0");
    ASSERT_TRUE(host.publish("s", {"a"}, once()).ok());
    host.lost("publish");
    host.server.version = "8.6.3";  // upgraded, with its data
    reconnect();
    host.reply("publish", window_of(100, 100));
    EXPECT_EQ(plain(host.story()),
              lines({"reconnected publish after 1", "publish: XINFO STREAM s", "publish: XADD s IDMP P 1 * f a"}));
    host.reply("publish", bulk("5-1"));
    EXPECT_EQ(host.story(), lines({"published 2: [5-1 maybe_duplicate]"}));
}

TEST_F(Idempotent, ARefusedTransactionIsNotTriedForEverOverAnEntryThatEndedBefore) {
    on("7.0.15");
    const std::vector<Field> wide(497, Field{"f", "v"});
    const std::vector<Field> a{{"f", "a"}};
    const std::vector<PublishEntry> entries{{a}, {wide}};
    PublishConfig options = once();
    options.atomic = true;
    ASSERT_TRUE(host.publish(Publish{"s", entries, options}).ok());
    for (int i = 0; i < 4; ++i) {
        host.forget();
        host.reply("publish", ok() + status("QUEUED") + error("BUSY Redis is busy running a script."));
        if (i < 3) host.fire();
    }
    EXPECT_EQ(
        host.story().find("published 2: [server_busy (BUSY Redis is busy running a script.) retryable] [too_large"),
        0U);
}

TEST_F(Idempotent, AWindowThatHadToBeRaisedKnowsNothingOfWhatWasSent) {
    on_idmp();
    ASSERT_TRUE(host.publish("s", {"a"}, once()).ok());
    host.lost("publish");
    reconnect();
    host.reply("publish", window_of(10, 100));  // the stream was made anew by somebody with other settings
    EXPECT_EQ(host.story(), lines({"reconnected publish after 1", "publish: XINFO STREAM s",
                                   "publish: XCFGSET s IDMP-DURATION 100 IDMP-MAXSIZE 100"}));
    host.reply("publish", ok());
    host.forget();
    host.reply("publish", bulk("5-1"));
    EXPECT_EQ(host.story(), lines({"published 3: [5-1 maybe_duplicate]"}));
}

TEST_F(Idempotent, TheFirstOfAStreamGoesAlone) {
    on("8.6.3");
    ASSERT_TRUE(host.publish("s", {"a", "b"}, once()).ok());
    EXPECT_EQ(host.story(), lines({"publish: XINFO STREAM s"}));
    host.reply("publish", error("ERR no such key"));
    EXPECT_EQ(plain(host.story()), lines({"publish: XADD s IDMP P 1 * f a"}));
    host.reply("publish", bulk("5-0"));
    EXPECT_EQ(host.story(), lines({"publish: XINFO STREAM s"}));
    host.reply("publish", window_of(100, 100));
    EXPECT_EQ(plain(host.story()), lines({"publish: XADD s IDMP P 2 * f b"}));
    host.reply("publish", bulk("5-1"));
    EXPECT_EQ(host.story(), lines({"published 2: [5-0] [5-1]"}));
}

TEST_F(Idempotent, WithTrimmingIsOneCommand) {
    on_idmp();
    PublishConfig options = once();
    options.max_len = 10;
    options.keep_pending = true;
    ASSERT_TRUE(host.publish("s", {"a"}, options).ok());
    EXPECT_EQ(plain(host.story()), lines({"publish: XADD s ACKED IDMP P 2 MAXLEN ~ 10 * f a"}));
}

TEST_F(Idempotent, IsAScriptOnOlderServers) {
    on("7.0.15");
    PublishConfig options = once(100, milliseconds(1500));
    options.max_len = 10;
    ASSERT_TRUE(host.publish("s", {"a", "b"}, options).ok());
    const std::string story = plain(host.story());
    EXPECT_NE(story.find(" 2 s {s}:published:P 10 0 0 1500 1 -99 f a\n"), std::string::npos) << story;
    EXPECT_NE(story.find(" 2 s {s}:published:P 10 0 0 1500 2 -98 f b\n"), std::string::npos) << story;
    host.reply("publish", bulk("5-0"));
    host.lost("publish");
    reconnect();
    const std::string again = plain(host.story());
    EXPECT_EQ(again.find(" 1 -99 f a"), std::string::npos) << again;
    EXPECT_NE(again.find("publish: EVAL "), std::string::npos) << again;
    EXPECT_NE(again.find(" 2 -98 f b\n"), std::string::npos) << again;
    host.reply("publish", bulk("5-1"));
    EXPECT_EQ(host.story(), lines({"published 2: [5-0] [5-1]"}));
}

TEST_F(Idempotent, WhereIdmpIsRefusedTheScriptIsTaken) {
    on("8.6.3");
    ASSERT_TRUE(host.publish("s", {"a"}, once()).ok());
    host.forget();
    host.reply("publish", error("NOPERM this user has no permissions to run the 'xinfo|stream' command"));
    const std::string story = plain(host.story());
    EXPECT_EQ(story.find("log warn: IDMP is refused; publishing steps down."), 0U) << story;
    EXPECT_NE(story.find("publish: EVAL "), std::string::npos) << story;
    EXPECT_NE(story.find(" 2 s {s}:published:P "), std::string::npos) << story;
}

TEST_F(Idempotent, WithoutAnyMeansItIsToldAndADuplicateIsMarked) {
    on("7.0.15");
    ASSERT_TRUE(host.publish("s", {"a"}, once()).ok());
    host.forget();
    const std::string refusal = "NOPERM this user has no permissions to run the 'eval' command";
    host.reply("publish", error(refusal));
    EXPECT_EQ(host.story(),
              lines({"failure of all: no_permission (The script that appends is refused; publishing goes on "
                     "without what needs it: " +
                         refusal + ")",
                     "publish: XADD s * f a"}));
    host.lost("publish");
    reconnect();
    host.forget();
    host.reply("publish", bulk("5-0"));
    EXPECT_EQ(host.story(), lines({"published 2: [5-0 maybe_duplicate]"}));
}

struct IdempotentBesideLargeEntries : Idempotent {
    static ClientConfig config() {
        ClientConfig with_small_replies;
        with_small_replies.max_elements = 1024;
        return with_small_replies;
    }
    IdempotentBesideLargeEntries() : Idempotent(config()) {}
};

/// XINFO STREAM shows the first entry and the last, whatever their size.
TEST_F(IdempotentBesideLargeEntries, TheServersWindowIsKnownAllTheSame) {
    on("8.6.3");
    ASSERT_TRUE(host.publish("s", {"a"}, once()).ok());
    const std::string large = array({bulk("4-0"), array(Items(1100, bulk("x")))});
    host.forget();
    host.reply("publish", map({bulk("length"), integer(1), bulk("first-entry"), large, bulk("last-entry"), large,
                               bulk("idmp-duration"), integer(100), bulk("idmp-maxsize"), integer(100)}));
    EXPECT_EQ(plain(host.story()), lines({"publish: XADD s IDMP P 1 * f a"}));
}

TEST_F(Idempotent, ATransactionRepeatsNothingThatIsThere) {
    on_idmp();
    PublishConfig options = once();
    options.atomic = true;
    ASSERT_TRUE(host.publish("s", {"a", "b"}, options).ok());
    const std::string transaction =
        lines({"publish: MULTI", "publish: XADD s IDMP P 2 * f a", "publish: XADD s IDMP P 3 * f b", "publish: EXEC"});
    EXPECT_EQ(plain(host.story()), transaction);
    host.lost("publish");
    reconnect();
    host.forget();
    host.reply("publish", window_of(100, 100));
    EXPECT_EQ(plain(host.story()), transaction);
    host.reply("publish", ok() + status("QUEUED") + status("QUEUED") + array({bulk("5-0"), bulk("5-1")}));
    EXPECT_EQ(host.story(), lines({"published 3: [5-0] [5-1]"}));
}

TEST_F(Idempotent, ATransactionWhoseMultiIsRefusedHoldsUpNothing) {
    on("8.6.3");
    PublishConfig options = once();
    options.atomic = true;
    ASSERT_TRUE(host.publish("s", {"a"}, options).ok());
    host.reply("publish", error("ERR no such key"));
    host.forget();
    host.reply("publish", error("NOPERM this user has no permissions to run the 'multi' command") + bulk("5-0") +
                              error("ERR EXEC without MULTI"));
    EXPECT_EQ(host.story(), lines({"published 2: [5-0]"}));
    ASSERT_TRUE(host.publish("s", {"b"}, once()).ok());
    EXPECT_EQ(host.story(), lines({"publish: XINFO STREAM s"}));
}

TEST_F(Idempotent, ATransactionThatFillsTheWindowGoesAgainAsAWhole) {
    on("7.0.15");
    const std::vector<Field> wide(497, Field{"f", "v"});
    const std::vector<Field> a{{"f", "a"}};
    const std::vector<Field> b{{"f", "b"}};
    const std::vector<PublishEntry> entries{{wide}, {a}, {b}};
    PublishConfig options = once(3);
    options.atomic = true;
    ASSERT_TRUE(host.publish(Publish{"s", entries, options}).ok());
    host.lost("publish");
    reconnect();
    const std::string story = plain(host.story());
    EXPECT_NE(story.find(" 2 s {s}:published:P 0 0 0 100000 1 -2 f a\n"), std::string::npos) << story;
    EXPECT_NE(story.find(" 2 s {s}:published:P 0 0 0 100000 2 -1 f b\n"), std::string::npos) << story;
    EXPECT_NE(story.find("publish: EXEC\n"), std::string::npos) << story;
}

TEST_F(Idempotent, ATransactionThatNoWindowHoldsIsRefused) {
    on_idmp();
    PublishConfig options = once(2);
    options.atomic = true;
    const Result<Ticket> ticket = host.publish("s", {"a", "b", "c"}, options);
    ASSERT_FALSE(ticket.ok());
    EXPECT_EQ(ticket.error().code, Code::bad_argument);
    EXPECT_EQ(ticket.error().message, "publish: 3 entries in one idempotent transaction; idempotent_count is 2");
}

TEST_F(Idempotent, MoreFieldsThanAScriptTakesAreRefused) {
    on("7.0.15");
    const std::vector<Field> fields(497, Field{"f", "v"});
    const std::vector<PublishEntry> entries{{fields}};
    ASSERT_TRUE(host.publish(Publish{"s", entries, once()}).ok());
    EXPECT_EQ(host.story(), lines({"published 2: [too_large (publish: an entry of 497 fields; idempotent publishing "
                                   "takes 496 on this server)]"}));
}

TEST(OnOom, RetryTriesAgain) {
    ScriptedHost host;
    PublishConfig options;
    options.on_oom = OnOom::retry;
    ASSERT_TRUE(host.publish("s", {"a"}, options).ok());
    host.greet("publish");
    host.forget();
    host.reply("publish", error("OOM command not allowed when used memory > 'maxmemory'."));
    EXPECT_EQ(host.story(), "");
    EXPECT_EQ(host.fire(), 100);
    EXPECT_EQ(host.story(), lines({"publish: XADD s * f a"}));
    host.reply("publish", bulk("5-0"));
    EXPECT_EQ(host.story(), lines({"published 1: [5-0]"}));
}

}  // namespace
}  // namespace millrace::test
