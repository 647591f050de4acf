// The words of --agent that stand for agents of ours, and for how long an agent may take to begin.
#include <gtest/gtest.h>

#include <fstream>
#include <stdexcept>

#include "agent/agent_process.hpp"
#include "base/temp_dir.hpp"
#include "run/play.hpp"
#include "run/runner.hpp"

namespace millrace::harness {
namespace {

struct Word {
    std::string name, file, runner, build;
};
const std::vector<Word> words = {
    {"native", "millrace-agent", "", "./dev build harness"},
    {"c", "millrace-agent-c", "", "./dev build harness"},
    {"node", "millrace-agent.mjs", "node ", "./dev build npm"},
    {"python", "millrace-agent.py", "python3 ", "./dev build python"},
    {"go", "millrace-agent-go", "", "./dev build go"},
    {"rust", "millrace-agent-rust", "", "./dev build rust"},
};

TEST(StartLimit, GrowsWithTheTimeOfACase) {
    for (const auto& [timeout, limit] : {std::pair(5s, 10s), std::pair(60s, 10s), std::pair(90s, 15s)}) {
        RunOptions options;
        options.time_limit = timeout;
        EXPECT_EQ(options.start_limit(), limit);
    }
}

TEST(StartLimit, IsThatOfTheFirstHello) {
    try {
        probe_agent("slow", "sleep 20", 100ms);
        ADD_FAILURE();
    } catch (const std::runtime_error& error) {
        EXPECT_STREQ(error.what(), "agent 'slow' could not be started: no hello within 100 ms");
    }
}

TEST(AgentCommand, IsTheFileBesideTheHarness) {
    const TempDir folder;
    const auto inner = folder.path() / "it's here";
    std::filesystem::create_directory(inner);
    for (const Word& word : words) {
        std::ofstream(inner / word.file) << "";
        EXPECT_EQ(agent_command(word.name, inner),
                  word.runner + "'" + folder.path().string() + "/it'\\''s here/" + word.file + "'");
    }
}

TEST(AgentCommand, SaysWhatBuildsAFileThatIsMissing) {
    const TempDir folder;
    for (const Word& word : words) {
        try {
            (void)agent_command(word.name, folder.path());
            ADD_FAILURE() << word.name << " is not there";
        } catch (const std::runtime_error& error) {
            const std::string said = error.what();
            for (const std::string& named : {"'" + word.name + "'", (folder.path() / word.file).string(), word.build}) {
                EXPECT_NE(said.find(named), std::string::npos) << named << " in: " << said;
            }
        }
    }
}

TEST(AgentCommand, IsAnyOtherWordItself) {
    const TempDir folder;
    EXPECT_EQ(agent_command("python3 mine.py", folder.path()), "python3 mine.py");
    EXPECT_EQ(agent_command("./c", folder.path()), "./c");
}

// However fast an agent writes, whoever listens gets back to its other work.
TEST(AgentProcess, AnEndlessTalkerIsReadInPieces) {
    AgentProcess talker("yes 'on and on'");
    size_t lines = 0;
    const auto count = [&](std::string_view) {
        if (++lines > 1'000'000) throw std::runtime_error("it never came back");
    };
    for (int i = 0; i < 20; ++i) ASSERT_NO_THROW(talker.pump(count));
}

}  // namespace
}  // namespace millrace::harness
