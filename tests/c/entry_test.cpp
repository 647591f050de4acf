// An entry as C sees it, made by hand.
#include <gtest/gtest.h>

#include <array>
#include <string>

#include "millrace.h"

namespace millrace::testing {
namespace {

TEST(CEntry, AFieldIsFoundByItsWholeName) {
    const std::array<mr_field, 4> fields = {{
        {mr_str_of("na"), mr_str_of("shorter")},
        {mr_str_of("name"), mr_str_of("first")},
        {mr_str_of("name"), mr_str_of("again")},
        {{nullptr, 0}, mr_str_of("of no name")},
    }};
    mr_entry entry = {{"s", 1}, {1, 1}, fields.data(), fields.size(), 1, 0};
    const auto value = [&entry](const char* name) {
        const mr_str found = mr_entry_field(&entry, name);
        return found.data == nullptr ? std::string("none") : std::string(found.data, found.size);
    };
    EXPECT_EQ(value("name"), "first");
    EXPECT_EQ(value("na"), "shorter");
    EXPECT_EQ(value(""), "of no name");
    EXPECT_EQ(value("names"), "none");
    EXPECT_EQ(value("Name"), "none");
    entry.fields = nullptr;
    entry.field_count = 0;
    EXPECT_EQ(value("name"), "none");
}

}  // namespace
}  // namespace millrace::testing
