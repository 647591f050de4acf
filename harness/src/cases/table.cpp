#include "cases/table.hpp"

#include <algorithm>

namespace millrace::harness {

std::span<const Case> cases() {
    static const std::vector<Case> all = [] {
        std::vector<Case> table;
        for (auto* list :
             {burst_cases,          flush_cases,     batch_cases,         ack_cases,          recovery_cases,
              reconnect_cases,      detection_cases, pubsub_cases,        tail_cases,         tail_place_cases,
              tail_gap_cases,       publish_cases,   publish_fault_cases, publish_trim_cases, config_cases,
              bad_peer_cases,       hostile_cases,   lost_reply_cases,    cut_cases,          each_command_cases,
              half_open_cases,      outage_cases,    failover_cases,      drain_cases,        too_large_cases,
              server_refusal_cases, claim_cases,     pattern_cases,       heartbeat_cases,    lost_group_cases,
              member_cases,         poison_cases,    redrive_cases,       dedupe_cases,       shared_dedupe_cases,
              flow_cases,           memory_cases,    name_cases,          delete_acked_cases, observe_cases,
              rung_cases,           security_cases}) {
            for (auto& row : list()) table.push_back(std::move(row));
        }
        return table;
    }();
    return all;
}

std::vector<std::string> cases_for(std::string_view spec_line) {
    std::vector<std::string> ids;
    for (const Case& row : cases()) {
        if (std::ranges::find(row.spec, spec_line) != row.spec.end()) ids.emplace_back(row.id);
    }
    return ids;
}

}  // namespace millrace::harness
