// DET-2: any shape of INFO parses or is left unknown.
#include "command/server_info.hpp"

#include <gtest/gtest.h>

#include <random>
#include <string>

namespace millrace {
namespace {

constexpr std::string_view redis_info =
    "# Server\r\nredis_version:6.2.14\r\nredis_git_sha1:00000000\r\nredis_mode:standalone\r\nos:Linux 6.1 x86_64\r\n"
    "run_id:5d1a3d2d5b0f4a5c8d5a1a5f3f1c6c9d7e8f9a0b\r\ntcp_port:6379\r\n";
constexpr std::string_view valkey_info =
    "# Server\r\nredis_version:7.2.4\r\nserver_name:valkey\r\nvalkey_version:8.1.1\r\nvalkey_release_stage:ga\r\n"
    "run_id:0123456789abcdef0123456789abcdef01234567\r\n";

TEST(Version, IsReadInAnyShape) {
    const struct {
        std::string_view text;
        std::optional<Version> version;
    } cases[] = {
        {"6.2.5", Version{6, 2, 5}},
        {"7.0.0-rc1", Version{7, 0, 0}},
        {"255.255.255", Version{255, 255, 255}},
        {"7.9.240", Version{7, 9, 240}},
        {"8", Version{8, 0, 0}},
        {"7.", Version{7, 0, 0}},
        {"7.x", Version{7, 0, 0}},
        {"7.0", Version{7, 0, 0}},
        {"7.4.1.2", Version{7, 4, 1}},
        {"1000000.0.0", Version{1'000'000, 0, 0}},
        {"1000001.0.0", std::nullopt},
        {"6.1000001.0", std::nullopt},
        {"99999999999999999999999.0.0", std::nullopt},
        {"", std::nullopt},
        {"v7.0", std::nullopt},
        {"-7.0", std::nullopt},
        {".7", std::nullopt},
        {"unknown", std::nullopt},
    };
    for (const auto& each : cases) EXPECT_EQ(parse_version(each.text), each.version) << each.text;
}

TEST(Version, IsOrdered) {
    EXPECT_LT((Version{6, 2, 14}), (Version{7, 0, 0}));
    EXPECT_LT((Version{8, 2, 0}), (Version{8, 10, 0}));
}

TEST(ServerInfo, TellsRedis) {
    const ServerInfo info = parse_server_info(redis_info);
    EXPECT_EQ(info.flavor, Flavor::redis);
    EXPECT_EQ(info.version, (Version{6, 2, 14}));
    EXPECT_EQ(info.valkey_version, std::nullopt);
    EXPECT_EQ(info.version_text, "6.2.14");
    EXPECT_EQ(info.run_id, "5d1a3d2d5b0f4a5c8d5a1a5f3f1c6c9d7e8f9a0b");
}

TEST(ServerInfo, TellsValkeyByEitherOfItsFields) {
    const ServerInfo info = parse_server_info(valkey_info);
    EXPECT_EQ(info.flavor, Flavor::valkey);
    EXPECT_EQ(info.version, (Version{7, 2, 4}));
    EXPECT_EQ(info.valkey_version, (Version{8, 1, 1}));
    EXPECT_EQ(info.version_text, "8.1.1");

    const ServerInfo by_name = parse_server_info("redis_version:7.2.4\r\nserver_name:valkey\r\n");
    EXPECT_EQ(by_name.flavor, Flavor::valkey);
    EXPECT_EQ(by_name.version_text, "7.2.4");

    const ServerInfo by_version = parse_server_info("valkey_version:9.0.1\r\n");
    EXPECT_EQ(by_version.flavor, Flavor::valkey);
    EXPECT_EQ(by_version.version, (Version{7, 2, 4}));
}

TEST(ServerInfo, LeavesUnsetWhatIsMissingOrBinary) {
    for (const std::string_view text :
         {"", "\r\n", "# Server\r\n", "redis_version\r\n", "redis_version:\r\n", "redis_version:six\r\n",
          "redis_version:\x01\x02\r\n", "xredis_version:7.0.0\r\n", "redis_version:7 0\r\n"}) {
        const ServerInfo info = parse_server_info(text);
        EXPECT_EQ(info.flavor, Flavor::unknown) << text;
        EXPECT_EQ(info.version, std::nullopt) << text;
        EXPECT_EQ(info.version_text, "") << text;
        EXPECT_EQ(info.run_id, "") << text;
    }
    EXPECT_EQ(parse_server_info("run_id:" + std::string(65, 'a') + "\r\n").run_id, "");
    EXPECT_EQ(parse_server_info("server_name:redis\r\nredis_version:8.0.2\r\n").flavor, Flavor::redis);
}

TEST(ServerInfo, TakesAnyEndOfLine) {
    EXPECT_EQ(parse_server_info("redis_version:5.0.6").version, (Version{5, 0, 6}));
    EXPECT_EQ(parse_server_info("redis_version:5.0.6\nrun_id:abc\n").run_id, "abc");
}

TEST(ServerInfo, NamesItsFlavors) {
    EXPECT_EQ(name(Flavor::unknown), "unknown");
    EXPECT_EQ(name(Flavor::redis), "redis");
    EXPECT_EQ(name(Flavor::valkey), "valkey");
}

TEST(ServerInfo, TakesEveryPrefixAndAnyBytes) {
    for (size_t size = 0; size <= valkey_info.size(); ++size) {
        const ServerInfo info = parse_server_info(valkey_info.substr(0, size));
        if (info.version) {
            EXPECT_EQ(info.version->major, 7U) << size;
        }
    }
    std::mt19937 random(77);
    for (int round = 0; round < 5'000; ++round) {
        std::string text(round % 2 == 0 ? redis_info : valkey_info);
        for (size_t i = 0; i < 8; ++i) text[random() % text.size()] = static_cast<char>(random() % 256);
        const ServerInfo info = parse_server_info(text);
        ASSERT_LE(info.run_id.size(), 64U);
        ASSERT_LE(info.version_text.size(), 64U);
        ASSERT_TRUE(info.version_text.empty() || info.version || info.valkey_version);
    }
}

}  // namespace
}  // namespace millrace
