// RET-1: when a connection is tried again, and how far apart.
#include <gtest/gtest.h>

#include "support/scripted_host.hpp"

namespace millrace::test {
namespace {

ClientConfig one_lane() {
    ClientConfig config;
    config.lanes = 1;
    return config;
}

TEST(Backoff, DoublesUpToTheMost) {
    ScriptedHost host(one_lane());
    host.open(source_of());
    for (const int64_t delay : {100, 200, 400, 800, 1600, 3200, 5000, 5000}) {
        host.lost("read", DisconnectReason::refused);
        host.forget();
        EXPECT_EQ(host.fire(), delay);
        EXPECT_EQ(host.story(), lines({"connect read"}));
    }
}

TEST(Backoff, EveryFailureIsToldWithWhatTheHostSaid) {
    ScriptedHost host(one_lane());
    host.open(source_of());
    host.forget();
    const std::vector<std::pair<DisconnectReason, std::string>> reasons{
        {DisconnectReason::refused, "refused: connection (localhost:6379: refused)"},
        {DisconnectReason::dns, "dns: connection (localhost:6379: dns)"},
        {DisconnectReason::unreachable, "unreachable: connection (localhost:6379: unreachable)"},
        {DisconnectReason::timeout, "timeout: timeout (localhost:6379: timeout)"},
        {DisconnectReason::tls_expired,
         "tls_expired: tls (localhost:6379: the server's certificate has expired, or is not valid yet)"},
        {DisconnectReason::tls_unknown_authority,
         "tls_unknown_authority: tls (localhost:6379: the server's certificate is of no authority that is trusted "
         "here; "
         "tls.ca names those that are)"},
        {DisconnectReason::tls_wrong_host,
         "tls_wrong_host: tls (localhost:6379: the server's certificate is for another host; tls.server_name says "
         "which "
         "one to expect)"},
        {DisconnectReason::tls_certificate_wanted,
         "tls_certificate_wanted: tls (localhost:6379: the server wants a certificate of ours that it trusts; tls.cert "
         "and tls.key name it)"},
        {DisconnectReason::tls_failed,
         "tls_failed: tls (localhost:6379: no TLS with the server: it does not speak it there, or no version or cipher "
         "in common)"}};
    for (const auto& [reason, told] : reasons) {
        host.lost("read", reason);
        EXPECT_EQ(host.story(), lines({"disconnected read " + told + " retryable"}));
        host.fire();
        host.forget();
    }
}

TEST(Backoff, BeginsAnewOnceTheHandshakeIsThrough) {
    ScriptedHost host(one_lane());
    host.open(source_of());
    host.lost("read");
    host.fire();
    host.lost("read");
    EXPECT_EQ(host.fire(), 200);
    host.forget();
    host.greet("read");
    EXPECT_EQ(host.story(),
              lines({"reconnected read after 3",
                     "log info: Redis Streams supported - will use Streams for notifications redis_version=7",
                     "mode streams 7.0.15", "read: XGROUP CREATE s g 0 MKSTREAM"}));
    host.lost("read");
    EXPECT_EQ(host.fire(), 100);
}

TEST(Backoff, AServerThatTakesConnectionsAndDropsThemIsNotHammered) {
    ScriptedHost host(one_lane());
    host.open(source_of());
    for (const int64_t delay : {100, 200, 400}) {
        host.connected("read");
        host.lost("read", DisconnectReason::closed);
        EXPECT_EQ(host.fire(), delay);
    }
}

TEST(Backoff, NoTwoAttemptsAreCloserThan50Ms) {
    ClientConfig config = one_lane();
    config.retry_delay = milliseconds(1);
    ScriptedHost host(config);
    host.open(source_of());
    for (int i = 0; i < 6; ++i) {  // 1, 2, 4, 8, 16, 32 ms by the delays alone
        host.lost("read");
        EXPECT_EQ(host.fire(), 50);
    }
    host.lost("read");
    EXPECT_EQ(host.fire(), 64);
}

/// As fast as it answers a server that refuses would be asked, for as long as the source is open.
TEST(Backoff, WhereDelaysDoNotGrowARefusalIsFollowedBy50Ms) {
    for (const bool is_first : {true, false}) {
        ClientConfig config = one_lane();
        (is_first ? config.retry_delay : config.max_retry_delay) = Duration{};
        ScriptedHost host(config);
        host.open(source_of());
        host.greet("read");
        for (int i = 0; i < 5; ++i) {
            EXPECT_NE(host.story().find("read: XGROUP CREATE s g 0 MKSTREAM\n"), std::string::npos);
            host.reply("read", error("LOADING Redis is loading the dataset in memory"));
            EXPECT_EQ(host.fire(), 50);
        }
    }
}

TEST(Backoff, TheSpacingIsThatOfAllLanes) {
    ScriptedHost host;
    host.open(source_of());
    host.lost("read");
    host.wait(20);
    host.lost("control");
    host.forget();
    host.wait(79);
    EXPECT_EQ(host.story(), "");
    host.wait(1);  // 100 ms after the read lane was lost
    EXPECT_EQ(host.story(), lines({"connect read"}));
    host.wait(20);  // the control lane's delay has passed
    EXPECT_EQ(host.story(), "");
    host.wait(29);
    EXPECT_EQ(host.story(), "");
    host.wait(1);
    EXPECT_EQ(host.story(), lines({"connect control"}));
}

TEST(Backoff, JitterTakesAwayAtMostItsShareAndIsTheSameForASeed) {
    ClientConfig config = one_lane();
    config.jitter_ppm = 500'000;
    const auto delays = [&config](Seed128 seed) {
        ScriptedHost host(config, seed);
        host.open(source_of());
        std::vector<int64_t> all;
        for (int64_t most : {100, 200, 400, 800, 1600, 3200, 5000, 5000}) {
            host.lost("read");
            all.push_back(host.fire());
            EXPECT_LE(all.back(), most);
            EXPECT_GE(all.back(), most / 2);
        }
        return all;
    };
    const std::vector<int64_t> first = delays({1, 2});
    EXPECT_EQ(delays({1, 2}), first);
    EXPECT_NE(delays({3, 4}), first);
    EXPECT_NE(first, (std::vector<int64_t>{100, 200, 400, 800, 1600, 3200, 5000, 5000}));
}

TEST(ConnectTimeout, EndsAnAttemptThatTheHostDoesNotEnd) {
    ClientConfig config = one_lane();
    config.connection_timeout = seconds(3);
    ScriptedHost host(config);
    host.open(source_of());
    host.forget();
    EXPECT_EQ(host.fire(), 3000);
    EXPECT_EQ(host.story(),
              lines({"disconnected read timeout: timeout (no connection to localhost:6379 in connection_timeout) "
                     "retryable",
                     "close read"}));
    EXPECT_EQ(host.fire(), 100);
}

/// Its hello need not have the end of a line that a plain port waits for.
TEST(ConnectTimeout, OfTlsTellsWhatIsLikely) {
    ClientConfig config = one_lane();
    config.tls = Tls();
    ScriptedHost host(config);
    host.open(source_of());
    host.forget();
    host.fire();
    EXPECT_EQ(
        host.story(),
        lines({"disconnected read timeout: timeout (no connection to localhost:6379 in connection_timeout; a plain "
               "port never answers TLS) retryable",
               "close read"}));
}

TEST(ConnectTimeout, IsToldToTheHostAsADeadline) {
    ClientConfig config = one_lane();
    config.endpoint.unix_path = "/run/redis.sock";
    config.tls.emplace();
    config.tls->server_name = "redis.example";
    Result<Machine> machine = Machine::create(config, {}, Instant{5'000'000}, WallTime{});
    ASSERT_TRUE(machine.ok());
    ASSERT_TRUE(machine->open(source_of(), Instant{5'000'000}).ok());
    const std::optional<Action> action = machine->poll_action();
    ASSERT_TRUE(action.has_value());
    const auto& connect = std::get<Connect>(*action);
    EXPECT_EQ(connect.deadline, Instant{15'000'000});
    EXPECT_EQ(connect.endpoint.unix_path, "/run/redis.sock");
    ASSERT_TRUE(connect.tls.has_value());
    EXPECT_EQ(connect.tls->server_name, "redis.example");
    EXPECT_EQ(connect.role, LaneRole::read);
}

TEST(ConnectTimeout, AHandshakeWithoutAnAnswerEndsToo) {
    ScriptedHost host(one_lane());
    host.open(source_of());
    host.connected("read");
    host.forget();
    EXPECT_EQ(host.fire(), 10'000);
    EXPECT_EQ(host.story(),
              lines({"disconnected read timeout: timeout (localhost:6379 answers nothing) retryable", "close read"}));
}

TEST(Spacing, ALateHostDoesNotMakeUpForMissedAttempts) {
    ScriptedHost host(one_lane());
    host.open(source_of());
    host.lost("read");
    host.forget();
    host.oversleep(60'000);
    EXPECT_EQ(host.story(), lines({"connect read"}));
    host.oversleep(1);
    EXPECT_EQ(host.story(), "");
}

TEST(Configuration, ThatIsNotAllowedConnectsNothing) {
    ClientConfig config;
    config.lanes = 0;
    const Result<Machine> made = Machine::create(config, {}, {}, {});
    ASSERT_FALSE(made.ok());
    EXPECT_EQ(made.error().code, Code::bad_config);
    ScriptedHost host;
    SourceConfig source = source_of();
    source.batch_size = 0;
    EXPECT_EQ(host.machine.open(source, host.now()).error().code, Code::bad_config);
    host.settle();
    EXPECT_EQ(host.story(), "");
    EXPECT_EQ(host.ms_to_timeout(), std::nullopt);
}

}  // namespace
}  // namespace millrace::test
