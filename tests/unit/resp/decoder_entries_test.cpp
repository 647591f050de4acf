// Replies whose entries go to a sink: XREAD and XREADGROUP (streams), XRANGE and XCLAIM (entries), in RESP2 and RESP3.
#include <gtest/gtest.h>

#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "resp/wire.hpp"

namespace millrace::resp {
namespace {

using test::bulk;
using test::decode;
using test::Transcript;

std::string entry(const std::string& id, const std::vector<std::string>& texts) {
    std::string wire = "*2\r\n" + bulk(id) + "*" + std::to_string(texts.size()) + "\r\n";
    for (const std::string& text : texts) wire += bulk(text);
    return wire;
}
std::string array(const std::vector<std::string>& items) {
    std::string wire = "*" + std::to_string(items.size()) + "\r\n";
    for (const std::string& item : items) wire += item;
    return wire;
}
std::string streams2(const std::vector<std::pair<std::string, std::string>>& streams) {
    std::string wire = "*" + std::to_string(streams.size()) + "\r\n";
    for (const auto& [name, entries] : streams) wire += "*2\r\n" + bulk(name) + entries;
    return wire;
}
std::string streams3(const std::vector<std::pair<std::string, std::string>>& streams) {
    std::string wire = "%" + std::to_string(streams.size()) + "\r\n";
    for (const auto& [name, entries] : streams) wire += bulk(name) + entries;
    return wire;
}

TEST(DecoderStreams, HandsOutEntriesOneByOneInBothProtocols) {
    const std::vector<std::pair<std::string, std::string>> streams{
        {"orders", array({entry("1-1", {"a", "1", "b", "2"}), entry("1-2", {"a", "3"})})},
        {"returns", array({entry("1526919030474-55", {"", ""})})}};
    const Transcript expected{"stream orders",  "entry 1-1 a=1 b=2",        "entry 1-2 a=3",
                              "stream returns", "entry 1526919030474-55 =", "reply []"};
    EXPECT_EQ(decode(streams2(streams), Shape::streams), expected);
    EXPECT_EQ(decode(streams3(streams), Shape::streams), expected);
}

TEST(DecoderStreams, TellsDeletedEntriesAndEmptyHistories) {
    const std::string deleted2 = array({"*2\r\n$3\r\n5-1\r\n*-1\r\n", entry("5-2", {"k", "v"})});
    const std::string deleted3 = array({"*2\r\n$3\r\n5-1\r\n_\r\n", entry("5-2", {"k", "v"})});
    const Transcript expected{"stream s", "deleted 5-1", "entry 5-2 k=v", "stream t", "reply []"};
    EXPECT_EQ(decode(streams2({{"s", deleted2}, {"t", "*0\r\n"}}), Shape::streams), expected);
    EXPECT_EQ(decode(streams3({{"s", deleted3}, {"t", "*0\r\n"}}), Shape::streams), expected);
}

TEST(DecoderStreams, WhatIsNoAggregateArrivesAsATree) {
    EXPECT_EQ(decode("*-1\r\n", Shape::streams), (Transcript{"reply nil"}));
    EXPECT_EQ(decode("_\r\n", Shape::streams), (Transcript{"reply nil"}));
    EXPECT_EQ(decode("-NOGROUP No such key\r\n", Shape::streams), (Transcript{"reply -NOGROUP No such key"}));
    EXPECT_EQ(decode(":1\r\n", Shape::entries), (Transcript{"reply 1"}));
    EXPECT_EQ(decode("#t\r\n", Shape::entries), (Transcript{"reply #true"}));
    EXPECT_EQ(decode("$2\r\nhi\r\n", Shape::entries), (Transcript{"reply \"hi\""}));
    EXPECT_EQ(decode("*0\r\n", Shape::streams), (Transcript{"reply []"}));
    EXPECT_EQ(decode("%0\r\n", Shape::streams), (Transcript{"reply []"}));
}

TEST(DecoderStreams, PushesBetweenRepliesAreTrees) {
    const std::string push = ">2\r\n+invalidate\r\n*1\r\n*2\r\n$1\r\na\r\n*0\r\n";
    const std::string read = streams3({{"s", array({entry("1-1", {"k", "v"})})}});
    EXPECT_EQ(decode(push + read + push + ":1\r\n" + read, {Shape::streams, Shape::tree, Shape::streams}),
              (Transcript{"push >[+invalidate, [[\"a\", []]]]", "stream s", "entry 1-1 k=v", "reply []",
                          "push >[+invalidate, [[\"a\", []]]]", "reply 1", "stream s", "entry 1-1 k=v", "reply []"}));
}

TEST(DecoderEntries, HandsOutEntries) {
    EXPECT_EQ(decode(array({entry("1-1", {"a", "1"}), entry("2-0", {"b", "2", "b", "3"})}), Shape::entries),
              (Transcript{"entry 1-1 a=1", "entry 2-0 b=2 b=3", "reply []"}));
    EXPECT_EQ(decode("*0\r\n", Shape::entries), (Transcript{"reply []"}));
    EXPECT_EQ(decode(array({entry("1-1", {})}), Shape::entries), (Transcript{"entry 1-1", "reply []"}));
}

TEST(DecoderEntries, ABareNilIsADeletedEntryWithoutAnId) {
    for (const char* nil : {"*-1\r\n", "$-1\r\n", "_\r\n"}) {
        EXPECT_EQ(decode(array({nil, entry("2-0", {"b", "2"}), nil}), Shape::entries),
                  (Transcript{"deleted 0-0", "entry 2-0 b=2", "deleted 0-0", "reply []"}));
    }
}

TEST(DecoderEntries, TakesValuesOfEverySize) {
    std::vector<std::string> entries;
    Transcript expected;
    for (size_t size = 1; size < 200'000; size = size * 5 + 1) {
        const std::string value(size, 'v');
        const std::string id = std::to_string(size) + "-0";
        entries.push_back(entry(id, {"value", value, "after", "x"}));
        expected.push_back("entry " + id + " value=" + value + " after=x");
    }
    expected.emplace_back("reply []");
    const std::string wire = array(entries);
    EXPECT_EQ(decode(wire, {Shape::entries}, std::vector<size_t>()), expected);
    std::vector<size_t> cuts;
    for (size_t at = 1; at < wire.size(); at += 1 + at % 977) cuts.push_back(at);
    EXPECT_EQ(decode(wire, {Shape::entries}, cuts), expected);
}

struct Wrong {
    const char* what;
    Shape shape;
    std::string wire;
    const char* message;
};
void PrintTo(const Wrong& test, std::ostream* out) {
    *out << test.what;
}

class DecoderShape : public testing::TestWithParam<Wrong> {};

TEST_P(DecoderShape, RefusesWhatDoesNotFit) {
    const Transcript transcript = decode(GetParam().wire, GetParam().shape);
    ASSERT_FALSE(transcript.empty());
    EXPECT_EQ(transcript.back(), std::string("failed protocol: ") + GetParam().message);
}

INSTANTIATE_TEST_SUITE_P(
    Streams, DecoderShape,
    testing::Values(
        Wrong{"Set", Shape::streams, "~1\r\n:1\r\n", "expected streams with their entries, got a set of 1"},
        Wrong{"IntegerForAStream", Shape::streams, "*1\r\n:1\r\n", "expected a stream and its entries, got an integer"},
        Wrong{"TextForAStream", Shape::streams, "*1\r\n$1\r\nx\r\n",
              "expected a stream and its entries, got a bulk string"},
        Wrong{"NilForAStream", Shape::streams, "*1\r\n*-1\r\n", "expected a stream and its entries, got nil"},
        Wrong{"ErrorForAStream", Shape::streams, "*1\r\n-ERR x\r\n", "expected a stream and its entries, got an error"},
        Wrong{"StreamOfOne", Shape::streams, "*1\r\n*1\r\n$1\r\ns\r\n",
              "expected a stream and its entries, got an array of 1"},
        Wrong{"IntegerForAName", Shape::streams, "*1\r\n*2\r\n:1\r\n*0\r\n",
              "expected a stream's name, got an integer"},
        Wrong{"StatusForAName", Shape::streams, "%1\r\n+s\r\n*0\r\n", "expected a stream's name, got a status"},
        Wrong{"ArrayForAName", Shape::streams, "%1\r\n*0\r\n*0\r\n", "expected a stream's name, got an array of 0"},
        Wrong{"NilForAName", Shape::streams, "%1\r\n_\r\n*0\r\n", "expected a stream's name, got nil"},
        Wrong{"NilForEntries", Shape::streams, "*1\r\n*2\r\n$1\r\ns\r\n*-1\r\n", "expected entries, got nil"},
        Wrong{"TextForEntries", Shape::streams, "%1\r\n$1\r\ns\r\n$1\r\nx\r\n", "expected entries, got a bulk string"},
        Wrong{"MapForEntries", Shape::streams, "%1\r\n$1\r\ns\r\n%1\r\n", "expected entries, got a map of 2"},
        Wrong{"BooleanForEntries", Shape::streams, "%1\r\n$1\r\ns\r\n#t\r\n", "expected entries, got a boolean"}),
    [](const auto& test) { return std::string(test.param.what); });

INSTANTIATE_TEST_SUITE_P(
    Entries, DecoderShape,
    testing::Values(
        Wrong{"Map", Shape::entries, "%1\r\n:1\r\n:2\r\n", "expected an array of entries, got a map of 2"},
        Wrong{"IntegerForAnEntry", Shape::entries, "*1\r\n:1\r\n", "expected an entry, got an integer"},
        Wrong{"TextForAnEntry", Shape::entries, "*1\r\n$3\r\n1-1\r\n", "expected an entry, got a bulk string"},
        Wrong{"PushForAnEntry", Shape::entries, "*1\r\n>2\r\n", "expected an entry, got a push of 2"},
        Wrong{"EntryOfThree", Shape::entries, "*1\r\n*3\r\n$3\r\n1-1\r\n", "expected an entry, got an array of 3"},
        Wrong{"EmptyEntry", Shape::entries, "*1\r\n*0\r\n", "expected an entry, got an array of 0"},
        Wrong{"NilId", Shape::entries, "*1\r\n*2\r\n$-1\r\n", "expected an entry id, got nil"},
        Wrong{"IntegerId", Shape::entries, "*1\r\n*2\r\n:1\r\n", "expected an entry id, got an integer"},
        Wrong{"ArrayId", Shape::entries, "*1\r\n*2\r\n*2\r\n", "expected an entry id, got an array of 2"},
        Wrong{"BadId", Shape::entries, "*1\r\n*2\r\n$3\r\n1_1\r\n", "expected an entry id, got other text"},
        Wrong{"IdTooLarge", Shape::entries, "*1\r\n*2\r\n$22\r\n18446744073709551616-0\r\n",
              "expected an entry id, got other text"},
        Wrong{"TextForFields", Shape::entries, "*1\r\n*2\r\n$3\r\n1-1\r\n$1\r\nx\r\n",
              "expected names and values, got a bulk string"},
        Wrong{"MapForFields", Shape::entries, "*1\r\n*2\r\n$3\r\n1-1\r\n%1\r\n",
              "expected names and values, got a map of 2"},
        Wrong{"OddFields", Shape::entries, "*1\r\n*2\r\n$3\r\n1-1\r\n*3\r\n",
              "expected names and values, got an array of 3"},
        Wrong{"IntegerField", Shape::entries, "*1\r\n*2\r\n$3\r\n1-1\r\n*2\r\n:1\r\n",
              "expected a name or a value, got an integer"},
        Wrong{"StatusField", Shape::entries, "*1\r\n*2\r\n$3\r\n1-1\r\n*2\r\n+x\r\n",
              "expected a name or a value, got a status"},
        Wrong{"RealField", Shape::entries, "*1\r\n*2\r\n$3\r\n1-1\r\n*2\r\n,1.5\r\n",
              "expected a name or a value, got a double"},
        Wrong{"NilField", Shape::entries, "*1\r\n*2\r\n$3\r\n1-1\r\n*2\r\n$-1\r\n",
              "expected a name or a value, got nil"},
        Wrong{"ArrayField", Shape::entries, "*1\r\n*2\r\n$3\r\n1-1\r\n*2\r\n*1\r\n",
              "expected a name or a value, got an array of 1"}),
    [](const auto& test) { return std::string(test.param.what); });

TEST(DecoderShape, EntriesBeforeTheMistakeWereHandedOut) {
    EXPECT_EQ(decode(array({entry("1-1", {"a", "1"}), ":5\r\n"}), Shape::entries),
              (Transcript{"entry 1-1 a=1", "failed protocol: expected an entry, got an integer"}));
}

}  // namespace
}  // namespace millrace::resp
