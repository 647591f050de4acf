// PUB-1: entries are pipelined, each has its own result, and only what failed is tried again.
#include <gtest/gtest.h>

#include "support/scripted_host.hpp"

namespace millrace::test {
namespace {

constexpr const char* reset = "disconnected publish reset: connection (localhost:6379: reset) retryable";
constexpr const char* loading = "LOADING Redis is loading the dataset in memory";
constexpr const char* oom = "OOM command not allowed when used memory > 'maxmemory'.";

/// The publish lane is connected, and nothing is under way.
struct PublishLane : ::testing::Test {
    explicit PublishLane(const ClientConfig& config = {}) : host(config) {
        EXPECT_TRUE(host.publish("warm", {"up"}).ok());
        host.greet("publish");
        host.reply("publish", bulk("1-0"));
        host.forget();
    }
    void reconnect() {
        host.fire();
        host.greet("publish");
    }
    ScriptedHost host;
};

TEST(Publish, OpensALaneOfItsOwnAtFirstUse) {
    ScriptedHost host;
    EXPECT_EQ(host.story(), "");
    const Result<Ticket> ticket = host.publish("s", {"a"});
    ASSERT_TRUE(ticket.ok());
    EXPECT_EQ(host.story(), lines({"connect publish"}));
    host.greet("publish");
    EXPECT_EQ(host.story(), lines({"publish: XADD s * f a"}));
    host.reply("publish", bulk("5-0"));
    EXPECT_EQ(host.story(), lines({"published 1: [5-0]"}));
}

TEST_F(PublishLane, PipelinesAllEntriesAndTellsTheirResultsInOrder) {
    ASSERT_TRUE(host.publish("s", {"a", "b"}).ok());
    ASSERT_TRUE(host.publish("t", {"c"}).ok());
    EXPECT_EQ(host.story(), lines({"publish: XADD s * f a", "publish: XADD s * f b", "publish: XADD t * f c"}));
    host.reply("publish", bulk("5-0"));
    EXPECT_EQ(host.story(), "");
    host.reply("publish", bulk("5-1"));
    host.reply("publish", bulk("6-0"));
    EXPECT_EQ(host.story(), lines({"published 2: [5-0] [5-1]", "published 3: [6-0]"}));
}

TEST_F(PublishLane, FieldsGoInOrderWithRepeatsAndAnyBytes) {
    const std::vector<Field> fields{{"k", "1"}, {"k", "2"}, {"", std::string_view("\0\r\n", 3)}};
    const std::vector<PublishEntry> entries{{fields}};
    Publish what;
    what.stream = "s";
    what.entries = entries;
    ASSERT_TRUE(host.publish(what).ok());
    EXPECT_EQ(host.story(), "publish: XADD s * k 1 k 2 \"\" \"" + std::string("\0\r\n", 3) + "\"\n");
}

TEST_F(PublishLane, WhatIsMisusedIsTold) {
    EXPECT_EQ(host.publish("", {"a"}).error().code, Code::bad_argument);
    EXPECT_EQ(host.publish("s", {}).error().code, Code::bad_argument);
    const std::vector<PublishEntry> empty{{{}}};
    Publish what;
    what.stream = "s";
    what.entries = empty;
    EXPECT_EQ(host.publish(what).error().message, "publish: an entry needs at least one field");
    EXPECT_EQ(host.story(), "");
}

TEST_F(PublishLane, OnlyWhatFailedIsTriedAgainAndThenComesAfterTheRest) {
    ASSERT_TRUE(host.publish("s", {"a", "b", "c"}).ok());
    host.forget();
    host.reply("publish", bulk("5-0"));
    host.reply("publish", error(loading));
    host.reply("publish", bulk("5-1"));
    EXPECT_EQ(host.story(), "");
    EXPECT_EQ(host.fire(), 100);
    EXPECT_EQ(host.story(), lines({"publish: XADD s * f b"}));
    host.reply("publish", bulk("6-0"));
    EXPECT_EQ(host.story(), lines({"published 2: [5-0] [6-0 reordered] [5-1]"}));
}

TEST_F(PublishLane, ARetryOfTheLastIsNotReordered) {
    ASSERT_TRUE(host.publish("s", {"a", "b"}).ok());
    host.reply("publish", bulk("5-0"));
    host.reply("publish", error(loading));
    host.fire();
    host.forget();
    host.reply("publish", bulk("6-0"));
    EXPECT_EQ(host.story(), lines({"published 2: [5-0] [6-0]"}));
}

TEST_F(PublishLane, AnotherStreamsOrderIsItsOwn) {
    ASSERT_TRUE(host.publish("s", {"a"}).ok());
    ASSERT_TRUE(host.publish("t", {"b"}).ok());
    host.reply("publish", error(loading));
    host.reply("publish", bulk("5-0"));
    host.fire();
    host.forget();
    host.reply("publish", bulk("6-0"));
    EXPECT_EQ(host.story(), lines({"published 2: [6-0]"}));
}

TEST_F(PublishLane, RetriesEndAtMaxRetries) {
    ASSERT_TRUE(host.publish("s", {"a"}).ok());
    for (const int64_t delay : {100, 200, 400}) {
        host.reply("publish", error(loading));
        EXPECT_EQ(host.fire(), delay);
    }
    host.forget();
    host.reply("publish", error(loading));
    EXPECT_EQ(host.story(), lines({"published 2: [server_busy (" + std::string(loading) + ") retryable]"}));
}

TEST_F(PublishLane, WhatNoRetryChangesIsNotTriedAgain) {
    ASSERT_TRUE(host.publish("s", {"a", "b"}).ok());
    host.forget();
    host.reply("publish", error("WRONGTYPE Operation against a key holding the wrong kind of value"));
    host.reply("publish", error(oom));
    EXPECT_EQ(host.story(), lines({"published 2: [wrong_type (WRONGTYPE Operation against a key holding the wrong kind "
                                   "of value)] [oom (" +
                                   std::string(oom) + ") retryable]"}));
}

TEST_F(PublishLane, AfterALostConnectionAllThatHasNoAnswerGoesAgainInOrder) {
    ASSERT_TRUE(host.publish("s", {"a", "b", "c"}).ok());
    ASSERT_TRUE(host.publish("s", {"d"}).ok());
    host.reply("publish", bulk("5-0"));
    host.forget();
    host.lost("publish");
    reconnect();
    EXPECT_EQ(host.story(), lines({reset, "connect publish", "reconnected publish after 1", "publish: XADD s * f b",
                                   "publish: XADD s * f c", "publish: XADD s * f d"}));
    host.reply("publish", bulk("6-0"));
    host.reply("publish", bulk("6-1"));
    host.reply("publish", bulk("6-2"));
    EXPECT_EQ(host.story(), lines({"published 2: [5-0] [6-0 maybe_duplicate] [6-1 maybe_duplicate]",
                                   "published 3: [6-2 maybe_duplicate]"}));
}

TEST_F(PublishLane, WaitingForAConnectionUsesNoRetries) {
    ASSERT_TRUE(host.publish("s", {"a"}).ok());
    for (int i = 0; i < 10; ++i) {
        host.lost("publish", DisconnectReason::refused);
        host.fire();
    }
    host.forget();
    host.greet("publish");
    EXPECT_EQ(host.story(), lines({"reconnected publish after 10", "publish: XADD s * f a"}));
    host.reply("publish", bulk("5-0"));
    EXPECT_EQ(host.story(), lines({"published 2: [5-0 maybe_duplicate]"}));
}

TEST_F(PublishLane, ARetryThatIsDueWithoutALaneIsNoTimer) {
    ASSERT_TRUE(host.publish("s", {"a"}).ok());
    host.reply("publish", error(loading));
    host.lost("publish");
    for (int i = 0; i < 3; ++i) {
        host.fire();
        if (host.lives("publish")) host.lost("publish", DisconnectReason::refused);
    }
    host.forget();
    host.fire();
    host.greet("publish");
    EXPECT_EQ(host.story(), lines({"connect publish", "reconnected publish after 4", "publish: XADD s * f a"}));
}

TEST_F(PublishLane, AnErrorAfterALostReplyLeavesItOpenWhetherItIsThere) {
    ASSERT_TRUE(host.publish("s", {"a"}).ok());
    host.lost("publish");
    reconnect();
    host.forget();
    host.reply("publish", error(oom));
    EXPECT_EQ(host.story(), lines({"published 2: [oom (" + std::string(oom) + ") retryable maybe_written]"}));
}

TEST_F(PublishLane, OnAReplicaFindsTheMasterByANewConnection) {
    ASSERT_TRUE(host.publish("s", {"a"}).ok());
    host.forget();
    host.reply("publish", error("READONLY You can't write against a read only replica."));
    EXPECT_EQ(host.story(), lines({"disconnected publish dropped: server_busy (READONLY You can't write against a read "
                                   "only replica.) retryable",
                                   "close publish"}));
    reconnect();
    EXPECT_EQ(host.story(), lines({"connect publish", "reconnected publish after 1", "publish: XADD s * f a"}));
}

TEST_F(PublishLane, AnEndWithoutConfirmationSaysSo) {
    ASSERT_TRUE(host.publish("s", {"a", "b"}).ok());
    host.reply("publish", bulk("5-0"));
    host.forget();
    ASSERT_TRUE(host.drain(seconds(1)).ok());
    EXPECT_EQ(host.story(), "");
    EXPECT_EQ(host.publish("s", {"c"}).error().code, Code::closed);
    host.wait(999);
    EXPECT_EQ(host.story(), "");
    host.wait(1);
    EXPECT_EQ(host.story(),
              lines({"published 2: [5-0] [closed (publish: the client was drained before the server confirmed) "
                     "maybe_written]",
                     "closed all, 0 held", "close publish"}));
    EXPECT_TRUE(host.machine.finished());
}

TEST(PublishUnsent, EndsWithoutMaybeWritten) {
    ScriptedHost host;
    ASSERT_TRUE(host.publish("s", {"a"}).ok());
    host.forget();
    ASSERT_TRUE(host.drain(Duration{}).ok());
    EXPECT_EQ(host.story(),
              lines({"published 1: [closed (publish: the client was drained before the server confirmed)]",
                     "closed all, 0 held", "close publish"}));
}

TEST(PublishUnsent, IsWaitedForForEverByADrainThatSaysSo) {
    ScriptedHost host;
    ASSERT_TRUE(host.publish("s", {"a"}).ok());
    ASSERT_TRUE(host.drain(Duration{INT64_MAX}).ok());
    host.forget();
    host.greet("publish");
    EXPECT_EQ(host.story(), lines({"publish: XADD s * f a"}));
    host.reply("publish", bulk("5-0"));
    EXPECT_EQ(host.story(), lines({"published 1: [5-0]", "closed all, 0 held", "close publish"}));
}

TEST(PublishQueue, IsBoundedByBytes) {
    ClientConfig config;
    config.publish_queue_bytes = 1024;
    ScriptedHost host(config);
    const std::string half(383, 'x');
    ASSERT_TRUE(host.publish("s", {half}).ok());  // 512 with the name, and 128 that each entry counts
    ASSERT_TRUE(host.publish("s", {half}).ok());
    const Result<Ticket> third = host.publish("s", {"y"});
    ASSERT_FALSE(third.ok());
    EXPECT_EQ(third.error().code, Code::would_block);
    EXPECT_TRUE(third.error().retryable);
    host.greet("publish");
    host.reply("publish", bulk("5-0"));
    EXPECT_TRUE(host.publish("s", {"y"}).ok());
}

TEST(PublishQueue, EntriesOfNothingAreBoundedToo) {
    ClientConfig config;
    config.publish_queue_bytes = 1024;
    ScriptedHost host(config);
    const Field nothing;
    const PublishEntry entry{{&nothing, 1}};
    for (int i = 0; i < 8; ++i) ASSERT_TRUE(host.publish(Publish{"s", {&entry, 1}}).ok());
    const Result<Ticket> refused = host.publish(Publish{"s", {&entry, 1}});
    ASSERT_FALSE(refused.ok());
    EXPECT_EQ(refused.error().code, Code::would_block);
}

TEST(PublishQueue, WhatItsHostKeptForWantOfRoomGoesOutWithADrain) {
    ClientConfig config;
    config.publish_queue_bytes = 1024;
    ScriptedHost host(config);
    const std::string large(900, 'x');
    const Field field{"f", large};
    const PublishEntry entry{{&field, 1}};
    ASSERT_TRUE(host.publish(Publish{"s", {&entry, 1}}).ok());
    ASSERT_EQ(host.publish(Publish{"s", {&entry, 1}}).error().code, Code::would_block);
    ASSERT_TRUE(host.publish(Publish{"s", {&entry, 1}, {}, true}).ok());
    ASSERT_TRUE(host.drain(seconds(5)).ok());
    host.forget();
    host.greet("publish");
    EXPECT_EQ(host.story(), lines({"publish: XADD s * f (900 bytes)", "publish: XADD s * f (900 bytes)"}));
    host.reply("publish", bulk("5-0") + bulk("5-1"));
    EXPECT_EQ(host.story(), lines({"published 1: [5-0]", "published 2: [5-1]", "closed all, 0 held", "close publish"}));
}

TEST(PublishQueue, OnePublishThatIsLargerThanItGoesAlone) {
    ClientConfig config;
    config.publish_queue_bytes = 1024;
    ScriptedHost host(config);
    ASSERT_TRUE(host.publish("s", {std::string(5000, 'x')}).ok());
    EXPECT_EQ(host.publish("s", {"y"}).error().code, Code::would_block);
}

TEST(PublishQueue, AnEntryPastMaxMessageBytesIsRefused) {
    ClientConfig config;
    config.max_message_bytes = 1024;
    ScriptedHost host(config);
    const Result<Ticket> ticket = host.publish("s", {"ok", std::string(1024, 'x')});
    ASSERT_FALSE(ticket.ok());
    EXPECT_EQ(ticket.error().code, Code::too_large);
    EXPECT_EQ(ticket.error().message, "publish: an entry of 1025 bytes; max_message_bytes is 1024");
    EXPECT_EQ(host.story(), "");
}

TEST(PublishQueue, MoreThanPositionsOf32BitsSayIsTooLarge) {
    ScriptedHost host;
    const std::string large(64 << 20, 'x');
    const Field field{"f", large};
    const std::vector<PublishEntry> entries(64, PublishEntry{{&field, 1}});
    const Result<Ticket> ticket = host.publish(Publish{"s", entries});
    ASSERT_FALSE(ticket.ok());
    EXPECT_EQ(ticket.error().code, Code::too_large);
    EXPECT_EQ(ticket.error().message, "publish: more than 4 GiB at once; publish the entries one after the other");
}

TEST(PublishQueue, MoreThanALaneTakesAtOnceGoesInPartsInOrder) {
    ScriptedHost host;
    const std::string large(600'000, 'x');
    for (int i = 0; i < 4; ++i) ASSERT_TRUE(host.publish("s", {large}).ok());
    host.greet("publish");
    const std::string entry = "publish: XADD s * f (600000 bytes)";
    EXPECT_EQ(host.story(), lines({"connect publish", entry, entry, entry, entry}));
}

TEST(PublishQueue, ManySmallPublishesAreToldInTheirOrder) {
    ScriptedHost host;
    for (int i = 0; i < 300; ++i) ASSERT_TRUE(host.publish("s", {"a"}).ok());
    host.greet("publish");
    host.forget();
    std::string replies;
    std::string told;
    for (int i = 0; i < 300; ++i) {
        const std::string id = std::to_string(1000 + i) + "-0";
        replies += bulk(id);
        told += "published " + std::to_string(i + 1) + ": [" + id + "]\n";
    }
    host.reply("publish", replies);
    EXPECT_EQ(host.story(), told);
}

}  // namespace
}  // namespace millrace::test
