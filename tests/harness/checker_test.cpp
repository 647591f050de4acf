// A checker that can't fail is a bug: each rule is shown a history that breaks it, and the same one unbroken. What is
// said of the life of an entry is in lives_test.cpp.

#include "made_up_history.hpp"

namespace millrace::harness {
namespace {

TEST_F(Checker, FindsNothingInAGoodHistory) {
    EXPECT_EQ(lines(), Lines{});
}

TEST_F(Checker, EmptyBatch) {
    deliver(40, {});
    EXPECT_EQ(lines(), Lines{"BAT-1"});
}

TEST_F(Checker, OversizedBatch) {
    history_.agents[0].batch_size = 4;
    EXPECT_EQ(lines(), Lines{"BAT-1"});
}

TEST_F(Checker, FullBatchThatIsNot) {
    history_.agents[0].batch_size = 6;
    EXPECT_EQ(lines(), Lines{"BAT-1"});
}

TEST_F(Checker, UnknownReason) {
    history_.batches[0].reason = "whim";
    EXPECT_EQ(lines(), Lines{"BAT-1"});
}

TEST_F(Checker, RecoveredMixedWithNew) {
    history_.batches[0].entries[0].deliveries = 2;
    EXPECT_EQ(lines(), Lines{"BAT-1"});
}

TEST_F(Checker, RecoveryOfWhatWasNeverDelivered) {
    history_.batches[0].reason = "recovery";
    EXPECT_EQ(lines(), Lines{"REC-1"});
}

TEST_F(Checker, FlushBeforeItsTime) {
    history_.batches[0].reason = "flush";
    history_.agents[0].flush_interval = 20ms;
    EXPECT_EQ(lines(), Lines{});
    history_.agents[0].flush_interval = 21ms;
    EXPECT_EQ(lines(), Lines{"BAT-3"});
}

// The key was deleted, and the id given once more: which of the two a delivery is of can't be told by its time.
TEST_F(Checker, FlushOfAnIdThatWasGivenTwice) {
    history_.batches[0].reason = "flush";
    history_.agents[0].flush_interval = 20ms;
    history_.published.push_back({key(1), {{"n", "1"}}, at(15), at(16)});
    EXPECT_EQ(lines(), Lines{});
    history_.published.front().sent = at(15);
    EXPECT_EQ(lines(), Lines{"BAT-3"});
}

TEST_F(Checker, ReadAndNotHandedOver) {
    publish(6);
    history_.final_states[0].last_delivered = "6-0";
    history_.agents[0].flush_interval = 100ms;
    history_.final_states[0].pending["6-0"] = {key(6), "c", 1000, 1};
    EXPECT_EQ(lines(), Lines{});  // its time may not be up
    history_.final_states[0].pending["6-0"].idle_ms = 1200;
    EXPECT_EQ(lines(), Lines{"BAT-1"});
    history_.final_states[0].pending["6-0"].consumer = "another";
    EXPECT_EQ(lines(), Lines{});
}

TEST_F(Checker, Disorder) {
    std::swap(history_.batches[0].entries[1], history_.batches[0].entries[2]);
    EXPECT_EQ(lines(), Lines{"BAT-2"});
}

TEST_F(Checker, IdsCompareByTheirNumbers) {
    history_.published.clear();
    history_.batches.clear();
    history_.settlements.clear();
    for (const int n : {9, 10}) publish(n);
    history_.final_states[0].last_delivered = "10-0";
    deliver(20, {9, 10}, "flush");
    ack(9, 30);
    ack(10, 30);
    EXPECT_EQ(lines(), Lines{});
}

TEST_F(Checker, OtherFields) {
    history_.batches[0].entries[3].fields[0].second.bytes = "other";
    EXPECT_EQ(lines(), Lines{"PUB-5"});
    history_.batches[0].entries[3].fields[0].second.bytes = "5";  // as another one was published
    EXPECT_EQ(lines(), Lines{"PUB-5"});
}

TEST_F(Checker, FieldsByTheirDigest) {
    Value& value = history_.batches[0].entries[0].fields[0].second;
    value.bytes.clear();
    value.sha256 = "6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b";  // of "1"
    value.length = 1;
    EXPECT_EQ(lines(), Lines{});
    value.length = 2;
    EXPECT_EQ(lines(), Lines{"PUB-5"});
}

TEST_F(Checker, WhatNobodyPublished) {
    deliver(40, {6}, "flush");
    ack(6, 50);
    EXPECT_EQ(lines(), Lines{"PUB-5"});
}

TEST_F(Checker, AnIdThatIsPublishedAnewHasOtherFields) {
    history_.published.push_back({key(3), {{"n", "another"}}, at(0), at(1)});
    EXPECT_EQ(lines(), Lines{});
    history_.published[2].fields[0].second = "a third";
    EXPECT_EQ(lines(), Lines{"PUB-5"});
}

TEST_F(Checker, DeliveredTooOften) {
    unack(3);
    history_.settlements.push_back({Settlement::Kind::Nack, 0, key(3), at(30), at(31), "ok"});
    deliver(50, {3}, "recovery", 4);
    ack(3, 60);
    history_.agents[0].deliveries_max = 4;
    EXPECT_EQ(lines(), Lines{});
    history_.agents[0].deliveries_max = 3;
    EXPECT_EQ(lines(), Lines{"DLQ-1"});
}

TEST_F(Checker, PrefetchExceeded) {
    history_.agents[0].prefetch = 4;
    EXPECT_EQ(lines(), Lines{"BP-1"});
}

TEST_F(Checker, AnAckMakesRoom) {
    history_.agents[0].prefetch = 5;
    EXPECT_EQ(lines(), Lines{});
    publish(6);
    deliver(40, {6}, "flush");
    ack(6, 50);
    history_.final_states[0].last_delivered = "6-0";
    EXPECT_EQ(lines(), Lines{});
    history_.batches.back().received = at(25);
    EXPECT_EQ(lines(), Lines{"BP-1"});
}

TEST_F(Checker, AnIdThatIsNone) {
    history_.batches[0].entries[4].key.id = "five";
    unack(5);
    pending(5);
    EXPECT_EQ(lines(), (Lines{"BAT-2", "PUB-5"}));
}

TEST_F(Checker, AnAnswerWithoutACode) {
    history_.settlements[1].code.clear();
    EXPECT_EQ(lines(), Lines{"ACK-2"});
    history_.settlements[1].answered.reset();  // none came
    EXPECT_EQ(lines(), Lines{});
}

TEST_F(Checker, SomethingAfterDrained) {
    history_.agents[0].drained = at(15);
    EXPECT_EQ(lines(), Lines{"DRN-1"});
}

TEST_F(Checker, PubSubOwesNoDelivery) {
    history_.agents[0].mode = "pubsub";
    history_.settlements.clear();
    history_.final_states.clear();
    deliver(50, {3}, "flush");
    EXPECT_EQ(lines(), Lines{});
}

// A tail belongs to no group: counts, prefetch and what stays pending are not its own.
TEST_F(Checker, ATailOwesNothingToAGroup) {
    history_.agents[0].group.clear();
    history_.agents[0].mode = "tail";
    history_.agents[0].prefetch = 1;
    history_.agents[0].deliveries_max = 1;
    history_.settlements.clear();
    history_.final_states.clear();
    history_.batches[0].entries[0].deliveries = 2;
    EXPECT_EQ(lines(), Lines{});
}

TEST_F(Checker, CountsDuplicates) {
    deliver(50, {3}, "recovery", 2);
    ack(3, 60, "not_held");
    history_.settlements.push_back({Settlement::Kind::Nack, 0, key(3), at(70), at(71), "ok"});
    const Counts counts = count(history_);
    EXPECT_EQ(counts.published, 5U);
    EXPECT_EQ(counts.delivered, 6U);
    EXPECT_EQ(counts.duplicates, 1U);
    EXPECT_EQ(counts.acked, 5U);
}

TEST_F(Checker, SaysADefectOfAThousandEntriesInAFewLines) {
    for (int i = 0; i < 1000; ++i) deliver(40 + i, {});
    EXPECT_EQ(check(history_).size(), 5U);
}

}  // namespace
}  // namespace millrace::harness
