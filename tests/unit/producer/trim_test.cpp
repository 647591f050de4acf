// PUB-3: trimming with each append, by what the server can do.
#include <gtest/gtest.h>

#include "support/scripted_host.hpp"

namespace millrace::test {
namespace {

constexpr const char* invalid_id = "ERR Invalid stream ID specified as stream command argument";

PublishConfig about(uint64_t max_len) {
    PublishConfig options;
    options.max_len = max_len;
    return options;
}
PublishConfig younger_than(Duration age) {
    PublishConfig options;
    options.max_age = age;
    return options;
}
PublishConfig keeping(PublishConfig options) {
    options.keep_pending = true;
    return options;
}

struct TrimmingPublish : ::testing::Test {
    void on(const std::string& version) {
        host.server.version = version;
        EXPECT_TRUE(host.publish("warm", {"up"}).ok());
        host.greet("publish");
        host.reply("publish", bulk("1-0"));
        host.forget();
    }
    /// What is sent of the call of the script, without its head.
    std::string script_call() {
        const std::string story = host.story();
        const size_t at = story.find(" bytes) ");
        return story.find("publish: EVAL ") == 0 && at != std::string::npos ? story.substr(at + 8) : story;
    }
    ScriptedHost host;
};

TEST_F(TrimmingPublish, ByLengthIsXaddsOwn) {
    on("5.0.6");
    ASSERT_TRUE(host.publish("s", {"a"}, about(1000)).ok());
    PublishConfig exact = about(1000);
    exact.max_len_exact = true;
    ASSERT_TRUE(host.publish("s", {"b"}, exact).ok());
    EXPECT_EQ(host.story(), lines({"publish: XADD s MAXLEN ~ 1000 * f a", "publish: XADD s MAXLEN 1000 * f b"}));
}

TEST_F(TrimmingPublish, ByAgeAsksTheServersTimeFirst) {
    on("6.2.14");
    ASSERT_TRUE(host.publish("s", {"a"}, younger_than(seconds(10))).ok());
    EXPECT_EQ(host.story(), lines({"publish: TIME"}));
    host.reply("publish", array({bulk("1000"), bulk("250999")}));
    EXPECT_EQ(host.story(), lines({"publish: XADD s MINID ~ 990250 * f a"}));
    host.reply("publish", bulk("5-0"));
    host.wait(1500);
    host.forget();
    ASSERT_TRUE(host.publish("s", {"b"}, younger_than(seconds(10))).ok());
    EXPECT_EQ(host.story(), lines({"publish: XADD s MINID ~ 991750 * f b"}));
    host.reply("publish", bulk("6-0"));
}

TEST_F(TrimmingPublish, TheTimeIsAskedAgainAfterAMinuteAndByEachConnection) {
    on("6.2.14");
    ASSERT_TRUE(host.publish("s", {"a"}, younger_than(seconds(10))).ok());
    host.reply("publish", array({bulk("1000"), bulk("0")}));
    host.reply("publish", bulk("5-0"));
    host.wait(60'000);
    host.forget();
    ASSERT_TRUE(host.publish("s", {"b"}, younger_than(seconds(10))).ok());
    EXPECT_EQ(host.story(), lines({"publish: TIME", "publish: XADD s MINID ~ 1050000 * f b"}));
    host.lost("publish");
    host.fire();
    host.forget();
    host.greet("publish");
    EXPECT_EQ(host.story(), lines({"reconnected publish after 1", "publish: TIME"}));
    host.reply("publish", array({bulk("2000"), bulk("0")}));
    EXPECT_EQ(host.story(), lines({"publish: XADD s MINID ~ 1990000 * f b"}));
}

TEST_F(TrimmingPublish, ATimeThatComesLaterIsAskedWithAWait) {
    on("6.2.14");
    ASSERT_TRUE(host.publish("s", {"a"}, younger_than(seconds(10))).ok());
    host.forget();
    host.reply("publish", error("BUSY Redis is busy running a script."));
    EXPECT_EQ(host.story(), "");
    EXPECT_EQ(host.fire(), 100);
    EXPECT_EQ(host.story(), lines({"publish: TIME"}));
}

TEST_F(TrimmingPublish, ATimeThatWasLostIsNoTimer) {
    on("6.2.14");
    ASSERT_TRUE(host.publish("s", {"a"}, younger_than(seconds(10))).ok());
    const Instant asked = host.now();
    host.lost("publish");
    while (host.now() - asked < seconds(70)) {  // longer than a time is valid
        host.fire();
        if (host.lives("publish")) host.lost("publish", DisconnectReason::refused);
    }
    host.fire();
    host.forget();
    host.greet("publish");
    EXPECT_NE(host.story().find("publish: TIME\n"), std::string::npos);
}

TEST_F(TrimmingPublish, WhereTimeIsRefusedAScriptAsksIt) {
    on("6.2.14");
    ASSERT_TRUE(host.publish("s", {"a"}, younger_than(seconds(10))).ok());
    host.forget();
    host.reply("publish", error("NOPERM this user has no permissions to run the 'time' command"));
    const std::string story = host.story();
    EXPECT_NE(story.find("log warn: TIME is refused, so entries are not trimmed by MINID; publishing steps down."),
              std::string::npos)
        << story;
    EXPECT_NE(story.find("publish: EVAL "), std::string::npos) << story;
}

TEST_F(TrimmingPublish, ByAgeWithoutMinidIsAScript) {
    on("6.0.16");
    ASSERT_TRUE(host.publish("s", {"a", "b"}, younger_than(seconds(10))).ok());
    const std::string story = host.story();
    EXPECT_NE(story.find(" 1 s 0 10000 0 100000 0 -100 f a\n"), std::string::npos) << story;
    EXPECT_NE(story.find("publish: EVALSHA "), std::string::npos) << story;  // the source went with the first
    host.reply("publish", bulk("5-0"));
    host.reply("publish", bulk("5-1"));
    EXPECT_EQ(host.story(), lines({"published 2: [5-0] [5-1]"}));
}

TEST_F(TrimmingPublish, WhatIsPendingIsKeptByTheServerOrAScript) {
    on("8.2.0");
    ASSERT_TRUE(host.publish("s", {"a"}, keeping(about(10))).ok());
    EXPECT_EQ(host.story(), lines({"publish: XADD s ACKED MAXLEN ~ 10 * f a"}));
}

TEST_F(TrimmingPublish, WhatIsPendingIsKeptByAgeToo) {
    on("8.2.0");
    ASSERT_TRUE(host.publish("s", {"a"}, keeping(younger_than(seconds(10)))).ok());
    host.forget();
    host.reply("publish", array({bulk("1000"), bulk("0")}));
    EXPECT_EQ(host.story(), lines({"publish: XADD s ACKED MINID ~ 990000 * f a"}));
}

TEST_F(TrimmingPublish, BeforeAckedWhatIsPendingIsKeptByAScript) {
    on("8.0.2");
    ASSERT_TRUE(host.publish("s", {"a"}, keeping(about(10))).ok());
    const std::string story = host.story();
    EXPECT_NE(story.find(" 1 s 10 0 1 100000 0 -100 f a\n"), std::string::npos) << story;
}

TEST_F(TrimmingPublish, AnOptionThatIsRefusedIsNotTriedAgain) {
    on("8.2.0");
    ASSERT_TRUE(host.publish("s", {"a", "b"}, keeping(about(10))).ok());
    host.forget();
    host.reply("publish", error(invalid_id) + error(invalid_id));
    const std::string story = host.story();
    EXPECT_NE(story.find("log warn: XADD … ACKED is refused; publishing steps down."), std::string::npos) << story;
    EXPECT_NE(story.find("publish: EVAL "), std::string::npos) << story;
    EXPECT_NE(story.find("publish: EVALSHA "), std::string::npos) << story;
    host.reply("publish", bulk("5-0"));
    host.reply("publish", bulk("5-1"));
    EXPECT_EQ(host.story(), lines({"published 2: [5-0] [5-1]"}));
}

TEST_F(TrimmingPublish, WithoutScriptsWhatIsPendingIsKeptUntrimmedAndToldOnce) {
    on("7.0.15");
    ASSERT_TRUE(host.publish("s", {"a", "b"}, keeping(about(10))).ok());
    host.forget();
    const std::string refusal = "NOPERM this user has no permissions to run the 'eval' command";
    host.reply("publish", error(refusal) + error(refusal));
    EXPECT_EQ(host.story(),
              lines({"failure of all: no_permission (The script that appends is refused; publishing goes on "
                     "without what needs it: " +
                         refusal + ")",
                     "publish: XADD s * f a", "publish: XADD s * f b"}));
}

TEST_F(TrimmingPublish, AScriptThatTheServerForgotIsSentAgain) {
    on("7.0.15");
    ASSERT_TRUE(host.publish("s", {"a"}, keeping(about(10))).ok());
    host.reply("publish", bulk("5-0"));
    host.forget();
    ASSERT_TRUE(host.publish("s", {"b"}, keeping(about(10))).ok());
    host.reply("publish", error("NOSCRIPT No matching script. Please use EVAL."));
    const std::string story = host.story();
    EXPECT_EQ(story.find("publish: EVALSHA "), 0U) << story;
    EXPECT_NE(story.find("publish: EVAL "), std::string::npos) << story;
}

TEST_F(TrimmingPublish, TrimmingThatFailedBehindTheEntryLeavesItsResult) {
    on("7.0.15");
    ASSERT_TRUE(host.publish("s", {"a"}, keeping(about(10))).ok());
    host.forget();
    host.reply("publish", array({bulk("5-0"), bulk("NOPERM this user has no permissions to run the 'xtrim' command")}));
    const std::string story = host.story();
    EXPECT_NE(story.find("failure of all: no_permission (The script that appends is refused"), std::string::npos)
        << story;
    EXPECT_NE(story.find("published 2: [5-0]\n"), std::string::npos) << story;
}

TEST_F(TrimmingPublish, BothBoundsAtOnceAreRefused) {
    on("7.0.15");
    PublishConfig both = about(10);
    both.max_age = seconds(1);
    const Result<Ticket> ticket = host.publish("s", {"a"}, both);
    ASSERT_FALSE(ticket.ok());
    EXPECT_EQ(ticket.error().code, Code::bad_config);
    EXPECT_EQ(ticket.error().message, "max_age: is given beside max_len; allowed: one of them");
    EXPECT_EQ(host.story(), "");
}

}  // namespace
}  // namespace millrace::test
