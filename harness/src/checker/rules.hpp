// What the rules of the checker share: how a finding is made, and which faults excuse what. Private to this folder.
#pragma once

#include <string>
#include <vector>

#include "checker/finding.hpp"
#include "history/history.hpp"

namespace millrace::harness {

using Findings = std::vector<Finding>;

// A defect that hits a thousand entries is one defect: the first five say it.
void fail(Findings& findings, const std::string& spec, const std::string& text);

inline bool at_most_once(const AgentLife& agent) {
    return agent.mode == "pubsub";
}
inline bool in_group(const AgentLife& agent) {
    return !agent.group.empty() && !at_most_once(agent);
}

// Whether the server may have forgotten in between what a group of this stream had been delivered: order, counts and
// acks begin anew.
bool forgotten_between(const History& history, const std::string& stream, Instant from, Instant to);

// The life of each entry in each group: REC-1, REC-2, ACK-1 (loss), DLQ-2.
void check_lives(const History& history, Findings& findings);

}  // namespace millrace::harness
