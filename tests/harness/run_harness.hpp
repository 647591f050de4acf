// Runs the harness as its users do and gives back what it printed, how it ended, and its report.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "base/temp_dir.hpp"

namespace millrace::harness {

struct Ran {
    int exit_code = -1;
    std::string output;  // stdout and stderr
    nlohmann::json report;

    [[nodiscard]] const nlohmann::json& result(const std::string& case_id) const;
    [[nodiscard]] std::string verdict(const std::string& case_id) const;
    // Whether a finding of the case names this line.
    [[nodiscard]] bool names(const std::string& case_id, const std::string& spec) const;
};

// `arguments` as a shell would read them; a report folder is added to `run`.
Ran run_harness(const std::string& arguments, const std::string& before = "");

// A server's executable: the distribution's, else one that ./dev servers fetched.
std::string server_executable();

}  // namespace millrace::harness
