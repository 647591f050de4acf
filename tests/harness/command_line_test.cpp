// Bad input of every kind: one clear line that names what is wrong, the exit code of the usage, and nothing left
// running.

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <thread>

#include "base/process.hpp"
#include "base/reserved_port.hpp"
#include "run_harness.hpp"
#include "server/local_server.hpp"
#include "server/target.hpp"
#include "world/bad_peer.hpp"

namespace millrace::harness {
namespace {

const std::string plain = "--agent='" PLAIN_AGENT "' --scenario=burst/1* ";

void expect_refusal(const Ran& ran, const std::vector<std::string>& named) {
    EXPECT_EQ(ran.exit_code, 2) << ran.output;
    EXPECT_EQ(std::count(ran.output.begin(), ran.output.end(), '\n'), 1) << ran.output;
    for (const auto& name : named) EXPECT_NE(ran.output.find(name), std::string::npos) << name << " in: " << ran.output;
}

TEST(CommandLine, WrongOptionsAreNamed) {
    expect_refusal(run_harness("run --agnet=x"), {"--agnet", "--agent"});
    expect_refusal(run_harness("runn"), {"runn", "run"});
    expect_refusal(run_harness(""), {"list, spec, run, proxy or bench"});
    expect_refusal(run_harness("run --rounds=many"), {"--rounds", "many"});
    expect_refusal(run_harness("run --rounds=0"), {"--rounds", "0"});
    expect_refusal(run_harness("run --jobs=-1"), {"--jobs"});
    expect_refusal(run_harness("run --timeout=1.5"), {"--timeout", "1.5"});
    expect_refusal(run_harness("run --seed=x"), {"--seed"});
    expect_refusal(run_harness("run --scenario=brust"), {"brust", "burst"});
    expect_refusal(run_harness("run --config=/nonexistent.json"), {"/nonexistent.json", "No such file"});
    expect_refusal(run_harness("run --config=/dev/null"), {"/dev/null", "empty"});
    expect_refusal(run_harness("run --config=/tmp"), {"/tmp", "directory"});
}

TEST(CommandLine, SpecPrintsLinesByNameOrArea) {
    const Ran one = run_harness("spec rec-1");
    EXPECT_EQ(one.exit_code, 0) << one.output;
    EXPECT_TRUE(one.output.starts_with("REC-1    A consumer begins")) << one.output;
    EXPECT_NE(one.output.find("recovery/1-sigkill"), std::string::npos) << one.output;
    EXPECT_EQ(one.output.find("\nREC-2"), std::string::npos) << one.output;
    EXPECT_NE(run_harness("spec REC").output.find("\nREC-8"), std::string::npos);
    expect_refusal(run_harness("spec REC-1 RCE-2"), {"RCE-2", "areas are BAT, ACK, REC,"});
    expect_refusal(run_harness("spec rec-9"), {"rec-9", "REC ends with REC-8"});
}

TEST(CommandLine, ProxyNamesWhatIsWrong) {
    expect_refusal(run_harness("proxy"), {"--upstream"});
    expect_refusal(run_harness("proxy --upstream=localhost"), {"--upstream=localhost", "host:port"});
    expect_refusal(run_harness("proxy --upstream=localhost:0"), {"localhost:0", "65535"});
    expect_refusal(run_harness("proxy --upstream=no-such-host.invalid:1"), {"no-such-host.invalid"});
    expect_refusal(run_harness("proxy --upstream=127.0.0.1:1 --port=70000"), {"--port", "70000"});
    expect_refusal(run_harness("proxy --upstream=127.0.0.1:1 --fault=dealy:5"), {"dealy", "delay"});
    expect_refusal(run_harness("proxy --upstream=127.0.0.1:1 --fault=cut:up@x"), {"cut:up@x", "whole number"});
    const TcpBadPeer peer(BadPeer::Kind::Silent);
    const std::string taken = std::to_string(peer.url().port);
    expect_refusal(run_harness("proxy --upstream=127.0.0.1:1 --port=" + taken), {taken});
}

// It prints its port, passes on to the first server that accepts, strikes, and ends by a signal.
TEST(CommandLine, ProxyStandsBeforeAServer) {
    const LocalServer server(server_executable());
    const ReservedPort nobody;
    for (const int signal : {SIGINT, SIGTERM}) {
        Process::Options options;
        options.argv = {MILLRACE_HARNESS, "proxy", "--upstream=127.0.0.1:" + std::to_string(nobody.number()),
                        "--upstream=127.0.0.1:" + std::to_string(server.url().port),
                        R"(--fault=reply:PING#2=-LOADING wait\r\n)"};
        options.pipes = true;
        Process proxy(options);
        std::string printed;
        const Instant deadline = steady_now() + 10s;
        while (!printed.ends_with('\n') && steady_now() < deadline) {
            char byte = 0;
            if (::read(proxy.output().value(), &byte, 1) == 1) printed += byte;
        }
        Url url;
        url.host = "127.0.0.1";
        url.port = std::atoi(printed.c_str());
        Connection connection(url);
        EXPECT_EQ(connection.command({"PING"}).text, "PONG");
        EXPECT_EQ(connection.command({"PING"}).text, "LOADING wait");
        EXPECT_EQ(connection.command({"PING"}).text, "PONG");
        ::kill(proxy.pid(), signal);
        while (!proxy.poll_exit() && steady_now() < deadline) std::this_thread::sleep_for(5ms);
        ASSERT_TRUE(proxy.poll_exit().has_value());
        EXPECT_EQ(describe(*proxy.poll_exit()), "exit code 0");
    }
}

TEST(CommandLine, HelpAndListPrint) {
    EXPECT_EQ(run_harness("--help").exit_code, 0);
    const auto list = nlohmann::json::parse(run_harness("list --json").output);
    EXPECT_GT(list.size(), 40U);
    const std::string text = run_harness("list").output;
    for (const auto& item : list) {
        for (const char* member : {"id", "title", "spec", "needs", "class"}) EXPECT_TRUE(item.contains(member)) << item;
        EXPECT_NE(text.find(item["id"].get<std::string>() + "  "), std::string::npos) << "scripts take the first word";
    }
}

TEST(CommandLine, ServersThatAreNone) {
    const ReservedPort nobody;
    const std::string closed = "redis://127.0.0.1:" + std::to_string(nobody.number());
    expect_refusal(run_harness("run " + plain + "--server=" + closed), {closed, "refused"});
    expect_refusal(run_harness("run " + plain + "--server=nonsense"), {"nonsense", "redis://"});
    expect_refusal(run_harness("run " + plain + "--server=local:/nonexistent"), {"/nonexistent"});
    expect_refusal(run_harness("run " + plain + "--server=local:/bin/false"), {"/bin/false", "exit code 1"});
    expect_refusal(run_harness("run " + plain + "--server=local:redis-99", "MILLRACE_CACHE=/nonexistent "),
                   {"redis-99"});
    expect_refusal(run_harness("run " + plain, "MILLRACE_SERVERS=redis://127.0.0.1:x "), {"port"});
}

class Listening {
  public:
    explicit Listening(BadPeer::Kind kind)
        : peer_(kind), thread_([this] {
              while (!stop_) {
                  peer_.pump();
                  std::this_thread::sleep_for(2ms);
              }
          }) {}
    ~Listening() {
        stop_ = true;
        thread_.join();
    }
    [[nodiscard]] std::string url() const { return peer_.url().text(); }

  private:
    std::atomic<bool> stop_{false};
    TcpBadPeer peer_;
    std::thread thread_;
};

TEST(CommandLine, ServersThatAreNoServers) {
    const Listening garbage(BadPeer::Kind::Garbage);
    expect_refusal(run_harness("run " + plain + "--server=" + garbage.url()), {garbage.url(), "protocol"});
    const Listening silent(BadPeer::Kind::Silent);
    expect_refusal(run_harness("run " + plain + "--server=" + silent.url()), {silent.url(), "no answer within"});
}

TEST(CommandLine, WrongPasswordIsNamedAndNotShown) {
    const LocalServer locked(server_executable(), {"--requirepass", "right"});
    Url url = locked.url();
    url.password = "wr0ng-one";
    const Ran wrong = run_harness("run " + plain + "--server=" + url.text());
    expect_refusal(wrong, {"password"});
    EXPECT_EQ(wrong.output.find("wr0ng-one"), std::string::npos);
    url.password.clear();
    expect_refusal(run_harness("run " + plain + "--server=" + url.text()), {"password"});
    EXPECT_EQ(run_harness("run --quiet " + plain + "--server=" + locked.url().text()).exit_code, 0);
    // Nor where the URL is none.
    for (const std::string wrong_url :
         {"redis://ann:wr0ng-one@localhost:99999", "http://ann:wr0ng-one@localhost", "wr0ng-one@x"}) {
        const Ran none = run_harness("run " + plain + "--server=" + wrong_url);
        expect_refusal(none, {"***@"});
        EXPECT_EQ(none.output.find("wr0ng-one"), std::string::npos) << none.output;
    }
}

TEST(CommandLine, AgentsThatAreNone) {
    expect_refusal(run_harness("run --agent=/nonexistent/agent"), {"/nonexistent/agent", "127", "not found"});
    expect_refusal(run_harness("run --agent='echo Starting up'"), {"echo Starting up", "no JSON"});
    expect_refusal(run_harness("run --agent=true"), {"true", "before its hello"});
    expect_refusal(run_harness("run --agent='kill -SEGV $$'"), {"could not be started"});
    expect_refusal(run_harness(R"(run --agent='echo "{\"event\":\"hello\",\"protocol\":9}"; cat')"), {"protocol"});
}

const std::string hello =
    R"(read l; echo "{\"event\":\"hello\",\"re\":1,\"protocol\":1,\"name\":\"x\",\"version\":\"1\",)"
    R"(\"capabilities\":[\"streams\"]}"; read l; )";

// Agents in the shell: a hello, and then what is given.
std::string shell_agent(const TempDir& folder, const std::string& then) {
    std::ofstream(folder.path() / "agent.sh") << hello << then << "\n";
    return "run --quiet --scenario=burst/1* --timeout=15 --agent='sh " + (folder.path() / "agent.sh").string() + "'";
}

TEST(CommandLine, AgentsThatGoWrongFailTheirCase) {
    const TempDir folder;
    const Ran dies = run_harness(shell_agent(folder, "echo dying >&2; exit 3"));
    EXPECT_EQ(dies.exit_code, 1) << dies.output;
    EXPECT_NE(dies.output.find("exit code 3"), std::string::npos) << dies.output;
    EXPECT_NE(dies.result("burst/1-twenty-at-once").value("stderr", "").find("dying"), std::string::npos)
        << dies.output;
    const Ran nonsense = run_harness(shell_agent(folder, "echo what is this; sleep 100"));
    EXPECT_EQ(nonsense.exit_code, 1) << nonsense.output;
    EXPECT_NE(nonsense.output.find("what is this"), std::string::npos) << nonsense.output;
    const Ran crashes = run_harness(shell_agent(folder, "kill -SEGV $$"));
    EXPECT_EQ(crashes.exit_code, 1) << crashes.output;
    EXPECT_NE(crashes.output.find("SIGSEGV"), std::string::npos) << crashes.output;
}

TEST(CommandLine, ExitCode127AfterHelloIsUnsupported) {
    const TempDir folder;
    const Ran ran = run_harness(shell_agent(folder, "exit 127"));
    EXPECT_EQ(ran.exit_code, 2) << ran.output;  // no case applied
    EXPECT_EQ(ran.verdict("burst/1-twenty-at-once"), "UNSUPPORTED") << ran.output;
}

TEST(CommandLine, ReportsThatCantBeWritten) {
    const Ran folder = run_harness("run " + plain + "--report=/dev/null/x");
    expect_refusal(folder, {"/dev/null/x"});
    // A limit on file sizes fails writes as a full disk does. The server runs without the limit: it writes a log.
    const LocalServer server(server_executable());
    const TempDir here;
    const Ran full =
        run_harness("run --quiet " + plain + "--report=" + here.path().string() + " --server=" + server.url().text(),
                    "ulimit -f 1; ");
    EXPECT_EQ(full.exit_code, 2) << full.output;
    EXPECT_NE(full.output.find("could not be written"), std::string::npos) << full.output;
    EXPECT_FALSE(std::filesystem::exists(here.path() / "report.html.part"));
}

// Behind `| head` nobody reads the table to its end; the reports are for others.
TEST(CommandLine, ReportsAreThereWhoeverReadsTheTable) {
    const TempDir here;
    run_harness("run --quiet " + plain + "--report=" + here.path().string() + " > /dev/full");
    for (const char* name : {"report.json", "junit.xml", "report.html"}) {
        EXPECT_TRUE(std::filesystem::exists(here.path() / name)) << name;
    }
}

// An agent takes the server with it: what was played is told, and that keys may be left.
TEST(CommandLine, AServerThatGoesTakesNoReportAway) {
    const TempDir folder;
    const LocalServer server(server_executable());
    Connection connection(server.url());
    std::string pid;
    const std::string info = connection.command({"INFO", "server"}).text;
    const size_t at = info.find("process_id:");
    ASSERT_NE(at, std::string::npos);
    pid = info.substr(at + 11, info.find('\r', at) - at - 11);
    const Ran ran = run_harness(shell_agent(folder, "kill -9 " + pid) + " --server=" + server.url().text());
    EXPECT_EQ(ran.exit_code, 2) << ran.output;
    EXPECT_EQ(ran.verdict("burst/1-twenty-at-once"), "FAILED") << ran.output;
    EXPECT_NE(ran.output.find("server " + server.url().text() + ": what was written there can't be removed"),
              std::string::npos)
        << ran.output;
}

TEST(CommandLine, AFullDiskBehindStdoutIsAnError) {
    EXPECT_EQ(run_harness("list > /dev/full").exit_code, 2);
}

TEST(RunningServer, IsLeftAsItWas) {
    const LocalServer server(server_executable());
    Connection connection(server.url());
    connection.command({"SET", "mine", "1"});
    const Ran ran = run_harness("run --quiet --agent='" PLAIN_AGENT
                                "' --scenario=burst --scenario=recovery --scenario=group --server=" +
                                server.url().text());
    EXPECT_EQ(ran.exit_code, 0) << ran.output;
    EXPECT_EQ(connection.command({"DBSIZE"}).integer, 1);
    EXPECT_EQ(connection.command({"GET", "mine"}).text, "1");
}

TEST(RunningServer, IsCleanedAfterCtrlC) {
    const LocalServer server(server_executable());
    const TempDir folder;
    Process::Options options;
    options.argv = {MILLRACE_HARNESS,       "run",
                    "--agent=" PLAIN_AGENT, "--server=" + server.url().text(),
                    "--scenario=flush/*",   "--report=" + folder.path().string()};
    Process harness(options);
    Connection connection(server.url());
    const Instant deadline = steady_now() + 10s;
    while (connection.command({"DBSIZE"}).integer == 0 && steady_now() < deadline) std::this_thread::sleep_for(10ms);
    ::kill(harness.pid(), SIGINT);
    while (!harness.poll_exit() && steady_now() < deadline) std::this_thread::sleep_for(10ms);
    ASSERT_TRUE(harness.poll_exit().has_value());
    EXPECT_EQ(harness.poll_exit()->code, 130);
    EXPECT_EQ(connection.command({"DBSIZE"}).integer, 0);
}

}  // namespace
}  // namespace millrace::harness
