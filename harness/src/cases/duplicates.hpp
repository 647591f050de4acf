// What the cases of dedupe have in common: entries with an id, and that a copy is acked unseen.
#pragma once

#include <string>
#include <vector>

#include "world/task.hpp"
#include "world/world.hpp"

namespace millrace::harness {

// With the id in the field `id`.
Json deduping(const char* how);
Fields with_id(const std::string& id, const std::string& n);

// The entries that are no first of their kind are acked unseen, and told.
Task<> expect_unseen(World& world, const Start& start, std::vector<EntryKey> copies);

}  // namespace millrace::harness
