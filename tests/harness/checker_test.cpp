// A checker that can't fail is a bug: each rule is shown a history that breaks it, and the same one unbroken.

#include "checker/checker.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace millrace::harness {
namespace {

Instant at(int ms) {
    return Instant(std::chrono::milliseconds(ms));
}

// Five entries published at 0 ms; one agent, batch_size 5, at 10 ms; all handed over at 20 ms, acked at 30 ms.
class Checker : public ::testing::Test {
  protected:
    Checker() {
        history_.begin = at(0);
        history_.end = at(1000);
        add_agent();
        for (int i = 1; i <= 5; ++i) publish(i);
        deliver(20, {1, 2, 3, 4, 5});
        for (int i = 1; i <= 5; ++i) ack(i, 30);
        StreamState state;
        state.stream = "s";
        state.group = "g";
        state.group_exists = true;
        state.last_delivered = "5-0";
        history_.final_states.push_back(state);
    }

    static EntryKey key(int n) { return {"s", std::to_string(n) + "-0"}; }

    void add_agent() {
        AgentLife life;
        life.label = "agent";
        life.group = "g";
        life.consumer = "c";
        life.mode = "streams";
        life.batch_size = 5;
        life.prefetch = 20;
        life.flush_interval = 10ms;
        history_.agents.push_back(life);
    }
    void publish(int n) { history_.published.push_back({key(n), {{"n", std::to_string(n)}}, at(0), at(1)}); }

    Batch& deliver(int ms, const std::vector<int>& entries, const char* reason = "size", int64_t deliveries = 1,
                   size_t agent = 0) {
        Batch batch;
        batch.agent = agent;
        batch.reason = reason;
        batch.received = batch.handed_over = at(ms);
        for (const int n : entries) {
            DeliveredEntry entry;
            entry.key = key(n);
            Value name;
            name.bytes = "n";
            Value value;
            value.bytes = std::to_string(n);
            entry.fields.emplace_back(name, value);
            entry.deliveries = deliveries;
            batch.entries.push_back(entry);
        }
        history_.batches.push_back(batch);
        return history_.batches.back();
    }
    Settlement& ack(int n, int ms, const char* code = "ok", size_t agent = 0) {
        history_.settlements.push_back({Settlement::Kind::Ack, agent, key(n), at(ms), at(ms + 1), code});
        return history_.settlements.back();
    }
    void unack(int n) {
        std::erase_if(history_.settlements, [&](const Settlement& row) { return row.key == key(n); });
    }
    void pending(int n) { history_.final_states[0].pending[key(n).id] = {key(n), "c", 0, 1}; }

    // The lines of the specification that the findings name, each once.
    [[nodiscard]] std::vector<std::string> lines() const {
        std::vector<std::string> names;
        for (const auto& finding : check(history_)) names.push_back(finding.spec);
        std::sort(names.begin(), names.end());
        names.erase(std::unique(names.begin(), names.end()), names.end());
        return names;
    }
    using Lines = std::vector<std::string>;

    History history_;
};

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

TEST_F(Checker, AckedComesAgain) {
    deliver(50, {3}, "recovery", 2);
    ack(3, 60, "not_held");
    EXPECT_EQ(lines(), Lines{"REC-1"});
}

TEST_F(Checker, AckedComesAgainToTheNextLife) {
    history_.faults.push_back({Fault::Kind::Kill, at(500), 0, "", {}});
    add_agent();
    deliver(600, {3}, "recovery", 2, 1);
    ack(3, 610, "ok", 1);
    EXPECT_EQ(lines(), Lines{"REC-1"});
}

TEST_F(Checker, AnAckMayBeLostInTheCrashThatFollowsIt) {
    history_.faults.push_back({Fault::Kind::Kill, at(35), 0, "", {}});
    add_agent();
    deliver(600, {3}, "recovery", 2, 1);
    ack(3, 610, "ok", 1);
    EXPECT_EQ(lines(), Lines{});
    // Unless the server was seen without it.
    history_.pending_seen.push_back({at(40), "s", "g", {}});
    EXPECT_EQ(lines(), Lines{"REC-1"});
}

// The replica had not heard of the delivery, nor of the ack: the entry comes as if for the first time, and late.
TEST_F(Checker, AfterAFailoverCountsAndOrderBeginAnew) {
    deliver(600, {3}, "flush", 1);
    ack(3, 610);
    EXPECT_EQ(lines(), (Lines{"BAT-2", "REC-1"}));
    history_.faults.push_back({Fault::Kind::Failover, at(35), std::nullopt, "", {}});
    EXPECT_EQ(lines(), Lines{});
}

TEST_F(Checker, HeldComesAgain) {
    unack(3);
    deliver(50, {3}, "recovery", 2);
    ack(3, 60);
    EXPECT_EQ(lines(), Lines{"REC-1"});
}

TEST_F(Checker, UnackedComesAgainAfterTheKill) {
    unack(3);
    history_.faults.push_back({Fault::Kind::Kill, at(40), 0, "", {}});
    add_agent();
    deliver(50, {3}, "recovery", 2, 1);
    ack(3, 60, "ok", 1);
    EXPECT_EQ(lines(), Lines{});
}

TEST_F(Checker, StolenFromAHolderThatLives) {
    unack(3);
    add_agent();
    deliver(50, {3}, "recovery", 2, 1);
    ack(3, 60, "ok", 1);
    EXPECT_EQ(lines(), Lines{"REC-2"});
}

TEST_F(Checker, NackedComesAgain) {
    unack(3);
    history_.settlements.push_back({Settlement::Kind::Nack, 0, key(3), at(30), at(31), "ok"});
    deliver(50, {3}, "recovery", 2);
    ack(3, 60);
    EXPECT_EQ(lines(), Lines{});
}

TEST_F(Checker, DeliveriesThatAreNotCounted) {
    unack(3);
    history_.settlements.push_back({Settlement::Kind::Nack, 0, key(3), at(30), at(31), "ok"});
    deliver(50, {3}, "recovery", 1);
    ack(3, 60);
    EXPECT_EQ(lines(), Lines{"REC-1"});
}

TEST_F(Checker, AckedByNobody) {
    unack(3);
    EXPECT_EQ(lines(), Lines{"ACK-1"});
    pending(3);
    EXPECT_EQ(lines(), Lines{});
}

TEST_F(Checker, LostWithoutATrace) {
    publish(4);
    history_.published.back().key.id = "4-5";
    EXPECT_EQ(lines(), Lines{"ACK-1"});
    // Deleted by the case itself is no loss.
    history_.faults.push_back({Fault::Kind::Deleted, at(5), std::nullopt, "", {{"s", "4-5"}}});
    EXPECT_EQ(lines(), Lines{});
}

TEST_F(Checker, WhatWasNotReadYetIsNotLost) {
    publish(6);
    EXPECT_EQ(lines(), Lines{});
}

TEST_F(Checker, PrefetchExceeded) {
    history_.agents[0].prefetch = 4;
    EXPECT_EQ(lines(), Lines{"BP-1"});
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

TEST_F(Checker, CountsDuplicates) {
    deliver(50, {3}, "recovery", 2);
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
