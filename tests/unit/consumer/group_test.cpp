// REC-8 and the refusals of RET-1: making the group, and what ends a source.
#include <gtest/gtest.h>

#include "support/scripted_host.hpp"

namespace millrace::test {
namespace {

const std::string blocking_read = "read: XREADGROUP GROUP g c COUNT 5 BLOCK 2000 STREAMS s >";

struct Scene {
    void begin(const SourceConfig& config = source_of()) {
        source = host.open(config);
        host.greet("read");
        host.greet("control");
    }
    std::string answer(std::string_view bytes) {
        host.forget();
        host.reply("read", bytes);
        return host.story();
    }
    ScriptedHost host;
    SourceId source{};
};

struct Group : ::testing::Test, Scene {};

TEST_F(Group, IsMadeFromItsStartWithTheStream) {
    SourceConfig config = source_of();
    config.start = "$";
    begin(config);
    EXPECT_NE(host.story().find("read: XGROUP CREATE s g $ MKSTREAM\n"), std::string::npos);
    // Nothing to recover; but where `$` was, only the server knows (REC-7).
    EXPECT_EQ(answer(ok()), lines({"ready streams consumer=c resp3 7.0.15", "read: XINFO GROUPS s",
                                   "read: XPENDING s g", blocking_read}));
}

TEST_F(Group, ThatExistsIsRecovered) {
    begin();
    EXPECT_EQ(answer(error("BUSYGROUP Consumer Group name already exists")),
              lines({"ready streams consumer=c resp3 7.0.15", "read: XINFO GROUPS s", "read: XPENDING s g",
                     "read: XPENDING s g 0-1 + 20 c"}));
}

TEST_F(Group, IsMadeForEachStream) {
    begin(source_of({"s", "t"}));
    EXPECT_NE(host.story().find("read: XGROUP CREATE s g 0 MKSTREAM\nread: XGROUP CREATE t g 0 MKSTREAM\n"),
              std::string::npos);
    EXPECT_EQ(answer(ok()), "");
    EXPECT_EQ(answer(ok()), lines({"ready streams consumer=c resp3 7.0.15",
                                   "read: XREADGROUP GROUP g c COUNT 5 BLOCK 2000 STREAMS s t > >"}));
}

// No server says so of its creation. What stands before one may, and a group that is missing is made at once otherwise.
TEST_F(Group, WhoseCreationIsAnsweredWithNogroupIsRetriedWithBackoff) {
    begin();
    const std::string missing = "NOGROUP No such key or consumer group";
    for (const int64_t delay : {100, 200, 400}) {
        EXPECT_EQ(answer(error(missing)), lines({"failure: no_group (XGROUP CREATE s g: " + missing + ") retryable"}));
        EXPECT_EQ(host.fire(), delay);
        EXPECT_EQ(host.story(), lines({"read: XGROUP CREATE s g 0 MKSTREAM"}));
    }
}

TEST_F(Group, RefusedUnderOomIsRetried) {
    begin();
    const std::string oom = "OOM command not allowed when used memory > 'maxmemory'.";
    EXPECT_EQ(answer(error(oom)), lines({"failure: oom (XGROUP CREATE s g: " + oom + ") retryable"}));
    EXPECT_EQ(host.fire(), 100);
    EXPECT_EQ(host.story(), lines({"read: XGROUP CREATE s g 0 MKSTREAM"}));
    (void)answer(error(oom));
    EXPECT_EQ(host.fire(), 200);
    EXPECT_EQ(answer(ok()), lines({"ready streams consumer=c resp3 7.0.15", blocking_read}));
}

TEST_F(Group, OneOfTwoThatIsRefusedForAWhileIsAskedForAlone) {
    begin(source_of({"s", "t"}));
    EXPECT_EQ(answer(ok()), "");
    EXPECT_EQ(answer(error("LOADING Redis is loading the dataset in memory")),
              lines({"failure: server_busy (XGROUP CREATE t g: LOADING Redis is loading the dataset in memory) "
                     "retryable"}));
    EXPECT_EQ(host.fire(), 100);
    EXPECT_EQ(host.story(), lines({"read: XGROUP CREATE t g 0 MKSTREAM"}));
}

TEST_F(Group, WhoseAnswerIsLostIsAskedForAgain) {
    begin();
    host.lost("read");
    host.fire();
    host.forget();
    host.greet("read");
    EXPECT_EQ(host.story(), lines({"reconnected read after 1", "read: XGROUP CREATE s g 0 MKSTREAM"}));
    EXPECT_EQ(answer(error("BUSYGROUP Consumer Group name already exists")),
              lines({"ready streams consumer=c resp3 7.0.15", "read: XINFO GROUPS s", "read: XPENDING s g",
                     "read: XPENDING s g 0-1 + 20 c"}));
}

/// RET-1: what no retry changes closes the source, and that source alone.
TEST(GroupRefused, ThatIsForbiddenClosesTheSource) {
    const std::vector<std::pair<std::string, std::string>> refusals{
        {"NOPERM this user has no permissions to run the 'xgroup|create' command", "no_permission"},
        {"WRONGTYPE Operation against a key holding the wrong kind of value", "wrong_type"},
        {"ERR Invalid stream ID specified as stream command argument", "unsupported"}};
    for (const auto& [text, code] : refusals) {
        Scene one;
        one.begin();
        EXPECT_EQ(one.answer(error(text)), lines({"failure: " + code + " (XGROUP CREATE s g: " + text + "), closed"}));
        one.host.wait(20'000);
        EXPECT_EQ(one.host.story(), "");
        EXPECT_TRUE(one.host.close(one.source).ok());
        EXPECT_EQ(one.host.story(), lines({"closed source, 0 held"}));
    }
}

TEST_F(Group, OneSourceThatIsClosedLeavesTheOthersAlone) {
    begin();
    (void)answer(ok());
    SourceConfig second = source_of({"t"});
    second.consumer = "d";
    host.open(second);
    (void)answer(error("WRONGTYPE Operation against a key holding the wrong kind of value"));
    EXPECT_EQ(answer(ok()), lines({"ready #2 streams consumer=d resp3 7.0.15",
                                   "read: XREADGROUP GROUP g d COUNT 5 BLOCK 250 STREAMS t >"}));
}

TEST_F(Group, AFailoverThatEndsABlockFindsTheMasterByANewConnection) {
    begin();
    (void)answer(ok());
    EXPECT_EQ(
        answer(error("UNBLOCKED force unblock from blocking operation, instance state changed (master -> replica?)")),
        lines({"disconnected read dropped: server_busy (XREADGROUP s g: UNBLOCKED force unblock from blocking "
               "operation, instance state changed (master -> replica?)) retryable",
               "close read"}));
    EXPECT_EQ(host.fire(), 100);
}

TEST_F(Group, AReadThatIsRefusedForAWhileIsTriedAgain) {
    begin();
    (void)answer(ok());
    const std::string misconf =
        "MISCONF Redis is configured to save RDB snapshots, but it is unable to persist to disk.";
    EXPECT_EQ(answer(error(misconf)), lines({"failure: server_busy (XREADGROUP s g: " + misconf + ") retryable"}));
    EXPECT_EQ(host.fire(), 100);
    EXPECT_EQ(host.story(), lines({blocking_read}));
    (void)answer(error(misconf));
    EXPECT_EQ(host.fire(), 200);
    (void)answer(null());
    (void)answer(error(misconf));
    EXPECT_EQ(host.fire(), 100);  // it had gone well in between
}

TEST(Name, OfAConsumerIsMadeOfTheTimeAndChanceWhereNoneIsGiven) {
    SourceConfig config = source_of();
    config.consumer.clear();
    ScriptedHost host(ClientConfig{}, {5, 6});
    host.machine.handle_wall_clock(WallTime{1'800'000'000'123'456}, host.now());
    host.open(config);
    host.greet("read");
    host.forget();
    host.reply("read", ok());
    const std::string story = host.story();
    const std::string head = "ready streams consumer=consumer-1800000000123-";
    ASSERT_EQ(story.compare(0, head.size(), head), 0) << story;
    const std::string random = story.substr(head.size(), 8);
    EXPECT_EQ(random.find_first_not_of("0123456789abcdef"), std::string::npos) << random;
    EXPECT_NE(story.find("XREADGROUP GROUP g consumer-1800000000123-" + random + " COUNT 5"), std::string::npos);

    ScriptedHost other(ClientConfig{}, {7, 8});
    other.machine.handle_wall_clock(WallTime{1'800'000'000'123'456}, other.now());
    other.open(config);
    other.greet("read");
    other.forget();
    other.reply("read", ok());
    EXPECT_EQ(other.story().find(head + random), std::string::npos);
}

}  // namespace
}  // namespace millrace::test
