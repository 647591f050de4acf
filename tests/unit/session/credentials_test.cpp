// SEC-1: credentials are replaced while the client runs, and start one again that was refused (RET-1).
#include <gtest/gtest.h>

#include "support/scripted_host.hpp"

namespace millrace::test {
namespace {

const std::string wrongpass = "WRONGPASS invalid username-password pair or user is disabled.";

ClientConfig with_password(uint32_t lanes = 2) {
    ClientConfig config;
    config.password = Secret("old");
    config.lanes = lanes;
    return config;
}

TEST(Credentials, TheNextAuthUsesThemAndWhatIsConnectedStays) {
    ScriptedHost host(with_password(1));
    consume(host);
    ASSERT_TRUE(host.replace_credentials("ann", "new").ok());
    EXPECT_EQ(host.story(), "");
    host.lost("read");
    host.wait(100);
    host.forget();
    host.connected("read");
    EXPECT_EQ(host.story(), lines({"read: HELLO 3 AUTH ann new SETNAME millrace"}));
}

TEST(Credentials, OldServersAreAskedTheSame) {
    ScriptedHost host(with_password(1));
    ASSERT_TRUE(host.replace_credentials("", "new").ok());
    host.open(source_of());
    host.connected("read");
    host.forget();
    host.reply("read", unknown_command("HELLO"));
    EXPECT_EQ(host.story(), lines({"read: AUTH new"}));
}

/// A client that held a batch of five when its password was refused.
struct Refused : ::testing::Test {
    void SetUp() override {
        source = consume(host);
        host.reply("read", stream("s", {"1-0", "2-0", "3-0", "4-0", "5-0"}));
        host.lost("read");
        host.wait(100);
        host.connected("read");
        host.reply("read", error(wrongpass));
        ASSERT_TRUE(host.machine.refused());
        host.forget();
    }
    ScriptedHost host{with_password(1)};
    SourceId source{};
};

TEST_F(Refused, NewOnesStartItAgainAndWhatWasHeldComesAgain) {
    ASSERT_TRUE(host.replace_credentials("ann", "new").ok());
    EXPECT_FALSE(host.machine.refused());
    EXPECT_EQ(host.ack(1, {0}).error().code, Code::lost);
    host.wait(50);  // RET-1: no two attempts are closer
    host.forget();
    host.greet("read");
    host.reply("read", error("BUSYGROUP Consumer Group name already exists"));
    EXPECT_EQ(host.story(), lines({"read: CLIENT KILL ID 7", "reconnected read after 2",
                                   "read: XGROUP CREATE s g 0 MKSTREAM", "ready streams consumer=c resp3 7.0.15",
                                   "read: XINFO GROUPS s", "read: XPENDING s g", "read: XPENDING s g 0-1 + 20 c"}));
}

TEST_F(Refused, NoTwoAttemptsAreCloserHoweverOftenTheyAreReplaced) {
    for (int round = 0; round < 5; ++round) {
        ASSERT_TRUE(host.replace_credentials("", "wrong").ok());
        EXPECT_EQ(host.fire(), 50);
        host.connected("read");
        host.reply("read", error(wrongpass));
        ASSERT_TRUE(host.machine.refused()) << round;
    }
}

TEST_F(Refused, PublishesGoOutAgain) {
    EXPECT_EQ(host.publish("s", {"v"}).error().code, Code::closed);
    ASSERT_TRUE(host.replace_credentials("", "new").ok());
    EXPECT_TRUE(host.publish("s", {"v"}).ok());
    EXPECT_TRUE(host.lives("publish"));
}

/// What was asked on another lane when the client was refused is asked again.
TEST(CredentialsOfSeveralLanes, ALeaseIsSoughtAgain) {
    ScriptedHost host(with_password());
    SourceConfig config = source_of();
    config.consumer_lease = true;
    host.open(config);
    host.greet("read");
    EXPECT_NE(host.story().find("read: MGET"), std::string::npos);
    host.connected("control");
    host.reply("control", error(wrongpass));
    ASSERT_TRUE(host.machine.refused());
    ASSERT_TRUE(host.replace_credentials("", "new").ok());
    host.wait(50);
    host.forget();
    host.greet("read");
    EXPECT_NE(host.story().find("read: MGET"), std::string::npos);
}

TEST(CredentialsOfSeveralLanes, IdempotentPublishesGoOn) {
    ScriptedHost host(with_password());
    host.server.version = "8.6.3";
    consume(host);
    PublishConfig once;
    once.idempotent = true;
    ASSERT_TRUE(host.publish("p", {"a"}, once).ok());
    host.greet("publish");
    EXPECT_NE(host.story().find("publish: XINFO STREAM p"), std::string::npos);
    host.lost("control");
    host.wait(100);
    host.connected("control");
    host.reply("control", error(wrongpass));
    ASSERT_TRUE(host.machine.refused());
    ASSERT_TRUE(host.replace_credentials("", "new").ok());
    ASSERT_TRUE(host.publish("p", {"b"}, once).ok());
    host.wait(50);
    host.forget();
    host.greet("publish");
    EXPECT_NE(host.story().find("publish: XINFO STREAM p"), std::string::npos);
}

TEST(CredentialsOfSeveralLanes, ARefusalIsOfTheChannelThatWasAskedForSince) {
    ClientConfig client = with_password();
    client.mode = Mode::pubsub;
    ScriptedHost it(client);
    it.open(source_of({"s", "t"}));
    it.greet("read");
    it.greet("control");
    it.greet("push");
    it.reply("push", push({bulk("subscribe"), bulk("s"), integer(1)}));  // and t is not answered
    it.lost("read");
    it.wait(100);
    it.connected("read");
    it.reply("read", error(wrongpass));
    ASSERT_TRUE(it.machine.refused());
    ASSERT_TRUE(it.replace_credentials("", "new").ok());
    it.wait(100);
    it.greet("read");
    it.greet("push");
    it.forget();
    it.reply("push", error("NOPERM No permissions to access a channel"));
    EXPECT_NE(it.story().find("SUBSCRIBE s: NOPERM"), std::string::npos);
}

TEST(Credentials, DoNotBringBackASourceThatHadEndedByItself) {
    ScriptedHost other(with_password(1));
    other.open(source_of());
    other.greet("read");
    other.reply("read", error("NOPERM this user has no permissions to run the 'xgroup' command"));
    other.lost("read");
    other.wait(100);
    other.connected("read");
    other.reply("read", error(wrongpass));
    ASSERT_TRUE(other.machine.refused());
    ASSERT_TRUE(other.replace_credentials("", "new").ok());
    other.wait(50);
    other.forget();
    other.greet("read");
    EXPECT_EQ(other.story().find("read: X"), std::string::npos);
}

TEST_F(Refused, SourcesThatWereClosedMeanwhileStayClosed) {
    ASSERT_TRUE(host.close(source).ok());
    host.forget();
    ASSERT_TRUE(host.replace_credentials("", "new").ok());
    EXPECT_EQ(host.ms_to_timeout(), std::nullopt);
    EXPECT_EQ(host.story(), "");
}

TEST(Credentials, AreTooLateOnceADrainHasBegun) {
    ScriptedHost host(with_password(1));
    consume(host);
    ASSERT_TRUE(host.drain(seconds(1)).ok());
    EXPECT_EQ(host.replace_credentials("", "new").error().code, Code::closed);
}

}  // namespace
}  // namespace millrace::test
