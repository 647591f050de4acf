// The life of one entry: acked, held, robbed, lost, dead. Each rule is shown a history that breaks it, and the same one
// with what excuses it.

#include "made_up_history.hpp"

namespace millrace::harness {
namespace {

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

TEST_F(Checker, AFrozenHolderMayBeRobbed) {
    unack(3);
    add_agent();
    history_.faults.push_back({Fault::Kind::Frozen, at(40), 0, "", {}});
    deliver(50, {3}, "recovery", 2, 1);
    ack(3, 60, "ok", 1);
    EXPECT_EQ(lines(), Lines{});
    history_.faults[0].agent = 1;
    EXPECT_EQ(lines(), Lines{"REC-2"});
}

TEST_F(Checker, AHolderThatHasLeftHoldsNothing) {
    unack(3);
    add_agent();
    deliver(50, {3}, "recovery", 2, 1);
    ack(3, 60, "ok", 1);
    history_.agents[0].drained = at(55);
    EXPECT_EQ(lines(), Lines{"REC-2"});
    history_.agents[0].drained = at(45);
    EXPECT_EQ(lines(), Lines{});
}

TEST_F(Checker, WhatWasToldLostIsNoLongerHeld) {
    unack(3);
    deliver(50, {3}, "recovery", 2);
    ack(3, 60);
    EXPECT_EQ(lines(), Lines{"REC-1"});
    history_.lost.push_back({at(40), 0, key(3)});
    EXPECT_EQ(lines(), Lines{});
}

// The group remembers nothing: counts, order and acks begin anew; but who held an entry holds it still.
TEST_F(Checker, AfterTheGroupWasLost) {
    history_.faults.push_back({Fault::Kind::GroupLost, at(40), std::nullopt, "", {key(2), key(3)}});
    unack(3);
    deliver(50, {2}, "flush", 1);
    ack(2, 60);
    EXPECT_EQ(lines(), (Lines{"ACK-1"}));
    deliver(70, {3}, "flush", 1);
    ack(3, 80);
    EXPECT_EQ(lines(), (Lines{"REC-1"}));
    history_.batches.back().agent = 1;
    history_.settlements.back().agent = 1;
    add_agent();
    EXPECT_EQ(lines(), Lines{});
}

// One that took several streams with it is a fault of each.
TEST_F(Checker, AfterTheGroupsOfManyStreamsWereLost) {
    history_.faults.push_back({Fault::Kind::GroupLost, at(40), std::nullopt, "", {{"another", "1-0"}, key(2)}});
    deliver(50, {2}, "flush", 1);
    ack(2, 60);
    EXPECT_EQ(lines(), Lines{});
}

TEST_F(Checker, AfterTheKeyWasGoneAnIdIsAnotherEntry) {
    history_.faults.push_back({Fault::Kind::KeyGone, at(40), std::nullopt, "", {key(2), key(3)}});
    unack(3);
    deliver(50, {2, 3}, "flush", 1);
    ack(2, 60);
    ack(3, 60);
    EXPECT_EQ(lines(), Lines{});
    history_.faults[0].at = at(10);
    EXPECT_EQ(lines(), (Lines{"BAT-2", "REC-1"}));
}

TEST_F(Checker, ADeadLetterIsNoLoss) {
    unack(3);
    history_.final_states[0].dead.insert("3-0");
    EXPECT_EQ(lines(), Lines{});
}

TEST_F(Checker, RejectedAndNowhere) {
    history_.settlements[2].kind = Settlement::Kind::Reject;
    EXPECT_EQ(lines(), Lines{"DLQ-2"});
    pending(3);
    EXPECT_EQ(lines(), Lines{});
    history_.final_states[0].pending.clear();
    history_.final_states[0].dead.insert("3-0");
    EXPECT_EQ(lines(), Lines{});
    history_.final_states[0].dead.clear();
    history_.redriven.insert(key(3));
    EXPECT_EQ(lines(), Lines{});
}

TEST_F(Checker, ADuplicateIsNoLoss) {
    publish(6);
    history_.final_states[0].last_delivered = "6-0";
    EXPECT_EQ(lines(), Lines{"ACK-1"});
    history_.duplicates.push_back({at(20), 0, key(6)});
    EXPECT_EQ(lines(), Lines{});
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

// Trimmed or deleted by somebody: neither unread nor pending is a place where it still can be had.
TEST_F(Checker, GoneFromTheStreamBeforeItsAck) {
    publish(6);
    history_.final_states[0].ids.erase("6-0");
    EXPECT_EQ(lines(), Lines{"ACK-1"});
    history_.faults.push_back({Fault::Kind::Deleted, at(5), std::nullopt, "", {key(6)}});
    EXPECT_EQ(lines(), Lines{});
    unack(3);
    pending(3);
    EXPECT_EQ(lines(), Lines{});
    history_.final_states[0].ids.erase("3-0");
    EXPECT_EQ(lines(), Lines{"ACK-1"});
    history_.faults.push_back({Fault::Kind::Failover, at(100), std::nullopt, "", {}});
    EXPECT_EQ(lines(), Lines{});
}

TEST_F(Checker, AckedAndNeverHandedOver) {
    publish(6);
    history_.final_states[0].last_delivered = "6-0";
    ack(6, 30);
    EXPECT_EQ(lines(), Lines{"ACK-1"});
    deliver(20, {6}, "flush");
    EXPECT_EQ(lines(), Lines{});
}

TEST_F(Checker, AckedAndStillPending) {
    pending(3);
    EXPECT_EQ(lines(), Lines{});  // it may be on its way
    history_.final_states[0].at = at(2000);
    EXPECT_EQ(lines(), Lines{"ACK-3"});
    history_.faults.push_back({Fault::Kind::Cut, at(31), std::nullopt, "", {}});
    EXPECT_EQ(lines(), Lines{});
    history_.faults.clear();
    history_.settlements[2].code = "not_held";
    EXPECT_EQ(lines(), Lines{});
}

// Without its group nothing can be said of loss: that nobody took it away has to be seen.
TEST_F(Checker, AGroupThatIsGone) {
    history_.final_states[0].group_exists = false;
    unack(3);
    EXPECT_EQ(lines(), Lines{"REC-7"});
    history_.faults.push_back({Fault::Kind::GroupLost, at(100), std::nullopt, "", {key(1)}});
    EXPECT_EQ(lines(), Lines{});
    history_.faults.clear();
    history_.agents[0].ready.reset();
    EXPECT_EQ(lines(), Lines{});
}

}  // namespace
}  // namespace millrace::harness
