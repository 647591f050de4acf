// What cases of tails have in common.
#pragma once

#include <string>
#include <vector>

#include "world/task.hpp"
#include "world/world.hpp"

namespace millrace::harness {

// Everything that came, in its order.
std::vector<EntryKey> delivered_keys(const Agent& agent);
// Exactly these came, in this order, and nothing else for a while.
Task<> expect_exactly(World& world, Agent& agent, std::vector<EntryKey> expected);
Task<> ready_as_tail(World& world, Agent& agent, Start start);
// A member of an event; empty where it is not there, or no text.
std::string text_or(const Json& event, const char* key);

}  // namespace millrace::harness
