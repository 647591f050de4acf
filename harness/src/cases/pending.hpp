// How cases bring a group into a state: entries that somebody took and left, under any name and for any time.
#pragma once

#include <string>
#include <vector>

#include "world/task.hpp"
#include "world/world.hpp"

namespace millrace::harness {

void make_group(World& world, const Start& start);

// `count` of the entries that nobody has read become pending for `consumer`.
void take_as(World& world, const Start& start, const std::string& consumer, int count);

// `count` new ones, published and taken in one transaction: no reader that waits gets any.
std::vector<EntryKey> publish_taken(World& world, const Start& start, const std::string& consumer, int count);

// Pending for `consumer` from now on, unread for so long as `idle` says, their counts of deliveries as they were.
void hand_to(World& world, const Start& start, const std::string& consumer, const std::vector<EntryKey>& entries,
             Duration idle);

// Within the time, each of these was handed over by the agent.
Task<bool> gets(World& world, const Agent& agent, std::vector<EntryKey> entries, Duration within);

// How often the agent handed over this entry.
int times_delivered(const Agent& agent, const EntryKey& key);

// The code that an acked event gives for one entry; empty where it does not speak of it.
std::string code_of(const Json* acked, const EntryKey& key);

// Within the time the agent told that it lost each of these.
Task<bool> tells_lost(World& world, const Agent& agent, std::vector<EntryKey> entries, Duration within);

}  // namespace millrace::harness
