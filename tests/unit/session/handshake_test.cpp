// DET-1 and the refusals of RET-1: the first commands of a connection, and what their answers lead to.
#include <gtest/gtest.h>

#include "support/scripted_host.hpp"

namespace millrace::test {
namespace {

ClientConfig with_password() {
    ClientConfig config;
    config.password = Secret("hunter2");
    return config;
}

/// A host whose read lane is connected: its HELLO is out. With one lane, so that the story is that of one connection.
struct Greeting : ::testing::Test {
    void begin(ClientConfig config = {}) {
        config.lanes = 1;
        host.emplace(config);
        host->open(source_of());
        host->forget();
        host->connected("read");
    }
    void answer(std::string_view bytes) { host->reply("read", bytes); }
    std::string story() { return host->story(); }

    std::optional<ScriptedHost> host;
};

TEST_F(Greeting, Resp3IsAskedForWithANameAndHelloTellsTheClientId) {
    begin();
    EXPECT_EQ(story(), lines({"read: HELLO 3 SETNAME millrace"}));
    answer(hello(3, 7));
    EXPECT_EQ(story(), lines({"read: INFO server"}));
    answer(info("7.0.15"));
    EXPECT_EQ(story(), lines({"log info: Redis Streams supported - will use Streams for notifications redis_version=7",
                              "mode streams 7.0.15", "read: XGROUP CREATE s g 0 MKSTREAM"}));
}

TEST_F(Greeting, APasswordAloneIsThatOfTheDefaultUser) {
    begin(with_password());
    EXPECT_EQ(story(), lines({"read: HELLO 3 AUTH default hunter2 SETNAME millrace"}));
}

TEST_F(Greeting, UserDatabaseAndNameAreSent) {
    ClientConfig config = with_password();
    config.username = "ann";
    config.database = 3;
    config.client_name = "agent-7";
    begin(config);
    EXPECT_EQ(story(), lines({"read: HELLO 3 AUTH ann hunter2 SETNAME agent-7"}));
    answer(hello(3, 7));
    EXPECT_EQ(story(), lines({"read: SELECT 3"}));
    answer(ok());
    EXPECT_EQ(story(), lines({"read: INFO server"}));
}

TEST_F(Greeting, Protocol2IsAskedForByHelloToo) {
    ClientConfig config;
    config.protocol = Protocol::resp2;
    begin(config);
    EXPECT_EQ(story(), lines({"read: HELLO 2 SETNAME millrace"}));
    answer(hello(2, 7));
    answer(info("7.0.15"));
    host->forget();
    answer(ok());
    EXPECT_EQ(story(), lines({"ready streams consumer=c resp2 7.0.15",
                              "read: XREADGROUP GROUP g c COUNT 5 BLOCK 250 STREAMS s >"}));
}

TEST_F(Greeting, AServerWithoutHelloIsTalkedToInResp2) {
    begin(with_password());
    host->forget();
    answer(unknown_command("HELLO"));
    EXPECT_EQ(story(), lines({"read: AUTH hunter2"}));
    answer(ok());
    EXPECT_EQ(story(), lines({"read: CLIENT SETNAME millrace"}));
    answer(ok());
    EXPECT_EQ(story(), lines({"read: CLIENT ID"}));
    answer(integer(12));
    EXPECT_EQ(story(), lines({"read: INFO server"}));
    answer(info("5.0.6"));
    EXPECT_EQ(story(), lines({"log info: Redis Streams supported - will use Streams for notifications redis_version=5",
                              "mode streams 5.0.6", "read: XGROUP CREATE s g 0 MKSTREAM"}));
    answer(ok());
    EXPECT_EQ(story(), lines({"ready streams consumer=c resp2 5.0.6",
                              "read: XREADGROUP GROUP g c COUNT 5 BLOCK 250 STREAMS s >"}));
}

TEST_F(Greeting, ANameThatIsRefusedIsDoneWithout) {
    begin();
    host->forget();
    answer(unknown_command("HELLO"));
    EXPECT_EQ(story(), lines({"read: CLIENT SETNAME millrace"}));
    answer(unknown_command("CLIENT"));
    EXPECT_EQ(story(), lines({"read: CLIENT ID"}));
    answer(unknown_command("CLIENT"));
    EXPECT_EQ(story(), lines({"read: INFO server"}));
}

TEST_F(Greeting, NoprotoAndNopermMeanResp2) {
    for (const char* refusal :
         {"NOPROTO unsupported protocol version", "NOPERM this user has no permissions to run the 'hello' command"}) {
        begin(with_password());
        host->forget();
        answer(error(refusal));
        EXPECT_EQ(story(), lines({"read: AUTH hunter2"})) << refusal;
    }
}

TEST_F(Greeting, AnErrorInHellosPlaceIsNoSignOfAnOldServer) {
    for (const char* refusal : {"ERR max number of clients reached", "LOADING Redis is loading the dataset in memory",
                                "MASTERDOWN Link with MASTER is down", "BUSY Redis is busy running a script."}) {
        begin();
        host->forget();
        answer(error(refusal));
        EXPECT_EQ(story(), lines({"disconnected read dropped: server_busy (" + std::string(refusal) + ") retryable",
                                  "close read"}))
            << refusal;
        EXPECT_EQ(host->fire(), 100) << refusal;
        EXPECT_EQ(story(), lines({"connect read"})) << refusal;
        host->connected("read");
        EXPECT_EQ(story(), lines({"read: HELLO 3 SETNAME millrace"})) << refusal;
    }
}

TEST_F(Greeting, Protocol3IsNotHadFromAnOldServer) {
    ClientConfig config;
    config.protocol = Protocol::resp3;
    begin(config);
    host->forget();
    answer(unknown_command("HELLO"));
    EXPECT_EQ(story(), lines({"disconnected read dropped: unsupported (protocol: 3 is asked for, and the server has no "
                              "HELLO)",
                              "failure of all: unsupported (protocol: 3 is asked for, and the server has no HELLO), "
                              "closed",
                              "close read"}));
    EXPECT_EQ(host->ms_to_timeout(), std::nullopt);
}

TEST_F(Greeting, HelloThatAnswersNoMapIsAProtocolError) {
    begin();
    host->forget();
    answer(integer(3));
    EXPECT_EQ(story(),
              lines({"disconnected read dropped: protocol (the answer to HELLO is no map) retryable", "close read"}));
    EXPECT_EQ(host->fire(), 100);
}

TEST_F(Greeting, APasswordThatIsNotWantedIsNoObstacle) {
    begin(with_password());
    answer(unknown_command("HELLO"));
    host->forget();
    answer(error("ERR Client sent AUTH, but no password is set"));
    EXPECT_EQ(story(), lines({"read: CLIENT SETNAME millrace"}));
}

TEST_F(Greeting, AUserIsNotHadBefore6) {
    ClientConfig config = with_password();
    config.username = "ann";
    begin(config);
    answer(unknown_command("HELLO"));
    EXPECT_EQ(story(), lines({"read: HELLO 3 AUTH ann hunter2 SETNAME millrace", "read: AUTH ann hunter2"}));
    answer(error("ERR wrong number of arguments for 'auth' command"));
    EXPECT_EQ(story(),
              lines({"disconnected read dropped: auth (username: this server is older than 6.0 and knows no users)",
                     "failure of all: auth (username: this server is older than 6.0 and knows no users), closed",
                     "close read"}));
}

/// RET-1: a refusal that no retry changes stops everything, with one event.
struct Refusal : ::testing::Test {
    void expect_stop(ScriptedHost& host, const std::string& lane, const std::string& bytes, const std::string& told) {
        host.forget();
        host.reply(lane, bytes);
        const std::string other = lane == "read" ? "control" : "read";
        EXPECT_EQ(host.story(), lines({"disconnected " + lane + " dropped: " + told,
                                       "failure of all: " + told + ", closed", "close " + lane, "close " + other}));
        EXPECT_EQ(host.ms_to_timeout(), std::nullopt);
        host.oversleep(3'600'000);
        EXPECT_EQ(host.story(), "");
        EXPECT_EQ(host.machine.open(source_of(), host.now()).error().code, Code::closed);
        EXPECT_EQ(host.publish("s", {"v"}).error().code, Code::closed);
    }
};

TEST_F(Refusal, WrongpassStops) {
    ScriptedHost host(with_password());
    host.open(source_of());
    host.connected("read");
    expect_stop(host, "read", error("WRONGPASS invalid username-password pair or user is disabled."),
                "auth (WRONGPASS invalid username-password pair or user is disabled.)");
}

TEST_F(Refusal, NoauthStopsWhicheverLaneHearsIt) {
    ScriptedHost host;
    host.open(source_of());
    host.connected("control");
    expect_stop(host, "control", error("NOAUTH HELLO must be called with the client already authenticated"),
                "auth (NOAUTH HELLO must be called with the client already authenticated)");
}

TEST_F(Refusal, AnInvalidPasswordStopsOnOldServers) {
    ScriptedHost host(with_password());
    host.open(source_of());
    host.connected("read");
    host.reply("read", unknown_command("HELLO"));
    expect_stop(host, "read", error("ERR invalid password"), "auth (ERR invalid password)");
}

TEST_F(Refusal, AnOldServerThatWantsAPasswordStopsAtInfo) {
    ScriptedHost host;
    host.open(source_of());
    host.connected("read");
    host.reply("read", unknown_command("HELLO"));
    host.reply("read", error("NOAUTH Authentication required."));
    host.reply("read", error("NOAUTH Authentication required."));
    expect_stop(host, "read", error("NOAUTH Authentication required."), "auth (NOAUTH Authentication required.)");
}

TEST_F(Refusal, ADatabaseThatIsNotThereStops) {
    ClientConfig config;
    config.database = 99;
    ScriptedHost host(config);
    host.open(source_of());
    host.connected("read");
    host.reply("read", hello(3, 7));
    expect_stop(host, "read", error("ERR DB index is out of range"), "bad_argument (ERR DB index is out of range)");
}

TEST_F(Refusal, APublishThatWaitsEndsWithTheRefusal) {
    ScriptedHost host;
    ASSERT_TRUE(host.publish("s", {"v"}).ok());
    host.connected("publish");
    host.forget();
    host.reply("publish", error("NOAUTH HELLO must be called with the client already authenticated"));
    EXPECT_EQ(host.story(),
              lines({"disconnected publish dropped: auth (NOAUTH HELLO must be called with the client already "
                     "authenticated)",
                     "failure of all: auth (NOAUTH HELLO must be called with the client already authenticated), closed",
                     "published 1: [auth (NOAUTH HELLO must be called with the client already authenticated)]",
                     "close publish"}));
}

TEST_F(Refusal, AfterItSourcesCanBeClosedAndAcksAreRefused) {
    ScriptedHost host;
    const SourceId source = consume(host);
    host.reply("read", stream("s", {"1-0", "2-0", "3-0", "4-0", "5-0"}));
    ASSERT_TRUE(host.ack(1, {0}).ok());
    host.lost("read");
    host.wait(100);
    host.connected("read");
    host.reply("read", error("WRONGPASS invalid username-password pair or user is disabled."));
    host.forget();
    EXPECT_EQ(host.ack(1, {1}).error().code, Code::closed);
    EXPECT_TRUE(host.close(source).ok());
    EXPECT_EQ(host.story(), lines({"closed source, 5 held"}));
}

TEST(Secrets, AreInNoEventAndNoLog) {
    ScriptedHost host(with_password());
    host.open(source_of());
    host.connected("read");
    host.connected("control");
    host.forget();
    host.reply("read", error("ERR unknown command `HELLO`, with args beginning with: `3`, `AUTH`, `default`, "
                             "`hunter2`, `SETNAME`, `millrace`, "));
    host.forget();
    host.reply("read", error("ERR unknown command `AUTH`, with args beginning with: `hunter2`, "));
    const std::string told = host.story();
    EXPECT_NE(told.find("unknown command"), std::string::npos);
    EXPECT_EQ(told.find("hunter2"), std::string::npos) << told;
}

}  // namespace
}  // namespace millrace::test
