// The notification agent's configuration file, loaded as it is, drives a client: what it chooses is done, and what it
// switches off is not.
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

#include "base/temp_dir.hpp"
#include "fixture.hpp"
#include "millrace/config_file.hpp"

namespace millrace::testing {
namespace {

class FileTest : public ::testing::Test {
  protected:
    /// The example of the agent's documentation with the server of the test; `enable` and `max_retries` as given.
    Config loaded(const LocalServer& server, const std::string& enable, const std::string& max_retries = "3") {
        const std::string path = (folder_.path() / "config.yaml").string();
        std::ofstream(path) << R"(api:
    enableNotifications: true

server:
    readTimeout: 300s
    writeTimeout: 300s

synchronization:
    pubsub:
        redis:
            host: "127.0.0.1:)"
                            << server.port() << R"("
            auth_token: ""
            database: 3
            batch_size: 5           # Messages per batch (default: 10)
            flush_interval: 300ms   # Max wait before sending (default: 5s)
            max_retries: )" << max_retries
                            << R"(          # Retry attempts (default: 3)
            retry_delay: 100ms      # Initial retry delay (default: 100ms)
            max_retry_delay: 5s     # Max retry delay (default: 5s)
            connection_timeout: 10s # Connection timeout (default: 10s)

    notification:
        enable: )" << enable << R"(
        default: "redis"  # Agent auto-detects best option based on Redis version
)";
        Result<Config> config = load_config(path);
        if (!config) throw std::runtime_error(config.error().message);
        return std::move(config).value();
    }
    harness::TempDir folder_;
};

TEST_F(FileTest, the_agent_s_file_drives_a_client) {
    REQUIRE_SERVER(server, {"--requirepass", "of the environment"});
    ::setenv("REDIS_PASSWORD", "of the environment", 1);
    const Config config = loaded(*server, "true");
    ::unsetenv("REDIS_PASSWORD");
    EXPECT_EQ(config.passed_over, (std::vector<std::string>{"api", "server"}));
    Result<Client> client = Client::create(config);
    ASSERT_TRUE(client.ok()) << client.error().message;
    publish_numbers(*client, "orders", 7);
    ASSERT_TRUE(client->open({.streams = {"orders"}, .group = "billing"}).ok());
    Result<std::optional<Batch>> first = client->next(patience);
    ASSERT_TRUE(first.ok() && first->has_value());
    EXPECT_EQ((*first)->size(), 5U) << "batch_size";
    EXPECT_EQ((*first)->reason(), FlushReason::size);
    const auto begin = std::chrono::steady_clock::now();
    Result<std::optional<Batch>> rest = client->next(patience);
    ASSERT_TRUE(rest.ok() && rest->has_value());
    EXPECT_EQ((*rest)->size(), 2U);
    EXPECT_EQ((*rest)->reason(), FlushReason::flush);
    EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(4)) << "flush_interval, not its default";
    Config other = config;
    other.client.database = 0;
    Result<Client> elsewhere = Client::create(other);
    ASSERT_TRUE(elsewhere.ok());
    publish_numbers(*elsewhere, "orders", 1, 7);
    ASSERT_TRUE(elsewhere->open({.streams = {"orders"}, .group = "billing"}).ok());
    const Result<std::optional<Batch>> alone = elsewhere->next(patience);
    ASSERT_TRUE(alone.ok() && alone->has_value());
    EXPECT_EQ((*alone)->size(), 1U) << "the others are in database 3";
}

TEST_F(FileTest, says_how_often_a_publish_is_tried_again) {
    REQUIRE_SERVER(server, {"--maxmemory", "1"});
    const auto tried = [&] {
        const std::string stats = server->ask({"INFO", "commandstats"});
        const size_t row = stats.find("cmdstat_xadd:");
        const std::string_view key = "rejected_calls=";
        return row == std::string::npos ? 0 : std::stoi(stats.substr(stats.find(key, row) + key.size()));
    };
    int before = 0;
    for (const int retries : {0, 2}) {
        Result<Client> client = Client::create(loaded(*server, "true", std::to_string(retries)));
        ASSERT_TRUE(client.ok()) << client.error().message;
        const Field field{"n", "1"};
        const PublishEntry entry{{&field, 1}};
        PublishConfig options;
        options.on_oom = OnOom::retry;
        const Result<std::vector<PublishResult>> results = client->publish({"orders", {&entry, 1}, options}, patience);
        ASSERT_TRUE(results.ok()) << results.error().message;
        ASSERT_TRUE(results->front().error.has_value());
        EXPECT_EQ(results->front().error->code, Code::oom);
        EXPECT_EQ(tried() - before, 1 + retries) << "max_retries";
        before = tried();
    }
}

TEST_F(FileTest, that_switches_notification_off_opens_nothing_and_says_so) {
    REQUIRE_SERVER(server);
    Result<Client> client = Client::create(loaded(*server, "false"));
    ASSERT_TRUE(client.ok()) << client.error().message;
    const Result<SourceId> source = client->open({.streams = {"orders"}, .group = "billing"});
    ASSERT_FALSE(source.ok());
    EXPECT_EQ(source.error().code, Code::closed);
    EXPECT_NE(source.error().message.find("synchronization.notification.enable"), std::string::npos)
        << source.error().message;
    ASSERT_TRUE(client->turn(milliseconds(50)).ok());
    EXPECT_EQ(server->ask({"CLIENT", "LIST"}).find("name=millrace"), std::string::npos);
}

}  // namespace
}  // namespace millrace::testing
