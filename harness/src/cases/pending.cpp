#include "cases/pending.hpp"

#include <algorithm>
#include <set>

namespace millrace::harness {

void make_group(World& world, const Start& start) {
    for (const auto& stream : start.streams) {
        world.command({"XGROUP", "CREATE", stream, start.group, "0", "MKSTREAM"});
    }
}

void take_as(World& world, const Start& start, const std::string& consumer, int count) {
    const std::string& stream = start.streams.front();
    world.command(
        {"XREADGROUP", "GROUP", start.group, consumer, "COUNT", std::to_string(count), "STREAMS", stream, ">"});
}

std::vector<EntryKey> publish_taken(World& world, const Start& start, const std::string& consumer, int count) {
    const std::string& stream = start.streams.front();
    const auto entries = numbered(static_cast<int>(world.history().published.size()), count);
    const Instant sent = world.now();
    world.command({"MULTI"});
    for (const auto& fields : entries) {
        world.command({"XADD", stream, "*", fields.front().first, fields.front().second});
    }
    take_as(world, start, consumer, count);
    const Reply results = world.command({"EXEC"});
    std::vector<EntryKey> keys;
    for (size_t i = 0; i < entries.size(); ++i) {
        keys.push_back({stream, results.at(i).text});
        world.record_published(stream, keys.back().id, entries[i], sent);
    }
    return keys;
}

void hand_to(World& world, const Start& start, const std::string& consumer, const std::vector<EntryKey>& entries,
             Duration idle) {
    const int64_t idle_ms = std::chrono::duration_cast<std::chrono::milliseconds>(idle).count();
    Command claim{"XCLAIM", start.streams.front(), start.group, consumer, "0"};
    for (const auto& key : entries) claim.push_back(key.id);
    claim.insert(claim.end(), {"IDLE", std::to_string(idle_ms), "JUSTID"});
    world.command(claim);
}

Task<bool> gets(World& world, const Agent& agent, std::vector<EntryKey> entries, Duration within) {
    std::set<EntryKey> missing(entries.begin(), entries.end());
    size_t looked = 0;
    const auto all_came = [&] {
        const auto& batches = world.history().batches;
        for (; looked < batches.size(); ++looked) {
            if (batches[looked].agent != agent.index()) continue;
            for (const auto& entry : batches[looked].entries) missing.erase(entry.key);
        }
        return missing.empty();
    };
    co_return co_await world.comes_true(all_came, within);
}

int times_delivered(const Agent& agent, const EntryKey& key) {
    int times = 0;
    for (const auto* batch : agent.batches()) {
        for (const auto& entry : batch->entries) times += entry.key == key ? 1 : 0;
    }
    return times;
}

std::string code_of(const Json* acked, const EntryKey& key) {
    if (acked == nullptr || (*acked)["event"] != "acked") return {};
    for (const auto& result : parse_acked(*acked)) {
        if (result.key == key) return result.code;
    }
    return {};
}

Task<bool> tells_lost(World& world, const Agent& agent, std::vector<EntryKey> entries, Duration within) {
    const auto all_told = [&] {
        const auto& told = world.history().lost;
        return std::all_of(entries.begin(), entries.end(), [&](const EntryKey& key) {
            return std::any_of(told.begin(), told.end(),
                               [&](const Notice& each) { return each.agent == agent.index() && each.key == key; });
        });
    };
    co_return co_await world.comes_true(all_told, within);
}

}  // namespace millrace::harness
