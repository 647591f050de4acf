// DLQ-1 and DLQ-2: the dead letter and redriving, each in one script, as real servers run it.
#include <string>

#include "wire_client.hpp"

namespace millrace::test {
namespace {

struct DeadLetter : OnEachServer {
    void SetUp() override {
        OnEachServer::SetUp();
        if (client_ == nullptr) return;
        (void)client_->ask("XGROUP CREATE s g 0 MKSTREAM");
        (void)client_->ask("XADD s 1-0 a 1 b 2");
        (void)client_->ask("XREADGROUP GROUP g me STREAMS s >");
    }
    std::string bury(const std::string& id = "1-0", const std::string& dead = "{s}:dead") {
        return client_->call(ScriptId::dead_letter, {"s", dead}, {"g", "me", id, "17", "too often"});
    }
    std::string pending() { return client_->ask("XPENDING s g - + 10"); }
    /// The fields of the only entry of a stream.
    std::string fields_of(const std::string& stream) {
        const std::string all = client_->ask("XRANGE " + stream + " - +");
        const size_t from = all.find('[', 2);
        return from == std::string::npos ? all : all.substr(from, all.size() - from - 2);
    }
    /// An entry of so many fields, pending with us.
    void add_wide(const std::string& id, size_t fields) {
        Words words{"XADD", "s", id};
        for (size_t i = 0; i < fields; ++i) {
            words.push_back("f");
            words.push_back("v");
        }
        ASSERT_EQ(client_->ask(words), id);
        (void)client_->ask("XREADGROUP GROUP g me STREAMS s >");
    }
};

TEST_P(DeadLetter, HoldsTheFieldsAndWhereTheyCameFromAndIsAcked) {
    const std::string answer = bury();
    ASSERT_EQ(answer.rfind("[done ", 0), 0U) << answer;
    EXPECT_EQ(fields_of("{s}:dead"),
              "[a 1 b 2 dlq_origin_id 1-0 dlq_stream s dlq_group g dlq_consumer me dlq_deliveries 17 dlq_error too "
              "often]");
    EXPECT_EQ(pending(), "[]");
    EXPECT_EQ(client_->ask("XLEN s"), "1");
    EXPECT_EQ(bury(), "[not_ours]");
    EXPECT_EQ(client_->ask("XLEN {s}:dead"), "1");
}

TEST_P(DeadLetter, OfAWrongTypeLeavesTheEntryPending) {
    (void)client_->ask("SET {s}:dead x");
    const std::string answer = bury();
    EXPECT_NE(answer.find("WRONGTYPE"), std::string::npos) << answer;
    EXPECT_NE(pending().find("[1-0 me "), std::string::npos) << pending();
}

TEST_P(DeadLetter, OfAnEntryThatAnotherClaimedIsNotWritten) {
    (void)client_->ask("XCLAIM s g other 0 1-0 JUSTID");
    EXPECT_EQ(bury(), "[not_ours]");
    EXPECT_EQ(client_->ask("EXISTS {s}:dead"), "0");
    EXPECT_NE(pending().find("[1-0 other "), std::string::npos) << pending();
}

TEST_P(DeadLetter, OfADeletedEntrySaysSo) {
    (void)client_->ask("XDEL s 1-0");
    EXPECT_EQ(bury(), "[deleted]");
    EXPECT_EQ(client_->ask("EXISTS {s}:dead"), "0");
}

TEST_P(DeadLetter, WithoutTheGroupSaysNoGroup) {
    (void)client_->ask("XGROUP DESTROY s g");
    const std::string answer = bury();
    EXPECT_NE(answer.find("NOGROUP"), std::string::npos) << answer;
}

TEST_P(DeadLetter, OfAsManyFieldsAsFitIsWrittenWholeAndOfMoreRefused) {
    add_wide("2-0", script_fields_max);
    const std::string answer = bury("2-0");
    ASSERT_EQ(answer.rfind("[done ", 0), 0U) << answer;
    EXPECT_EQ(fields_of("{s}:dead").size(), std::string("[dlq_origin_id 2-0 dlq_stream s dlq_group g dlq_consumer me "
                                                        "dlq_deliveries 17 dlq_error too often]")
                                                    .size() +
                                                4 * script_fields_max);
    add_wide("3-0", script_fields_max + 1);
    EXPECT_EQ(bury("3-0"), "[too_many_fields]");
    EXPECT_NE(pending().find("[3-0 me "), std::string::npos) << pending();
    EXPECT_EQ(client_->ask("XLEN {s}:dead"), "1");
}

TEST_P(DeadLetter, WithoutMemoryLeavesTheEntryPending) {
    (void)client_->ask("CONFIG SET maxmemory 1");
    const std::string answer = bury();
    EXPECT_NE(answer.find("OOM"), std::string::npos) << answer;
    (void)client_->ask("CONFIG SET maxmemory 0");
    EXPECT_NE(pending().find("[1-0 me "), std::string::npos) << pending();
    EXPECT_EQ(client_->ask("EXISTS {s}:dead"), "0");
}

TEST_P(DeadLetter, IsPutBackAndForgotten) {
    const std::string answer = bury();
    const std::string dead = answer.substr(6, answer.size() - 7);
    const std::string back = client_->call(ScriptId::redrive, {"{s}:dead", "s"}, {dead});
    ASSERT_EQ(back.rfind("[done ", 0), 0U) << back;
    EXPECT_EQ(client_->ask("XLEN {s}:dead"), "0");
    const std::string id = back.substr(6, back.size() - 7);
    EXPECT_EQ(client_->ask("XRANGE s " + id + " " + id), "[[" + id + " [a 1 b 2 dlq_origin_id 1-0 dlq_group g]]]");
    EXPECT_EQ(client_->call(ScriptId::redrive, {"{s}:dead", "s"}, {dead}), "[gone]");
    // It dies again: what redriving added is replaced, not added to.
    (void)client_->ask("XREADGROUP GROUP g me STREAMS s >");
    ASSERT_EQ(bury(id).rfind("[done ", 0), 0U);
    EXPECT_EQ(fields_of("{s}:dead"), "[a 1 b 2 dlq_origin_id " + id +
                                         " dlq_stream s dlq_group g dlq_consumer me dlq_deliveries 17 dlq_error too "
                                         "often]");
}

TEST_P(DeadLetter, OfAnotherStreamOrNoneIsNotPutBack) {
    (void)client_->ask("XADD {s}:dead 1-0 a 1");
    EXPECT_EQ(client_->call(ScriptId::redrive, {"{s}:dead", "s"}, {"1-0"}), "[foreign]");
    (void)client_->ask(
        "XADD {s}:dead 2-0 a 1 dlq_origin_id 1-0 dlq_stream {s} dlq_group g dlq_consumer c dlq_deliveries 1 dlq_error "
        "e");
    EXPECT_EQ(client_->call(ScriptId::redrive, {"{s}:dead", "s"}, {"2-0"}), "[foreign]");
    EXPECT_EQ(client_->ask("XLEN {s}:dead"), "2");
    EXPECT_EQ(client_->ask("XLEN s"), "1");
}

TEST_P(DeadLetter, OfAsManyFieldsAsFitIsPutBackWhole) {
    add_wide("2-0", script_fields_max);
    const std::string answer = bury("2-0");
    const std::string dead = answer.substr(6, answer.size() - 7);
    const std::string back = client_->call(ScriptId::redrive, {"{s}:dead", "s"}, {dead});
    EXPECT_EQ(back.rfind("[done ", 0), 0U) << back;
    EXPECT_EQ(client_->ask("XLEN s"), "3");
}

/// Scripts are replicated by their effects: a replica holds the same ids.
TEST_P(DeadLetter, IsTheSameAtAReplica) {
    const std::unique_ptr<harness::LocalServer> other = start_server(GetParam().server);
    WireClient replica(other->url().port, 2);
    (void)client_->ask("CONFIG SET repl-diskless-sync-delay 0");
    (void)replica.ask("REPLICAOF 127.0.0.1 " + std::to_string(server_->url().port));
    for (int i = 0; i < 500 && replica.ask("INFO replication").find("master_link_status:up") == std::string::npos;
         ++i) {
        (void)client_->ask("WAIT 1 20");
    }
    const std::string answer = bury();
    ASSERT_EQ(answer.rfind("[done ", 0), 0U) << answer;
    const std::string dead = answer.substr(6, answer.size() - 7);
    ASSERT_EQ(client_->ask("WAIT 1 5000"), "1");
    EXPECT_EQ(replica.ask("XRANGE {s}:dead - +"), client_->ask("XRANGE {s}:dead - +"));
    EXPECT_EQ(replica.ask("XPENDING s g - + 10"), "[]");
    EXPECT_EQ(client_->call(ScriptId::redrive, {"{s}:dead", "s"}, {dead}).rfind("[done ", 0), 0U);
    ASSERT_EQ(client_->ask("WAIT 1 5000"), "1");
    EXPECT_EQ(replica.ask("XRANGE s - +"), client_->ask("XRANGE s - +"));
    EXPECT_EQ(replica.ask("XLEN {s}:dead"), "0");
}

INSTANTIATE_TEST_SUITE_P(Servers, DeadLetter, ::testing::ValuesIn(places()), name_of);

}  // namespace
}  // namespace millrace::test
