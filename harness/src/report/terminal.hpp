// What a run says on the terminal: progress while it goes, then a table, the failures and where the report lies.
#pragma once

#include <string>

#include "run/runner.hpp"

namespace millrace::harness {

Progress terminal_progress(bool quiet);
// Ends the updating line, if there is one.
void end_progress(bool quiet);
std::string summary_text(const Report& report);

}  // namespace millrace::harness
