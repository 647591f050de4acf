#include "cases/expect.hpp"

#include <set>

namespace millrace::harness {

void expect_all_delivered(World& world, const std::string& spec) {
    std::set<EntryKey> delivered;
    for (const auto& batch : world.history().batches) {
        for (const auto& entry : batch.entries) delivered.insert(entry.key);
    }
    size_t lost = 0;
    for (const auto& entry : world.history().published) lost += delivered.contains(entry.key) ? 0U : 1U;
    world.expect(lost == 0, spec,
                 std::to_string(lost) + " of " + std::to_string(world.history().published.size()) +
                     " entries were never handed over");
}

void expect_none_twice(World& world, const std::string& spec) {
    std::set<EntryKey> delivered;
    for (const auto& batch : world.history().batches) {
        for (const auto& entry : batch.entries) {
            world.expect(delivered.insert(entry.key).second, spec, "entry " + entry.key.id + " was handed over twice");
        }
    }
}

Task<> expect_none_pending(World& world, const Start& start, std::string spec) {
    const Instant deadline = world.now() + 5s;
    size_t left = 1;
    while (left > 0 && world.now() < deadline) {
        left = world.pending(start.streams.front(), start.group).size();
        if (left > 0) co_await world.pause(10ms);
    }
    world.expect(left == 0, spec, std::to_string(left) + " acked entries are still pending after 5 s");
}

std::map<std::string, PendingEntry> pending_by_id(World& world, const Start& start) {
    std::map<std::string, PendingEntry> pending;
    for (auto& entry : world.pending(start.streams.front(), start.group)) pending[entry.key.id] = entry;
    return pending;
}

}  // namespace millrace::harness
