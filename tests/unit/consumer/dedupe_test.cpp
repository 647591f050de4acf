// DUP: an entry whose canonical id was acked is acked unseen, and a copy of what is in hand waits.
#include "consumer/dedupe.hpp"

#include <gtest/gtest.h>

#include "support/scripted_host.hpp"

namespace millrace::test {
namespace {

SourceConfig deduping(DedupeMode mode = DedupeMode::memory) {
    SourceConfig config = source_of();
    config.dedupe = mode;
    config.id_field = "f";
    config.flush_interval = Duration{};
    config.prefetch = 100;
    config.claim_interval = seconds(3600);
    return config;
}

std::string read_of(std::initializer_list<std::pair<const char*, const char*>> ids) {
    Items list;
    for (const auto& [id, canonical] : ids) list.push_back(entry(id, canonical));
    return stream_of("s", list);
}

struct Scene {
    Scene() : Scene(deduping()) {}
    explicit Scene(const SourceConfig& config) {
        source = consume(host, config);
        EXPECT_TRUE(host.pause(source).ok());
    }
    /// What is told and sent after a read that brings these; it is the last until the next.
    std::string read(std::initializer_list<std::pair<const char*, const char*>> ids) {
        EXPECT_TRUE(host.resume(source).ok());
        EXPECT_TRUE(host.pause(source).ok());
        host.forget();
        host.reply("read", read_of(ids));
        return host.story();
    }
    /// Without the reads of new entries.
    std::string story() {
        std::string all = host.story();
        std::string kept;
        for (size_t end = 0; !all.empty(); all.erase(0, end)) {
            end = all.find('\n') + 1;
            if (all.find("XREADGROUP") > end) kept += all.substr(0, end);
        }
        return kept;
    }
    void ack(size_t batch) {
        ASSERT_TRUE(host.ack(batch).ok());
        host.reply("read", integer(1));
        host.forget();
    }
    ScriptedHost host;
    SourceId source{};
};

struct Dedupes : ::testing::Test, Scene {};

TEST_F(Dedupes, WhatWasAckedIsAckedUnseen) {
    EXPECT_EQ(read({{"1-0", "a"}}), lines({"batch 1 by flush: 1-0"}));
    ack(1);
    EXPECT_EQ(read({{"2-0", "a"}, {"3-0", "b"}}),
              lines({"duplicate s: 2-0 of a", "batch 2 by flush: 3-0", "read: XACK s g 2-0"}));
}

TEST_F(Dedupes, ACopyOfWhatIsInHandWaitsForTheAck) {
    EXPECT_EQ(read({{"1-0", "a"}, {"2-0", "a"}, {"3-0", "a"}}), lines({"batch 1 by flush: 1-0"}));
    ASSERT_TRUE(host.ack(1).ok());
    EXPECT_EQ(story(), lines({"read: XACK s g 1-0"}));
    host.reply("read", integer(1));
    EXPECT_EQ(story(),
              lines({"acked 1: 0", "duplicate s: 2-0 of a", "duplicate s: 3-0 of a", "read: XACK s g 2-0 3-0"}));
    host.reply("read", integer(2));
    ASSERT_TRUE(host.close(source).ok());
    EXPECT_EQ(story(), lines({"closed source, 0 held"}));
}

TEST_F(Dedupes, ACopyWaitsWhileTheFirstIsNackedAndComesAgain) {
    (void)read({{"1-0", "a"}, {"2-0", "a"}});
    ASSERT_TRUE(host.nack(1, {}, milliseconds(100)).ok());
    host.wait(100);
    EXPECT_EQ(story(), lines({"read: XCLAIM s g c 95 1-0"}));
    host.reply("read", array({entry("1-0", "a")}));
    EXPECT_EQ(story(), lines({"batch 2 by recovery: 1-0(x2)"}));
    ASSERT_TRUE(host.ack(2).ok());
    host.forget();
    host.reply("read", integer(1));
    EXPECT_EQ(story(), lines({"acked 2: 0", "duplicate s: 2-0 of a", "read: XACK s g 2-0"}));
}

TEST_F(Dedupes, WhenTheFirstIsLostTheNextIsHandedOver) {
    (void)read({{"1-0", "a"}, {"2-0", "a"}, {"3-0", "a"}});
    ASSERT_TRUE(host.nack(1, {}, milliseconds(100)).ok());
    host.wait(100);
    host.reply("read", array({}));
    host.forget();
    host.reply("read", array({pending("1-0", "another", 5, 2)}));
    EXPECT_EQ(story(), lines({"lost s: 1-0", "batch 2 by flush: 2-0"}));
    ASSERT_TRUE(host.ack(2).ok());
    host.forget();
    host.reply("read", integer(1));
    EXPECT_EQ(story(), lines({"acked 2: 0", "duplicate s: 3-0 of a", "read: XACK s g 3-0"}));
}

/// It came too often, and there is no room for one more dead letter: what becomes of it is not for this process to say.
TEST(DedupesWithoutRoomForDeadLetters, ACopyDoesNotWaitForWhatIsLeftToASweep) {
    SourceConfig config = deduping();
    config.max_deliveries = 1;
    config.prefetch = 5;
    Scene it(config);
    (void)it.read({{"1-0", "a"}, {"2-0", "a"}});
    ASSERT_TRUE(it.host.nack(1, {}, milliseconds(50)).ok());
    for (uint64_t dying = 0; dying < 50; dying += 2) {
        const std::string id = std::to_string(10 + dying);
        (void)it.read({{(id + "-0").c_str(), id.c_str()}, {(id + "-1").c_str(), (id + "b").c_str()}});
        ASSERT_TRUE(it.host.reject(it.host.batches(), {}, "e").ok());
        if (dying > 0) continue;
        for (int i = 0; i < 2; ++i) it.host.reply("read", error("OOM command not allowed"));
    }
    it.host.wait(50);
    it.host.forget();
    it.host.reply("read", array({entry("1-0", "a")}));
    EXPECT_EQ(it.story(), lines({"batch 27 by flush: 2-0"}));
}

/// Copies that wait are held like everything else.
TEST_F(Dedupes, ACopyThatWaitsIsKeptFromOthers) {
    (void)read({{"1-0", "a"}, {"2-0", "a"}});
    host.wait(30'000);
    EXPECT_EQ(story(), lines({"read: XCLAIM s g c 28500 1-0 2-0 JUSTID"}));
    host.reply("read", array({bulk("1-0")}));
    host.forget();
    host.reply("read", array({}));
    EXPECT_EQ(story(), lines({"lost s: 2-0"}));
    ack(1);
    EXPECT_EQ(story(), "");
}

TEST_F(Dedupes, ACopyThatWaitsIsGivenBackByASourceThatEnds) {
    (void)read({{"1-0", "a"}, {"2-0", "a"}});
    host.wait(1000);
    ASSERT_TRUE(host.close(source).ok());
    EXPECT_EQ(story(), lines({"read: XCLAIM s g c 950 2-0 IDLE 60000 JUSTID"}));
    host.reply("read", array({bulk("2-0")}));
    EXPECT_EQ(story(), lines({"closed source, 1 held"}));
}

TEST_F(Dedupes, IdsOfDifferentStreamsHaveNothingToDoWithEachOther) {
    SourceConfig config = deduping();
    config.streams = {"s", "t"};
    Scene two(config);
    two.host.reply("read", map({bulk("s"), array({entry("1-0", "a")}), bulk("t"), array({entry("1-0", "a")})}));
    EXPECT_NE(two.host.story().find("batch 1 by flush: s/1-0 t/1-0\n"), std::string::npos);
}

TEST_F(Dedupes, TheWindowEndsByTime) {
    (void)read({{"1-0", "a"}});
    ack(1);
    for (int i = 0; i < 599; ++i) host.wait(1000);
    EXPECT_EQ(read({{"2-0", "a"}}), lines({"duplicate s: 2-0 of a", "read: XACK s g 2-0"}));
    host.reply("read", integer(1));
    host.wait(1000);
    EXPECT_EQ(read({{"3-0", "a"}}), lines({"batch 2 by flush: 3-0"}));
}

TEST(DedupeWindow, EndsByCount) {
    SourceConfig config = deduping();
    config.dedupe_count = 2;
    Scene it(config);
    (void)it.read({{"1-0", "a"}, {"2-0", "b"}, {"3-0", "c"}});
    it.ack(1);
    EXPECT_EQ(
        it.read({{"4-0", "a"}, {"5-0", "b"}, {"6-0", "c"}}),
        lines({"duplicate s: 5-0 of b", "duplicate s: 6-0 of c", "batch 2 by flush: 4-0", "read: XACK s g 5-0 6-0"}));
}

TEST(DedupeOff, IsTheDefault) {
    SourceConfig config = deduping(DedupeMode::off);
    Scene it(config);
    EXPECT_EQ(it.read({{"1-0", "a"}, {"2-0", "a"}}), lines({"batch 1 by flush: 1-0 2-0"}));
}

}  // namespace
}  // namespace millrace::test
