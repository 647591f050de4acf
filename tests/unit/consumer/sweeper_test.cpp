// REC-5: consumers that have left are deleted, if nothing is pending for them; our own at the end, if we made its name.
#include <gtest/gtest.h>

#include "command/scripts.hpp"
#include "support/scripted_host.hpp"

namespace millrace::test {
namespace {

const std::string list = "control: XINFO CONSUMERS s g";

std::string row(std::string_view name, int64_t pending, int64_t idle_ms) {
    return map({bulk("name"), bulk(name), bulk("pending"), integer(pending), bulk("idle"), integer(idle_ms)});
}

std::string removal(const std::string& consumer, int64_t idle_ms, const std::string& lane = "control") {
    return lane + ": EVALSHA " + std::string(script(ScriptId::delete_consumer).sha1) + " 1 s g " + consumer + " " +
           std::to_string(idle_ms);
}

std::string deleted_log(const std::string& consumer) {
    return "log info: A consumer that had left was deleted. stream=s group=g consumer=" + consumer;
}

/// A read is out, and the first sweep is under way: its list is asked for.
struct Sweeping : ::testing::Test {
    void begin(const SourceConfig& config) {
        source = consume(host, config);
        host.wait(1000);
        const std::string told = host.story();
        EXPECT_NE(told.find(list + "\n"), std::string::npos) << told;
        host.reply("control", groups("0-0") + pending_summary(0) + array({}));
        host.forget();
    }
    static SourceConfig config_of(std::optional<Duration> expiry, std::string consumer = "c") {
        SourceConfig config = source_of();
        config.consumer = std::move(consumer);
        config.consumer_expiry = expiry;
        config.claim_interval = seconds(1);
        return config;
    }
    /// How many ms pass until the list is asked for once more; other questions are answered.
    int64_t next_sweep() {
        for (int64_t ms = 500; ms <= 7'200'000; ms += 500) {
            host.wait(500);
            const std::string told = host.story();
            if (told.find("read: XREADGROUP") == std::string::npos && ms % 1500 == 0) host.reply("read", null());
            if (told.find("control: XINFO GROUPS") != std::string::npos)
                host.reply("control", groups("0-0") + pending_summary(0) + array({}));
            if (told.find(list) != std::string::npos) return ms;
        }
        return -1;
    }
    ScriptedHost host;
    SourceId source{};
};

TEST_F(Sweeping, DeletesThoseThatHaveLeft) {
    begin(config_of(seconds(5)));
    host.reply("control", array({row("b", 0, 5000), row("young", 0, 4999), row("c", 0, 9000), row("busy", 1, 9000),
                                 row("d", 0, 7000)}));
    EXPECT_EQ(host.story(), lines({removal("b", 5000)}));
    host.reply("control", bulk("deleted"));
    EXPECT_EQ(host.story(), lines({deleted_log("b"), removal("d", 5000)}));
    host.reply("control", bulk("active"));
    EXPECT_EQ(host.story(), "");
}

TEST_F(Sweeping, DeletesOfItselfNoNameThatAHostGave) {
    begin(config_of(std::nullopt));
    constexpr int64_t day = 24 * 3600 * 1000;
    host.reply("control", array({row("worker", 0, 9 * day), row("consumer-1700000000000-0123abcd", 0, day),
                                 row("consumer-1700000000000-0123abcd", 0, day - 1), row("consumer-1", 0, day),
                                 row("c-1", 0, day), row("consumer-1700000000000-0123abcX", 0, day)}));
    EXPECT_EQ(host.story(), lines({removal("consumer-1700000000000-0123abcd", day)}));
    host.reply("control", bulk("pending"));
    EXPECT_EQ(host.story(), "");
}

TEST_F(Sweeping, RestsForATenthOfTheExpiry) {
    begin(config_of(seconds(50)));
    host.reply("control", array({}));
    EXPECT_EQ(next_sweep(), 5000);
}

TEST_F(Sweeping, RestsForAClaimIntervalAtLeast) {
    begin(config_of(milliseconds(1)));
    host.reply("control", array({}));
    EXPECT_EQ(next_sweep(), 1000);
}

TEST_F(Sweeping, IsOffWithAnExpiryOfZero) {
    (void)consume(host, config_of(Duration{}));
    host.wait(1000);
    EXPECT_EQ(host.story().find("CONSUMERS"), std::string::npos);
}

TEST_F(Sweeping, IsOffOnceTheListIsRefused) {
    begin(config_of(seconds(5)));
    const std::string refusal = "NOPERM this user has no permissions to run the 'xinfo' command";
    host.reply("control", error(refusal));
    EXPECT_EQ(host.story(), lines({"failure: no_permission (XINFO CONSUMERS: " + refusal +
                                   "; consumers that have left stay in the group)"}));
    host.wait(1000);
    EXPECT_EQ(host.story().find("CONSUMERS"), std::string::npos);
}

TEST_F(Sweeping, IsOffOnceScriptsAreRefused) {
    begin(config_of(seconds(5)));
    host.reply("control", array({row("b", 0, 5000), row("d", 0, 5000)}));
    host.forget();
    const std::string refusal = "NOPERM this user has no permissions to run the 'evalsha' command";
    host.reply("control", error(refusal));
    EXPECT_EQ(host.story(),
              lines({"failure: no_permission (EVALSHA: " + refusal + "; consumers that have left stay in the group)"}));
}

TEST_F(Sweeping, IsTriedAgainAfterWhatPasses) {
    begin(config_of(seconds(5)));
    host.reply("control", error("LOADING Redis is loading the dataset in memory"));
    EXPECT_EQ(host.story(), "");
    EXPECT_EQ(next_sweep(), 1000);
}

// ---- our own name, at the end

/// What a drain sends once the read has ended.
std::string end_of(ScriptedHost& host) {
    EXPECT_TRUE(host.drain(seconds(5)).ok());
    host.reply("control", integer(1));
    host.forget();
    host.reply("read", null());
    return host.story();
}

std::string generated_name(ScriptedHost& host, Duration expiry = {}) {
    host.open(Sweeping::config_of(expiry, ""));
    host.greet("read");
    host.greet("control");
    host.forget();
    host.reply("read", ok());
    const std::string told = host.story();
    const size_t at = told.find("consumer-");
    return told.substr(at, told.find(' ', at) - at);
}

TEST(Leaving, DeletesANameThatWasGenerated) {
    ScriptedHost host;
    const std::string name = generated_name(host);
    EXPECT_EQ(end_of(host), lines({removal(name, 0, "read")}));
    host.reply("read", bulk("deleted"));
    EXPECT_EQ(host.story(), lines({deleted_log(name), "closed all, 0 held", "close read", "close control"}));
}

TEST(Leaving, GoesOnWithoutWhereScriptsAreRefused) {
    ScriptedHost host;
    (void)generated_name(host);
    (void)end_of(host);
    host.reply("read", error("NOPERM this user has no permissions to run the 'evalsha' command"));
    EXPECT_EQ(host.story(), lines({"closed all, 0 held", "close read", "close control"}));
}

TEST(Leaving, KeepsANameThatWasGiven) {
    ScriptedHost host;
    (void)consume(host, source_of());
    EXPECT_EQ(end_of(host), lines({"closed all, 0 held", "close read", "close control"}));
}

TEST(Leaving, KeepsANameWithEntriesInHand) {
    ScriptedHost host;
    (void)generated_name(host);
    host.reply("read", stream("s", {"1-0"}));
    host.wait(2000);
    host.reply("control", groups("1-0"));
    host.reply("control", pending_summary(1, "1-0", "1-0"));
    host.reply("control", array({}));  // a claim under way is waited for
    host.forget();
    EXPECT_TRUE(host.drain(seconds(5)).ok());
    host.reply("control", integer(1));
    host.reply("read", null());
    host.wait(5000);
    const std::string told = host.story();
    EXPECT_NE(told.find("closed all, 1 held"), std::string::npos) << told;
    EXPECT_EQ(told.find("EVAL"), std::string::npos) << told;
}

/// A source under a generated name ends while an answer to its sweep is out: that was asked about others.
struct LeaverUnderASweep {
    LeaverUnderASweep() {
        name = generated_name(host, seconds(5));
        host.wait(1000);
        host.reply("control", groups("0-0") + pending_summary(0) + array({}));
    }
    void end() {
        EXPECT_TRUE(host.drain(seconds(5)).ok());
        host.forget();
        host.reply("read", null());
        EXPECT_EQ(host.story(), "");
    }
    void expect_to_leave() {
        EXPECT_EQ(host.story(), lines({removal(name, 0, "read")}));
        host.reply("read", bulk("deleted"));
        EXPECT_EQ(host.story(), lines({deleted_log(name), "closed all, 0 held", "close read", "close control"}));
    }
    ScriptedHost host;
    std::string name;
};

TEST(LeavingUnderASweep, DeletesNobodyOfItsList) {
    LeaverUnderASweep it;
    it.end();
    it.host.reply("control", array({row("b", 0, 9000)}));
    it.expect_to_leave();
}

TEST(LeavingUnderASweep, TakesTheAnswerAboutAnotherForNoneAboutItself) {
    for (const std::string& answer : {bulk("deleted"), error("NOPERM this user has no permissions to run 'evalsha'")}) {
        LeaverUnderASweep it;
        it.host.reply("control", array({row("b", 0, 9000), row("d", 0, 9000)}));
        it.end();
        it.host.reply("control", answer);
        it.expect_to_leave();
    }
}

TEST(LeavingUnderASweep, DeletesItselfWhereThatAnswerIsLost) {
    for (const bool is_list : {true, false}) {
        LeaverUnderASweep it;
        if (!is_list) it.host.reply("control", array({row("b", 0, 9000), row("d", 0, 9000)}));
        it.end();
        it.host.lost("control");
        EXPECT_TRUE(it.host.story().ends_with(lines({removal(it.name, 0, "read")})));
    }
}

}  // namespace
}  // namespace millrace::test
