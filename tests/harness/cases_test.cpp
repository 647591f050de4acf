// The table of cases keeps its own rules: ids, lines of the specification, capabilities that exist.

#include <gtest/gtest.h>

#include <regex>
#include <set>
#include <string>
#include <string_view>

#include "agent/capability.hpp"
#include "cases/table.hpp"
#include "spec/spec.hpp"

namespace millrace::harness {
namespace {

TEST(Cases, HaveUniqueIdsOfOneForm) {
    const std::regex form("[a-z-]+/[1-9][0-9]*-[a-z0-9-]+");
    std::set<std::string> ids;
    std::set<std::string> numbers;
    for (const auto& row : cases()) {
        const std::string id(row.id);
        EXPECT_TRUE(std::regex_match(id, form)) << id;
        EXPECT_TRUE(ids.insert(id).second) << id;
        EXPECT_TRUE(numbers.insert(id.substr(0, id.find('-', id.find('/')))).second) << id;
    }
}

TEST(Cases, NameLinesOfTheSpecification) {
    for (const auto& row : cases()) {
        EXPECT_FALSE(row.spec.empty()) << row.id;
        for (const auto& line : row.spec) EXPECT_NE(find_spec_line(line), nullptr) << row.id << " " << line;
        EXPECT_FALSE(row.title.empty()) << row.id;
        EXPECT_NE(row.story, nullptr) << row.id;
    }
}

TEST(Specification, HasACaseForEachLineOrSaysWhatShowsIt) {
    const std::regex form("[A-Z]{2,4}-[1-9]");
    std::set<std::string_view> ids;
    for (const SpecSection& section : specification()) {
        for (const SpecLine& line : section.lines) {
            EXPECT_TRUE(std::regex_match(std::string(line.id), form)) << line.id;
            EXPECT_TRUE(ids.insert(line.id).second) << line.id;
            EXPECT_EQ(cases_for(line.id).empty(), !line.shown_by.empty()) << line.id;
        }
    }
}

TEST(Specification, IsPlainOnATerminal) {
    EXPECT_EQ(plain("By `max_len`, see [acl.md](acl.md);\nthen `{orders}:dead`."),
              "By max_len, see acl.md; then {orders}:dead.");
    for (const SpecSection& section : specification()) {
        for (const SpecLine& line : section.lines) {
            EXPECT_EQ(plain(line.text).find_first_of("\n`[]"), std::string::npos) << line.id;
        }
    }
}

TEST(Cases, NeedCapabilitiesThatExist) {
    for (const auto& row : cases()) {
        for (const auto& need : row.needs) EXPECT_TRUE(is_capability(need)) << row.id << " " << need;
    }
}

}  // namespace
}  // namespace millrace::harness
