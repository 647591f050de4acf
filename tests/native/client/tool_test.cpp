// The command `millrace` as a shell sees it: what it prints, and its exit code.
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "fixture.hpp"

namespace millrace::testing {
namespace {

using Json = nlohmann::json;

struct Said {
    int code = -1;
    std::string text;  ///< standard output and error
    [[nodiscard]] std::vector<Json> lines() const {
        std::vector<Json> lines;
        for (size_t at = 0; at < text.size();) {
            const size_t end = text.find('\n', at);
            lines.push_back(Json::parse(text.substr(at, end - at)));
            at = end + 1;
        }
        return lines;
    }
};

Said run(const std::string& arguments) {
    std::FILE* const output = popen((MILLRACE_TOOL " " + arguments + " 2>&1").c_str(), "r");
    if (output == nullptr) return {};
    Said said;
    char buffer[4096];
    for (size_t size = 0; (size = std::fread(buffer, 1, sizeof buffer, output)) > 0;) said.text.append(buffer, size);
    const int status = pclose(output);
    said.code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    return said;
}

TEST(ToolTest, publishes_consumes_and_tails) {
    REQUIRE_SERVER(server);
    const std::string url = " --log=none --url=" + server->url();
    const Said published = run("publish orders item=tea item=x=y" + url);
    ASSERT_EQ(published.code, 0) << published.text;
    const std::string id = published.lines().at(0)["id"];
    const Said consumed = run("consume orders --group=g --consumer=c --count=1 --set=flush_interval=5ms" + url);
    ASSERT_EQ(consumed.code, 0) << consumed.text;
    const Json entry = {{"stream", "orders"},
                        {"id", id},
                        {"deliveries", 1},
                        {"fields", Json::parse(R"([["item","tea"],["item","x=y"]])")}};
    EXPECT_EQ(consumed.lines(), std::vector<Json>{entry});
    EXPECT_EQ(pending_count(*server, "orders", "g"), "0") << "printed, and so acked";
    const Said tailed = run("tail orders --from=last:1 --count=1" + url);
    ASSERT_EQ(tailed.code, 0) << tailed.text;
    EXPECT_EQ(tailed.lines().at(0)["id"], id);
}

TEST(ToolTest, lists_the_dead_and_puts_them_back) {
    REQUIRE_SERVER(server);
    const std::string url = " --log=none --url=" + server->url();
    Client client = connected(server->url("batch_size=2&flush_interval=5ms"));
    publish_numbers(client, "orders", 2);
    ASSERT_TRUE(client.open({.streams = {"orders"}, .group = "billing", .consumer = "one"}).ok());
    Result<std::optional<Batch>> batch = client.next(patience);
    ASSERT_TRUE(batch.ok() && batch->has_value());
    ASSERT_TRUE((*batch)->reject("no such customer").ok());
    ASSERT_TRUE(turn_until(client, [&] { return pending_count(*server, "orders", "billing") == "0"; }));
    const Said dead = run("dead orders --count=1" + url);
    ASSERT_EQ(dead.code, 0) << dead.text;
    ASSERT_EQ(dead.lines().size(), 1U);
    EXPECT_EQ(dead.lines()[0]["error"], "no such customer");
    EXPECT_EQ(dead.lines()[0]["group"], "billing");
    EXPECT_EQ(dead.lines()[0]["fields"], Json::parse(R"([["n","0"]])"));
    const Said redriven = run("redrive orders --all" + url);
    ASSERT_EQ(redriven.code, 0) << redriven.text;
    EXPECT_EQ(redriven.lines().size(), 2U);
    EXPECT_EQ(run("dead orders" + url).text, "");
    batch = client.next(patience);
    ASSERT_TRUE(batch.ok() && batch->has_value());
    EXPECT_EQ((*batch)->size(), 2U) << "they are handed over again";
    const Said again = run("redrive orders --id=1-1" + url);
    EXPECT_EQ(again.code, 1);
    EXPECT_EQ(again.lines().at(0)["error"]["code"], "bad_argument");
}

/// Entries of `orders` that nobody holds: they may be claimed at once.
size_t given_back(const LocalServer& server, const std::string& group) {
    const std::string rows = server.ask({"XPENDING", "orders", group, "IDLE", "60000", "-", "+", "100"});
    return static_cast<size_t>(std::count(rows.begin(), rows.end(), '[')) - 1;
}

TEST(ToolTest, keys_of_the_url_count_where_no_option_says_otherwise) {
    REQUIRE_SERVER(server);
    const std::string url =
        " --log=none --set=flush_interval=5ms --url='" + server->url("group=ours&from=last:1") + "'";
    ASSERT_EQ(run("publish orders n=1" + url).code, 0);
    EXPECT_EQ(run("consume orders --count=1" + url).lines().size(), 1U);
    EXPECT_EQ(pending_count(*server, "orders", "ours"), "0");
    EXPECT_EQ(run("group destroy orders notifications" + url).lines().at(0)["changed"], false) << "there was none";
    EXPECT_EQ(run("tail orders --count=1" + url).lines().size(), 1U);
}

TEST(ToolTest, consume_gives_back_what_it_does_not_print) {
    REQUIRE_SERVER(server);
    const std::string url = " --log=none --set=flush_interval=5ms --url=" + server->url();
    Client client = connected(server->url());
    publish_numbers(client, "orders", 5);
    EXPECT_EQ(run("consume orders --group=some --count=2" + url).lines().size(), 2U);
    EXPECT_EQ(given_back(*server, "some"), 3U);
    // Nobody reads what is printed, as behind `| head`: that must not end it with entries under a name of its own.
    std::array<int, 2> ends{};
    ASSERT_EQ(pipe(ends.data()), 0);
    close(ends[0]);
    EXPECT_EQ(run("consume orders --group=none" + url + " >&" + std::to_string(ends[1])).code, 2);
    close(ends[1]);
    EXPECT_EQ(given_back(*server, "none"), 5U);
}

TEST(ToolTest, takes_nothing_for_an_option_behind_two_dashes) {
    REQUIRE_SERVER(server);
    const std::string url = " --log=none --set=flush_interval=5ms --url=" + server->url();
    ASSERT_EQ(run("publish" + url + " -- -orders --item=-tea").code, 0);
    EXPECT_EQ(server->ask({"XLEN", "-orders"}), "1");
    const Said tailed = run("tail --from=last:1 --count=1" + url + " -- -orders");
    EXPECT_EQ(tailed.lines().at(0)["fields"], Json::parse(R"([["--item","-tea"]])"));
    EXPECT_EQ(run("group create orders" + url + " -- -g").lines().at(0)["group"], "-g");
}

TEST(ToolTest, takes_several_keys) {
    REQUIRE_SERVER(server);
    const std::string keys = " --log=none --set=client_name=ops --set=flush_interval=5ms --url=" + server->url();
    ASSERT_EQ(run("publish orders n=1 --set=max_len=5" + keys).code, 0);
    for (const std::string command : {"consume orders --count=1", "tail orders --from=last:1 --count=1", "dead orders",
                                      "redrive orders --all", "group create orders g", "group destroy orders g"}) {
        EXPECT_EQ(run(command + keys).code, 0) << command;
    }
}

TEST(ToolTest, moves_a_group_for_a_replay) {
    REQUIRE_SERVER(server);
    const std::string url = " --log=none --url=" + server->url();
    ASSERT_EQ(run("publish orders n=1" + url).code, 0);
    EXPECT_EQ(run("group create orders g --at='$'" + url).lines().at(0)["changed"], true);
    EXPECT_EQ(run("group create orders g" + url).lines().at(0)["changed"], false);
    EXPECT_EQ(run("group move orders g --since=0" + url).lines().at(0)["changed"], true);
    EXPECT_EQ(run("consume orders --group=g --count=1 --set=flush_interval=5ms" + url).lines().size(), 1U);
    EXPECT_EQ(run("group destroy orders g" + url).lines().at(0)["changed"], true);
    EXPECT_EQ(run("group destroy orders g" + url).lines().at(0)["changed"], false);
}

TEST(ToolTest, says_in_one_line_what_is_wrong) {
    const std::vector<std::pair<std::string, std::string>> wrong = {
        {"", "no command; see millrace --help"},
        {"fly orders", "the arguments do not fit 'fly'; see millrace --help"},
        {"publish orders tea", "'tea' is not field=value"},
        {"consume orders --group=", "--group= names no group; millrace tail reads without one"},
        {"consume orders --url='redis://h?group='", "--group= names no group"},
        {"consume orders --count=0", "--count=0 is no whole number from 1 on"},
        {"consume orders --set=batch_sise=5", "the nearest known key is \"batch_size\""},
        {"consume orders --set=batch_size=-1", "batch_size: \"-1\" is not allowed; allowed: 1 to 1000000"},
        {"consume orders --set=flush_interval='5 parsecs'", "flush_interval: \"5 parsecs\" is not allowed"},
        {"consume orders --set=max_message_bytes=1MB", "max_message_bytes: \"1MB\" is not allowed"},
        {"consume orders --set=prefetch=5", "prefetch: 5 is not allowed; allowed: at least batch_size"},
        {"consume orders --set=password:hunter2", "--set=password... is not key=value"},
        {"consume orders --set=tls.ca=/nonexistent/ca.pem", "/nonexistent/ca.pem"},
        {"consume orders --url=http://h", "url: its scheme is not known"},
        {"consume orders --url=redis://h:0", "url: its host or port is malformed"},
        {"consume orders --url=redis-sentinel://h/main", "url: names Sentinels"},
        {"consume orders --url='redis://:hunter2@h?batch_size=0'", "batch_size: \"0\" is not allowed"},
        {"dead orders --after=yesterday", "--after=yesterday is no entry id"},
        {"dead orders --timeout=soon", "--timeout=soon is no duration"},
        {"group move orders g --since=noon", "--since=noon is no Unix time in seconds"},
        {"group move orders g --since=1795000000000", "--since=1795000000000 is no Unix time in seconds"},
        {"tail orders --log=xml", "--log=xml is none of logfmt, json, none"}};
    for (const auto& [arguments, message] : wrong) {
        const Said said = run(arguments);
        EXPECT_EQ(said.code, 2) << arguments;
        EXPECT_NE(said.text.find("millrace: "), std::string::npos) << said.text;
        EXPECT_NE(said.text.find(message), std::string::npos) << said.text;
        EXPECT_EQ(std::count(said.text.begin(), said.text.end(), '\n'), 1) << said.text;
        EXPECT_EQ(said.text.find("hunter2"), std::string::npos) << said.text;
    }
}

}  // namespace
}  // namespace millrace::testing
