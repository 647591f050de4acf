#include "agent/protocol.hpp"

#include <gtest/gtest.h>

namespace millrace::harness {
namespace {

TEST(Protocol, HelloIsCheckedMemberByMember) {
    const auto hello = [](const char* text) { return parse_hello(parse_event(text), 1); };
    EXPECT_EQ(
        hello(R"({"event":"hello","re":1,"protocol":1,"name":"x","version":"1","capabilities":["streams"]})").name,
        "x");
    EXPECT_EQ(hello(R"({"event":"hello","re":1,"protocol":1,"name":7,"capabilities":[]})").name, "");
    EXPECT_THROW(hello(R"({"event":"ready"})"), ProtocolError);
    EXPECT_THROW(hello(R"({"event":"hello","re":1,"protocol":2,"capabilities":[]})"), ProtocolError);
    EXPECT_THROW(hello(R"({"event":"hello","re":1,"protocol":1})"), ProtocolError);
    EXPECT_THROW(hello(R"({"event":"hello","protocol":1,"capabilities":[]})"), ProtocolError);
    EXPECT_THROW(hello(R"({"event":"hello","re":2,"protocol":1,"capabilities":[]})"), ProtocolError);
    EXPECT_THROW(hello(R"({"event":"hello","re":1,"protocol":1,"capabilities":["telepathy"]})"), ProtocolError);
    EXPECT_THROW(hello(R"({"event":"hello","re":1,"protocol":1,"capabilities":[7]})"), ProtocolError);
}

TEST(Protocol, NonsenseIsQuoted) {
    try {
        parse_event("Starting up...");
        FAIL();
    } catch (const ProtocolError& error) {
        EXPECT_NE(std::string(error.what()).find("Starting up..."), std::string::npos);
    }
    EXPECT_THROW(parse_event("[]"), ProtocolError);
    EXPECT_THROW(parse_event("{\"event\":7}"), ProtocolError);
    EXPECT_THROW(parse_event(""), ProtocolError);
}

TEST(Protocol, WhatIsNestedWithoutEndIsRefused) {
    const auto nested = [](size_t levels) {
        return R"({"event":"error","code":)" + std::string(levels, '[') + std::string(levels, ']') + "}";
    };
    EXPECT_EQ(parse_event(nested(63))["event"], "error");
    EXPECT_THROW(parse_event(nested(64)), ProtocolError);
    EXPECT_THROW(parse_event(nested(5'000'000)), ProtocolError);
    // Brackets within texts are none.
    EXPECT_EQ(parse_event(R"({"event":"\"\\\"[","x":")" + std::string(100, '{') + "\"}")["event"], "\"\\\"[");
}

TEST(Protocol, EntriesInEveryForm) {
    const Json batch = Json::parse(
        R"({"event":"batch","entries":[{"id":"1-1","fields":[["a",{"b64":"AP8="}],[{"b64":"/w=="},""],["a",{"sha256":"AB","len":5}]],
            "deliveries":2},{"stream":"t","fields":[],"deliveries":0}]})");
    const auto entries = parse_entries(batch, "s");
    ASSERT_EQ(entries.size(), 2U);
    EXPECT_EQ(entries[0].key, (EntryKey{"s", "1-1"}));
    EXPECT_EQ(entries[0].fields[0].second.bytes, std::string("\0\xff", 2));
    EXPECT_EQ(entries[0].fields[1].first.bytes, "\xff");
    EXPECT_EQ(entries[0].fields[2].second.sha256, "ab");
    EXPECT_EQ(entries[0].deliveries, 2);
    EXPECT_EQ(entries[1].key, (EntryKey{"t", ""}));
    EXPECT_FALSE(entries[1].deliveries.has_value());
    for (const char* wrong :
         {R"({"event":"batch"})", R"({"event":"batch","entries":[7]})", R"({"event":"batch","entries":[{}]})",
          R"({"event":"batch","entries":[{"fields":[["a"]]}]})",
          R"({"event":"batch","entries":[{"fields":[["a",7]]}]})",
          R"({"event":"batch","entries":[{"fields":[["a",{"b64":"!"}]]}]})"}) {
        EXPECT_THROW(parse_entries(Json::parse(wrong), "s"), ProtocolError) << wrong;
    }
}

TEST(Protocol, FieldsAreWrittenAsTheyAreRead) {
    const Fields fields = {{"a", "\xc3\xa4"}, {"a", std::string("\0\xff", 2)}};
    EXPECT_EQ(fields_to_json(fields).dump(), R"([["a","ä"],["a",{"b64":"AP8="}]])");
}

}  // namespace
}  // namespace millrace::harness
