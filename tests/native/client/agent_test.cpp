// millrace-agent as the harness sees it: lines of protocol 1 in and out.
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <nlohmann/json.hpp>

#include "fixture.hpp"

namespace millrace::testing {
namespace {

using Json = nlohmann::json;

class AgentChild {
  public:
    AgentChild() {
        std::array<int, 2> in{};
        std::array<int, 2> out{};
        if (pipe2(in.data(), O_CLOEXEC) != 0 || pipe2(out.data(), O_CLOEXEC) != 0) throw std::runtime_error("pipe");
        pid_ = fork();
        if (pid_ == 0) {
            prctl(PR_SET_PDEATHSIG, SIGKILL);
            dup2(in[0], STDIN_FILENO);
            dup2(out[1], STDOUT_FILENO);
            execl(MILLRACE_AGENT, MILLRACE_AGENT, static_cast<char*>(nullptr));
            _exit(127);
        }
        close(in[0]);
        close(out[1]);
        to_ = in[1];
        from_ = out[0];
    }
    AgentChild(const AgentChild&) = delete;
    AgentChild& operator=(const AgentChild&) = delete;
    ~AgentChild() {
        end_input();
        if (pid_ > 0) {
            ::kill(pid_, SIGKILL);
            waitpid(pid_, nullptr, 0);
        }
        close(from_);
    }

    void send_line(const std::string& line) {
        const std::string bytes = line + "\n";
        ASSERT_EQ(write(to_, bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));
    }
    void send(const Json& request) { send_line(request.dump()); }
    void end_input() {
        if (to_ >= 0) close(std::exchange(to_, -1));
    }
    void signal(int number) const { ::kill(pid_, number); }

    /// The next event of that name; others, but errors nobody asked for, are passed over.
    Json expect(const std::string& event) {
        for (;;) {
            const std::optional<std::string> line = next_line();
            if (!line) {
                ADD_FAILURE() << "no " << event << " came";
                return Json::object();
            }
            Json json = Json::parse(*line);
            if (json["event"] == event) return json;
            if (json["event"] == "error") ADD_FAILURE() << *line;
        }
    }
    /// Ends the input and answers the exit code.
    int exit_code() {
        end_input();
        while (next_line()) {
        }
        int status = 0;
        waitpid(std::exchange(pid_, -1), &status, 0);
        return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    }

  private:
    std::optional<std::string> next_line() {
        const auto deadline = std::chrono::steady_clock::now() + std::chrono::microseconds(patience.us);
        for (;;) {
            if (const size_t end = bytes_.find('\n'); end != std::string::npos) {
                std::string line = bytes_.substr(0, end);
                bytes_.erase(0, end + 1);
                return line;
            }
            const auto left =
                std::chrono::duration_cast<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
            pollfd state{from_, POLLIN, 0};
            if (left.count() <= 0 || ::poll(&state, 1, static_cast<int>(left.count())) <= 0) return std::nullopt;
            std::array<char, 65536> buffer;
            const ssize_t count = read(from_, buffer.data(), buffer.size());
            if (count <= 0) return std::nullopt;
            bytes_.append(buffer.data(), static_cast<size_t>(count));
        }
    }
    pid_t pid_ = -1;
    int to_ = -1;
    int from_ = -1;
    std::string bytes_;
};

Json start_of(const LocalServer& server, Json config = Json::object()) {
    return {{"op", "start"},      {"re", 2},           {"url", server.url()},        {"stream", "orders"},
            {"group", "billing"}, {"consumer", "one"}, {"config", std::move(config)}};
}

Json keys_of(const Json& batch) {
    Json keys = Json::array();
    for (const Json& entry : batch["entries"]) keys.push_back(Json::array({entry["stream"], entry["id"]}));
    return keys;
}

TEST(AgentTest, says_hello_and_what_is_wrong_with_a_line_and_goes_on) {
    AgentChild agent;
    agent.send_line("nonsense");
    agent.send_line("[1]");
    agent.send({{"op", "fly"}, {"re", 1}});
    agent.send({{"op", "ack"}, {"re", 2}, {"entries", Json::array()}});
    agent.send({{"op", "health"}, {"re", 3}});
    agent.send({{"op", "start"}, {"re", 4}});
    agent.send(
        {{"op", "start"}, {"re", 5}, {"url", "redis://localhost"}, {"stream", "s"}, {"config", {{"batch_sise", 5}}}});
    agent.send({{"op", "start"},
                {"re", 6},
                {"url", "redis://localhost"},
                {"stream", "s"},
                {"config", {{"flush_interval", "5 parsecs"}}}});
    agent.send({{"op", "hello"}, {"re", 7}});
    const std::vector<std::pair<Json, std::string>> wanted = {
        {nullptr, "bad_argument"}, {nullptr, "bad_argument"}, {1, "bad_argument"}, {2, "bad_argument"},
        {3, "bad_argument"},       {4, "bad_argument"},       {5, "bad_config"},   {6, "bad_config"}};
    for (const auto& [re, code] : wanted) {
        const Json error = agent.expect("error");
        EXPECT_EQ(error.value("re", Json()), re) << error;
        EXPECT_EQ(error["code"], code) << error;
        EXPECT_FALSE(error["message"].get<std::string>().empty());
        if (re == 5) {
            EXPECT_NE(error["message"].get<std::string>().find("batch_size"), std::string::npos) << error;
        }
    }
    const Json hello = agent.expect("hello");
    EXPECT_EQ(hello["protocol"], 1);
    EXPECT_EQ(hello["re"], 7);
    EXPECT_EQ(agent.exit_code(), 0);
}

TEST(AgentTest, delivers_acks_nacks_and_publishes) {
    REQUIRE_SERVER(server);
    AgentChild agent;
    agent.send(start_of(*server, {{"batch_size", 3}, {"flush_interval", "20ms"}}));
    const Json ready = agent.expect("ready");
    EXPECT_EQ(ready["re"], 2);
    EXPECT_EQ(ready["mode"], "streams");
    EXPECT_EQ(ready["consumer"], "one");
    const std::string large(5'000, 'x');
    Json entries = Json::parse(R"([[["k","v"],["k","again"]],[[{"b64":"gP8="},{"b64":"AAECgA=="}]],[["large",""]]])");
    entries[2][0][1] = large;
    agent.send({{"op", "publish"}, {"re", 3}, {"stream", "orders"}, {"entries", entries}});
    const Json published = agent.expect("published");
    EXPECT_EQ(published["re"], 3);
    ASSERT_EQ(published["results"].size(), 3U);
    const Json batch = agent.expect("batch");
    EXPECT_EQ(batch["reason"], "size");
    ASSERT_EQ(batch["entries"].size(), 3U);
    EXPECT_EQ(batch["entries"][0]["id"], published["results"][0]["id"]);
    EXPECT_EQ(batch["entries"][0]["fields"], Json::parse(R"([["k","v"],["k","again"]])"));
    EXPECT_EQ(batch["entries"][1]["fields"], Json::parse(R"([[{"b64":"gP8="},{"b64":"AAECgA=="}]])"));
    // sha256sum of 5,000 times the letter x
    EXPECT_EQ(batch["entries"][2]["fields"][0][1]["len"], 5'000);
    EXPECT_EQ(batch["entries"][2]["fields"][0][1]["sha256"],
              "c59d3c0480cc2d71d8f646e735e92da65450311eec46e81a5db8c7e6e8a92054");
    EXPECT_EQ(batch["entries"][0]["deliveries"], 1);

    const Json keys = keys_of(batch);
    agent.send({{"op", "ack"}, {"re", 4}, {"entries", Json::array({keys[0], {"orders", "7-7"}, keys[2]})}});
    const Json acked = agent.expect("acked");
    EXPECT_EQ(acked["re"], 4);
    EXPECT_EQ(acked["entries"],
              Json::array({{"orders", keys[0][1], "ok"}, {"orders", "7-7", "not_held"}, {"orders", keys[2][1], "ok"}}));
    EXPECT_EQ(pending_count(*server, "orders", "billing"), "1");
    agent.send({{"op", "ack"}, {"re", 5}, {"entries", Json::array({keys[0]})}});
    EXPECT_EQ(agent.expect("acked")["entries"][0][2], "not_held");

    agent.send({{"op", "nack"}, {"re", 6}, {"entries", Json::array({keys[1]})}, {"delay_ms", 1}});
    EXPECT_EQ(agent.expect("acked")["entries"][0][2], "ok");
    const Json again = agent.expect("batch");
    EXPECT_EQ(keys_of(again), Json::array({keys[1]}));
    EXPECT_EQ(again["entries"][0]["deliveries"], 2);

    agent.send({{"op", "drain"}, {"re", 7}, {"timeout_ms", 1000}});
    const Json drained = agent.expect("drained");
    EXPECT_EQ(drained["re"], 7);
    EXPECT_EQ(drained["held"], 1);
    EXPECT_EQ(agent.exit_code(), 0);
}

TEST(AgentTest, tails_and_pauses) {
    REQUIRE_SERVER(server);
    ASSERT_NE(server->ask({"XADD", "orders", "1-1", "n", "0"}), "");
    AgentChild agent;
    Json start = start_of(*server, {{"flush_interval", "0"}});
    start.erase("group");
    start.erase("consumer");
    start["from"] = "last:1";
    agent.send(start);
    const Json ready = agent.expect("ready");
    EXPECT_EQ(ready["mode"], "tail");
    EXPECT_EQ(ready["cursors"], Json::array({"orders=1-0"}));  // right before the last one
    EXPECT_EQ(agent.expect("batch")["entries"][0]["id"], "1-1");
    agent.send({{"op", "ack"}, {"re", 3}, {"entries", Json::parse(R"([["orders","1-1"]])")}});
    EXPECT_EQ(agent.expect("acked")["entries"][0][2], "ok");
    agent.send({{"op", "pause"}, {"re", 4}});
    EXPECT_EQ(agent.expect("paused")["re"], 4);
    agent.send({{"op", "resume"}, {"re", 5}});
    EXPECT_EQ(agent.expect("resumed")["re"], 5);
    ASSERT_NE(server->ask({"XADD", "orders", "1-2", "n", "1"}), "");
    EXPECT_EQ(agent.expect("batch")["entries"][0]["id"], "1-2");
    agent.signal(SIGTERM);
    EXPECT_EQ(agent.expect("drained")["held"], 0);
    EXPECT_EQ(agent.exit_code(), 0);
}

TEST(AgentTest, tells_a_refused_password_in_answer_to_start) {
    REQUIRE_SERVER(server, {"--requirepass", "right"});
    AgentChild agent;
    agent.send(start_of(*server, {{"password", "wrong"}}));
    for (;;) {
        const Json error = agent.expect("error");
        ASSERT_EQ(error.value("code", ""), "auth") << error;
        EXPECT_EQ(error["retryable"], false);
        if (error.contains("re")) {
            EXPECT_EQ(error["re"], 2);
            break;
        }
    }
    EXPECT_EQ(agent.exit_code(), 0);
}

TEST(AgentTest, a_harness_that_does_not_read_holds_up_nothing_but_its_own_batches) {
    REQUIRE_SERVER(server);
    {
        Client client = connected(server->url());
        const std::string value(4'000, 'v');
        const Field field{"v", value};
        const std::vector<PublishEntry> entries(2'000, PublishEntry{{&field, 1}});
        ASSERT_TRUE(client.publish({"orders", entries, {}}, patience).ok());
    }
    AgentChild agent;
    agent.send(start_of(*server, {{"batch_size", 100}, {"prefetch", 100'000}}));
    // 8 MB of batches against a pipe of 64 KiB and a queue of 1 MiB: the agent must still take and answer requests.
    agent.send({{"op", "publish"}, {"re", 9}, {"stream", "other"}, {"entries", Json::parse(R"([[["k","v"]]])")}});
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::microseconds(patience.us);
    while (server->ask({"XLEN", "other"}) != "1") ASSERT_LT(std::chrono::steady_clock::now(), deadline);
    size_t entries = 0;
    while (entries < 2'000) {
        const Json batch = agent.expect("batch");
        ASSERT_TRUE(batch.contains("entries"));
        entries += batch["entries"].size();
    }
    EXPECT_EQ(entries, 2'000U);
    EXPECT_EQ(agent.exit_code(), 0);
}

}  // namespace
}  // namespace millrace::testing
