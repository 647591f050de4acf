// The table of cases keeps its own rules: ids, lines of the specification, capabilities that exist.

#include <gtest/gtest.h>

#include <regex>
#include <set>

#include "agent/capability.hpp"
#include "cases/table.hpp"

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
    const std::regex form("(DET|CFG|BAT|ACK|REC|DLQ|DUP|RET|DRN|BP|PUB|TAIL|MUL|PS|EVT|OBS|SEC)-[1-9]");
    for (const auto& row : cases()) {
        EXPECT_FALSE(row.spec.empty()) << row.id;
        for (const auto& line : row.spec)
            EXPECT_TRUE(std::regex_match(std::string(line), form)) << row.id << " " << line;
        EXPECT_FALSE(row.title.empty()) << row.id;
        EXPECT_NE(row.story, nullptr) << row.id;
    }
}

TEST(Cases, NeedCapabilitiesThatExist) {
    for (const auto& row : cases()) {
        for (const auto& need : row.needs) EXPECT_TRUE(is_capability(need)) << row.id << " " << need;
    }
}

}  // namespace
}  // namespace millrace::harness
