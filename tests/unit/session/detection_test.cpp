// DET-2 to DET-4: what the server is, by what it tells, and what the log says of it.
#include <gtest/gtest.h>

#include "support/scripted_host.hpp"

namespace millrace::test {
namespace {

constexpr const char* auto_detecting =
    "log info: Auto-detecting Redis version to choose best notification implementation...";
constexpr const char* noperm_info = "NOPERM this user has no permissions to run the 'info' command";

/// A host with one lane whose INFO is out, after HELLO has told a version, or has not.
struct Detection : ::testing::Test {
    void begin(std::string_view hello_version, Mode mode = Mode::automatic) {
        ClientConfig config;
        config.lanes = 1;
        config.mode = mode;
        host.emplace(config);
        host->open(source_of());
        opening = host->story();
        host->connected("read");
        if (hello_version.empty()) {
            host->reply("read", unknown_command("HELLO"));
            host->reply("read", ok());
            host->reply("read", integer(7));
        } else {
            host->reply("read", hello(3, 7, hello_version));
        }
        host->forget();
    }
    std::string answer(std::string_view bytes) {
        host->reply("read", bytes);
        return host->story();
    }

    std::optional<ScriptedHost> host;
    std::string opening;
};

const std::string streams_by_version =
    "log info: Redis Streams supported - will use Streams for notifications redis_version=";

TEST_F(Detection, IsAnnouncedBeforeTheFirstConnection) {
    begin("7.0.15");
    EXPECT_EQ(opening, lines({auto_detecting, "connect read"}));
    begin("7.0.15", Mode::streams);
    EXPECT_EQ(opening, lines({"connect read"}));
}

TEST_F(Detection, InfoDecides) {
    begin("");
    EXPECT_EQ(answer(info("5.0.6")),
              lines({streams_by_version + "5", "mode streams 5.0.6", "read: XGROUP CREATE s g 0 MKSTREAM"}));
    begin("");
    EXPECT_EQ(answer(info("4.0.14")),
              lines({"log info: Redis Streams not supported - will use Pub/Sub for notifications redis_version=4 "
                     "min_required=5",
                     "mode pubsub 4.0.14", "connect push"}));
}

TEST_F(Detection, AnyShapeOfAVersionParses) {
    for (const char* version : {"6.2.5", "7.0.0-rc1", "255.255.255", "8"}) {
        begin("");
        const std::string major(version, std::string_view(version).find_first_of(".") == std::string_view::npos
                                             ? 1
                                             : std::string_view(version).find('.'));
        EXPECT_EQ(answer(info(version)), lines({streams_by_version + major, "mode streams " + std::string(version),
                                                "read: XGROUP CREATE s g 0 MKSTREAM"}));
    }
}

TEST_F(Detection, InResp3InfoIsVerbatimText) {
    begin("7.0.15");
    EXPECT_EQ(answer(verbatim("# Server\r\nredis_version:7.0.15\r\n")),
              lines({streams_by_version + "7", "mode streams 7.0.15", "read: XGROUP CREATE s g 0 MKSTREAM"}));
}

TEST_F(Detection, ValkeyIsToldByItsOwnVersion) {
    begin("");
    EXPECT_EQ(answer(bulk("redis_version:7.2.4\r\nserver_name:valkey\r\nvalkey_version:9.1.2\r\n")),
              lines({streams_by_version + "7", "mode streams 9.1.2", "read: XGROUP CREATE s g 0 MKSTREAM"}));
}

TEST_F(Detection, WithInfoRefusedHelloDecides) {
    for (const std::string& refusal : {error(noperm_info), unknown_command("INFO"), bulk("# Server\r\n"),
                                       bulk(std::string("redis_version:\0\1\2\r\n", 19)), bulk("")}) {
        begin("6.2.14");
        EXPECT_EQ(answer(refusal),
                  lines({streams_by_version + "6", "mode streams 6.2.14", "read: XGROUP CREATE s g 0 MKSTREAM"}))
            << refusal;
    }
}

TEST_F(Detection, WithNeitherCommandInfoDecides) {
    begin("");
    EXPECT_EQ(answer(error(noperm_info)), lines({"read: COMMAND INFO xreadgroup"}));
    EXPECT_EQ(answer(array({array({bulk("xreadgroup"), integer(-7)})})),
              lines({streams_by_version + "unknown", "mode streams unknown", "read: XGROUP CREATE s g 0 MKSTREAM"}));
}

TEST_F(Detection, CommandInfoMayTellThatThereIsNone) {
    begin("");
    (void)answer(unknown_command("INFO"));
    EXPECT_EQ(answer(array({null_array()})),
              lines({"log warn: Could not detect Redis version - will use Pub/Sub as safe fallback error=ERR unknown "
                     "command `INFO`",
                     "mode pubsub unknown", "connect push"}));
}

TEST_F(Detection, XlenIsTheLastEvidence) {
    begin("");
    (void)answer(unknown_command("INFO"));
    EXPECT_EQ(answer(unknown_command("COMMAND")), lines({"read: XLEN millrace:probe"}));
    EXPECT_EQ(answer(integer(0)),
              lines({streams_by_version + "unknown", "mode streams unknown", "read: XGROUP CREATE s g 0 MKSTREAM"}));
}

TEST_F(Detection, AnythingButUnknownCommandMeansStreams) {
    begin("");
    (void)answer(unknown_command("INFO"));
    (void)answer(unknown_command("COMMAND"));
    EXPECT_EQ(answer(error("NOPERM this user has no permissions to access one of the keys used as arguments")),
              lines({streams_by_version + "unknown", "mode streams unknown", "read: XGROUP CREATE s g 0 MKSTREAM"}));
}

TEST_F(Detection, OnlyWhenAllTellNothingItIsPubSubWithAWarning) {
    begin("");
    (void)answer(error(noperm_info));
    (void)answer(error("NOPERM this user has no permissions to run the 'command|info' command"));
    EXPECT_EQ(answer(unknown_command("XLEN")),
              lines({"log warn: Could not detect Redis version - will use Pub/Sub as safe fallback error=" +
                         std::string(noperm_info),
                     "mode pubsub unknown", "connect push"}));
}

/// No answer is no silent downgrade: the connection is tried again.
TEST_F(Detection, WhatIsNoAnswerIsAskedAgain) {
    const std::string busy = "BUSY Redis is busy running a script.";
    const std::string told = "disconnected read dropped: server_busy (" + busy + ") retryable";
    begin("");
    EXPECT_EQ(answer(error(busy)), lines({told, "close read"}));
    EXPECT_EQ(host->fire(), 100);
    begin("");
    (void)answer(error(noperm_info));
    EXPECT_EQ(answer(error(busy)), lines({told, "close read"}));
    EXPECT_EQ(host->fire(), 100);
    begin("");
    (void)answer(error(noperm_info));
    (void)answer(unknown_command("COMMAND"));
    EXPECT_EQ(answer(error(busy)), lines({told, "close read"}));
    EXPECT_EQ(host->fire(), 100);
}

/// RET-1: only refusals of AUTH and HELLO stop a client; an error nobody has heard of may pass.
TEST_F(Detection, AnUnknownErrorIsAskedAgainToo) {
    begin("");
    EXPECT_EQ(
        answer(error("ERR the proxy lost its backend")),
        lines({"disconnected read dropped: bad_argument (ERR the proxy lost its backend) retryable", "close read"}));
    EXPECT_EQ(host->fire(), 100);
    begin("");
    (void)answer(error(noperm_info));
    EXPECT_EQ(
        answer(error("ERR the proxy lost its backend")),
        lines({"disconnected read dropped: bad_argument (ERR the proxy lost its backend) retryable", "close read"}));
    EXPECT_EQ(host->fire(), 100);
}

TEST_F(Detection, AForcedModeIsTakenAsItIs) {
    begin("", Mode::streams);
    EXPECT_EQ(answer(info("3.2.9")), lines({"mode streams 3.2.9", "read: XGROUP CREATE s g 0 MKSTREAM"}));
    begin("7.0.15", Mode::pubsub);
    EXPECT_EQ(answer(info("7.0.15")), lines({"mode pubsub 7.0.15", "connect push"}));
}

}  // namespace
}  // namespace millrace::test
