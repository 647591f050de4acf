// PS-1: fields to a JSON object and back, and payloads of others.
#include "event/payload.hpp"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <utility>
#include <vector>

#include "base/allocation.hpp"

namespace millrace {
namespace {

using namespace std::string_literals;
using Fields = std::vector<std::pair<std::string, std::string>>;

// Keeps fields as a segment does: what is discarded is cut back.
class Sink final : public FieldSink {
  public:
    explicit Sink(size_t room = SIZE_MAX) : room_(room) {}
    bool on_field(std::string_view name, std::string_view value) override {
        if (fields.size() == room_) return false;
        fields.emplace_back(name, value);
        return true;
    }
    void on_discard() override {
        fields.clear();
        ++discards;
    }
    Fields fields;
    int discards = 0;

  private:
    size_t room_;
};

std::optional<std::string> encoded(const Fields& fields) {
    std::vector<Field> views;
    for (const auto& [name, value] : fields) views.push_back({name, value});
    const std::optional<uint64_t> size = payload_size(views);
    if (!size) return std::nullopt;
    std::string text(*size, '?');
    EXPECT_EQ(encode_payload(views, text.data()), text.data() + text.size());
    return text;
}

Fields decoded(std::string_view payload, PayloadShape wanted = PayloadShape::fields) {
    Sink sink;
    EXPECT_EQ(decode_payload(payload, sink), wanted) << payload;
    return sink.fields;
}

TEST(Payload, GivesFieldsInOrderWithRepeats) {
    EXPECT_EQ(decoded(R"({"b":"1","a":"2","b":"3"})"), (Fields{{"b", "1"}, {"a", "2"}, {"b", "3"}}));
    EXPECT_EQ(decoded("{}"), Fields{});
    EXPECT_EQ(decoded(" \n{\"\":\"\"} "), (Fields{{"", ""}}));
    EXPECT_EQ(decoded(R"({"\u00e9\n":"\u0000\ud83d\ude00"})"), (Fields{{"\xc3\xa9\n", "\0\xf0\x9f\x98\x80"s}}));
}

TEST(Payload, GivesOtherValuesAsTheirText) {
    EXPECT_EQ(
        decoded(R"({"i":-0,"f":1.50,"big":123456789012345678901234567890,"t":true,"n":null})"),
        (Fields{{"i", "-0"}, {"f", "1.50"}, {"big", "123456789012345678901234567890"}, {"t", "true"}, {"n", "null"}}));
    EXPECT_EQ(decoded(R"({"o":{ "x" : [1, {"y":"z"}] },"a":[ ],"s":"after"})"),
              (Fields{{"o", R"({ "x" : [1, {"y":"z"}] })"}, {"a", "[ ]"}, {"s", "after"}}));
}

TEST(Payload, GivesEncodedBytes) {
    EXPECT_EQ(decoded(R"({"a":{"b64":"AP8="},"b":{ "b64" : "" },"c":"x"})"),
              (Fields{{"a", "\0\xff"s}, {"b", ""}, {"c", "x"}}));
}

// What only resembles encoded bytes is a nested value like any other.
TEST(Payload, TakesNothingElseForBytes) {
    for (const std::string_view value :
         {R"({"b64":"AP8"})", R"({"b64":1})", R"({"b64":null})", R"({"b64":{"b64":""}})", R"({"b64":["AP8="]})",
          R"({"b64":"AP8=","x":1})", R"({"x":1,"b64":"AP8="})", R"({"b64":"AP8=","b64":"AP8="})", R"({"B64":"AP8="})",
          R"([{"b64":"AP8="}])", R"(["b64","AP8="])", "{}"}) {
        EXPECT_EQ(decoded("{\"a\":" + std::string(value) + "}"), (Fields{{"a", std::string(value)}}));
    }
}

TEST(Payload, KeepsWhatIsNoObjectAsItIs) {
    for (const std::string_view payload :
         {"", "plain", "[1,2]", "\"text\"", "5", "null", "{", "{\"a\":1", "{\"a\":1} x", "{\"a\":\"1\",}", "{a:1}",
          "{\"a\":1e400}", "{\"a\":\"1\",\"b\":\"\xff\"}", "\xff\xfe", "{\"a\":\"\n\"}"}) {
        EXPECT_EQ(decoded(payload, PayloadShape::raw), (Fields{{"data", std::string(payload)}}));
    }
    const std::string deep = "{\"a\":" + std::string(40, '[') + std::string(40, ']') + "}";
    EXPECT_EQ(decoded(deep, PayloadShape::raw), (Fields{{"data", deep}}));
}

TEST(Payload, TakesBackTheFieldsOfABrokenObject) {
    Sink sink;
    EXPECT_EQ(decode_payload(R"({"a":"1","b":"2",)", sink), PayloadShape::raw);
    EXPECT_EQ(sink.discards, 1);
    EXPECT_EQ(sink.fields.size(), 1U);
}

TEST(Payload, SaysWhenMemoryIsRefused) {
    for (const std::string_view payload :
         {R"({"a":"1","b":"2"})", R"({"a":"1","b":{"b64":"AP8="}})", R"({"a":"1","b":[1]})"}) {
        Sink sink(1);
        EXPECT_EQ(decode_payload(payload, sink), PayloadShape::refused) << payload;
        EXPECT_EQ(sink.discards, 1);
    }
    Sink none(0);
    EXPECT_EQ(decode_payload("raw", none), PayloadShape::refused);
}

// Whichever allocation is the one that is refused, nothing of the payload counts.
TEST(Payload, SurvivesEachRefusalOfMemory) {
    const std::string long_name(300, 'n');
    const std::string encoded_bytes(2'000, 'A');
    const std::string payload =
        "{\"a\":\"1\",\"" + long_name + "\":{\"b64\":\"" + encoded_bytes + "\"}}" + std::string(70'000, ' ');
    uint64_t granted = 0;
    for (bool struck = true; struck; ++granted) {
        ASSERT_LT(granted, 100U);
        Sink sink;
        PayloadShape shape = PayloadShape::raw;
        {
            const test::Scarcity scarcity(granted);
            shape = decode_payload(payload, sink);
            struck = scarcity.struck();
        }
        ASSERT_EQ(shape, struck ? PayloadShape::refused : PayloadShape::fields) << granted;
        ASSERT_EQ(sink.discards, struck ? 1 : 0);
    }
    EXPECT_GT(granted, 3U);
}

TEST(Payload, IsWrittenAsAnObject) {
    EXPECT_EQ(encoded({}), "{}");
    EXPECT_EQ(encoded({{"k", "v"}, {"k", ""}}), R"({"k":"v","k":""})");
    EXPECT_EQ(encoded({{"q\"\\", "\b\f\n\r\t\x01\x1f\x7f/"}}),
              "{\"q\\\"\\\\\":\"\\b\\f\\n\\r\\t\\u0001\\u001f\x7f/\"}");
    EXPECT_EQ(encoded({{"e", "\xc3\xa9"}, {"b", "\xff"}}), "{\"e\":\"\xc3\xa9\",\"b\":{\"b64\":\"/w==\"}}");
}

TEST(Payload, HasNoWayToSayANameThatIsNoText) {
    EXPECT_EQ(encoded({{"ok", "v"}, {"\xff", "v"}}), std::nullopt);
}

// A value that reads as encoded bytes, or as JSON, is a string and comes back as one.
TEST(Payload, GivesBackWhatItWasGiven) {
    std::mt19937 random(1);
    const Fields chosen{{"a", R"({"b64":"AP8="})"}, {"b", "{}"}, {"c", "1"}, {"c", "null"}, {"", ""}, {"data", "x"}};
    EXPECT_EQ(decoded(*encoded(chosen)), chosen);
    for (int round = 0; round < 3'000; ++round) {
        Fields fields(random() % 5);
        for (auto& [name, value] : fields) {
            for (size_t size = random() % 6; size > 0; --size) name += static_cast<char>(random() % 128);
            const unsigned top = random() % 2 == 0 ? 128 : 256;
            for (size_t size = random() % 40; size > 0; --size) value += static_cast<char>(random() % top);
        }
        const std::optional<std::string> payload = encoded(fields);
        ASSERT_TRUE(payload.has_value());
        ASSERT_EQ(decoded(*payload), fields) << *payload;
    }
}

TEST(Payload, TakesAnyBytes) {
    const std::string seed_text = *encoded({{"name", "v\xc3\xa9\n"}, {"bytes", "\xff\x00z"}, {"k", "{\"b64\":1}"}});
    std::mt19937 random(99);
    for (int round = 0; round < 20'000; ++round) {
        std::string payload = seed_text;
        for (size_t changes = random() % 4; changes > 0; --changes) {
            payload[random() % payload.size()] =
                random() % 2 == 0 ? seed_text[random() % seed_text.size()] : static_cast<char>(random() % 256);
        }
        Sink sink;
        const PayloadShape shape = decode_payload(payload, sink);
        ASSERT_NE(shape, PayloadShape::refused);
        if (shape == PayloadShape::raw) {
            ASSERT_EQ(sink.fields, (Fields{{"data", payload}}));
        }
    }
}

}  // namespace
}  // namespace millrace
