// How a run ends before its time, and that it leaves nothing behind: no process, no folder.

#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <thread>
#include <vector>

#include "base/process.hpp"
#include "run_harness.hpp"
#include "server/connection.hpp"
#include "server/local_server.hpp"

namespace millrace::harness {
namespace {

// Every process whose command line or working directory speaks of this marker.
std::vector<pid_t> processes_with(const std::string& marker) {
    std::vector<pid_t> found;
    for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
        std::ifstream file(entry.path() / "cmdline");
        std::string line;
        std::getline(file, line);
        std::error_code gone;
        line += std::filesystem::read_symlink(entry.path() / "cwd", gone).string();
        const std::string pid = entry.path().filename();
        if (line.find(marker) != std::string::npos && pid != std::to_string(::getpid()))
            found.push_back(std::stoi(pid));
    }
    return found;
}

class Interrupting : public ::testing::TestWithParam<int> {};

TEST_P(Interrupting, LeavesNothingRunning) {
    ::signal(SIGHUP, SIG_DFL);  // these tests themselves may run by nohup
    const TempDir folder;
    // The marker is in the command lines of the harness and the agents, and in the server's directory: a server writes
    // its title over its command line, and one with a loader of its own is not called by the name it was started by.
    std::filesystem::create_symlink(PLAIN_AGENT, folder.path() / "plain_agent");
    const std::string marker = folder.path().string();
    Process::Options options;
    options.argv = {"/usr/bin/env",
                    "TMPDIR=" + marker,
                    MILLRACE_HARNESS,
                    "run",
                    "--agent=" + marker + "/plain_agent",
                    "--server=local:" + server_executable(),
                    "--scenario=flush/*",
                    "--report=" + marker + "/report"};
    Process harness(options);
    const Instant deadline = steady_now() + 10s;
    size_t found = 0;  // of one look: a process that becomes another program is unknown for a moment
    while ((found = processes_with(marker).size()) < 3 && steady_now() < deadline) std::this_thread::sleep_for(20ms);
    EXPECT_GE(found, 3U) << "harness, server and agent";
    std::this_thread::sleep_for(200ms);
    ::kill(harness.pid(), GetParam());  // the harness alone: the others are its to end, or the kernel's
    while (!harness.poll_exit() && steady_now() < deadline) std::this_thread::sleep_for(10ms);
    ASSERT_TRUE(harness.poll_exit().has_value());
    if (GetParam() != SIGKILL) {
        EXPECT_FALSE(harness.poll_exit()->by_signal);
        EXPECT_EQ(harness.poll_exit()->code, 130);
    }
    const Instant soon = steady_now() + 3s;
    while (!processes_with(marker).empty() && steady_now() < soon) std::this_thread::sleep_for(10ms);
    EXPECT_TRUE(processes_with(marker).empty());
}

INSTANTIATE_TEST_SUITE_P(Signals, Interrupting, ::testing::Values(SIGINT, SIGTERM, SIGHUP, SIGKILL));

// By nohup it outlives the terminal.
TEST(Hangup, IsIgnoredByNohup) {
    const TempDir folder;
    const std::string marker = folder.path().string();
    std::filesystem::create_symlink(PLAIN_AGENT, folder.path() / "plain_agent");
    Process::Options options;
    options.argv = {"/bin/sh", "-c",
                    "trap '' HUP; exec " MILLRACE_HARNESS " run --agent=" + marker +
                        "/plain_agent --scenario=flush/1* --report=" + marker + "/report"};
    Process harness(options);
    const Instant deadline = steady_now() + 20s;
    while (processes_with(marker + "/plain_agent").size() < 2 && steady_now() < deadline)
        std::this_thread::sleep_for(20ms);
    ::kill(harness.pid(), SIGHUP);
    while (!harness.poll_exit() && steady_now() < deadline) std::this_thread::sleep_for(10ms);
    ASSERT_TRUE(harness.poll_exit().has_value());
    EXPECT_EQ(describe(*harness.poll_exit()), "exit code 0");
}

// The first signal waits for a server that is stopped: its keys are to be removed. The other server has a folder.
TEST(SecondSignal, LeavesNothingBehind) {
    const TempDir folder;
    const std::string marker = folder.path().string();
    const LocalServer stopped(server_executable());
    Process::Options options;
    options.argv = {"/usr/bin/env",
                    "TMPDIR=" + marker,
                    MILLRACE_HARNESS,
                    "run",
                    "--agent=cd " + marker + "\nsetsid -f sleep 20\nexec " PLAIN_AGENT,
                    "--server=local:" + server_executable(),
                    "--server=" + stopped.url().text(),
                    "--scenario=flush/*",
                    "--report=" + marker + "/report"};
    Process harness(options);
    const Instant deadline = steady_now() + 20s;
    Connection connection(stopped.url());
    while (connection.command({"DBSIZE"}).integer == 0 && steady_now() < deadline) std::this_thread::sleep_for(10ms);
    stopped.signal(SIGSTOP);
    ::kill(harness.pid(), SIGINT);
    std::this_thread::sleep_for(1200ms);  // what comes sooner is the same Ctrl-C
    ASSERT_FALSE(harness.poll_exit().has_value());
    ::kill(harness.pid(), SIGINT);
    while (!harness.poll_exit() && steady_now() < deadline) std::this_thread::sleep_for(10ms);
    stopped.signal(SIGCONT);
    ASSERT_TRUE(harness.poll_exit().has_value());
    EXPECT_EQ(describe(*harness.poll_exit()), "exit code 130");
    EXPECT_TRUE(processes_with(marker).empty());
    for (const auto& left : std::filesystem::directory_iterator(folder.path())) {
        EXPECT_EQ(left.path().filename(), "report");
    }
}

// What an agent leaves behind in a session of its own is in no group that could be ended with it.
TEST(Orphans, EndWithTheRun) {
    for (const std::string left : {"setsid -f sleep 20", "(setsid sleep 20 &)", "setsid sleep 20 &"}) {
        const TempDir folder;
        const std::string marker = folder.path().string();
        const Ran ran = run_harness("run --quiet --scenario=burst/1* --agent='cd " + marker + "\n" + left +
                                    "\nexec " PLAIN_AGENT "'");
        EXPECT_EQ(ran.exit_code, 0) << ran.output;
        EXPECT_TRUE(processes_with(marker).empty()) << left;
    }
}

}  // namespace
}  // namespace millrace::harness
