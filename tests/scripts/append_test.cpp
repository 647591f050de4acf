// The script that appends once and trims (PUB-2, PUB-3), as real servers run it.
#include <string>

#include "wire_client.hpp"

namespace millrace::test {
namespace {

struct Append : OnEachServer {
    /// Ten entries, the group `g` at the beginning.
    void SetUp() override {
        OnEachServer::SetUp();
        if (client_ == nullptr) return;
        for (int i = 1; i <= 10; ++i) (void)client_->ask("XADD s " + std::to_string(i) + "-0 a 1");
        (void)client_->ask("XGROUP CREATE s g 0");
    }
    /// Trims to `most` with the entry, and returns how many are left.
    std::string trim(int most, bool keep) {
        const std::string id = client_->call(ScriptId::append, {"s"},
                                             {std::to_string(most), "0", keep ? "1" : "0", "0", "0", "0", "a", "1"});
        EXPECT_NE(id.find('-'), std::string::npos) << id;
        return client_->ask("XLEN s");
    }
    std::string once(int number, int forgotten) {
        return client_->call(ScriptId::append, {"s", "{s}:published:p"},
                             {"0", "0", "0", "60000", std::to_string(number), std::to_string(forgotten), "a", "1"});
    }
};

TEST_P(Append, TrimsToTheLength) {
    EXPECT_EQ(trim(4, false), "4");
    EXPECT_EQ(trim(100, false), "5");
}

TEST_P(Append, KeepsWhatIsNotRead) {
    EXPECT_EQ(trim(4, true), "11");
    (void)client_->ask("XREADGROUP GROUP g me COUNT 3 STREAMS s >");
    (void)client_->ask("XACK s g 1-0 2-0 3-0");
    EXPECT_EQ(trim(4, true), "9");
    EXPECT_EQ(client_->ask("XRANGE s - + COUNT 1"), "[[4-0 [a 1]]]");
}

TEST_P(Append, KeepsWhatIsPendingWithAnyGroup) {
    (void)client_->ask("XREADGROUP GROUP g me COUNT 10 STREAMS s >");
    (void)client_->ask("XACK s g 1-0 2-0 3-0 5-0 6-0 7-0 8-0 9-0 10-0");
    (void)client_->ask("XGROUP CREATE s h 0");
    (void)client_->ask("XREADGROUP GROUP h me COUNT 10 STREAMS s >");
    (void)client_->ask("XACK s h 1-0 3-0 4-0 5-0");
    EXPECT_EQ(trim(1, true), "10");
    EXPECT_EQ(client_->ask("XRANGE s - + COUNT 1"), "[[2-0 [a 1]]]");
    (void)client_->ask("XACK s h 2-0");
    EXPECT_EQ(trim(1, true), "9");
    EXPECT_EQ(client_->ask("XRANGE s - + COUNT 1"), "[[4-0 [a 1]]]");
}

TEST_P(Append, KeepsWhatAGroupThatWasSetBackReadsAgain) {
    (void)client_->ask("XREADGROUP GROUP g me COUNT 6 STREAMS s >");
    (void)client_->ask("XACK s g 1-0 2-0 3-0 4-0 5-0");
    (void)client_->ask("XGROUP SETID s g 2-0");
    EXPECT_EQ(trim(1, true), "9");
}

TEST_P(Append, DropsOnlySoManyWithEachEntry) {
    for (int i = 11; i <= 300; ++i) (void)client_->ask("XADD s " + std::to_string(i) + "-0 a 1");
    EXPECT_EQ(trim(10, false), "201");
    EXPECT_EQ(trim(10, false), "102");
}

TEST_P(Append, TrimsWhatIsOlderByTheServersTime) {
    (void)client_->ask("XADD s * young 1");  // the others are from 1970
    const Words hour{"0", "3600000", "0", "0", "0", "0", "a", "1"};
    EXPECT_NE(client_->call(ScriptId::append, {"s"}, hour).find('-'), std::string::npos);
    EXPECT_EQ(client_->ask("XLEN s"), "2");
    EXPECT_NE(client_->call(ScriptId::append, {"s"}, hour).find('-'), std::string::npos);
    EXPECT_EQ(client_->ask("XLEN s"), "3");
}

TEST_P(Append, MakesAStreamThatIsNotThere) {
    EXPECT_NE(client_->call(ScriptId::append, {"new"}, {"5", "0", "1", "0", "0", "0", "a", "1"}).find('-'),
              std::string::npos);
    EXPECT_EQ(client_->ask("XLEN new"), "1");
}

TEST_P(Append, ARepeatAnswersTheFirstId) {
    const std::string first = once(1, -99);
    EXPECT_EQ(once(1, -99), first);
    EXPECT_NE(once(2, -98), first);
    EXPECT_EQ(once(1, -99), first);
    EXPECT_EQ(client_->ask("XLEN s"), "12");
    EXPECT_NE(client_->ask("PTTL {s}:published:p"), "-1");
}

TEST_P(Append, WhatFallsOutOfTheWindowIsForgotten) {
    const std::string first = once(1, -1);
    (void)once(2, 0);
    (void)once(3, 1);
    EXPECT_EQ(client_->ask("HLEN {s}:published:p"), "2");
    EXPECT_NE(once(1, -1), first);
}

TEST_P(Append, WithoutMemoryNothingIsWrittenOrMarked) {
    (void)client_->ask("CONFIG SET maxmemory 1");
    const std::string answer = once(1, -99);
    (void)client_->ask("CONFIG SET maxmemory 0");
    EXPECT_NE(answer.find("OOM"), std::string::npos) << answer;
    EXPECT_EQ(client_->ask("XLEN s"), "10");
    EXPECT_EQ(client_->ask("EXISTS {s}:published:p"), "0");
}

TEST_P(Append, AnotherTypeIsRefused) {
    (void)client_->ask("SET x 1");
    const std::string answer = client_->call(ScriptId::append, {"x"}, {"5", "0", "1", "0", "0", "0", "a", "1"});
    EXPECT_NE(answer.find("WRONGTYPE"), std::string::npos) << answer;
}

TEST_P(Append, AMarkThatCantBeMadeIsToldBesideTheId) {
    (void)client_->ask("SET {s}:published:p 1");
    const std::string refused = once(1, -99);
    EXPECT_NE(refused.find("WRONGTYPE"), std::string::npos) << refused;  // it is asked before anything is written
    EXPECT_EQ(client_->ask("XLEN s"), "10");
}

TEST_P(Append, TakesAsManyFieldsAsOneCallMayHave) {
    Words arguments{"0", "0", "0", "60000", "1", "-99"};
    while (arguments.size() + 2 < script_arguments_max) arguments.push_back("x");
    EXPECT_NE(client_->call(ScriptId::append, {"s", "{s}:published:p"}, arguments).find('-'), std::string::npos);
}

INSTANTIATE_TEST_SUITE_P(Servers, Append, ::testing::ValuesIn(places()), name_of);

}  // namespace
}  // namespace millrace::test
