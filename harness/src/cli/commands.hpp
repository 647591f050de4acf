// The commands of the command line. Each gets docopt's values and returns an exit code; throws std::runtime_error with
// the lines to print for exit code 2.
#pragma once

#include <docopt/docopt.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace millrace::harness {

using Arguments = std::map<std::string, docopt::value>;

int list_command(const Arguments& arguments);
int spec_command(const Arguments& arguments);
int run_command(const Arguments& arguments);
int bench_command(const Arguments& arguments);
int proxy_command(const Arguments& arguments);

// A whole number from `low` to `high`, or an error that names the option.
int64_t number_option(const Arguments& arguments, const std::string& option, int64_t low, int64_t high);
std::vector<std::string> list_option(const Arguments& arguments, const std::string& option);

// Prints and sees that it was printed: a full disk behind stdout is an error too.
void print(const std::string& text);

}  // namespace millrace::harness
