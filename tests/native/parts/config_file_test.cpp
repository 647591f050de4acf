// Configuration files (CFG-1, CFG-3, CFG-4): the agent's own example, what YAML can say, and what is wrong told in one
// line with file, line and key.
#include "millrace/config_file.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "base/temp_dir.hpp"

namespace millrace {
namespace {

Config parsed(const std::string& text, const std::string& password = {}) {
    Result<Config> config = parse_yaml(text, "f.yaml", password);
    EXPECT_TRUE(config.ok()) << (config.ok() ? "" : config.error().message) << "\n" << text;
    return config.ok() ? std::move(config).value() : Config();
}

Error refusal(const std::string& text) {
    const Result<Config> config = parse_yaml(text, "f.yaml");
    EXPECT_FALSE(config.ok()) << text;
    if (config.ok()) return {};
    EXPECT_EQ(config.error().message.find('\n'), std::string::npos) << config.error().message;
    return config.error();
}

// The notification agent's full example, as its documentation has it.
constexpr const char* example = R"(api:
    enableNotifications: true

server:
    readTimeout: 300s
    writeTimeout: 300s
    # Optional: Enable HTTPS
    # keyFile: /path/to/key.pem
    # certFile: /path/to/cert.pem

synchronization:
    pubsub:
        redis:
            host: "localhost:6379"
            auth_token: ""  # Supports: auth_token, redis_secret, password
                           # Fallback: REDIS_PASSWORD environment variable
            database: 0

            # Optional: Redis Streams tuning (only applies if Redis >= 5.0)
            # Uncomment to override defaults
            batch_size: 5           # Messages per batch (default: 10)
            flush_interval: 2s      # Max wait before sending (default: 5s)
            max_retries: 3          # Retry attempts (default: 3)
            retry_delay: 100ms      # Initial retry delay (default: 100ms)
            max_retry_delay: 5s     # Max retry delay (default: 5s)
            connection_timeout: 10s # Connection timeout (default: 10s)

    notification:
        enable: true
        default: "redis"  # Agent auto-detects best option based on Redis version
)";

/// What the keys of the example have set, in its order.
std::vector<std::string> acts(const Config& config) {
    const ClientConfig& client = config.client;
    return {client.endpoint.host + ":" + std::to_string(client.endpoint.port),
            client.password.reveal(),
            std::to_string(client.database),
            std::to_string(config.source.batch_size),
            std::to_string(config.source.flush_interval.value_or(Duration{-1}).us),
            std::to_string(client.max_retries),
            std::to_string(client.retry_delay.us),
            std::to_string(client.max_retry_delay.us),
            std::to_string(client.connection_timeout.us),
            config.enabled ? "on" : "off",
            std::to_string(static_cast<int>(client.mode))};
}

TEST(ConfigFile, the_agent_s_example_loads_as_it_is) {
    const Config config = parsed(example, "from the environment");
    EXPECT_EQ(config.client.endpoint.host, "localhost");
    EXPECT_EQ(config.client.endpoint.port, 6379);
    EXPECT_EQ(config.client.password.reveal(), "from the environment");
    EXPECT_EQ(config.client.database, 0);
    EXPECT_EQ(config.source.batch_size, 5U);
    EXPECT_EQ(config.source.flush_interval, seconds(2));
    EXPECT_EQ(config.client.max_retries, 3U);
    EXPECT_EQ(config.client.retry_delay, milliseconds(100));
    EXPECT_EQ(config.client.max_retry_delay, seconds(5));
    EXPECT_EQ(config.client.connection_timeout, seconds(10));
    EXPECT_EQ(config.client.mode, Mode::automatic);
    EXPECT_TRUE(config.enabled);
    EXPECT_EQ(config.passed_over, (std::vector<std::string>{"api", "server"}));
}

// The same example, as whoever writes JSON would have it.
TEST(ConfigFile, the_agent_s_example_says_the_same_as_json) {
    const Result<Config> config = parse_json(R"({
        "api": {"enableNotifications": true},
        "server": {"readTimeout": "300s", "writeTimeout": "300s"},
        "synchronization": {
            "pubsub": {"redis": {"host": "localhost:6379", "auth_token": "", "database": 0, "batch_size": 5,
                                 "flush_interval": "2s", "max_retries": 3, "retry_delay": "100ms",
                                 "max_retry_delay": "5s", "connection_timeout": "10s"}},
            "notification": {"enable": true, "default": "redis"}}})",
                                             "from the environment");
    ASSERT_TRUE(config.ok()) << config.error().message;
    EXPECT_EQ(acts(*config), acts(parsed(example, "from the environment")));
    EXPECT_EQ(config->passed_over, (std::vector<std::string>{"api", "server"}));
}

// Most of its values are the defaults: so each key under `synchronization` is given another one, and what it says is
// seen to change, and nothing else.
TEST(ConfigFile, each_key_of_the_agent_s_example_acts) {
    const struct {
        const char* line;
        const char* other;
        size_t place;  // in what acts tells
        const char* told;
    } keys[] = {
        {"host: \"localhost:6379\"", "host: \"redis.internal:7000\"", 0, "redis.internal:7000"},
        {"auth_token: \"\"", "auth_token: \"own\"", 1, "own"},
        {"database: 0", "database: 4", 2, "4"},
        {"batch_size: 5", "batch_size: 50", 3, "50"},
        {"flush_interval: 2s", "flush_interval: 500ms", 4, "500000"},
        {"max_retries: 3", "max_retries: 0", 5, "0"},
        {"retry_delay: 100ms", "retry_delay: 1s", 6, "1000000"},
        {"max_retry_delay: 5s", "max_retry_delay: 1m30s", 7, "90000000"},
        {"connection_timeout: 10s", "connection_timeout: 1500", 8, "1500000"},
        {"enable: true", "enable: false", 9, "off"},
        {"default: \"redis\"", "default: \"redis-streams\"", 10, "1"},
    };
    for (const auto& key : keys) {
        std::string text = example;
        const std::string before = std::string(" ") + key.line;  // `max_retry_delay` ends like `retry_delay`
        ASSERT_NE(text.find(before), std::string::npos) << key.line;
        text.replace(text.find(before) + 1, before.size() - 1, key.other);
        std::vector<std::string> expected = acts(parsed(example, "from the environment"));
        ASSERT_NE(expected[key.place], key.told);
        expected[key.place] = key.told;
        EXPECT_EQ(acts(parsed(text, "from the environment")), expected) << key.other;
    }
}

TEST(ConfigFile, notification_chooses_the_mode_and_may_switch_everything_off) {
    const auto with = [](const std::string& lines) { return "synchronization:\n  notification:\n" + lines; };
    EXPECT_EQ(parsed(with("    default: redis-streams\n")).client.mode, Mode::streams);
    EXPECT_EQ(parsed(with("    default: pubsub\n")).client.mode, Mode::pubsub);
    EXPECT_FALSE(parsed(with("    enable: false\n")).enabled);
    EXPECT_EQ(
        refusal(with("    enable: true\n    default: kafka\n")).message,
        "f.yaml:4: synchronization.notification.default: \"kafka\" is not allowed; allowed: redis, redis-streams, "
        "pubsub");
}

TEST(ConfigFile, yaml_says_values_in_all_its_ways) {
    const Config config = parsed(R"(
host: "redis.example:7000"   # quoted
password: 123456
batch_size: 20
delete_acked: true
flush_interval: '500ms'
start: 0
protocol: 2
redis_secret:
username: ~
streams: [orders, 'audit:2026']
tls: {ca: /etc/ca.pem, verify: false}
client_name: >-
  folded
)");
    EXPECT_EQ(config.client.endpoint.host, "redis.example");
    EXPECT_EQ(config.client.endpoint.port, 7000);
    EXPECT_EQ(config.client.password.reveal(), "123456");
    EXPECT_EQ(config.source.batch_size, 20U);
    EXPECT_TRUE(config.source.delete_acked);
    EXPECT_EQ(config.source.flush_interval, milliseconds(500));
    EXPECT_EQ(config.client.protocol, Protocol::resp2);
    EXPECT_EQ(config.client.username, "");
    EXPECT_EQ(config.source.streams, (std::vector<std::string>{"orders", "audit:2026"}));
    ASSERT_TRUE(config.client.tls.has_value());
    EXPECT_EQ(config.client.tls->ca, "/etc/ca.pem");
    EXPECT_FALSE(config.client.tls->verify);
    EXPECT_EQ(config.client.client_name, "folded");
}

TEST(ConfigFile, anchors_and_merged_maps_are_what_they_stand_for) {
    const Config config = parsed(R"(
common: &common
  batch_size: 7
  retry_delay: &delay 250ms
synchronization:
  pubsub:
    redis:
      <<: *common
      batch_size: 8
      max_retry_delay: *delay
)");
    EXPECT_EQ(config.source.batch_size, 8U);
    EXPECT_EQ(config.client.retry_delay, milliseconds(250));
    EXPECT_EQ(config.client.max_retry_delay, milliseconds(250));
    EXPECT_EQ(config.passed_over, std::vector<std::string>{"common"});
}

std::vector<std::string> bad_values(KeyType type) {
    const std::string structure = "{a: 1}";
    const std::string overflow = "99999999999999999999";
    switch (type) {
        case KeyType::integer:
            return {"many", "-1", "1.5", overflow, "[1]", structure, "true"};
        case KeyType::duration:
            return {"soon", "-5s", "5 parsecs", "5S", overflow, overflow + "h", "[5s]", structure};
        case KeyType::bytes:
            return {"much", "-1", "1kb", overflow, "[1]", structure};
        case KeyType::fraction:
            return {"half", "-0.5", "1.5", "50%", overflow, "[1]", structure};
        case KeyType::boolean:
            return {"maybe", "yes", "1", "-1", "[true]", structure};
        case KeyType::choice:
            return {"sideways", "-1", "[auto]", structure};
        case KeyType::text:
        case KeyType::secret:
            return {"[a]", structure};
        case KeyType::list:
            return {structure, "[{a: 1}]", "[[a]]"};
    }
    return {};
}

// A file with the one key, and the line on which its value stands.
std::string file_with(const std::string& key, const std::string& value) {
    if (key.starts_with("tls.")) return "tls:\n  " + key.substr(4) + ": " + value + "\n";
    return "\n" + key + ": " + value + "\n";
}

TEST(ConfigFile, every_key_refuses_what_it_can_not_be) {
    for (const ConfigKey& key : config_keys()) {
        const std::string name(key.name);
        if (!key.available) {
            const Error error = refusal(file_with(name, "1"));
            EXPECT_EQ(error.code, Code::unsupported) << name;
            EXPECT_TRUE(error.message.starts_with("f.yaml:2: " + name + ": ")) << error.message;
            continue;
        }
        for (const std::string& value : bad_values(key.type)) {
            const Error error = refusal(file_with(name, value));
            EXPECT_EQ(error.code, Code::bad_config) << name << ": " << value;
            EXPECT_TRUE(error.message.starts_with("f.yaml:2: " + name + ": ")) << name << ": " << value << "\n"
                                                                               << error.message;
            EXPECT_NE(error.message.find(key.type == KeyType::secret ? "text" : "allowed: "), std::string::npos)
                << error.message;
        }
        const Error unknown = refusal(file_with(name + "q", "1"));
        EXPECT_EQ(unknown.code, Code::bad_config) << name;
        EXPECT_TRUE(unknown.message.starts_with("f.yaml:2: unknown key \"" + name + "q\"; the nearest known key is \""))
            << unknown.message;
    }
}

TEST(ConfigFile, unknown_keys_are_told_with_line_and_nearest) {
    EXPECT_EQ(refusal("group: g\nbatch_sizes: 5\n").message,
              "f.yaml:2: unknown key \"batch_sizes\"; the nearest known key is \"batch_size\"");
    EXPECT_EQ(refusal("tls:\n  certificate: x\n  key: y\n").message.substr(0, 36),
              "f.yaml:2: unknown key \"tls.certifica");
    EXPECT_EQ(refusal("synchronization:\n  pubsub:\n    redis:\n      flush_intervall: 5s\n").message,
              "f.yaml:4: unknown key \"synchronization.pubsub.redis.flush_intervall\"; the nearest known key is "
              "\"flush_interval\"");
}

TEST(ConfigFile, what_depends_on_several_keys_is_told_where_the_key_stands) {
    const Error error = refusal("batch_size: 10\ngroup: g\nprefetch: 5\n");
    EXPECT_TRUE(error.message.starts_with("f.yaml:3: prefetch: 5 is not allowed")) << error.message;
    const Error inside = refusal("synchronization:\n  pubsub:\n    redis:\n      prefetch: 5\n");
    EXPECT_TRUE(inside.message.starts_with("f.yaml:4: prefetch: ")) << inside.message;
    const Error alone = refusal("tls:\n  cert: /c.pem\n");
    EXPECT_TRUE(alone.message.starts_with("f.yaml:2: tls.cert: is given alone")) << alone.message;
}

TEST(ConfigFile, a_key_given_twice_is_refused_wherever_it_stands) {
    EXPECT_EQ(refusal("batch_size: 5\ngroup: g\nbatch_size: 6\n").message, "f.yaml:3: batch_size: is given twice");
    EXPECT_EQ(refusal("synchronization:\n  pubsub: {}\n  pubsub: {}\n").message,
              "f.yaml:3: synchronization.pubsub: is given twice");
}

TEST(ConfigFile, what_is_no_configuration_is_said_in_one_line) {
    EXPECT_EQ(refusal("").message, "f.yaml: is empty");
    EXPECT_EQ(refusal("# nothing\n").message, "f.yaml: is empty");
    EXPECT_EQ(refusal("- a\n- b\n").message, "f.yaml:1: is no YAML of keys and values");
    EXPECT_EQ(refusal("just words\n").message, "f.yaml:1: is no YAML of keys and values");
    EXPECT_TRUE(refusal("a: [1, 2\nb: 3\n").message.starts_with("f.yaml:")) << refusal("a: [1, 2\nb: 3\n").message;
    EXPECT_NE(refusal("host: a\n---\nhost: b\n").message.find("a second document begins"), std::string::npos);
    EXPECT_NE(refusal("a: b: c\n").message.find("is no YAML: "), std::string::npos);
    std::string deep = "a: ";
    for (int i = 0; i < 100; ++i) deep += "[";
    for (int i = 0; i < 100; ++i) deep += "]";
    EXPECT_NE(refusal(deep).message.find("nested more than 64 deep"), std::string::npos);
    std::string laughs = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
    for (int i = 1; i < 12; ++i) {
        const std::string last = "*a" + std::to_string(i - 1);
        const std::string self = "a" + std::to_string(i);
        laughs += self + ": &" + self + " [" + last;
        for (int k = 0; k < 9; ++k) laughs += ", " + last;
        laughs += "]\n";
    }
    EXPECT_NE(refusal(laughs).message.find("is more than 1 MiB"), std::string::npos);
}

// CFG-4: however a file is broken, no message quotes what may be the password.
TEST(ConfigFile, no_message_holds_a_secret) {
    for (const char* const text : {
             "password: hunter2\nbatch_size: -1\n",
             "password: hunter2\nbatch_size: 5\nbatch_size: 6\n",
             "password: [hunter2]\n",
             "auth_token: {hunter2: hunter2}\n",
             "password: *hunter2\n",
             "password: \"hunter2",
             "password: \"hunter2\\q\"\n",
             "password: hunter2: hunter2\n",
             "password: hunter2\npassword: hunter2\n",
             "host: redis://:hunter2@localhost\n",
             "&hunter2 *hunter2\n",
             "synchronization:\n  pubsub:\n    redis: hunter2\n",
         }) {
        const Error error = refusal(text);
        EXPECT_EQ(error.message.find("hunter2"), std::string::npos) << error.message;
    }
}

class LoadConfig : public testing::Test {
  protected:
    std::string write(const std::string& name, const std::string& text) const {
        const std::string path = (folder_.path() / name).string();
        std::ofstream(path) << text;
        return path;
    }
    static std::string refusal_of(const std::string& path) {
        const Result<Config> config = load_config(path);
        EXPECT_FALSE(config.ok()) << path;
        return config.ok() ? "" : config.error().message;
    }
    harness::TempDir folder_;
};

TEST_F(LoadConfig, reads_yaml_and_json_by_their_names) {
    ::setenv("REDIS_PASSWORD", "of the environment", 1);
    const Result<Config> yaml = load_config(write("a.yaml", "batch_size: 7\n"));
    const Result<Config> yml = load_config(write("a.yml", "batch_size: 7\nredis_secret: own\n"));
    const Result<Config> json = load_config(write("a.json", R"({"batch_size": 7, "password": ""})"));
    ::unsetenv("REDIS_PASSWORD");
    ASSERT_TRUE(yaml.ok() && yml.ok() && json.ok());
    EXPECT_EQ(yaml->source.batch_size, 7U);
    EXPECT_EQ(yaml->client.password.reveal(), "of the environment");
    EXPECT_EQ(yml->client.password.reveal(), "own");
    EXPECT_EQ(json->source.batch_size, 7U);
    EXPECT_EQ(json->client.password.reveal(), "of the environment");
}

TEST_F(LoadConfig, says_what_is_wrong_with_a_file) {
    const std::string missing = (folder_.path() / "missing.yaml").string();
    EXPECT_EQ(refusal_of(missing), missing + ": can't be read: No such file or directory");
    EXPECT_EQ(refusal_of(folder_.path().string()), folder_.path().string() + ": can't be read: Is a directory");
    const std::string empty = write("empty.json", "");
    EXPECT_EQ(refusal_of(empty), empty + ": is empty");
    const std::string broken = write("broken.json", "{\"batch_size\": ");
    EXPECT_TRUE(refusal_of(broken).starts_with(broken + ": the document is no JSON")) << refusal_of(broken);
    const std::string large = write("large.yaml", std::string((1 << 20) + 1, '#'));
    EXPECT_EQ(refusal_of(large), large + ": is more than 1 MiB");
    EXPECT_EQ(refusal_of("/dev/zero"), "/dev/zero: is more than 1 MiB");
}

TEST_F(LoadConfig, a_file_that_may_not_be_read_is_named) {
    if (::geteuid() == 0) GTEST_SKIP() << "root may read everything";
    const std::string path = write("closed.yaml", "batch_size: 7\n");
    std::filesystem::permissions(path, std::filesystem::perms::none);
    EXPECT_EQ(refusal_of(path), path + ": can't be read: Permission denied");
}

}  // namespace
}  // namespace millrace
