// Entry ids as text: exact, and nothing that only looks like one.
#include <gtest/gtest.h>

#include <limits>

#include "base/entry_id.hpp"
#include "millrace/entry.hpp"

namespace millrace {
namespace {

constexpr uint64_t largest = std::numeric_limits<uint64_t>::max();

TEST(EntryId, ReadsBothForms) {
    EXPECT_EQ(EntryId::parse("1526919030474-55"), (EntryId{1526919030474, 55}));
    EXPECT_EQ(EntryId::parse("1526919030474"), (EntryId{1526919030474, 0}));
    EXPECT_EQ(EntryId::parse("0-0"), (EntryId{0, 0}));
    EXPECT_EQ(EntryId::parse("18446744073709551615-18446744073709551615"), (EntryId{largest, largest}));
}

TEST(EntryId, RefusesEverythingElse) {
    for (const std::string_view text : {"",
                                        "-",
                                        "1-",
                                        "-1",
                                        "+1",
                                        "1-+1",
                                        "1--1",
                                        "1-2-3",
                                        " 1",
                                        "1 ",
                                        "1-2 ",
                                        "0x1",
                                        "1.0",
                                        "$",
                                        ">",
                                        "*",
                                        "1-*",
                                        "18446744073709551616",
                                        "1-18446744073709551616",
                                        "99999999999999999999-1"}) {
        EXPECT_EQ(EntryId::parse(text), std::nullopt) << text;
    }
    EXPECT_EQ(EntryId::parse(std::string_view("1\0002", 3)), std::nullopt);
}

TEST(EntryId, WritesWhatItReads) {
    for (const EntryId id : {EntryId{0, 0}, EntryId{1, 0}, EntryId{1526919030474, 55}, EntryId{largest, largest}}) {
        EXPECT_EQ(EntryId::parse(id.text()), id) << id.text();
    }
    EXPECT_EQ((EntryId{5, 0}).text(), "5-0");
}

TEST(EntryId, OrdersByTimeThenSequence) {
    EXPECT_LT((EntryId{1, 9}), (EntryId{2, 0}));
    EXPECT_LT((EntryId{2, 0}), (EntryId{2, 1}));
}

TEST(EntryId, HasNeighbours) {
    EXPECT_EQ(just_before({5, 1}), (EntryId{5, 0}));
    EXPECT_EQ(just_before({5, 0}), (EntryId{4, largest}));
    EXPECT_EQ(just_before({0, 0}), (EntryId{0, 0}));
    EXPECT_EQ(just_after({5, 1}), (EntryId{5, 2}));
    EXPECT_EQ(just_after({5, largest}), (EntryId{6, 0}));
    EXPECT_EQ(just_after({largest, largest}), (EntryId{largest, largest}));
}

}  // namespace
}  // namespace millrace
