// Plays a plan: every case with every agent on every server, many at once, those that judge time alone and last.
#pragma once

#include <algorithm>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "run/result.hpp"

namespace millrace::harness {

struct RunOptions {
    std::vector<std::string> agents;
    std::vector<std::string> servers;
    std::vector<const Case*> cases;
    Json config = Json::object();
    std::string config_path;
    uint64_t seed = 1;
    int rounds = 3;
    int jobs = 8;
    Duration time_limit = 60s;

    // For an agent's hello, and for its ready: who gives slow ones more time for a case means those as well.
    [[nodiscard]] Duration start_limit() const { return std::max<Duration>(10s, time_limit / 6); }
};

// Called from any thread, one call at a time.
struct Progress {
    std::function<void(size_t total)> begins = [](size_t) {};
    std::function<void(const CaseResult&, const Report&)> played = [](const CaseResult&, const Report&) {};
};

// Starts agents and servers once to see that they are there; throws std::runtime_error with one line each of what is
// not. Results are in the order of the plan. Throws Interrupted, with everything ended and removed.
Report run(const RunOptions& options, const Progress& progress);

}  // namespace millrace::harness
