// A history that nothing is wrong with, for tests of the checker to spoil.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "checker/checker.hpp"

namespace millrace::harness {

inline Instant at(int ms) {
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
        state.at = at(1000);
        for (const auto& entry : history_.published) state.ids.insert(entry.key.id);
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
        life.streams = {"s"};
        life.ready = at(10);
        life.consumer = "c";
        life.mode = "streams";
        life.batch_size = 5;
        life.prefetch = 20;
        life.flush_interval = 10ms;
        history_.agents.push_back(life);
    }
    void publish(int n) {
        history_.published.push_back({key(n), {{"n", std::to_string(n)}}, at(0), at(1)});
        if (!history_.final_states.empty()) history_.final_states[0].ids.insert(key(n).id);
    }

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

}  // namespace millrace::harness
