// PUB-1 with `atomic`: MULTI, the entries, EXEC. No rollback: each result stands.
#include <gtest/gtest.h>

#include "support/scripted_host.hpp"

namespace millrace::test {
namespace {

constexpr const char* loading = "LOADING Redis is loading the dataset in memory";

struct Atomic : ::testing::Test {
    explicit Atomic(const ClientConfig& config = {}) : host(config) {
        EXPECT_TRUE(host.publish("s", {"a", "b"}, true).ok());
        host.greet("publish");
        EXPECT_EQ(host.story(), lines({"connect publish", "publish: MULTI", "publish: XADD s * f a",
                                       "publish: XADD s * f b", "publish: EXEC"}));
    }
    void queued() {
        host.reply("publish", ok());
        host.reply("publish", status("QUEUED"));
        host.reply("publish", status("QUEUED"));
    }
    void reconnect() {
        host.fire();
        host.greet("publish");
    }
    ScriptedHost host;
};

TEST_F(Atomic, TellsAllResultsOfExec) {
    queued();
    EXPECT_EQ(host.story(), "");
    host.reply("publish", array({bulk("5-0"), bulk("5-1")}));
    EXPECT_EQ(host.story(), lines({"published 1: [5-0] [5-1]"}));
}

TEST_F(Atomic, OneErrorInExecLeavesTheOtherResult) {
    queued();
    host.reply("publish", array({bulk("5-0"), error("OOM command not allowed when used memory > 'maxmemory'.")}));
    EXPECT_EQ(host.story(), lines({"published 1: [5-0] [oom (OOM command not allowed when used memory > 'maxmemory'.) "
                                   "retryable]"}));
}

TEST_F(Atomic, AnAbortedTransactionTellsWhyItWas) {
    host.reply("publish", ok());
    host.reply("publish", status("QUEUED"));
    host.reply("publish", error("NOPERM this user has no permissions to run the 'xadd' command"));
    host.reply("publish", error("EXECABORT Transaction discarded because of previous errors."));
    const std::string told = "[no_permission (NOPERM this user has no permissions to run the 'xadd' command)]";
    EXPECT_EQ(host.story(), lines({"published 1: " + told + " " + told}));
}

TEST_F(Atomic, AnAbortThatARetryMayMendIsTriedAgainAsAWhole) {
    host.reply("publish", ok());
    host.reply("publish", error(loading));
    host.reply("publish", error(loading));
    host.reply("publish", error("EXECABORT Transaction discarded because of previous errors."));
    EXPECT_EQ(host.story(), "");
    EXPECT_EQ(host.fire(), 100);
    EXPECT_EQ(host.story(),
              lines({"publish: MULTI", "publish: XADD s * f a", "publish: XADD s * f b", "publish: EXEC"}));
    queued();
    host.reply("publish", array({bulk("5-0"), bulk("5-1")}));
    EXPECT_EQ(host.story(), lines({"published 1: [5-0] [5-1]"}));
    EXPECT_EQ(host.ms_to_timeout(), 5000);  // nothing waits any more: the next PING
}

TEST_F(Atomic, RetriesEndAtMaxRetries) {
    for (int i = 0; i < 4; ++i) {
        host.forget();
        queued();
        host.reply("publish", error(loading));
        if (i < 3) host.fire();
    }
    const std::string told = "[server_busy (" + std::string(loading) + ") retryable]";
    EXPECT_EQ(host.story(), lines({"published 1: " + told + " " + told}));
}

TEST_F(Atomic, WhenMultiIsRefusedEntriesThatWentInByThemselvesAreTold) {
    host.reply("publish", error("NOPERM this user has no permissions to run the 'multi' command"));
    host.reply("publish", bulk("5-0"));
    host.reply("publish", error("OOM command not allowed when used memory > 'maxmemory'."));
    host.reply("publish", error("ERR EXEC without MULTI"));
    EXPECT_EQ(host.story(), lines({"published 1: [5-0] [no_permission (NOPERM this user has no permissions to run the "
                                   "'multi' command)]"}));
}

TEST_F(Atomic, ALostExecGoesAgainAsAWhole) {
    queued();
    host.lost("publish");
    host.forget();
    reconnect();
    EXPECT_EQ(host.story(), lines({"connect publish", "reconnected publish after 1", "publish: MULTI",
                                   "publish: XADD s * f a", "publish: XADD s * f b", "publish: EXEC"}));
    queued();
    host.reply("publish", array({bulk("6-0"), bulk("6-1")}));
    EXPECT_EQ(host.story(), lines({"published 1: [6-0 maybe_duplicate] [6-1 maybe_duplicate]"}));
}

TEST_F(Atomic, AnExecThatAnswersSomethingElseIsAnError) {
    queued();
    host.reply("publish", null());
    EXPECT_EQ(host.story(), lines({"published 1: [protocol (EXEC answered something else)] [protocol (EXEC answered "
                                   "something else)]"}));
}

/// A replica refuses what stands behind MULTI, and the connection is given up over that before EXEC is answered.
TEST_F(Atomic, AReplicasRefusalIsNoLostReply) {
    const std::string read_only = "READONLY You can't write against a read only replica.";
    for (int i = 0; i < 4; ++i) {
        host.reply("publish", ok() + error(read_only));
        EXPECT_FALSE(host.lives("publish"));
        if (i == 3) break;
        reconnect();
        host.wait(400);  // the last and longest of the delays
        host.forget();
    }
    const std::string told = "[server_busy (" + read_only + ") retryable]";
    const std::string story = host.story();
    EXPECT_NE(story.find("published 1: " + told + " " + told + "\n"), std::string::npos) << story;
}

struct Jittered : Atomic {
    static ClientConfig config() {
        ClientConfig with_jitter;
        with_jitter.jitter_ppm = 500'000;
        return with_jitter;
    }
    Jittered() : Atomic(config()) {}
};

TEST_F(Jittered, ARetryIsStillOneTransaction) {
    queued();
    host.reply("publish", error(loading));
    host.forget();
    host.wait(100);
    EXPECT_EQ(host.story(),
              lines({"publish: MULTI", "publish: XADD s * f a", "publish: XADD s * f b", "publish: EXEC"}));
    queued();
    host.reply("publish", array({bulk("5-0"), bulk("5-1")}));
    EXPECT_EQ(host.story(), lines({"published 1: [5-0] [5-1]"}));
}

/// A transaction may be tried again, so what follows it in its stream waits for its answer.
struct AtomicOrder : ::testing::Test {
    AtomicOrder() {
        EXPECT_TRUE(host.publish("s", {"a"}).ok());
        EXPECT_TRUE(host.publish("s", {"b", "c"}, true).ok());
        EXPECT_TRUE(host.publish("s", {"d"}).ok());
        host.forget();
        host.greet("publish");
        EXPECT_EQ(host.story(), lines({"publish: XADD s * f a", "publish: MULTI", "publish: XADD s * f b",
                                       "publish: XADD s * f c", "publish: EXEC"}));
        host.reply("publish", bulk("5-0"));
        queued();
        host.forget();
    }
    void queued() {
        host.reply("publish", ok());
        host.reply("publish", status("QUEUED"));
        host.reply("publish", status("QUEUED"));
    }
    ScriptedHost host;
};

TEST_F(AtomicOrder, IsThatOfThePublishes) {
    host.reply("publish", array({bulk("5-1"), bulk("5-2")}));
    EXPECT_EQ(host.story(), lines({"published 2: [5-1] [5-2]", "publish: XADD s * f d"}));
}

TEST_F(AtomicOrder, HoldsThoughItIsTriedAgain) {
    host.reply("publish", error(loading));
    EXPECT_EQ(host.story(), "");
    host.fire();
    EXPECT_EQ(host.story(),
              lines({"publish: MULTI", "publish: XADD s * f b", "publish: XADD s * f c", "publish: EXEC"}));
    queued();
    host.reply("publish", array({bulk("6-0"), bulk("6-1")}));
    host.reply("publish", bulk("6-2"));
    EXPECT_EQ(host.story(), lines({"published 2: [6-0] [6-1]", "publish: XADD s * f d", "published 3: [6-2]"}));
}

TEST_F(AtomicOrder, HoldsOverALostConnection) {
    host.lost("publish");
    host.fire();
    host.forget();
    host.greet("publish");
    EXPECT_EQ(host.story(), lines({"reconnected publish after 1", "publish: MULTI", "publish: XADD s * f b",
                                   "publish: XADD s * f c", "publish: EXEC"}));
    queued();
    host.reply("publish", array({bulk("6-0"), bulk("6-1")}));
    host.reply("publish", bulk("6-2"));
    EXPECT_EQ(host.story(), lines({"published 2: [6-0 maybe_duplicate] [6-1 maybe_duplicate]", "publish: XADD s * f d",
                                   "published 3: [6-2]"}));
}

}  // namespace
}  // namespace millrace::test
