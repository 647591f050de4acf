#include <cstdio>

#include "report/markup.hpp"
#include "report/reports.hpp"

namespace millrace::harness {

namespace {

std::string seconds(Duration d) {
    char text[32];
    std::snprintf(text, sizeof text, "%.3f", to_ms(d) / 1000.0);
    return text;
}

std::string test_case(const Report& report, const CaseResult& result) {
    std::string out = "    <testcase classname=\"" + xml(name_of(result.played->case_class)) + "\" name=\"" +
                      xml(result.played->id) + "\" time=\"" + seconds(result.took) + "\">\n";
    if (result.verdict == Verdict::Unsupported) out += "      <skipped message=\"" + xml(result.why) + "\"/>\n";
    for (const auto& finding : result.findings) {
        if (finding.severity != Severity::Failed) continue;
        out += "      <failure type=\"" + xml(finding.spec) + "\" message=\"" + xml(finding.text) + "\">" +
               xml(repeat_command(report, result)) + "</failure>\n";
        break;  // JUnit knows one failure a test; the others follow as output
    }
    std::string more;
    for (const auto& finding : result.findings) more += finding.spec + ": " + finding.text + "\n";
    if (!more.empty()) out += "      <system-out>" + xml(more) + "</system-out>\n";
    if (!result.agent_errors.empty()) out += "      <system-err>" + xml(result.agent_errors) + "</system-err>\n";
    return out + "    </testcase>\n";
}

}  // namespace

std::string report_junit(const Report& report) {
    std::string out = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"millrace-harness\">\n";
    for (size_t agent = 0; agent < report.agents.size(); ++agent) {
        for (size_t server = 0; server < report.servers.size(); ++server) {
            std::string tests;
            size_t total = 0;
            size_t failed = 0;
            size_t skipped = 0;
            Duration took{0};
            for (const auto& result : report.results) {
                if (result.agent != agent || result.server != server) continue;
                ++total;
                failed += result.verdict == Verdict::Failed ? 1U : 0U;
                skipped += result.verdict == Verdict::Unsupported ? 1U : 0U;
                took += result.took;
                tests += test_case(report, result);
            }
            out += "  <testsuite name=\"" + xml(report.agents[agent].given + " on " + report.servers[server].name) +
                   "\" tests=\"" + std::to_string(total) + "\" failures=\"" + std::to_string(failed) + "\" skipped=\"" +
                   std::to_string(skipped) + "\" time=\"" + seconds(took) + "\">\n" + tests + "  </testsuite>\n";
        }
    }
    return out + "</testsuites>\n";
}

}  // namespace millrace::harness
