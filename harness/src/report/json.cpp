#include "report/reports.hpp"
#include "version.hpp"

namespace millrace::harness {

namespace {

Json agents_json(const Report& report) {
    Json agents = Json::array();
    for (const auto& agent : report.agents) {
        agents.push_back({{"given", agent.given},
                          {"name", agent.hello.name},
                          {"version", agent.hello.version},
                          {"capabilities", agent.hello.capabilities}});
    }
    return agents;
}

Json servers_json(const Report& report) {
    Json servers = Json::array();
    for (const auto& server : report.servers) {
        Json item{{"name", server.name},
                  {"product", server.facts.product},
                  {"version", server.facts.version},
                  {"streams", server.facts.streams}};
        if (!server.absent.empty()) item = {{"name", server.name}, {"absent", server.absent}};
        servers.push_back(std::move(item));
    }
    return servers;
}

}  // namespace

std::string report_json(const Report& report) {
    Json results = Json::array();
    for (const auto& result : report.results) {
        Json detail = Json::array();
        for (const auto& finding : result.findings) {
            detail.push_back({{"severity", finding.severity == Severity::Failed ? "failed" : "non-strict"},
                              {"spec", finding.spec},
                              {"text", finding.text}});
        }
        Json item{{"case", result.played->id},
                  {"agent", report.agents[result.agent].given},
                  {"server", report.servers[result.server].name},
                  {"class", name_of(result.played->case_class)},
                  {"verdict", name_of(result.verdict)},
                  {"spec", result.played->spec},
                  {"figures", result.figures},
                  {"detail", std::move(detail)},
                  {"seconds", to_ms(result.took) / 1000.0}};
        if (!result.why.empty()) item["why"] = result.why;
        if (!result.notes.empty()) item["notes"] = result.notes;
        if (!result.agent_errors.empty()) item["stderr"] = result.agent_errors;
        if (result.verdict == Verdict::Failed) item["repeat"] = repeat_command(report, result);
        results.push_back(std::move(item));
    }
    Json document{{"schema", 1},
                  {"harness", version},
                  {"protocol", agent_protocol},
                  {"seed", report.seed},
                  {"agents", agents_json(report)},
                  {"servers", servers_json(report)},
                  {"results", std::move(results)}};
    if (!report.troubles.empty()) document["troubles"] = report.troubles;
    return document.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace millrace::harness
