// URLs: every part, every refusal, and no password in any of the refusals.
#include <gtest/gtest.h>

#include <random>
#include <string>

#include "millrace/config.hpp"

namespace millrace {
namespace {

Config parsed(std::string_view url) {
    Result<Config> config = parse_url(url);
    if (config.ok()) return *config;
    ADD_FAILURE() << url << ": " << config.error().message;
    return {};
}

std::string refusal(std::string_view url) {
    const Result<Config> config = parse_url(url);
    if (config.ok()) {
        ADD_FAILURE() << url << " is accepted";
        return {};
    }
    EXPECT_EQ(config.error().code, Code::bad_config) << url;
    return config.error().message;
}

TEST(Url, AKeyWithoutAValueIsToldInOneLine) {
    EXPECT_EQ(refusal("redis://h?a%0Ab"), "\"a?b\": has no value; allowed: key=value");
}

TEST(Url, IsLaidOverABase) {
    Config base;
    base.client.lanes = 1;
    base.client.max_retries = 7;
    base.client.endpoint.unix_path = "/run/redis";
    base.client.tls.emplace().server_name = "inside";
    const Result<Config> config = parse_url("rediss://example.org:7777/2?max_retries=0", base);
    ASSERT_TRUE(config.ok());
    EXPECT_EQ(config->client.lanes, 1U);
    EXPECT_EQ(config->client.max_retries, 0U);
    EXPECT_EQ(config->client.endpoint.host, "example.org");
    EXPECT_EQ(config->client.endpoint.unix_path, "");
    EXPECT_EQ(config->client.database, 2);
    EXPECT_EQ(config->client.tls.value().server_name, "inside");
}

TEST(Url, HasHostPortAndDatabase) {
    const struct {
        std::string_view url;
        std::string_view host;
        uint16_t port;
        int64_t database;
    } cases[] = {
        {"redis://h", "h", 6379, 0},
        {"redis://h/", "h", 6379, 0},
        {"redis://h:1/2", "h", 1, 2},
        {"redis://", "localhost", 6379, 0},
        {"redis:///5", "localhost", 6379, 5},
        {"redis://:7000", "localhost", 7000, 0},
        {"redis://[::1]", "::1", 6379, 0},
        {"redis://[fe80::1]:7/3", "fe80::1", 7, 3},
        {"h", "h", 6379, 0},
        {"h:65535", "h", 65535, 0},
        {"127.0.0.1:6380", "127.0.0.1", 6380, 0},
        {"redis://h?database=4", "h", 6379, 4},
        {"redis://h?db=4", "h", 6379, 4},
        {"redis://%68ost", "host", 6379, 0},
        {"h/9", "h", 6379, 9},
    };
    for (const auto& each : cases) {
        const Config config = parsed(each.url);
        EXPECT_EQ(config.client.endpoint.host, each.host) << each.url;
        EXPECT_EQ(config.client.endpoint.port, each.port) << each.url;
        EXPECT_EQ(config.client.database, each.database) << each.url;
        EXPECT_TRUE(config.client.endpoint.unix_path.empty()) << each.url;
        EXPECT_FALSE(config.client.tls.has_value()) << each.url;
    }
}

TEST(Url, HasUserAndPassword) {
    const struct {
        std::string_view url;
        std::string_view username;
        std::string_view password;
    } cases[] = {
        {"redis://:p@h", "", "p"},
        {"redis://user:pass@h:1/2?batch_size=5", "user", "pass"},
        {"redis://user@h", "user", ""},
        {"redis://user:@h", "user", ""},
        {"redis://@h", "", ""},
        {"redis://:a:b@h", "", "a:b"},
        {"redis://u%40x:p%40%3A%2F%3F%23%25@h", "u@x", "p@:/?#%"},
        {"rediss://:p+q@h", "", "p+q"},
        {"unix://:p@/tmp/s", "", "p"},
        {"u:p@h:1", "u", "p"},
        {"redis://:u@h?auth_token=a", "", "a"},
        {"redis://h?password=c&redis_secret=b&auth_token=a", "", "a"},
        {"redis://h?auth_token=&redis_secret=b&password=c", "", "b"},
        {"redis://h?redis_secret=b&password=c", "", "b"},
        {"redis://h?password=p%40q", "", "p@q"},
    };
    for (const auto& each : cases) {
        const Config config = parsed(each.url);
        EXPECT_EQ(config.client.username, each.username) << each.url;
        EXPECT_EQ(config.client.password.reveal(), each.password) << each.url;
    }
    EXPECT_EQ(parsed("redis://user:pass@h:1/2?batch_size=5").source.batch_size, 5U);
}

TEST(Url, NamesAUnixSocket) {
    EXPECT_EQ(parsed("unix:///run/redis.sock").client.endpoint.unix_path, "/run/redis.sock");
    EXPECT_EQ(parsed("unix:///run/my%20redis?db=1").client.endpoint.unix_path, "/run/my redis");
    EXPECT_EQ(parsed("unix:///run/my%20redis?db=1").client.database, 1);
    EXPECT_EQ(parsed("unix:///s?database=2").client.database, 2);
    for (const std::string_view url :
         {"unix://", "unix://h/s", "unix://s", "unix:///a%00b", "unix:///s?host=h", "unix:///%zz"})
        refusal(url);
}

TEST(Url, TurnsTlsOn) {
    EXPECT_TRUE(parsed("rediss://h").client.tls.has_value());
    EXPECT_EQ(parsed("rediss://h?tls.ca=/etc/ca.pem").client.tls->ca, "/etc/ca.pem");
    EXPECT_TRUE(parsed("redis://h?tls.enabled=true").client.tls.has_value());
    EXPECT_TRUE(parsed("redis://h?tls.verify=false").client.tls.has_value());
    EXPECT_FALSE(parsed("redis://h?tls.enabled=false&tls.ca=x").client.tls.has_value());
    EXPECT_FALSE(parsed("redis://h?tls.ca=x&tls.enabled=false").client.tls.has_value());
    EXPECT_NE(refusal("rediss://h?tls.enabled=false").find("tls.enabled"), std::string::npos);
    EXPECT_NE(refusal("rediss://h?tls.cert=x").find("tls.key"), std::string::npos);
    EXPECT_NE(refusal("rediss://h?tls.key=x").find("tls.cert"), std::string::npos);
    EXPECT_TRUE(parsed("rediss://h?tls.key=x&tls.cert=y").client.tls.has_value());
}

TEST(Url, SetsAnyKeyOfTheTable) {
    const Config config = parsed("redis://h?&streams=a%2Cb,c&group=g%20h&flush_interval=2s&&prefetch=100&consumer=");
    EXPECT_EQ(config.source.streams, (std::vector<std::string>{"a", "b", "c"}));
    EXPECT_EQ(config.source.group, "g h");
    EXPECT_EQ(config.source.flush_interval->us, 2'000'000);
    EXPECT_EQ(config.source.prefetch, 100U);
    EXPECT_EQ(parsed("redis://h?stream=a%26b").source.streams, std::vector<std::string>{"a&b"});
    EXPECT_EQ(parsed("redis://h?group=a=b").source.group, "a=b");
}

TEST(Url, IsRefusedByWhatIsWrongWithIt) {
    const std::pair<std::string_view, std::string_view> cases[] = {
        {"", "empty"},
        {"http://h", "redis://"},
        {"://h", "redis://"},
        {"redis://h:0", "65535"},
        {"redis://h:65536", "65535"},
        {"redis://h:x", "65535"},
        {"redis://h:", "65535"},
        {"redis://[::1", "[IPv6]"},
        {"redis://[::1]1", "[IPv6]"},
        {"redis://a b", "host"},
        {"redis://h#f", "'#'"},
        {"redis://h/x", "database"},
        {"redis://h/-1", "database"},
        {"redis://h/1/2", "database"},
        {"redis://h/2147483648", "database"},
        {"redis://h/1?database=1", "database: is given twice"},
        {"redis://h?batch_size=1&batch_size=1", "batch_size: is given twice"},
        {"redis://h?host=i", "host: is given twice"},
        {"redis://:a@h?password=a", "password: is given twice"},
        {"redis://h?stream=a&streams=b", "one of them"},
        {"redis://h?streams=a&stream=b", "one of them"},
        {"redis://h?batch_size", "key=value"},
        {"redis://h?batch_sise=1", "\"batch_size\""},
        {"redis://h?batch_size=0", "1 to 1000000"},
        {"redis://h?batch_size=10&prefetch=9", "prefetch: 9"},
        {"redis://h?prefetch=9", "prefetch: 9"},
        {"redis://h?group=%", "%25"},
        {"redis://h?group=%1", "%25"},
        {"redis://h?group=%g0", "%25"},
        {"redis://h?%4=1", "%25"},
        {"redis://%u@h", "%25"},
        {"redis://u:%@h", "%25"},
        {"redis://%", "%25"},
    };
    for (const auto& [url, words] : cases) {
        const std::string message = refusal(url);
        EXPECT_NE(message.find(words), std::string::npos) << url << ": " << message;
    }
}

TEST(Url, NamesAPattern) {
    const Result<Config> config = parse_url("redis://h?pattern=orders-*");
    ASSERT_TRUE(config.ok());
    EXPECT_EQ(config->source.pattern, "orders-*");
}

TEST(Url, SaysWhatThisVersionDoesNotDo) {
    for (const std::string_view url : {"redis-sentinel://a:1,b:2/main", "rediss+sentinel://:hunter2@a:1/main"}) {
        const Result<Config> sentinel = parse_url(url);
        ASSERT_FALSE(sentinel.ok()) << url;
        EXPECT_EQ(sentinel.error().code, Code::unsupported) << url;
        EXPECT_NE(sentinel.error().message.find("Sentinel"), std::string::npos) << sentinel.error().message;
        EXPECT_EQ(sentinel.error().message.find("hunter2"), std::string::npos) << sentinel.error().message;
    }
}

// CFG-4. A password with a bare `/`, `?`, `#`, `@` or `%` tears the URL apart somewhere in the password.
TEST(Url, QuotesNoPieceOfAPassword) {
    for (const std::string_view url : {"redis://:hunter2",
                                       "redis://user:hunter2",
                                       "redis://user:hunter2/1",
                                       "redis://:x/hunter2@h",
                                       "redis://:x?hunter2@h",
                                       "redis://:x?a=hunter2@h",
                                       "redis://:x?hunter2=1@h",
                                       "redis://:x#hunter2@h",
                                       "redis://:x@hunter2@h",
                                       "redis://:hunter2%@h",
                                       "redis://:hunter2@h:x",
                                       "redis://:hunter2@[h",
                                       "redis://:hunter2@h?batch_size=0",
                                       "http://:hunter2@h",
                                       "redis://u:hunter2@h/x",
                                       "redis://h?password=hunter2&password=hunter2",
                                       "redis://h?auth_token=hunter2&batch_size=x",
                                       "redis://u@hunter2@h",
                                       "redis:/:hunter2@h",
                                       "redis//:hunter2@h/x@",
                                       ":hunter2@h:x"}) {
        const std::string message = refusal(url);
        EXPECT_EQ(message.find("hunter2"), std::string::npos) << url << ": " << message;
    }
}

TEST(Url, TakesAnyText) {
    constexpr std::string_view seeds[] = {"redis://user:pass@h:1/2?batch_size=5&streams=a,b",
                                          "rediss://:p%40@[::1]:7/3?tls.ca=x&tls.verify=false",
                                          "unix:///tmp/x.sock?db=1&mode=auto", "host:7000?jitter=0.5&block=1h30m"};
    std::mt19937 random(6379);
    size_t good = 0;
    for (int round = 0; round < 6'000; ++round) {
        std::string url(seeds[random() % std::size(seeds)]);
        for (size_t changes = random() % 4; changes > 0; --changes) {
            const size_t at = random() % url.size();
            switch (random() % 3) {
                case 0:
                    url[at] = static_cast<char>(random() % 256);
                    break;
                case 1:
                    url.insert(at, 1, ":/?#@%&=[]"[random() % 10]);
                    break;
                default:
                    url.erase(at, 1);
            }
        }
        const Result<Config> config = parse_url(url);
        if (config.ok()) {
            ++good;
            ASSERT_TRUE(validate(config->client).ok()) << url;
        } else {
            ASSERT_FALSE(config.error().message.empty());
            ASSERT_LT(config.error().message.size(), 400U);
        }
    }
    EXPECT_GT(good, 500U);
}

}  // namespace
}  // namespace millrace
