// Agents of others, which do what nobody thought of: the harness says what is wrong, or goes on, and never falls.

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>
#include <utility>

#include "base/text.hpp"
#include "run_harness.hpp"

namespace millrace::harness {
namespace {

// An agent in the shell: what it says to hello, and what it does once it is told to start.
std::string agent_that(const TempDir& folder, const std::string& says, const std::string& then) {
    std::ofstream(folder.path() / "agent.sh") << "read l\n" << says << "\nread l\n" << then << "\n";
    return "run --quiet --timeout=15 --report=" + folder.path().string() + " --agent='sh " +
           (folder.path() / "agent.sh").string() + "' ";
}

std::string hello(const std::string& capabilities = R"("streams")") {
    return R"(echo '{"event":"hello","re":1,"protocol":1,"name":"x","version":"1","capabilities":[)" + capabilities +
           "]}'";
}

std::string text_of(const std::filesystem::path& path) {
    std::ostringstream text;
    text << std::ifstream(path, std::ios::binary).rdbuf();
    return std::move(text).str();
}

TEST(OddAgent, WhoseErrorsAreNoTextIsReported) {
    const TempDir folder;
    const Ran ran = run_harness(agent_that(folder, hello(), R"(head -c 9000 /dev/zero | tr '\0' '\377' >&2; exit 3)") +
                                "--scenario=burst/1*");
    EXPECT_EQ(ran.exit_code, 1) << ran.output;
    for (const char* name : {"report.json", "junit.xml", "report.html"}) {
        const std::string text = text_of(folder.path() / name);
        EXPECT_NE(text.find("burst/1"), std::string::npos) << name;
        EXPECT_TRUE(is_utf8(text)) << name;
    }
}

TEST(OddAgent, MayLogBeforeItsHello) {
    const TempDir folder;
    const std::string log = R"(echo '{"event":"log","level":"info","message":"starting","fields":{}}'; )";
    const Ran ran = run_harness(agent_that(folder, log + hello(), "exit 127") + "--scenario=burst/1*");
    EXPECT_NE(ran.output.find("no case applied"), std::string::npos) << ran.output;  // 127: unsupported, it says itself
}

TEST(OddAgent, WithoutTheNumberOfItsRequestIsTold) {
    const TempDir folder;
    const Ran ran = run_harness(
        agent_that(folder, R"(echo '{"event":"hello","protocol":1,"capabilities":["streams"]}')", "sleep 100") +
        "--scenario=burst/1*");
    EXPECT_EQ(ran.exit_code, 2) << ran.output;
    EXPECT_NE(ran.output.find("repeats the \"re\" of its request"), std::string::npos) << ran.output;
}

// The stream of an entry may be left out; here what comes is counted, and not looked at.
TEST(OddAgent, WhoseEntriesNameNoStreamIsJudged) {
    const TempDir folder;
    const Ran ran = run_harness(agent_that(folder, hello(R"("streams","concurrent","config")"),
                                           R"(echo '{"event":"ready","re":2,"mode":"streams"}'
echo '{"event":"batch","reason":"size","entries":[{"id":"1-1","fields":[]}]}'
read l; echo "heard $l" >&2)") + "--rounds=1 --scenario=memory/1*");
    EXPECT_EQ(ran.exit_code, 1) << ran.output;
    EXPECT_NE(ran.output.find("of 10000 entries in a backlog 1 came"), std::string::npos) << ran.output;
}

// One that can't stop talking: the finding is about the agent, and the others stand beside it.
TEST(OddAgent, ThatTalksOnWhenItIsEndedIsBlamedByTheProtocol) {
    const TempDir folder;
    const Ran ran = run_harness(agent_that(folder, hello(), "yes nonsense") + "--scenario=burst/1*");
    EXPECT_EQ(ran.exit_code, 1) << ran.output;
    EXPECT_NE(ran.output.find("agent protocol 1: the agent printed what is no JSON: nonsense"), std::string::npos)
        << ran.output;
    EXPECT_EQ(ran.output.find("  harness: "), std::string::npos) << ran.output;
}

TEST(OddAgent, CommandsMayBeginAsTheShellAllows) {
    for (const std::string command : {"MARK=1 " PLAIN_AGENT, "cd / && " PLAIN_AGENT, "exec " PLAIN_AGENT}) {
        const Ran ran = run_harness("run --quiet --scenario=burst/1* --agent='" + command + "'");
        EXPECT_EQ(ran.exit_code, 0) << command << ": " << ran.output;
    }
}

}  // namespace
}  // namespace millrace::harness
