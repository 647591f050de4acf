// What explains a delivery that would be wrong without it, and what only looks like it: a fault of another agent, at
// another time, an observation of another group. A rule that takes these for an excuse is blind.

#include "made_up_history.hpp"

namespace millrace::harness {
namespace {

// Entry 3 was acked at 30 ms, agent 0 was killed at 35, and a second one got the entry again.
class Crashed : public Checker {
  protected:
    Crashed() {
        history_.faults.push_back({Fault::Kind::Kill, at(35), 0, "", {}});
        add_agent();
        deliver(600, {3}, "recovery", 2, 1);
        ack(3, 610, "ok", 1);
    }
};

TEST_F(Crashed, TheDeathOfAnotherExcusesNoAck) {
    EXPECT_EQ(lines(), Lines{});
    history_.faults[0].agent = 1;
    EXPECT_EQ(lines(), Lines{"REC-1"});
}

TEST_F(Crashed, AFaultBeforeTheAckExcusesNothing) {
    history_.faults[0].at = at(25);
    EXPECT_EQ(lines(), Lines{"REC-1"});
}

TEST_F(Crashed, OnlyWhatWasSeenOfThisEntryCounts) {
    history_.pending_seen.push_back({at(40), "s", "another group", {}});
    history_.pending_seen.push_back({at(40), "another stream", "g", {}});
    history_.pending_seen.push_back({at(20), "s", "g", {}});   // before its ack
    history_.pending_seen.push_back({at(605), "s", "g", {}});  // after it came again
    history_.pending_seen.push_back({at(40), "s", "g", {{key(3), "c", 0, 1}}});
    EXPECT_EQ(lines(), Lines{});
    history_.pending_seen.push_back({at(40), "s", "g", {{key(2), "c", 0, 1}}});
    EXPECT_EQ(lines(), Lines{"REC-1"});
}

// Agent 0 has had entry 3 since 20 ms and has not acked it; agent 1 gets it at 50.
class Robbed : public Checker {
  protected:
    Robbed() {
        unack(3);
        add_agent();
        deliver(50, {3}, "recovery", 2, 1);
        ack(3, 60, "ok", 1);
    }
};

TEST_F(Robbed, OfAHolderThatHasEnded) {
    history_.agents[0].ended = at(55);
    EXPECT_EQ(lines(), Lines{"REC-2"});
    history_.agents[0].ended = at(45);
    EXPECT_EQ(lines(), Lines{});
}

TEST_F(Robbed, WhatAnotherToldLostIsHeldStill) {
    history_.lost.push_back({at(40), 1, key(3)});
    EXPECT_EQ(lines(), Lines{"REC-2"});
    history_.lost[0].agent = 0;
    EXPECT_EQ(lines(), Lines{});
}

TEST_F(Robbed, AfterAFreezeBeforeOrAfterIt) {
    history_.faults.push_back({Fault::Kind::Frozen, at(15), 0, "", {}});
    history_.faults.push_back({Fault::Kind::Frozen, at(51), 0, "", {}});
    EXPECT_EQ(lines(), Lines{"REC-2"});
}

// A lost group lets others have what somebody holds, once.
TEST_F(Robbed, TwiceAfterOneLossOfTheGroup) {
    history_.faults.push_back({Fault::Kind::GroupLost, at(40), std::nullopt, "", {key(3)}});
    history_.batches.back().entries[0].deliveries = 1;
    history_.batches.back().reason = "flush";
    EXPECT_EQ(lines(), Lines{});
    add_agent();
    deliver(55, {3}, "recovery", 2, 2);
    EXPECT_EQ(lines(), Lines{"REC-2"});
}

TEST_F(Checker, AnEntryThatWasDeletedAndComesAgain) {
    history_.faults.push_back({Fault::Kind::Deleted, at(40), std::nullopt, "", {key(3)}});
    deliver(50, {3}, "recovery", 2);
    ack(3, 60, "not_held");
    EXPECT_EQ(lines(), Lines{"REC-1"});
}

// Only an ack that was answered ok has acked.
TEST_F(Checker, AnAckThatWasRefusedAcksNothing) {
    unack(3);
    ack(3, 30, "timeout");
    history_.faults.push_back({Fault::Kind::Kill, at(400), 0, "", {}});
    add_agent();
    deliver(600, {3}, "recovery", 2, 1);
    ack(3, 610, "ok", 1);
    EXPECT_EQ(lines(), Lines{});
}

TEST_F(Checker, AFaultOfAnotherExcusesNoAckThatStaysPending) {
    pending(3);
    history_.final_states[0].at = at(2000);
    history_.faults.push_back({Fault::Kind::Kill, at(31), 1, "", {}});
    add_agent();
    EXPECT_EQ(lines(), Lines{"ACK-3"});
    history_.faults[0].agent = 0;
    EXPECT_EQ(lines(), Lines{});
}

TEST_F(Checker, AnAckedEntryThatCameAgainMayBePending) {
    pending(3);
    history_.final_states[0].at = at(2000);
    history_.faults.push_back({Fault::Kind::Failover, at(35), std::nullopt, "", {}});
    deliver(600, {3}, "flush", 1);
    EXPECT_EQ(lines(), Lines{});
    // Before the ack is no second time.
    history_.faults.clear();
    history_.batches.pop_back();
    EXPECT_EQ(lines(), Lines{"ACK-3"});
}

// Entry 6 has been with an agent that may hold more for 1.2 s, and was not handed over.
class NotHandedOver : public Checker {
  protected:
    NotHandedOver() {
        publish(6);
        history_.final_states[0].last_delivered = "6-0";
        history_.agents[0].flush_interval = 100ms;
        history_.final_states[0].pending["6-0"] = {key(6), "c", 1200, 1};
    }
};

TEST_F(NotHandedOver, ByOneThatIsDrained) {
    EXPECT_EQ(lines(), Lines{"BAT-1"});
    history_.agents[0].drained = at(900);
    EXPECT_EQ(lines(), Lines{});
}

TEST_F(NotHandedOver, ByOneThatTakesBatchesOneByOne) {
    history_.agents[0].concurrent = false;
    EXPECT_EQ(lines(), Lines{});
}

TEST_F(NotHandedOver, ByOneThatWasKilled) {
    history_.faults.push_back({Fault::Kind::Kill, at(500), 1, "", {}});
    history_.faults.push_back({Fault::Kind::Cut, at(500), 0, "", {}});
    add_agent();
    history_.agents[1].consumer = "d";
    EXPECT_EQ(lines(), Lines{"BAT-1"});
    history_.faults[0].agent = 0;
    EXPECT_EQ(lines(), Lines{});
}

TEST_F(NotHandedOver, SinceItIsTooLarge) {
    history_.too_large.insert(key(6));
    EXPECT_EQ(lines(), Lines{});
}

}  // namespace
}  // namespace millrace::harness
