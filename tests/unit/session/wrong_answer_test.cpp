// SEC-2: an answer of another shape than the question allows is never believed. Whatever was asked, and whatever comes
// in the answer's place: one typed error, the connection ends, and another one is tried with backoff.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <string>

#include "session/questions.hpp"

namespace millrace::test {
namespace {

class WrongAnswer : public ::testing::TestWithParam<Question> {};

TEST_P(WrongAnswer, EndsTheConnectionWithATypedErrorAndItIsTriedAgain) {
    const Question& question = GetParam();
    for (const Item& item : items()) {
        if (std::find(question.right.begin(), question.right.end(), item.what) != question.right.end()) continue;
        SCOPED_TRACE(item.what);
        ScriptedHost host;
        question.ask(host);
        host.forget();
        host.reply(question.lane, item.wire);
        const std::string told = host.story();
        const std::string head = "disconnected " + question.lane + " dropped: protocol (";
        EXPECT_TRUE(told.starts_with(head)) << told;
        EXPECT_NE(told.find(") retryable\n"), std::string::npos) << told;
        EXPECT_NE(told.find("close " + question.lane + "\n"), std::string::npos) << told;
        EXPECT_EQ(told.find("closed"), std::string::npos) << "no source ends over it: " << told;
        for (const char* believed : {"batch ", "acked ", "dead lettered", "lost ", "published ", "ready "}) {
            EXPECT_EQ(told.find(believed), std::string::npos) << told;
        }
        host.wait(99);
        EXPECT_EQ(host.story().find("connect " + question.lane), std::string::npos) << "with backoff";
        host.wait(1);
        EXPECT_NE(host.story().find("connect " + question.lane), std::string::npos);
        host.greet(question.lane);
        EXPECT_TRUE(host.lives(question.lane));
        EXPECT_EQ(host.story().find("closed"), std::string::npos);
    }
}

/// The table asks what it says that it asks.
TEST_P(WrongAnswer, IsOneToTheQuestionThatIsNamed) {
    const Question& question = GetParam();
    ScriptedHost host;
    question.ask(host);
    const std::string story = host.story();
    EXPECT_NE(story.find(question.lane + ": " + question.asked), std::string::npos) << story;
}

const auto by_name = [](const auto& test) { return test.param.what; };
INSTANTIATE_TEST_SUITE_P(Reading, WrongAnswer, testing::ValuesIn(questions_of_reading()), by_name);
INSTANTIATE_TEST_SUITE_P(Settling, WrongAnswer, testing::ValuesIn(questions_of_settling()), by_name);
INSTANTIATE_TEST_SUITE_P(Publishing, WrongAnswer, testing::ValuesIn(questions_of_publishing()), by_name);
INSTANTIATE_TEST_SUITE_P(Greeting, WrongAnswer, testing::ValuesIn(questions_of_greeting()), by_name);
INSTANTIATE_TEST_SUITE_P(Requests, WrongAnswer, testing::ValuesIn(questions_of_tails_and_requests()), by_name);

/// With one lane, so that its timer is the next.
struct Violations : ::testing::Test {
    Violations() : host(one_lane()) {
        (void)host.open(quick());
        host.greet("read");
    }
    static ClientConfig one_lane() {
        ClientConfig config;
        config.lanes = 1;
        return config;
    }
    int64_t wrong_answer() {
        host.reply("read", integer(7));
        const int64_t waited = host.fire();
        host.greet("read");
        return waited;
    }
    ScriptedHost host;
};

TEST_F(Violations, OfAServerThatGreetsWellAreBackedOffFromLikeFailures) {
    for (const int64_t delay : {100, 200, 400, 800, 1600, 3200, 5000, 5000}) EXPECT_EQ(wrong_answer(), delay);
}

TEST_F(Violations, AreForgottenOnceAConnectionHasLasted) {
    EXPECT_EQ(wrong_answer(), 100);
    EXPECT_EQ(wrong_answer(), 200);
    host.wait(5000);
    EXPECT_EQ(wrong_answer(), 100);
}

TEST_F(Violations, AreMoreEntriesThanWereAskedFor) {
    host.reply("read", ok());
    host.forget();
    host.reply("read", stream("s", {"1-0", "2-0", "3-0", "4-0", "5-0", "6-0"}));
    EXPECT_EQ(host.story(), lines({"disconnected read dropped: protocol (localhost:6379: got 6 entries, and asked for "
                                   "5) retryable",
                                   "close read"}));
}

TEST(ForeignEntries, AreNotTakenForOnesOfAStreamOfOurs) {
    ScriptedHost host;
    (void)consume(host, quick());
    host.reply("read", stream("other", {"1-0"}));
    EXPECT_EQ(host.story().find("batch"), std::string::npos);
    host.reply("read", stream("s", {"2-0"}));
    EXPECT_NE(host.story().find("batch 1 by flush: 2-0\n"), std::string::npos);
}

/// Sanitizers judge.
TEST(Numbers, PastAllReckoningDoNoHarm) {
    for (const int64_t number : {INT64_MAX, INT64_MIN, int64_t{-1}}) {
        ScriptedHost host;
        SourceConfig config = quick();
        config.max_deliveries = 0;
        consume_again(host, config);
        host.reply("read", array({pending("1-0", "c", number, number)}));
        host.reply("read", stream("s", {"1-0"}));
        host.reply("read", array({}));
        host.reply("read", error("NOPERM this user has no permissions to run the 'xautoclaim' command"));
        host.forget();
        host.reply("control", array({pending("2-0", "dead", number, number)}));
        EXPECT_NE(host.story().find("control: XCLAIM s g c 60000 2-0"), std::string::npos);
        EXPECT_TRUE(host.nack(1, {0}, Duration{}).ok());
        host.reply("control", array({}));
        host.reply("control", array({}));
        host.reply("control", array({pending("1-0", "c", number, number)}));
        host.wait(60'000);
    }
}

}  // namespace
}  // namespace millrace::test
