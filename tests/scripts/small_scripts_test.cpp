// The scripts of delete_acked (ACK-5), of deleting a consumer (REC-5), of marking ids as seen (DUP-3) and of leases
// (REC-4), as real servers run them.
#include <string>

#include "base/sha1.hpp"
#include "command/server_error.hpp"
#include "wire_client.hpp"

namespace millrace::test {
namespace {

struct SmallScripts : OnEachServer {
    void SetUp() override {
        OnEachServer::SetUp();
        if (client_ == nullptr) return;
        (void)client_->ask("XGROUP CREATE s g 0 MKSTREAM");
        for (const char* const id : {"1-0", "2-0", "3-0"}) (void)client_->ask("XADD s " + std::string(id) + " a 1");
        (void)client_->ask("XREADGROUP GROUP g me STREAMS s >");
    }
};

TEST_P(SmallScripts, AreKnownByTheirHash) {
    for (const Script& script : scripts()) {
        EXPECT_EQ(client_->ask({"SCRIPT", "LOAD", std::string(script.source)}), script.sha1) << script.name;
        EXPECT_EQ(&script, &millrace::script(script.id));
    }
}

TEST_P(SmallScripts, DeleteWhatWasAckedAndNothingElse) {
    EXPECT_EQ(client_->call(ScriptId::ack_delete, {"s"}, {"g", "1-0", "3-0", "9-0"}), "[2 2 1]");
    EXPECT_EQ(client_->ask("XRANGE s - +"), "[[2-0 [a 1]]]");
    EXPECT_EQ(client_->call(ScriptId::ack_delete, {"s"}, {"g", "1-0"}), "[0 0 1]");
    EXPECT_EQ(client_->call(ScriptId::ack_delete, {"none"}, {"g", "1-0"}), "[0 0 0]");
    (void)client_->ask("SET x 1");
    EXPECT_NE(client_->call(ScriptId::ack_delete, {"x"}, {"g", "1-0"}).find("WRONGTYPE"), std::string::npos);
}

TEST_P(SmallScripts, OnlyAckWhereAnotherGroupMayWantIt) {
    (void)client_->ask("XGROUP CREATE s other 0");
    EXPECT_EQ(client_->call(ScriptId::ack_delete, {"s"}, {"g", "1-0", "2-0"}), "[2 0 2]");
    EXPECT_EQ(client_->ask("XLEN s"), "3");
}

TEST_P(SmallScripts, TakeAsManyIdsAsOneCallMayHave) {
    Words ids{"g", "1-0", "2-0", "3-0"};
    while (ids.size() < script_arguments_max - 1) ids.push_back("9-" + std::to_string(ids.size()));
    EXPECT_EQ(client_->call(ScriptId::ack_delete, {"s"}, ids), "[3 3 1]");
}

TEST_P(SmallScripts, DeleteAConsumerOnlyWhenNothingIsPending) {
    EXPECT_EQ(client_->call(ScriptId::delete_consumer, {"s"}, {"g", "me", "0"}), "pending");
    (void)client_->ask("XACK s g 1-0 2-0 3-0");
    EXPECT_EQ(client_->call(ScriptId::delete_consumer, {"s"}, {"g", "me", "600000"}), "active");
    EXPECT_EQ(client_->call(ScriptId::delete_consumer, {"s"}, {"g", "me", "0"}), "deleted");
    EXPECT_EQ(client_->ask("XINFO CONSUMERS s g"), "[]");
    EXPECT_EQ(client_->call(ScriptId::delete_consumer, {"s"}, {"g", "me", "0"}), "absent");
    EXPECT_EQ(client_->call(ScriptId::delete_consumer, {"none"}, {"g", "me", "0"}), "absent");
    EXPECT_NE(client_->call(ScriptId::delete_consumer, {"s"}, {"nobody", "me", "0"}).find("NOGROUP"),
              std::string::npos);
}

TEST_P(SmallScripts, MarkAndAckTogether) {
    const Words keys{"s", "{s}:seen:1:g:a", "{s}:seen:1:g:b"};
    EXPECT_EQ(client_->call(ScriptId::mark_seen, keys, {"g", "60000", "keep", "1-0", "2-0"}), "[2 0 0]");
    EXPECT_EQ(client_->ask("EXISTS {s}:seen:1:g:a {s}:seen:1:g:b"), "2");
    EXPECT_NE(client_->ask("PTTL {s}:seen:1:g:a"), "-1");
    EXPECT_EQ(client_->ask("XLEN s"), "3");
    EXPECT_EQ(client_->ask("XPENDING s g - + 10").rfind("[[3-0 me ", 0), 0U);
    (void)client_->ask("PEXPIRE {s}:seen:1:g:a 5000000");
    EXPECT_EQ(client_->call(ScriptId::mark_seen, {keys[0], keys[1]}, {"g", "60000", "keep", "3-0"}), "[1 0 0]");
    EXPECT_GT(client_->ask("PTTL {s}:seen:1:g:a").size(), 6U);  // a mark that is there stays as it is
}

TEST_P(SmallScripts, MarkForEverWhereThereIsNoWindow) {
    EXPECT_EQ(client_->call(ScriptId::mark_seen, {"s", "{s}:seen:1:g:a"}, {"g", "0", "keep", "1-0"}), "[1 0 0]");
    EXPECT_EQ(client_->ask("PTTL {s}:seen:1:g:a"), "-1");
}

TEST_P(SmallScripts, MarkAckAndDeleteTogether) {
    const Words keys{"s", "{s}:seen:1:g:a", "{s}:seen:1:g:b"};
    EXPECT_EQ(client_->call(ScriptId::mark_seen, keys, {"g", "60000", "delete", "1-0", "2-0", "9-0"}), "[2 2 1]");
    EXPECT_EQ(client_->ask("XRANGE s - +"), "[[3-0 [a 1]]]");
    (void)client_->ask("XGROUP CREATE s other 0");
    EXPECT_EQ(client_->call(ScriptId::mark_seen, {keys[0], keys[1]}, {"g", "60000", "delete", "3-0"}), "[1 0 2]");
    EXPECT_EQ(client_->ask("XLEN s"), "1");
}

/// The ack may come when its stream is gone: the id was seen all the same.
TEST_P(SmallScripts, MarkWhatIsNotThereAnyMore) {
    (void)client_->ask("DEL s");
    EXPECT_EQ(client_->call(ScriptId::mark_seen, {"s", "{s}:seen:1:g:a"}, {"g", "60000", "delete", "1-0"}), "[0 0 0]");
    EXPECT_EQ(client_->ask("EXISTS {s}:seen:1:g:a"), "1");
    (void)client_->ask("SET s x");
    const std::string answer = client_->call(ScriptId::mark_seen, {"s", "{s}:seen:1:g:a"}, {"g", "0", "keep", "1-0"});
    EXPECT_NE(answer.find("WRONGTYPE"), std::string::npos) << answer;
}

/// A key of another kind is no mark, and none can be made there; that must not be in the way of the ack.
TEST_P(SmallScripts, MarkNothingOverAKeyOfAnotherKind) {
    (void)client_->ask("LPUSH {s}:seen:1:g:a x");
    EXPECT_EQ(client_->ask("MGET {s}:seen:1:g:a"), "[nil]");
    EXPECT_EQ(client_->call(ScriptId::mark_seen, {"s", "{s}:seen:1:g:a"}, {"g", "60000", "keep", "1-0"}), "[1 0 0]");
    EXPECT_EQ(client_->ask("TYPE {s}:seen:1:g:a"), "list");
}

TEST_P(SmallScripts, MarkAsManyIdsAsOneCallMayHave) {
    Words keys{"s"};
    Words arguments{"g", "60000", "delete"};
    for (size_t i = 1; keys.size() + arguments.size() + 2 <= script_arguments_max; ++i) {
        keys.push_back("{s}:seen:1:g:" + std::to_string(i));
        arguments.push_back(std::to_string(i) + "-0");
    }
    EXPECT_EQ(keys.size(), 499U);
    EXPECT_EQ(client_->call(ScriptId::mark_seen, keys, arguments), "[3 3 1]");
    EXPECT_EQ(client_->ask("EXISTS {s}:seen:1:g:498"), "1");
}

TEST_P(SmallScripts, WithoutMemoryNeitherMarkNorAck) {
    (void)client_->ask("CONFIG SET maxmemory 1");
    const std::string answer =
        client_->call(ScriptId::mark_seen, {"s", "{s}:seen:1:g:a"}, {"g", "60000", "keep", "1-0"});
    EXPECT_NE(answer.find("OOM"), std::string::npos) << answer;
    EXPECT_EQ(classify(answer).what, ErrorClass::oom) << answer;
    EXPECT_EQ(client_->ask("XACK s g 1-0"), "1");
}

TEST_P(SmallScripts, RenewAndFreeALeaseOfOneTokenAlone) {
    (void)client_->ask("SET {s}:lease:g:n token NX PX 30000");
    EXPECT_EQ(client_->call(ScriptId::renew_lease, {"{s}:lease:g:n"}, {"other", "90000"}), "0");
    EXPECT_EQ(client_->call(ScriptId::free_lease, {"{s}:lease:g:n"}, {"other"}), "0");
    EXPECT_EQ(client_->call(ScriptId::renew_lease, {"{s}:lease:g:n"}, {"token", "5000000"}), "1");
    EXPECT_GT(client_->ask("PTTL {s}:lease:g:n").size(), 6U);
    EXPECT_EQ(client_->call(ScriptId::free_lease, {"{s}:lease:g:n"}, {"token"}), "1");
    EXPECT_EQ(client_->ask("EXISTS {s}:lease:g:n"), "0");
    EXPECT_EQ(client_->call(ScriptId::renew_lease, {"{s}:lease:g:n"}, {"token", "90000"}), "0");
    EXPECT_EQ(client_->call(ScriptId::free_lease, {"{s}:lease:g:n"}, {"token"}), "0");
}

INSTANTIATE_TEST_SUITE_P(Servers, SmallScripts, ::testing::ValuesIn(places()), name_of);

}  // namespace
}  // namespace millrace::test
