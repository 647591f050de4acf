// The table of cases, one row each.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cases/case.hpp"

namespace millrace::harness {

// In the order in which they are reported.
std::span<const Case> cases();
// Ids of the cases that stand for a line of the specification.
std::vector<std::string> cases_for(std::string_view spec_line);

// One list a file.
std::vector<Case> burst_cases();
std::vector<Case> flush_cases();
std::vector<Case> batch_cases();
std::vector<Case> ack_cases();
std::vector<Case> recovery_cases();
std::vector<Case> reconnect_cases();
std::vector<Case> detection_cases();
std::vector<Case> pubsub_cases();
std::vector<Case> drain_cases();
std::vector<Case> too_large_cases();
std::vector<Case> tail_cases();
std::vector<Case> tail_place_cases();
std::vector<Case> tail_gap_cases();
std::vector<Case> publish_cases();
std::vector<Case> publish_fault_cases();
std::vector<Case> publish_trim_cases();
std::vector<Case> config_cases();
std::vector<Case> bad_peer_cases();
std::vector<Case> hostile_cases();
std::vector<Case> lost_reply_cases();
std::vector<Case> cut_cases();
std::vector<Case> each_command_cases();
std::vector<Case> claim_cases();
std::vector<Case> heartbeat_cases();
std::vector<Case> lost_group_cases();
std::vector<Case> member_cases();
std::vector<Case> poison_cases();
std::vector<Case> redrive_cases();
std::vector<Case> dedupe_cases();
std::vector<Case> shared_dedupe_cases();
std::vector<Case> flow_cases();
std::vector<Case> memory_cases();
std::vector<Case> name_cases();
std::vector<Case> observe_cases();
std::vector<Case> rung_cases();
std::vector<Case> delete_acked_cases();
std::vector<Case> pattern_cases();
std::vector<Case> half_open_cases();
std::vector<Case> outage_cases();
std::vector<Case> failover_cases();
std::vector<Case> server_refusal_cases();
std::vector<Case> security_cases();

}  // namespace millrace::harness
