// ACK-5: entries leave the stream with their ack, by XACKDEL, else by our script, and never from under another group.
#include <gtest/gtest.h>

#include "command/scripts.hpp"
#include "support/scripted_host.hpp"

namespace millrace::test {
namespace {

const std::string xackdel = "control: XACKDEL s g ACKED IDS 2 1-0 2-0";
const std::string unknown = error("ERR unknown command 'XACKDEL', with args beginning with: 's' ");

std::string call(const std::string& ids) {
    return "control: EVALSHA " + std::string(script(ScriptId::ack_delete).sha1) + " 1 s g " + ids;
}

std::string counts(int64_t acked, int64_t deleted, int64_t groups) {
    return array({integer(acked), integer(deleted), integer(groups)});
}

/// One batch of two has been handed over, and a read blocks the read lane.
struct DeleteAcked : ::testing::Test {
    DeleteAcked() {
        SourceConfig config = source_of();
        config.delete_acked = true;
        config.flush_interval = milliseconds(10);
        (void)consume(host, config);
        host.reply("read", stream("s", {"1-0", "2-0"}));
        host.wait(10);
        host.forget();
    }
    ScriptedHost host;
};

TEST_F(DeleteAcked, IsOneCommandWhereTheServerHasIt) {
    ASSERT_TRUE(host.ack(1).ok());
    EXPECT_EQ(host.story(), lines({xackdel}));
    host.reply("control", array({integer(1), integer(-1)}));
    EXPECT_EQ(host.story(), lines({"acked 1: 0 1"}));
}

TEST_F(DeleteAcked, SaysOnceThatAnotherGroupMayWantThem) {
    const std::string kept = "log info: delete_acked: other groups may still want the entries; acked, not deleted.";
    ASSERT_TRUE(host.ack(1, {0}).ok());
    ASSERT_TRUE(host.ack(1, {1}).ok());
    host.forget();
    host.reply("control", array({integer(2)}));
    EXPECT_EQ(host.story(), lines({kept, "acked 1: 0"}));
    host.reply("control", array({integer(2)}));
    EXPECT_EQ(host.story(), lines({"acked 1: 1"}));
}

TEST_F(DeleteAcked, GoesByTheScriptWhereTheCommandIsUnknown) {
    ASSERT_TRUE(host.ack(1).ok());
    host.forget();
    host.reply("control", unknown);
    EXPECT_EQ(host.story(), lines({call("1-0 2-0")}));
    host.reply("control", error("NOSCRIPT No matching script. Please use EVAL."));
    const std::string size = std::to_string(script(ScriptId::ack_delete).source.size());
    EXPECT_EQ(host.story(), lines({"control: EVAL (" + size + " bytes) 1 s g 1-0 2-0"}));
    host.reply("control", counts(2, 0, 2));
    EXPECT_EQ(host.story(),
              lines({"log info: delete_acked: other groups may still want the entries; acked, not deleted.",
                     "acked 1: 0 1"}));
}

TEST_F(DeleteAcked, IsAPlainAckWhereScriptsAreRefusedToo) {
    ASSERT_TRUE(host.ack(1).ok());
    host.reply("control", unknown);
    host.forget();
    host.reply("control", error("NOPERM this user has no permissions to run the 'evalsha' command"));
    EXPECT_EQ(host.story(),
              lines({"failure: no_permission (delete_acked: NOPERM this user has no permissions to run the 'evalsha' "
                     "command; entries are acked, and stay in the stream)",
                     "control: XACK s g 1-0 2-0"}));
    host.reply("control", integer(2));
    EXPECT_EQ(host.story(), lines({"acked 1: 0 1"}));
}

/// One refusal is one rung down, however many acks met it.
TEST_F(DeleteAcked, TwoAcksThatMeetTheSameRefusalGoOneRungDownTogether) {
    ASSERT_TRUE(host.ack(1, {0}).ok());
    ASSERT_TRUE(host.ack(1, {1}).ok());
    host.forget();
    host.reply("control", unknown);
    host.reply("control", unknown);
    EXPECT_EQ(host.story(), lines({call("1-0"), call("2-0")}));
    host.reply("control", counts(1, 1, 1));
    EXPECT_EQ(host.story(), lines({"acked 1: 0"})) << "nobody else may want it";
}

/// Another consumer may be at work on its original.
TEST(DeleteAckedOfDuplicates, IsNotForThisSourceToDo) {
    ScriptedHost host;
    SourceConfig config = source_of();
    config.delete_acked = true;
    config.dedupe = DedupeMode::memory;
    config.id_field = "f";
    config.flush_interval = Duration{};
    (void)consume(host, config);
    host.reply("read", stream_of("s", {entry("1-0", "a")}));
    ASSERT_TRUE(host.ack(1).ok());
    host.reply("control", array({integer(1)}));
    host.forget();
    host.reply("read", stream_of("s", {entry("2-0", "a")}));
    EXPECT_NE(host.story().find("read: XACK s g 2-0"), std::string::npos);
}

TEST_F(DeleteAcked, IsSentAgainAfterALostAnswer) {
    ASSERT_TRUE(host.ack(1).ok());
    host.forget();
    host.reply("control", error("LOADING Redis is loading the dataset in memory"));
    host.wait(100);
    EXPECT_EQ(host.story(), lines({xackdel}));
    host.reply("control", array({integer(-1), integer(-1)}));
    EXPECT_EQ(host.story(), lines({"acked 1: 0 1"}));
}

}  // namespace
}  // namespace millrace::test
