// What many cases look at in the end, said once.
#pragma once

#include <map>
#include <string>

#include "world/task.hpp"
#include "world/world.hpp"

namespace millrace::harness {

// Each confirmed entry was handed over at least once.
void expect_all_delivered(World& world, const std::string& spec);
// And none of them twice.
void expect_none_twice(World& world, const std::string& spec);
// Within five seconds the group of `start` has nothing pending any more.
Task<> expect_none_pending(World& world, const Start& start, std::string spec);
// XPENDING now, by id.
std::map<std::string, PendingEntry> pending_by_id(World& world, const Start& start);

}  // namespace millrace::harness
