// The stream of visits: what comes in which order, with which text and offsets, and how it ends.
#include "event/json_reader.hpp"

#include <gtest/gtest.h>

#include <random>
#include <string>

namespace millrace {
namespace {

// Writes each visit down: `{0 key=a string(x) }9`.
class Notebook final : public JsonVisitor {
  public:
    explicit Notebook(size_t visits_max = SIZE_MAX) : visits_left_(visits_max) {}
    bool on_begin(JsonType type, size_t offset) override {
        return note((type == JsonType::object ? "{" : "[") + std::to_string(offset));
    }
    bool on_end(size_t end) override { return note("end" + std::to_string(end)); }
    bool on_key(std::string_view key) override { return note("key=" + std::string(key)); }
    bool on_scalar(JsonType type, std::string_view value) override {
        constexpr std::string_view names[] = {"null", "boolean", "number", "string"};
        return note(std::string(names[static_cast<size_t>(type)]) + "(" + std::string(value) + ")");
    }
    std::string text;

  private:
    bool note(const std::string& visit) {
        if (visits_left_-- == 0) return false;
        text += (text.empty() ? "" : " ") + visit;
        return true;
    }
    size_t visits_left_;
};

std::string read(std::string_view json, JsonEnd wanted = JsonEnd::complete) {
    Notebook notebook;
    EXPECT_EQ(read_json(json, notebook, 8).end, wanted) << json;
    return notebook.text;
}

TEST(JsonReader, VisitsInTheOrderOfTheDocument) {
    EXPECT_EQ(read(R"({"a":1,"b":[true,null,"x"],"a":{}})"),
              "{0 key=a number(1) key=b [11 boolean(true) null(null) string(x) end26 key=a {31 end33 end34");
    EXPECT_EQ(read("false"), "boolean(false)");
    EXPECT_EQ(read(" [ ] "), "[1 end4");
    EXPECT_EQ(read(R"("\u00e9\n\u0000")"), std::string("string(\xc3\xa9\n\0)", 12));
}

TEST(JsonReader, GivesNumbersAsTheyAreWritten) {
    for (const std::string_view number :
         {"0", "-0", "7", "-12", "1.50", "1e5", "1E+05", "-2.5e-3", "18446744073709551615", "-9223372036854775808",
          "123456789012345678901234567890", "0.1000000000000000055511151231257827"}) {
        const std::string wanted = "number(" + std::string(number) + ")";
        EXPECT_EQ(read(number), wanted);
        EXPECT_EQ(read(std::string(number) + " "), wanted);
        EXPECT_EQ(read("[" + std::string(number) + "]").substr(3, wanted.size()), wanted);
        EXPECT_EQ(read("[1," + std::string(number) + ",2]").substr(13, wanted.size()), wanted);
    }
}

TEST(JsonReader, RefusesWhatIsNotStrict) {
    for (const std::string_view json :
         {"",         " ",       "{",         "[1,]",  "{\"a\":1,}",     "{a:1}", "{'a':1}", "01",      "+1",
          ".5",       "1.",      "nul",       "1 2",   "{} x",           "[1}",   "\"\n\"",  "\"\\x\"", "\"\\ud800\"",
          "\"\xff\"", "// c\n1", "/* c */ 1", "1e400", "\xef\xbb\xbf{}", "NaN"}) {
        read(json, JsonEnd::not_json);
    }
    read(std::string_view("\0", 1), JsonEnd::not_json);
}

TEST(JsonReader, SaysWhereItStopsBeingJson) {
    Notebook notebook;
    const JsonOutcome outcome = read_json("{\"a\": ?}", notebook, 8);
    EXPECT_EQ(outcome.end, JsonEnd::not_json);
    EXPECT_EQ(outcome.offset, 7U);
}

TEST(JsonReader, BoundsTheDepth) {
    read("[[[[[[[[]]]]]]]]");
    read("[[[[[[[[[]]]]]]]]]", JsonEnd::too_deep);
    read(R"({"a":[{"a":[{"a":[{"a":[{}]}]}]}]})", JsonEnd::too_deep);
    read(std::string(100'000, '['), JsonEnd::too_deep);
}

TEST(JsonReader, StopsAtAnyVisit) {
    constexpr std::string_view json = R"({"a":1,"b":[true,null,"x",-1,2.5],"c":{}})";
    for (size_t visits = 0; visits < 15; ++visits) {
        Notebook notebook(visits);
        EXPECT_EQ(read_json(json, notebook, 8).end, JsonEnd::stopped) << visits;
    }
    Notebook all(15);
    EXPECT_EQ(read_json(json, all, 8).end, JsonEnd::complete);
}

TEST(JsonReader, ReadsLargeTexts) {
    const std::string value(300'000, 'v');
    EXPECT_EQ(read("\"" + value + "\""), "string(" + value + ")");
}

TEST(JsonReader, TakesAnyBytes) {
    constexpr std::string_view seed_text = R"({"a":[1,-2.5e3,"x\u00e9",{"b":null}],"c":{"b64":"AAE="},"d":true})";
    std::mt19937 random(8259);
    size_t complete = 0;
    for (int round = 0; round < 20'000; ++round) {
        std::string json(seed_text);
        for (size_t changes = random() % 3; changes > 0; --changes) {
            const size_t at = random() % json.size();
            json[at] = random() % 2 == 0 ? seed_text[random() % seed_text.size()] : static_cast<char>(random() % 256);
        }
        json.resize(json.size() - (random() % 4 == 0 ? random() % json.size() : 0));
        Notebook notebook;
        const JsonOutcome outcome = read_json(json, notebook, 8);
        ASSERT_LE(outcome.offset, json.size());
        if (outcome.end == JsonEnd::complete) ++complete;
    }
    EXPECT_GT(complete, 1'000U);
}

}  // namespace
}  // namespace millrace
