// Decides from a history alone what was done wrong, each finding with its line of the specification. Knows no case:
// what a case asks for beyond these rules it asserts itself. Pure: the same history gives the same findings.
#pragma once

#include <vector>

#include "checker/finding.hpp"
#include "history/history.hpp"

namespace millrace::harness {

std::vector<Finding> check(const History& history);

// What can be counted in a history and is no verdict.
struct Counts {
    size_t published = 0;
    size_t delivered = 0;
    size_t duplicates = 0;  // deliveries of an entry beyond its first
    size_t acked = 0;
};
Counts count(const History& history);

}  // namespace millrace::harness
