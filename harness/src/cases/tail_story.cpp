#include "cases/tail_story.hpp"

#include "base/text.hpp"

namespace millrace::harness {

std::vector<EntryKey> delivered_keys(const Agent& agent) {
    std::vector<EntryKey> keys;
    for (const auto* batch : agent.batches()) {
        for (const auto& entry : batch->entries) keys.push_back(entry.key);
    }
    return keys;
}

Task<> expect_exactly(World& world, Agent& agent, std::vector<EntryKey> expected) {
    co_await agent.delivered(expected.size(), 5s);
    co_await world.pause(100ms);  // for what should not come
    const auto keys = delivered_keys(agent);
    world.expect(keys == expected, "TAIL-1",
                 "expected " + std::to_string(expected.size()) + " entries" +
                     (expected.empty() ? "" : " from " + expected.front().id) + "; came " +
                     std::to_string(keys.size()) + (keys.empty() ? "" : " from " + keys.front().id));
}

Task<> ready_as_tail(World& world, Agent& agent, Start start) {
    co_await agent.ready(start);
    const std::string mode = world.history().agents[agent.index()].mode;
    world.expect(mode == "tail", "TAIL-1", "ready says mode '" + excerpt(mode) + "', not tail");
}

std::string text_or(const Json& event, const char* key) {
    return event.contains(key) && event[key].is_string() ? event[key].get<std::string>() : std::string();
}

}  // namespace millrace::harness
