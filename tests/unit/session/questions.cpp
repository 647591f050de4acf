#include "session/questions.hpp"

#include <gtest/gtest.h>

namespace millrace::test {

const std::vector<Item>& items() {
    static const std::vector<Item> all = {
        {"status", status("x")},
        {"integer", integer(7)},
        {"text", bulk("x")},
        {"nil", null()},
        {"null array", null_array()},
        {"empty", array({})},
        {"integers", array({integer(1), integer(2)})},
        {"lists", array({array({integer(1)})})},
        {"map", map({bulk("a"), integer(1)})},
        {"set", "~1\r\n#t\r\n"},
        {"boolean", "#t\r\n"},
        {"double", ",1.5\r\n"},
        {"big number", "(12345678901234567890\r\n"},
        {"verbatim", verbatim("x")},
        {"push inside", array({push({bulk("message"), bulk("s")}), integer(1)})},
    };
    return all;
}

SourceConfig quick() {
    SourceConfig config = source_of();
    config.flush_interval = Duration{};
    return config;
}

namespace {

const Names entry_lists{"nil", "null array", "empty"};

const std::string busy = error("BUSYGROUP Consumer Group name already exists");

/// Two entries are with the application, and a read blocks.
void deliver(ScriptedHost& host, const SourceConfig& config = quick()) {
    (void)consume(host, config);
    host.reply("read", stream("s", {"1-0", "2-0"}));
}

void open(ScriptedHost& host, const SourceConfig& config = quick()) {
    (void)host.open(config);
    host.greet("read");
    host.greet("control");
}

SourceConfig with_streams(const Names& streams) {
    SourceConfig config = quick();
    config.streams = streams;
    return config;
}

void search(ScriptedHost& host) {
    SourceConfig config = with_streams({});
    config.pattern = "s-*";
    open(host, config);
}

SourceConfig with(void (*change)(SourceConfig&)) {
    SourceConfig config = quick();
    change(config);
    return config;
}

}  // namespace

std::vector<Question> questions_of_reading() {
    return {
        {"XgroupCreate", "read", "XGROUP CREATE", words, [](ScriptedHost& host) { open(host); }},
        {"XinfoGroups",
         "read",
         "XINFO GROUPS s",
         {"empty"},
         [](ScriptedHost& host) {
             open(host);
             host.reply("read", busy);
         }},
        {"XpendingSummary",
         "read",
         "XPENDING s g",
         {},
         [](ScriptedHost& host) {
             open(host);
             host.reply("read", busy);
             host.reply("read", groups("0-0"));
         }},
        {"XpendingOfAPage",
         "read",
         "XPENDING s g 0-1",
         {"empty"},
         [](ScriptedHost& host) {
             open(host);
             host.reply("read", busy);
             host.reply("read", groups("0-0"));
             host.reply("read", pending_summary(0));
         }},
        {"XreadgroupOfAPage", "read", "XREADGROUP GROUP g c COUNT 1 STREAMS s 0-0", entry_lists,
         [](ScriptedHost& host) {
             consume_again(host);
             host.reply("read", array({pending("1-0", "c", 5, 1)}));
         }},
        {"XreadgroupOfNew", "read", "XREADGROUP GROUP g c COUNT 5 BLOCK", entry_lists,
         [](ScriptedHost& host) {
             open(host);
             host.reply("read", ok());
         }},
        {"ScanOfAPattern", "read", "SCAN 0 MATCH s-*", {}, [](ScriptedHost& host) { search(host); }},
        {"TypeOfWhatMatches", "read", "TYPE s-1", words,
         [](ScriptedHost& host) {
             search(host);
             host.reply("read", error("ERR syntax error"));
             host.reply("read", array({bulk("0"), array({bulk("s-1")})}));
         }},
        {"XpendingOfManyStreams",
         "read",
         "XPENDING s g 0-1 + 1 c",
         {"empty"},
         [](ScriptedHost& host) {
             (void)host.open(with_streams({"s", "t"}));
             host.greet("read");
             host.greet("control");
             for (int i = 0; i < 2; ++i) host.reply("read", busy);
             for (int i = 0; i < 2; ++i) {
                 host.reply("read", groups("0-0"));
                 host.reply("read", pending_summary(0));
             }
         }},
        {"XinfoStreamOfALostGroup",
         "read",
         "XINFO STREAM s",
         {"map", "empty", "integers", "push inside"},
         [](ScriptedHost& host) {
             (void)consume(host, quick());
             host.reply("read", error("NOGROUP No such key 's' or consumer group 'g'"));
         }},
    };
}

std::vector<Question> questions_of_settling() {
    return {
        {"Xack", "control", "XACK s g", numbers,
         [](ScriptedHost& host) {
             deliver(host);
             EXPECT_TRUE(host.ack(1).ok());
         }},
        {"Xackdel",
         "control",
         "XACKDEL s g",
         {"empty", "integers"},
         [](ScriptedHost& host) {
             deliver(host, with([](SourceConfig& config) { config.delete_acked = true; }));
             EXPECT_TRUE(host.ack(1).ok());
         }},
        {"XclaimOfANack", "control", "XCLAIM s g c", entry_lists,
         [](ScriptedHost& host) {
             deliver(host);
             EXPECT_TRUE(host.nack(1, {0}, Duration{}).ok());
         }},
        {"XpendingOfOne",
         "control",
         "XPENDING s g 1-0 1-0 1",
         {"empty"},
         [](ScriptedHost& host) {
             deliver(host);
             EXPECT_TRUE(host.nack(1, {0}, Duration{}).ok());
             host.reply("control", array({}));
         }},
        {"XclaimOfARelease",
         "control",
         "XCLAIM s g c",
         {"empty"},
         [](ScriptedHost& host) {
             deliver(host);
             EXPECT_TRUE(host.give_back(1, {0}).ok());
         }},
        {"XnackByScript", "control", "EVALSHA", numbers,
         [](ScriptedHost& host) {
             host.server.version = "8.8.0";
             deliver(host);
             EXPECT_TRUE(host.give_back(1, {0}).ok());
         }},
        {"DeadLetterByScript",
         "control",
         "EVALSHA",
         {},
         [](ScriptedHost& host) {
             deliver(host);
             EXPECT_TRUE(host.reject(1, {0}, "bad").ok());
         }},
        {"DeadLetterByHand",
         "control",
         "XPENDING s g 1-0 + 1 c",
         {"empty"},
         [](ScriptedHost& host) {
             deliver(host);
             EXPECT_TRUE(host.reject(1, {0}, "bad").ok());
             host.reply("control", error("NOPERM this user has no permissions to run the 'evalsha' command"));
         }},
        {"XclaimOfAHeartbeat",
         "read",
         "XCLAIM s g c",
         {"empty"},
         [](ScriptedHost& host) {
             const SourceId source =
                 consume(host, with([](SourceConfig& config) { config.claim_min_idle = seconds(2); }));
             EXPECT_TRUE(host.pause(source).ok());
             host.reply("read", stream("s", {"1-0", "2-0"}));
             host.wait(1000);
         }},
        {"Xautoclaim",
         "read",
         "XAUTOCLAIM s g c",
         {"empty"},
         [](ScriptedHost& host) {
             consume_again(host);
             host.reply("read", array({}));
         }},
        {"XpendingOfASweep",
         "control",
         "XPENDING s g IDLE",
         {"empty"},
         [](ScriptedHost& host) {
             consume_again(host);
             host.reply("read", array({}));
             host.reply("read", error("NOPERM this user has no permissions to run the 'xautoclaim' command"));
         }},
        {"XclaimOfASweep", "control", "XCLAIM s g c", entry_lists,
         [](ScriptedHost& host) {
             consume_again(host);
             host.reply("read", array({}));
             host.reply("read", error("NOPERM this user has no permissions to run the 'xautoclaim' command"));
             host.reply("control", array({pending("1-0", "dead", 70'000, 1)}));
         }},
        {"MgetOfWhatWasSeen",
         "read",
         "MGET",
         {"empty"},
         [](ScriptedHost& host) {
             const SourceId source = consume(host, with([](SourceConfig& config) {
                                                 config.dedupe = DedupeMode::redis;
                                                 config.id_field = "f";
                                             }));
             EXPECT_TRUE(host.pause(source).ok());
             host.reply("read", stream("s", {"1-0"}));
         }},
    };
}

std::vector<Question> questions_of_tails_and_requests() {
    return {
        {"XinfoStreamOfATail",
         "read",
         "XINFO STREAM s",
         {"map", "empty", "integers", "push inside"},
         [](ScriptedHost& host) { open(host, tail_of("new")); }},
        {"Xrevrange", "read", "XREVRANGE s", entry_lists, [](ScriptedHost& host) { open(host, tail_of("last:5")); }},
        {"Xread", "read", "XREAD COUNT", entry_lists, [](ScriptedHost& host) { open(host, tail_of("5-0")); }},
        {"XrangeOfTheDead", "control", "XRANGE", entry_lists,
         [](ScriptedHost& host) {
             (void)consume(host);
             EXPECT_TRUE(host.dead().ok());
         }},
        {"RedriveByScript",
         "control",
         "EVALSHA",
         {},
         [](ScriptedHost& host) {
             (void)consume(host);
             EXPECT_TRUE(host.redrive({{9, 0}}).ok());
         }},
        {"XgroupSetid", "control", "XGROUP SETID", words,
         [](ScriptedHost& host) {
             (void)consume(host);
             EXPECT_TRUE(host.change_group({GroupChange::What::move, "s", "h", "0", std::nullopt}).ok());
         }},
        {"XgroupDestroy", "control", "XGROUP DESTROY", numbers,
         [](ScriptedHost& host) {
             (void)consume(host);
             EXPECT_TRUE(host.change_group({GroupChange::What::destroy, "s", "h", "0", std::nullopt}).ok());
         }},
        {"MgetOfALease",
         "control",
         "MGET",
         {"empty"},
         [](ScriptedHost& host) {
             (void)host.open(with([](SourceConfig& config) { config.consumer_lease = true; }));
             host.greet("control");
             host.greet("read");
         }},
        {"SetOfALease",
         "control",
         "SET",
         {"status", "text", "verbatim", "nil", "null array"},
         [](ScriptedHost& host) {
             (void)host.open(with([](SourceConfig& config) { config.consumer_lease = true; }));
             host.greet("control");
             host.greet("read");
             host.reply("control", array(Items(64, null())));
         }},
    };
}

std::vector<Question> questions_of_greeting() {
    return {
        {"Hello",
         "read",
         "HELLO",
         {"integers", "lists", "map", "set", "push inside"},
         [](ScriptedHost& host) {
             (void)host.open(quick());
             host.connected("read");
         }},
        {"ClientSetname", "read", "CLIENT SETNAME", words,
         [](ScriptedHost& host) {
             (void)host.open(quick());
             host.connected("read");
             host.reply("read", unknown_command("HELLO"));
         }},
        {"ClientId", "read", "CLIENT ID", numbers,
         [](ScriptedHost& host) {
             (void)host.open(quick());
             host.connected("read");
             host.reply("read", unknown_command("HELLO"));
             host.reply("read", ok());
         }},
        {"CommandInfo",
         "read",
         "COMMAND INFO",
         {"empty", "integers", "lists", "set", "push inside"},
         [](ScriptedHost& host) {
             (void)host.open(quick());
             host.connected("read");
             host.reply("read", unknown_command("HELLO"));
             host.reply("read", ok());
             host.reply("read", integer(7));
             host.reply("read", bulk("# Server\r\n"));
         }},
    };
}

}  // namespace millrace::test
