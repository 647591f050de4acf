#include "base/format.hpp"

#include <gtest/gtest.h>

#include <limits>
#include <string>

#include "base/prng.hpp"

namespace millrace {
namespace {

std::string u64_text(uint64_t value) {
    char text[u64_text_max];
    return {text, write_u64(text, value)};
}
std::string i64_text(int64_t value) {
    char text[i64_text_max];
    return {text, write_i64(text, value)};
}

TEST(Format, WritesEveryLength) {
    uint64_t power = 1;
    for (unsigned digits = 1; digits <= 20; ++digits, power *= 10) {
        EXPECT_EQ(digit_count(power), digits);
        EXPECT_EQ(u64_text(power), std::to_string(power));
        EXPECT_EQ(u64_text(power - 1), std::to_string(power - 1));
        EXPECT_EQ(digit_count(power - 1), digits > 1 ? digits - 1 : 1);
    }
    EXPECT_EQ(u64_text(0), "0");
    EXPECT_EQ(u64_text(UINT64_MAX), "18446744073709551615");
}

TEST(Format, WritesSigns) {
    EXPECT_EQ(i64_text(0), "0");
    EXPECT_EQ(i64_text(-1), "-1");
    EXPECT_EQ(i64_text(INT64_MAX), "9223372036854775807");
    EXPECT_EQ(i64_text(INT64_MIN), "-9223372036854775808");
}

TEST(Format, WritesIds) {
    char text[id_text_max];
    EXPECT_EQ(std::string(text, write_id(text, {1526919030474, 55})), "1526919030474-55");
    EXPECT_EQ(std::string(text, write_id(text, {UINT64_MAX, UINT64_MAX})), "18446744073709551615-18446744073709551615");
}

TEST(Format, ReadsBackWhatItWrites) {
    Prng prng(Seed128{1, 2});
    for (int i = 0; i < 10'000; ++i) {
        const uint64_t value = prng.next() >> prng.below(64);
        const auto negative = static_cast<int64_t>(value);
        EXPECT_EQ(parse_u64(u64_text(value)), value);
        EXPECT_EQ(parse_i64(i64_text(negative)), negative);
        char text[id_text_max];
        const EntryId id{value, prng.next()};
        EXPECT_EQ(parse_id({text, write_id(text, id)}), id);
    }
}

TEST(Format, RefusesWhatIsNoNumber) {
    for (const char* text :
         {"", " 1", "1 ", "+1", "-1", "a", "1a", "0x1", "18446744073709551616", "99999999999999999999"}) {
        EXPECT_EQ(parse_u64(text), std::nullopt) << text;
    }
    for (const char* text : {"", "-", "--1", "+1", "1-", "9223372036854775808", "-9223372036854775809"}) {
        EXPECT_EQ(parse_i64(text), std::nullopt) << text;
    }
    EXPECT_EQ(parse_u64("0018"), 18u);
    EXPECT_EQ(parse_u64("18446744073709551615"), UINT64_MAX);
    EXPECT_EQ(parse_i64("-9223372036854775808"), INT64_MIN);
}

TEST(Format, RefusesWhatIsNoId) {
    for (const char* text : {"", "-", "1", "1-", "-1", "1-2-3", "1--2", "1-*", "*", "1-18446744073709551616", "1 -2"}) {
        EXPECT_EQ(parse_id(text), std::nullopt) << text;
    }
    EXPECT_EQ(parse_id("1-2"), (EntryId{1, 2}));
}

}  // namespace
}  // namespace millrace
