// Health and metrics of a client on a real server, called and over HTTP.
#include <httplib.h>
#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "fixture.hpp"

namespace millrace::testing {
namespace {

using Json = nlohmann::json;

class StatusTest : public ::testing::Test {
  protected:
    /// The text of `path`, and the code it came with.
    static std::pair<int, std::string> fetch(const StatusServer& status, const std::string& path) {
        httplib::Client http("127.0.0.1", status.port());
        const httplib::Result response = http.Get(path);
        if (!response) return {0, httplib::to_string(response.error())};
        return {response->status, response->body};
    }
};

TEST_F(StatusTest, health_tells_what_the_server_has) {
    REQUIRE_SERVER(server);
    Client client = connected(server->url("batch_size=2&flush_interval=10ms"));
    publish_numbers(client, "orders", 5);
    const Result<SourceId> source = client.open({.streams = {"orders"}, .group = "billing", .consumer = "one"});
    ASSERT_TRUE(source.ok());
    const Result<std::optional<Batch>> batch = client.next(patience);
    ASSERT_TRUE(batch.ok() && batch->has_value());
    const Result<Health> health = client.health(*source, patience);
    ASSERT_TRUE(health.ok()) << health.error().message;
    EXPECT_TRUE(health->healthy) << health->error;
    EXPECT_EQ(health->stream_length, 5U);
    EXPECT_EQ(health->pending, 5U);
    EXPECT_EQ(health->lag, 0U);
    EXPECT_LT(health->oldest_pending.value_or(seconds(999)), seconds(60));
    const Json json = Json::parse(to_json(*health));
    EXPECT_EQ(json["healthy"], true);
    EXPECT_EQ(json["error"], nullptr);
    EXPECT_EQ(json["mode"], "streams");
    EXPECT_EQ(json["consumerGroup"], "billing");
    EXPECT_EQ(json["streamLength"], 5);
    EXPECT_EQ(json["pendingMessages"], 5);
}

TEST_F(StatusTest, nothing_is_waited_for_where_there_is_no_group) {
    REQUIRE_SERVER(server);
    Client client = connected(server->url());
    const Result<SourceId> tail = client.open({.streams = {"orders"}, .group = ""});
    ASSERT_TRUE(tail.ok());
    const auto begun = std::chrono::steady_clock::now();
    ASSERT_TRUE(client.health(*tail, patience).ok());
    EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::seconds(10));
}

TEST_F(StatusTest, http_tells_the_same) {
    REQUIRE_SERVER(server);
    Client client = connected(server->url("batch_size=2&flush_interval=10ms"));
    const Result<StatusServer> status = client.serve_status();
    ASSERT_TRUE(status.ok()) << status.error().message;
    EXPECT_EQ(fetch(*status, "/livez"), (std::pair<int, std::string>{200, "ok\n"}));
    EXPECT_EQ(fetch(*status, "/readyz").first, 503) << "nothing is consumed yet";
    EXPECT_EQ(fetch(*status, "/other").first, 404);
    publish_numbers(client, "orders", 2);
    ASSERT_TRUE(client.open({.streams = {"orders"}, .group = "billing", .consumer = "one"}).ok());
    Result<std::optional<Batch>> batch = client.next(patience);
    ASSERT_TRUE(batch.ok() && batch->has_value());
    const auto [code, body] = fetch(*status, "/readyz");
    EXPECT_EQ(code, 200) << body;
    EXPECT_EQ(Json::parse(body)["sources"][0]["consumer"], "one");
    const auto [metrics_code, metrics] = fetch(*status, "/metrics");
    EXPECT_EQ(metrics_code, 200);
    EXPECT_NE(metrics.find("millrace_delivered_total{source=\"1\",stream=\"orders\",group=\"billing\"} 2\n"),
              std::string::npos)
        << metrics;
    EXPECT_NE(metrics.find("millrace_published_total 2\n"), std::string::npos) << metrics;
    ASSERT_TRUE(client.close().ok());
    EXPECT_EQ(fetch(*status, "/livez").first, 503);
    EXPECT_EQ(fetch(*status, "/readyz").first, 503);
}

// Prometheus keeps its connections; so does a probe that hangs.
TEST_F(StatusTest, the_end_does_not_wait_for_who_is_still_connected) {
    Client client = connected("redis://127.0.0.1:1");
    Result<StatusServer> made = client.serve_status();
    ASSERT_TRUE(made.ok()) << made.error().message;
    std::optional<StatusServer> status(std::move(made).value());
    httplib::Client http("127.0.0.1", status->port());
    http.set_keep_alive(true);
    ASSERT_TRUE(http.Get("/livez"));
    const auto start = std::chrono::steady_clock::now();
    status.reset();
    EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(2));
}

/// Prometheus' own checker, of all three sets of names.
TEST_F(StatusTest, promtool_accepts_the_metrics) {
    const char* const cache = std::getenv("MILLRACE_CACHE");
    const std::string tool = std::string(cache != nullptr ? cache : MILLRACE_CACHE_DEFAULT) + "/promtool/promtool";
    if (access(tool.c_str(), X_OK) != 0) GTEST_SKIP() << "no promtool: bash scripts/promtool.sh fetches it";
    REQUIRE_SERVER(server);
    Client client = connected(server->url("batch_size=2&flush_interval=10ms"));
    publish_numbers(client, "orders", 5);
    const Result<SourceId> source = client.open({.streams = {"orders"}, .group = "billing", .consumer = "one"});
    ASSERT_TRUE(source.ok());
    const Result<std::optional<Batch>> batch = client.next(patience);
    ASSERT_TRUE(batch.ok() && batch->has_value());
    ASSERT_TRUE(client.health(*source, patience).ok());
    for (const MetricNames names : {MetricNames::millrace, MetricNames::redis_streams, MetricNames::deltaforge}) {
        const std::string text = client.metrics({names, "orders", "redis"});
        std::FILE* const checker = popen((tool + " check metrics").c_str(), "w");
        ASSERT_NE(checker, nullptr);
        EXPECT_EQ(std::fwrite(text.data(), 1, text.size(), checker), text.size());
        EXPECT_EQ(pclose(checker), 0) << text;
    }
}

TEST_F(StatusTest, a_server_that_is_stopped_is_not_ready_until_it_goes_on) {
    REQUIRE_SERVER(server);
    Client client = connected(server->url("health_deadline=300ms&retry_delay=10ms&block=100ms&read_slack=100ms"));
    const Result<StatusServer> status = client.serve_status();
    ASSERT_TRUE(status.ok()) << status.error().message;
    ASSERT_TRUE(client.open({.streams = {"orders"}, .group = "billing"}).ok());
    ASSERT_TRUE(client.start().ok());
    const auto becomes = [&](int code) {
        const auto deadline = std::chrono::steady_clock::now() + std::chrono::microseconds(patience.us);
        while (std::chrono::steady_clock::now() < deadline) {
            if (fetch(*status, "/readyz").first == code) return true;
        }
        return false;
    };
    ASSERT_TRUE(becomes(200));
    ASSERT_EQ(kill(server->pid(), SIGSTOP), 0);
    EXPECT_TRUE(becomes(503));
    EXPECT_NE(fetch(*status, "/readyz").second.find("the server was last heard"), std::string::npos);
    EXPECT_EQ(fetch(*status, "/livez").first, 200) << "to restart us would not help";
    ASSERT_EQ(kill(server->pid(), SIGCONT), 0);
    EXPECT_TRUE(becomes(200));
}

TEST_F(StatusTest, a_port_that_is_taken_is_an_error_that_names_it) {
    Client client = connected("redis://localhost:1");
    const Result<StatusServer> first = client.serve_status();
    ASSERT_TRUE(first.ok()) << first.error().message;
    const Result<StatusServer> second = client.serve_status({.port = first->port()});
    ASSERT_FALSE(second.ok());
    EXPECT_EQ(second.error().message, "serve_status: can't listen on 127.0.0.1:" + std::to_string(first->port()));
}

}  // namespace
}  // namespace millrace::testing
