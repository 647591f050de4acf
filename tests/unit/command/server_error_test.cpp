// Every row of the table by the words of real servers, and what is done with the words themselves.
#include "command/server_error.hpp"

#include <gtest/gtest.h>

#include <random>
#include <string>

namespace millrace {
namespace {

struct Case {
    std::string_view text;
    ErrorClass what;
    Code code;
    bool retryable;
};

using What = ErrorClass;

// Said by Redis 3.2 to 8.6 and Valkey 8.1 and 9, but for the two of proxies and of servers before 2.8.
constexpr Case cases[] = {
    {"LOADING Redis is loading the dataset in memory", What::loading, Code::server_busy, true},
    {"BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.", What::busy,
     Code::server_busy, true},
    {"MASTERDOWN Link with MASTER is down and slave-serve-stale-data is set to 'no'.", What::master_down,
     Code::server_busy, true},
    {"CLUSTERDOWN Hash slot not served", What::cluster_down, Code::server_busy, true},
    {"TRYAGAIN Multiple keys request during rehashing of slot", What::try_again, Code::server_busy, true},
    {"READONLY You can't write against a read only slave.", What::read_only, Code::server_busy, true},
    {"UNBLOCKED client unblocked via CLIENT UNBLOCK", What::unblocked, Code::server_busy, true},
    {"UNBLOCKED force unblock from blocking operation, instance state changed (master -> replica?)", What::unblocked,
     Code::server_busy, true},
    {"NOREPLICAS Not enough good replicas to write.", What::no_replicas, Code::server_busy, true},
    {"MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk.", What::misconf,
     Code::server_busy, true},
    {"OOM command not allowed when used memory > 'maxmemory'.", What::oom, Code::oom, true},
    {"OOM command not allowed when used memory > 'maxmemory'. script: 2cb4, on @user_script:1.", What::oom, Code::oom,
     true},
    {"NOAUTH Authentication required.", What::no_auth, Code::auth, false},
    {"NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO AUTH <user> <pass> option "
     "can "
     "be used to authenticate the client and select the RESP protocol version at the same time",
     What::no_auth, Code::auth, false},
    {"ERR operation not permitted", What::no_auth, Code::auth, false},
    {"WRONGPASS invalid username-password pair or user is disabled.", What::wrong_pass, Code::auth, false},
    {"ERR invalid password", What::wrong_pass, Code::auth, false},
    {"ERR invalid username-password pair", What::wrong_pass, Code::auth, false},
    {"ERR Client sent AUTH, but no password is set", What::auth_unwanted, Code::auth, false},
    {"ERR AUTH <password> called without any password configured for the default user. Are you sure your configuration "
     "is "
     "correct?",
     What::auth_unwanted, Code::auth, false},
    {"DENIED Redis is running in protected mode because protected mode is enabled", What::denied, Code::auth, false},
    {"NOPERM this user has no permissions to run the 'info' command or its subcommand", What::no_permission,
     Code::no_permission, false},
    {"NOPERM User default has no permissions to run the 'info' command", What::no_permission, Code::no_permission,
     false},
    {"ERR user x has no permissions to access this", What::no_permission, Code::no_permission, false},
    {"ERR The user executing the script can't run this command or subcommand", What::no_permission, Code::no_permission,
     false},
    {"ERR ACL failure in script: User default has no permissions to run the 'xadd' command", What::no_permission,
     Code::no_permission, false},
    {"ERR ACL failure in script: No rights", What::no_permission, Code::no_permission, false},
    {"NOPROTO unsupported protocol version", What::no_proto, Code::unsupported, false},
    {"NOGROUP No such key 'orders' or consumer group 'g' in XREADGROUP with GROUP option", What::no_group,
     Code::no_group, false},
    {"BUSYGROUP Consumer Group name already exists", What::busy_group, Code::bad_argument, false},
    {"WRONGTYPE Operation against a key holding the wrong kind of value", What::wrong_type, Code::wrong_type, false},
    {"EXECABORT Transaction discarded because of previous errors.", What::exec_abort, Code::script, false},
    {"CROSSSLOT Keys in request don't hash to the same slot", What::cross_slot, Code::bad_argument, false},
    {"MOVED 3999 127.0.0.1:6381", What::moved, Code::unsupported, false},
    {"ASK 3999 127.0.0.1:6381", What::ask, Code::unsupported, false},
    {"NOSCRIPT No matching script. Please use EVAL.", What::no_script, Code::script, false},
    {"ERR unknown command 'HELLO'", What::unknown_command, Code::unsupported, false},
    {"ERR unknown command `HELLO`, with args beginning with: `3`, `AUTH`, `default`, `hunter2`, ",
     What::unknown_command, Code::unsupported, false},
    {"ERR unknown command 'XACKDEL', with args beginning with: 'syntax error' ", What::unknown_command,
     Code::unsupported, false},
    {"ERR unknown subcommand 'NOPE'. Try XGROUP HELP.", What::unknown_command, Code::unsupported, false},
    {"ERR Unknown subcommand or wrong number of arguments for 'CREATE'. Try XGROUP HELP.", What::unknown_command,
     Code::unsupported, false},
    {"ERR Unknown XINFO subcommand or wrong number of arguments for 'STREAM'", What::unknown_command, Code::unsupported,
     false},
    {"ERR max number of clients reached", What::max_clients, Code::server_busy, true},
    {"ERR max number of clients + cluster connections reached", What::max_clients, Code::server_busy, true},
    {"ERR syntax error", What::syntax, Code::unsupported, false},
    {"ERR Syntax error in HELLO option 'setname'", What::syntax, Code::unsupported, false},
    {"ERR Invalid stream ID specified as stream command argument", What::invalid_stream_id, Code::unsupported, false},
    {"ERR The XGROUP subcommand requires the key to exist. Note that for CREATE you may want to use the MKSTREAM "
     "option "
     "to create an empty stream automatically.",
     What::no_key, Code::bad_argument, false},
    {"ERR wrong number of arguments for 'xadd' command", What::wrong_arguments, Code::unsupported, false},
    {"ERR Protocol error: invalid multibulk length", What::protocol_error, Code::protocol, false},
    {"ERR Error compiling script (new function): user_script:1: '=' expected near 'x'", What::script, Code::script,
     false},
    {"ERR Error running script (call to f_2cb4): @enable_strict_lua:15: user_script:1: Script attempted to access "
     "nonexistent "
     "global variable 'x'",
     What::script, Code::script, false},
    {"ERR user_script:1: Script attempted to access nonexistent global variable 'x' script: 2cb4, on @user_script:1.",
     What::script, Code::script, false},
    // Errors that a script passes on, up to 6.2: with and without the inner mark.
    {"ERR Error running script (call to f_2cb4): @user_script:1: -OOM command not allowed when used memory > "
     "'maxmemory'.",
     What::oom, Code::oom, true},
    {"ERR Error running script (call to f_2cb4): @user_script: 12: -READONLY You can't write against a read only "
     "slave.",
     What::read_only, Code::server_busy, true},
    {"ERR Error running script (call to f_2cb4): @user_script:1: WRONGTYPE Operation against a key holding the wrong "
     "kind of value",
     What::wrong_type, Code::wrong_type, false},
    {"ERR Error running script (call to f_2cb4): @user_script:1: @user_script: 1: -OOM command not allowed when used "
     "memory > 'maxmemory'.",
     What::oom, Code::oom, true},
    {"ERR Error running script (call to f_2cb4): @user_script:1: @user_script: 1: Unknown Redis command called from "
     "Lua script",
     What::unknown_command, Code::unsupported, false},
    {"ERR Unknown Redis command called from script script: 2cb4, on @user_script:1.", What::unknown_command,
     Code::unsupported, false},
    {"ERR Unknown command called from script script: on @user_script:1.", What::unknown_command, Code::unsupported,
     false},
    {"ERR Error running script (call to f_2cb4): @user_script", What::script, Code::script, false},
    {"ERR Error running script (call to f_2cb4): @user_script:x: -OOM", What::script, Code::script, false},
    {"ERR Error running script (call to f_2cb4): @user_script:1", What::script, Code::script, false},
    // None of the above.
    {"ERR DB index is out of range", What::other, Code::bad_argument, false},
    {"ERR no such key", What::other, Code::bad_argument, false},
    {"BUSYKEY Target key name already exists.", What::other, Code::bad_argument, false},
    {"MOVEDX 1 a:1", What::other, Code::bad_argument, false},
    {"", What::other, Code::bad_argument, false},
    {"-", What::other, Code::bad_argument, false},
};

TEST(ServerError, IsToldByItsText) {
    for (const Case& each : cases) {
        const ServerError found = classify(each.text);
        EXPECT_EQ(found.what, each.what) << each.text;
        EXPECT_EQ(found.code, each.code) << each.text;
        EXPECT_EQ(found.retryable, each.retryable) << each.text;
    }
}

TEST(ServerError, IsToldWithItsMarkInAnyCaseAndWithoutMore) {
    EXPECT_EQ(classify("-LOADING Redis is loading").what, What::loading);
    EXPECT_EQ(classify("- loading").what, What::loading);
    EXPECT_EQ(classify("ERR UNKNOWN COMMAND 'X'").what, What::unknown_command);
    EXPECT_EQ(classify("ASK").what, What::ask);
    EXPECT_EQ(classify("LOADING: wait").what, What::loading);
}

std::string lower(std::string_view text) {
    std::string folded(text);
    for (char& c : folded) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
    return folded;
}

// A row that no server's words reach is a row that nobody knows to be right.
TEST(ServerError, HasNoRowWithoutACase) {
    for (const ErrorRow& row : error_rows()) {
        bool reached = false;
        for (const Case& each : cases) {
            reached = reached || (each.what == row.what && lower(each.text).find(lower(row.text)) != std::string::npos);
        }
        EXPECT_TRUE(reached) << row.text;
    }
}

TEST(ServerError, AnswersEachRowByItsOwnText) {
    for (const ErrorRow& row : error_rows()) {
        const std::string text =
            row.match == ErrorMatch::word ? std::string(row.text) + " and more" : "ERR x " + std::string(row.text);
        const ServerError found = classify(text);
        EXPECT_EQ(found.what, row.what) << text;
        EXPECT_EQ(found.code, row.code) << text;
        EXPECT_EQ(found.retryable, row.retryable) << text;
    }
}

// RET-2: what the code says and what the row says differ nowhere.
TEST(ServerError, RetriesAsItsCodeDoes) {
    for (const ErrorRow& row : error_rows()) EXPECT_EQ(row.retryable, info(row.code).retryable) << row.text;
}

TEST(ToError, KeepsTheServersWords) {
    const Error error = to_error("-WRONGTYPE Operation against a key holding the wrong kind of value");
    EXPECT_EQ(error.code, Code::wrong_type);
    EXPECT_EQ(error.message, "WRONGTYPE Operation against a key holding the wrong kind of value");
    EXPECT_FALSE(error.retryable);
    EXPECT_TRUE(to_error("LOADING").retryable);
}

// CFG-4: servers from 5.0 quote what came with a command they do not know, and HELLO comes with the password.
TEST(ToError, DropsTheArgumentsOfAnUnknownCommand) {
    const Error error =
        to_error("ERR unknown command `HELLO`, with args beginning with: `3`, `AUTH`, `default`, `hunter2`, ");
    EXPECT_EQ(error.message, "ERR unknown command `HELLO`");
    EXPECT_EQ(to_error("ERR Unknown Command 'AUTH', With Args Beginning With: 'hunter2'").message,
              "ERR Unknown Command 'AUTH'");
}

TEST(ToError, IsOneBoundedPrintableLine) {
    EXPECT_EQ(to_error(std::string_view("ERR a\r\n\0b\xff", 10)).message, "ERR a\\x0d\\x0a\\x00b\\xff");
    const Error error = to_error("ERR " + std::string(70'000, 'x'));
    EXPECT_LE(error.message.size(), 200U);
    EXPECT_TRUE(error.message.ends_with("..."));
    EXPECT_LE(to_error(std::string(70'000, '\n')).message.size(), 200U);
    EXPECT_FALSE(to_error("").message.empty());
}

TEST(ToError, TakesAnyBytes) {
    std::mt19937 random(20240511);
    for (int round = 0; round < 20'000; ++round) {
        std::string text;
        // Half of them are the words of a server with bytes changed, cut or doubled.
        if (round % 2 == 0) {
            text = std::string(cases[random() % std::size(cases)].text);
            for (size_t i = 0; i < 3 && !text.empty(); ++i)
                text[random() % text.size()] = static_cast<char>(random() % 256);
            text.resize(random() % (text.size() + 1));
        } else {
            for (size_t size = random() % 64; size > 0; --size) text += static_cast<char>(random() % 256);
        }
        const Error error = to_error(text);
        ASSERT_NE(error.code, Code::ok);
        ASSERT_LE(error.message.size(), 200U);
        for (const char c : error.message) ASSERT_TRUE(c >= ' ' && c <= '~');
    }
}

}  // namespace
}  // namespace millrace
