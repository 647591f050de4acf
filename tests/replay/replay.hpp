// Runs the calls of a trace on a machine made anew, and gives what it answered as a trace of the same form.
#pragma once

#include <string>
#include <string_view>

#include "millrace/error.hpp"

namespace millrace::replay {

/// The trace of the replay; equal to `trace` when the machine is a function of its inputs. bad_argument names the line
/// that is no call.
[[nodiscard]] Result<std::string> replay(std::string_view trace);

/// Empty when they are the same, else the first line that differs, with its number, as both have it.
[[nodiscard]] std::string first_difference(std::string_view expected, std::string_view actual);

}  // namespace millrace::replay
