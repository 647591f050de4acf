// Commands and events as text, one line each, so that a test reads like a story and a difference shows as one.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "millrace/event.hpp"
#include "millrace/machine.hpp"

namespace millrace::test {

/// The lines, each with its end.
[[nodiscard]] std::string lines(const std::vector<std::string>& lines);

/// Batches by the order in which they were handed over, counted from 1.
using BatchNumbers = std::map<BatchId, size_t>;

/// `batch 1 by size: 1-0 2-0`, `acked 1: 0 1`, `ready streams consumer=c resp3 7.0.15` … An entry shows its deliveries
/// where they are more than one (`1-0(x2)`), its stream where the source has several (`t/1-0`), and its fields where it
/// has no id. Of sources but the first the number is told (`#2`).
[[nodiscard]] std::string describe(const Event& event, BatchNumbers& batches);

/// Takes the whole commands off the front of `wire`; each as its arguments with spaces between them, quoted where that
/// would not be clear, and as their size where they are long.
[[nodiscard]] std::vector<std::string> take_commands(std::string& wire);

}  // namespace millrace::test
