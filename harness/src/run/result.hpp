// What one case came to, with one agent on one server. Plain data for the reports.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/protocol.hpp"
#include "cases/case.hpp"
#include "checker/finding.hpp"
#include "history/history.hpp"
#include "server/target.hpp"

namespace millrace::harness {

enum class Verdict { Ok, NonStrict, Failed, Unsupported, Informational };
std::string_view name_of(Verdict verdict);

struct CaseResult {
    const Case* played = nullptr;
    size_t agent = 0;   // index into Report::agents
    size_t server = 0;  // index into Report::servers
    Verdict verdict = Verdict::Unsupported;
    std::string why;  // of UNSUPPORTED
    std::vector<Finding> findings;
    Json figures = Json::object();
    std::vector<std::string> notes;
    std::string agent_errors;
    Duration took{0};
    History history;
};

struct AgentUnderTest {
    std::string given;    // as in --agent
    std::string command;  // what the shell runs
    Hello hello;
};

struct ServerUnderTest {
    std::string name;
    ServerFacts facts;
    std::string absent;  // the reason, if there is none here
};

struct Report {
    uint64_t seed = 0;
    int rounds = 0;
    std::string config_path;             // of --config, if it was given
    std::optional<Duration> time_limit;  // of --timeout, where it is not the usual one
    std::vector<AgentUnderTest> agents;
    std::vector<ServerUnderTest> servers;
    std::vector<CaseResult> results;
    std::vector<std::string> troubles;  // lines of what went wrong after the last case; the results stand all the same

    [[nodiscard]] size_t number_of(Verdict verdict) const;
};

}  // namespace millrace::harness
