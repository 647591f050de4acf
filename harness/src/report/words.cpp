// What the reports have in common: how servers, verdicts and commands are called in them.

#include "base/text.hpp"
#include "report/reports.hpp"
#include "spec/spec.hpp"

namespace millrace::harness {

std::string short_name(const ServerUnderTest& server) {
    if (!server.absent.empty()) return server.name.starts_with("local:") ? server.name.substr(6) : server.name;
    const std::string product = server.facts.product == "valkey" ? "Valkey " : "Redis ";
    return product + (server.facts.version.empty() ? "?" : server.facts.version);
}

std::string_view cell_of(Verdict verdict) {
    if (verdict == Verdict::Unsupported) return "-";
    return verdict == Verdict::Informational ? "info" : name_of(verdict);
}

std::set<std::string> missed_lines(const Report& report) {
    std::set<std::string> lines;
    for (const auto& result : report.results) {
        for (const auto& finding : result.findings) {
            if (find_spec_line(finding.spec) != nullptr) lines.insert(finding.spec);
        }
    }
    return lines;
}

std::string repeat_command(const Report& report, const CaseResult& result) {
    std::string command = "millrace-harness run";
    const auto& agent = report.agents[result.agent].given;
    if (agent != "native") command += " --agent=" + shell_word(agent);
    command += " --server=" + shell_word(report.servers[result.server].name);
    command += " --scenario=" + std::string(result.played->id);
    if (!report.config_path.empty()) command += " --config=" + shell_word(report.config_path);
    command += " --seed=" + std::to_string(report.seed);
    if (report.time_limit) command += " --timeout=" + std::to_string(*report.time_limit / 1s);
    if (result.played->by_rounds) command += " --rounds=" + std::to_string(report.rounds);
    return command;
}

}  // namespace millrace::harness
