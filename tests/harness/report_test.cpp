// The reports of a run in which nothing is what it should be: whatever an agent is called and says, they are
// well-formed, and the command that plays a case again is one.

#include <gtest/gtest.h>

#include <algorithm>

#include "base/text.hpp"
#include "report/reports.hpp"
#include "report/terminal.hpp"

namespace millrace::harness {
namespace {

const std::string hostile =
    std::string("a\0b", 3) + "\x1b[31m \"quoted\" <b>&amp;]]> '\n\t\xf0\x9f\x98\x80 \xef\xbf\xbf\xef\xbf\xbe \x7f";

class Reports : public ::testing::Test {
  protected:
    Reports() {
        report_.agents.emplace_back();
        report_.agents[0].given = "sh '" + hostile + "'";
        report_.agents[0].hello.name = report_.agents[0].hello.version = hostile;
        report_.servers.emplace_back();
        report_.servers[0].name = "redis://" + hostile;
        CaseResult result;
        case_.id = "made/1-up";
        case_.title = hostile;
        case_.spec = {"ACK-1"};
        result.played = &case_;
        result.verdict = Verdict::Failed;
        result.findings.push_back({Severity::Failed, "ACK-1", hostile});
        result.notes = {hostile};
        result.agent_errors = hostile;
        result.history.agents.emplace_back();
        result.history.agents[0].label = result.history.agents[0].consumer = hostile;
        result.history.faults.push_back({Fault::Kind::Cut, {}, std::nullopt, hostile, {}});
        report_.results.push_back(std::move(result));
    }

    // What an XML parser asks of the characters.
    static void expect_characters(const std::string& text) {
        EXPECT_TRUE(is_utf8(text));
        EXPECT_EQ(text.find("\xef\xbf\xbf"), std::string::npos);
        EXPECT_EQ(text.find("\xef\xbf\xbe"), std::string::npos);
        EXPECT_EQ(
            std::count_if(text.begin(), text.end(), [](unsigned char c) { return c < 0x20 && c != '\n' && c != '\t'; }),
            0);
    }

    Case case_;
    Report report_;
};

TEST_F(Reports, AreWellFormedWithHostileNames) {
    const std::string junit = report_junit(report_);
    expect_characters(junit);
    EXPECT_EQ(junit.find("<b>"), std::string::npos);
    EXPECT_NE(junit.find("&quot;quoted&quot; &lt;b&gt;"), std::string::npos) << junit;
    EXPECT_TRUE(is_utf8(report_html(report_)));
    EXPECT_EQ(report_html(report_).find("\"quoted\" <b>"), std::string::npos);
    EXPECT_FALSE(Json::parse(report_json(report_), nullptr, false).is_discarded());
}

// Of any length: what an agent writes to stderr is kept to 64 KiB, cut in the middle of whatever stands there.
TEST_F(Reports, HoldBytesThatAreNoText) {
    for (const size_t length : {size_t{1}, size_t{4095}, size_t{4096}, size_t{70'000}}) {
        report_.results[0].agent_errors = "said: " + std::string(length, '\xff');
        const std::string junit = report_junit(report_);
        expect_characters(junit);
        EXPECT_NE(junit.find("said: "), std::string::npos);
        EXPECT_TRUE(is_utf8(report_html(report_)));
        EXPECT_FALSE(Json::parse(report_json(report_), nullptr, false).is_discarded());
    }
}

TEST_F(Reports, SayWhatTheMissedLinesAsk) {
    report_.results[0].findings.push_back({Severity::Failed, "REC-1", "came again"});
    report_.results[0].findings.push_back({Severity::Failed, "ACK-1", "and again"});
    report_.results[0].findings.push_back({Severity::Failed, "agent", "it ended: no line says so"});
    const std::string summary = summary_text(report_);
    EXPECT_NE(summary.find("\nwhat these lines ask: millrace-harness spec ACK-1 REC-1\n"), std::string::npos)
        << summary;
    const std::string page = report_html(report_);
    EXPECT_NE(page.find("<dd>XACK is sent after the application has acked"), std::string::npos);
    EXPECT_NE(page.find("<dd>A consumer begins with what is pending under its own name"), std::string::npos);

    report_.results[0].findings.clear();
    EXPECT_EQ(summary_text(report_).find("what these lines ask"), std::string::npos);
}

TEST_F(Reports, SayTheCommandAsAShellReadsIt) {
    report_.seed = 7;
    report_.servers[0].name = "redis://localhost:6379";
    report_.agents[0].given = R"x(sh -c "it's \$(here)")x";
    EXPECT_EQ(
        repeat_command(report_, report_.results[0]),
        R"x(millrace-harness run --agent='sh -c "it'\''s \$(here)"' --server=redis://localhost:6379 --scenario=made/1-up --seed=7)x");
    report_.agents[0].given = "./agent(1)";
    report_.time_limit = Duration(90s);
    EXPECT_NE(repeat_command(report_, report_.results[0]).find("--agent='./agent(1)' "), std::string::npos);
    EXPECT_NE(repeat_command(report_, report_.results[0]).find(" --timeout=90"), std::string::npos);
}

}  // namespace
}  // namespace millrace::harness
