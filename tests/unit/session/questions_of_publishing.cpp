#include <gtest/gtest.h>

#include "session/questions.hpp"

namespace millrace::test {

namespace {

PublishConfig once() {
    PublishConfig options;
    options.idempotent = true;
    return options;
}

void publish_on(ScriptedHost& host, const std::string& version, const PublishConfig& options) {
    host.server.version = version;
    EXPECT_TRUE(host.publish("s", {"a"}, options).ok());
    host.greet("publish");
}

}  // namespace

std::vector<Question> questions_of_publishing() {
    return {
        {"Xadd", "publish", "XADD", {}, [](ScriptedHost& host) { publish_on(host, "7.0.15", {}); }},
        {"Multi", "publish", "MULTI", words,
         [](ScriptedHost& host) {
             EXPECT_TRUE(host.publish("s", {"a"}, true).ok());
             host.greet("publish");
         }},
        {"Queued",
         "publish",
         "XADD",
         {"status"},
         [](ScriptedHost& host) {
             EXPECT_TRUE(host.publish("s", {"a"}, true).ok());
             host.greet("publish");
             host.reply("publish", ok());
         }},
        // Of a transaction of one entry: what has another number of results is told as its result.
        {"Exec",
         "publish",
         "EXEC",
         {"nil", "null array", "empty", "integers"},
         [](ScriptedHost& host) {
             EXPECT_TRUE(host.publish("s", {"a"}, true).ok());
             host.greet("publish");
             host.reply("publish", ok());
             host.reply("publish", status("QUEUED"));
         }},
        {"Time",
         "publish",
         "TIME",
         {"empty"},
         [](ScriptedHost& host) {
             PublishConfig options;
             options.max_age = seconds(10);
             publish_on(host, "6.2.14", options);
         }},
        {"XinfoStreamOfAWindow",
         "publish",
         "XINFO STREAM s",
         {"map", "empty", "integers", "push inside"},
         [](ScriptedHost& host) { publish_on(host, "8.6.3", once()); }},
        {"Xcfgset", "publish", "XCFGSET", words,
         [](ScriptedHost& host) {
             publish_on(host, "8.6.3", once());
             host.reply("publish", map({bulk("idmp-duration"), integer(1), bulk("idmp-maxsize"), integer(1)}));
         }},
        {"AppendByScript", "publish", "EVAL", {}, [](ScriptedHost& host) { publish_on(host, "7.0.15", once()); }},
    };
}

}  // namespace millrace::test
