// DLQ-1: what was delivered too often, or rejected, is written to the dead stream, and only then acked.
#include <gtest/gtest.h>

#include "command/scripts.hpp"
#include "support/scripted_host.hpp"

namespace millrace::test {
namespace {

std::string sha() {
    return std::string(script(ScriptId::dead_letter).sha1);
}

/// The call of the script for an entry of `s`.
std::string call(const std::string& id, int deliveries, const std::string& error) {
    return "control: EVALSHA " + sha() + " 2 s {s}:dead g c " + id + " " + std::to_string(deliveries) + " " + error;
}

const std::string poison = "\"delivered more than 3 times (max_deliveries)\"";

std::string done(const std::string& id) {
    return array({bulk("done"), bulk(id)});
}

SourceConfig poisoned() {
    SourceConfig config = source_of();
    config.prefetch = 20;
    config.flush_interval = milliseconds(10);
    config.max_deliveries = 3;
    return config;
}

/// A batch of two was handed over at the start of the story, and a read without end blocks the read lane.
struct Scene {
    explicit Scene(const SourceConfig& config = poisoned()) {
        source = consume(host, config);
        host.reply("read", stream("s", {"1-0", "2-0"}));
        host.wait(10);
        host.forget();
    }
    void wait(int64_t ms) {
        for (; ms > 1000; ms -= 1000) {
            host.wait(1000);
            host.reply("read", null());
        }
        host.wait(ms);
    }
    /// What was sent and told, without the reads of new entries.
    std::string story() {
        std::string all = host.story();
        std::string kept;
        while (!all.empty()) {
            const size_t end = all.find('\n') + 1;
            if (all.find("XREADGROUP") > end) kept += all.substr(0, end);
            all.erase(0, end);
        }
        return kept;
    }
    ScriptedHost host;
    SourceId source{};
};

struct Dead : ::testing::Test, Scene {};

TEST_F(Dead, RejectedEntriesGoByTheScriptAndAreSettledByItsAnswer) {
    ASSERT_TRUE(host.reject(1, {1}, "no such user").ok());
    EXPECT_EQ(story(), lines({call("2-0", 1, "\"no such user\"")}));
    EXPECT_EQ(host.ack(1, {1}).error().code, Code::not_held);
    EXPECT_EQ(host.reject(1, {1}, "twice").error().code, Code::not_held);
    EXPECT_EQ(host.reject(1, {5}, "where").error().code, Code::bad_argument);
    host.reply("control", done("9-0"));
    EXPECT_EQ(story(), lines({"dead s/2-0(x1) in {s}:dead/9-0: no such user"}));
    ASSERT_TRUE(host.ack(1).ok());  // what is still held
    EXPECT_EQ(story(), lines({"control: XACK s g 1-0"}));
}

TEST_F(Dead, AServerThatDoesNotHaveTheScriptGetsItsSource) {
    ASSERT_TRUE(host.reject(1, {}, "e").ok());
    EXPECT_EQ(story(), lines({call("1-0", 1, "e"), call("2-0", 1, "e")}));
    host.reply("control", error("NOSCRIPT No matching script. Please use EVAL."));
    const std::string size = std::to_string(script(ScriptId::dead_letter).source.size());
    EXPECT_EQ(story(), lines({"control: EVAL (" + size + " bytes) 2 s {s}:dead g c 1-0 1 e"}));
    host.reply("control", done("9-0"));  // to the second call: another client has loaded it meanwhile
    host.reply("control", done("9-1"));
    EXPECT_EQ(story(), lines({"dead s/2-0(x1) in {s}:dead/9-0: e", "dead s/1-0(x1) in {s}:dead/9-1: e"}));
}

TEST_F(Dead, AnEntryThatWasNackedTooOftenIsNotHandedOverAgain) {
    for (const char* const deliveries : {"(x2)", "(x3)"}) {
        ASSERT_TRUE(host.nack(host.batches(), {0}, Duration{}).ok());
        host.forget();
        host.reply("control", entries({"1-0"}));
        EXPECT_EQ(story(), lines({"batch " + std::to_string(host.batches()) + " by recovery: 1-0" + deliveries}));
    }
    ASSERT_TRUE(host.nack(host.batches(), {0}, Duration{}).ok());
    host.forget();
    host.reply("control", entries({"1-0"}));
    EXPECT_EQ(story(), lines({call("1-0", 4, poison)}));
    host.reply("control", done("9-0"));
    EXPECT_EQ(story(), lines({"dead s/1-0(x4) in {s}:dead/9-0: delivered more than 3 times (max_deliveries)"}));
}

TEST_F(Dead, NeverIsNever) {
    SourceConfig config = poisoned();
    config.max_deliveries = 0;
    Scene other(config);
    for (int i = 0; i < 30; ++i) {
        ASSERT_TRUE(other.host.nack(other.host.batches(), {0}, Duration{}).ok());
        other.host.reply("control", entries({"1-0"}));
    }
    EXPECT_EQ(other.host.batches(), 31U);
}

TEST(DeadRecovered, AnEntryOfOurOwnPastIsNotHandedOver) {
    ScriptedHost host;
    (void)consume_again(host, poisoned());
    host.forget();
    host.reply("read", array({pending("1-0", "c", 5, 3), pending("2-0", "c", 5, 2)}));
    host.forget();
    host.reply("read", stream("s", {"1-0", "2-0"}));
    EXPECT_EQ(host.story().rfind("read" + call("1-0", 4, poison).substr(7), 0), 0U);
    host.reply("read", done("9-0"));
    EXPECT_EQ(host.story().find("batch 1 by recovery: 1-0"), std::string::npos);
}

TEST_F(Dead, ALetterThatCanNotBeWrittenLeavesTheEntryPendingAndIsTriedAgainLaterAndLater) {
    ASSERT_TRUE(host.reject(1, {}, "e").ok());
    host.forget();
    const std::string wrong = error("WRONGTYPE Operation against a key holding the wrong kind of value");
    const std::string failed =
        "dead failed s/1-0 to {s}:dead: wrong_type (EVALSHA: WRONGTYPE Operation against a key holding the wrong kind "
        "of value)";
    host.reply("control", wrong);
    EXPECT_EQ(story(), lines({failed}));
    host.reply("control", wrong);
    EXPECT_EQ(story(), "");  // one word for all that were on their way together
    wait(99);
    EXPECT_EQ(story(), "");
    wait(1);
    EXPECT_EQ(story(), lines({call("1-0", 1, "e")}));  // one tells whether it has been mended
    host.reply("control", wrong);
    EXPECT_EQ(story(), lines({failed}));
    wait(199);
    EXPECT_EQ(story(), "");
    wait(1);
    EXPECT_EQ(story(), lines({call("2-0", 1, "e")}));
    host.reply("control", done("9-0"));
    EXPECT_EQ(story(), lines({"dead s/2-0(x1) in {s}:dead/9-0: e", call("1-0", 1, "e")}));
}

TEST_F(Dead, WhatAnotherHasClaimedIsLost) {
    ASSERT_TRUE(host.reject(1, {0}, "e").ok());
    host.forget();
    host.reply("control", array({bulk("not_ours")}));
    EXPECT_EQ(story(), lines({"lost s: 1-0"}));
    EXPECT_EQ(host.ack(1, {0}).error().code, Code::lost);
}

TEST_F(Dead, WhatWasDeletedIsAckedAway) {
    ASSERT_TRUE(host.reject(1, {0}, "e").ok());
    host.forget();
    host.reply("control", array({bulk("deleted")}));
    EXPECT_EQ(story(), lines({"log info: A pending entry was deleted from its stream; acked away. stream=s id=1-0",
                              "control: XACK s g 1-0"}));
}

/// DLQ-1: XADD, its id awaited, then XACK.
TEST_F(Dead, OfTooManyFieldsGoesStepByStep) {
    ASSERT_TRUE(host.reject(1, {0}, "e").ok());
    host.forget();
    host.reply("control", array({bulk("too_many_fields")}));
    EXPECT_EQ(story(), lines({"control: XPENDING s g 1-0 + 1 c"}));
    host.reply("control", array({pending("1-0", "c", 5, 1)}));
    EXPECT_EQ(story(), lines({"control: XRANGE s 1-0 1-0"}));
    host.reply("control", entries({"1-0"}));
    EXPECT_EQ(story(), lines({"control: XADD {s}:dead * f v dlq_origin_id 1-0 dlq_stream s dlq_group g dlq_consumer c "
                              "dlq_deliveries 1 dlq_error e"}));
    host.reply("control", bulk("9-0"));
    EXPECT_EQ(story(), lines({"control: XACK s g 1-0"}));
    host.reply("control", integer(1));
    EXPECT_EQ(story(), lines({"dead s/1-0(x1) in {s}:dead/9-0: e"}));
}

TEST_F(Dead, WhereScriptsAreRefusedAllGoStepByStepOneAfterTheOther) {
    ASSERT_TRUE(host.reject(1, {}, "e").ok());
    host.forget();
    host.reply("control", error("NOPERM this user has no permissions to run the 'evalsha' command"));
    EXPECT_EQ(story(), lines({"log info: Scripts are refused; dead letters are written step by step. error=NOPERM this "
                              "user has no permissions to run the 'evalsha' command",
                              "control: XPENDING s g 1-0 + 1 c"}));
    host.reply("control", error("NOPERM this user has no permissions to run the 'evalsha' command"));
    EXPECT_EQ(story(), "");
    host.reply("control", array({pending("2-0", "c", 5, 1)}));  // the first that is ours is another
    EXPECT_EQ(story(), lines({"lost s: 1-0", "control: XPENDING s g 2-0 + 1 c"}));
    host.reply("control", array({pending("2-0", "c", 5, 1)}));
    host.reply("control", entries({"2-0"}));
    host.forget();
    host.reply("control", error("OOM command not allowed when used memory > 'maxmemory'."));
    EXPECT_EQ(story(), lines({"dead failed s/2-0 to {s}:dead: oom (XADD: OOM command not allowed when used memory > "
                              "'maxmemory'.) retryable"}));
    wait(100);
    EXPECT_EQ(story(), lines({"control: XPENDING s g 2-0 + 1 c"}));
}

/// Once the letter is written it is not written again because XACK failed.
TEST_F(Dead, AWrittenLetterIsOnlyAckedAgain) {
    ASSERT_TRUE(host.reject(1, {0}, "e").ok());
    host.reply("control", array({bulk("too_many_fields")}));
    host.reply("control", array({pending("1-0", "c", 5, 1)}));
    host.reply("control", entries({"1-0"}));
    host.reply("control", bulk("9-0"));
    host.forget();
    host.reply("control", error("NOREPLICAS Not enough good replicas to write."));
    EXPECT_EQ(story(), lines({"dead failed s/1-0 to {s}:dead: server_busy (XACK: NOREPLICAS Not enough good replicas "
                              "to write.) retryable"}));
    wait(100);
    EXPECT_EQ(story(), lines({"control: XACK s g 1-0"}));
    host.reply("control", integer(1));
    EXPECT_EQ(story(), lines({"dead s/1-0(x1) in {s}:dead/9-0: e"}));
}

TEST(DeadNames, BracesThatMakeNoTagGoStepByStep) {
    SourceConfig config = poisoned();
    config.streams = {"a}b"};
    ScriptedHost host;
    (void)consume(host, config);
    host.reply("read", stream("a}b", {"1-0"}));
    host.wait(10);
    host.forget();
    ASSERT_TRUE(host.reject(1, {}, "e").ok());
    EXPECT_EQ(host.story(), lines({"control: XPENDING a}b g 1-0 + 1 c"}));
}

/// The script may have been executed: then the entry is pending with nobody.
TEST_F(Dead, AfterALostAnswerXpendingTellsWhetherItWasWritten) {
    ASSERT_TRUE(host.reject(1, {}, "e").ok());
    host.forget();
    host.lost("control");  // they go behind the blocked read
    const std::string again = lines({"read" + call("1-0", 1, "e").substr(7), "read" + call("2-0", 1, "e").substr(7)});
    EXPECT_TRUE(story().ends_with(again));
    host.wait(100);
    host.greet("control");
    host.reply("read", null());
    host.forget();
    host.reply("read", array({bulk("not_ours")}));
    EXPECT_EQ(story(), lines({"control: XPENDING s g 1-0 1-0 1"}));
    host.reply("read", array({bulk("not_ours")}));
    host.forget();
    host.reply("control", array({}));
    EXPECT_EQ(story(), lines({"dead s/1-0(x1) in {s}:dead/0-0: e"}));
    host.reply("control", array({pending("2-0", "another", 5, 2)}));
    EXPECT_EQ(story(), lines({"lost s: 2-0"}));
}

TEST_F(Dead, ACloseWaitsForOneTryOfEach) {
    ASSERT_TRUE(host.reject(1, {}, "e").ok());
    ASSERT_TRUE(host.close(source).ok());
    host.forget();
    host.reply("control", done("9-0"));
    EXPECT_EQ(story(), lines({"dead s/1-0(x1) in {s}:dead/9-0: e"}));
    host.reply("control", error("OOM command not allowed when used memory > 'maxmemory'."));
    EXPECT_EQ(story(), lines({"dead failed s/2-0 to {s}:dead: oom (EVALSHA: OOM command not allowed when used memory > "
                              "'maxmemory'.) retryable"}));
    host.reply("control", integer(1));  // to CLIENT UNBLOCK
    host.reply("read", null());
    EXPECT_EQ(story(), lines({"closed source, 1 held"}));
}

/// Dying entries are held beside prefetch, like nacked ones, and kept by heartbeats.
TEST_F(Dead, WhatWaitsToBeWrittenIsKeptFromOthers) {
    ASSERT_TRUE(host.reject(1, {}, "e").ok());
    const std::string oom = error("OOM command not allowed when used memory > 'maxmemory'.");
    host.reply("control", oom);
    host.reply("control", oom);
    std::string all;
    for (int i = 0; i < 60 && all.find("XCLAIM s g c") == std::string::npos; ++i) {
        host.forget();
        host.wait(1000);
        host.reply("read", null());
        all = host.story();
        if (all.find("EVALSHA") != std::string::npos) host.reply("control", oom);
    }
    EXPECT_NE(all.find("1-0 2-0 JUSTID"), std::string::npos) << all;
}

TEST_F(Dead, AreNoMoreThanTenTimesPrefetch) {
    SourceConfig config = poisoned();
    config.prefetch = 5;
    config.batch_size = 5;
    ScriptedHost full;
    (void)consume(full, config);
    for (uint64_t batch = 0; batch < 10; ++batch) {
        Items items;
        for (uint64_t i = 1; i <= 5; ++i) items.push_back(entry(std::to_string(5 * batch + i) + "-0"));
        full.reply("read", stream_of("s", items));
        ASSERT_TRUE(full.reject(batch + 1, {}, "e").ok());
        // They fail, and what comes behind waits for another try.
        for (int i = 0; batch == 0 && i < 5; ++i) full.reply("read", error("OOM command not allowed"));
    }
    full.reply("read", stream("s", {"99-0"}));
    full.wait(10);
    EXPECT_EQ(full.reject(11, {}, "e").error().code, Code::queue_full);
    full.forget();
    full.wait(90);
    EXPECT_EQ(full.story(), lines({call("1-0", 1, "e")}));
    full.reply("control", done("9-0"));
    EXPECT_TRUE(full.reject(11, {}, "e").ok());
}

}  // namespace
}  // namespace millrace::test
