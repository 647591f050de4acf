// A set of stream numbers, and the order in which it is walked.
#include "base/number_set.hpp"

#include <gtest/gtest.h>

#include <set>

#include "base/prng.hpp"

namespace millrace {
namespace {

std::vector<uint32_t> members(const NumberSet& set) {
    std::vector<uint32_t> all;
    for (uint32_t i = set.next(); i != NumberSet::none; i = set.next(i + 1)) all.push_back(i);
    return all;
}

TEST(NumberSet, IsWalkedFromTheSmallestOn) {
    NumberSet set;
    EXPECT_TRUE(set.empty());
    EXPECT_EQ(set.next(), NumberSet::none);
    for (const uint32_t number : {640U, 0U, 63U, 64U, 127U, 5U, 63U}) set.insert(number);
    EXPECT_EQ(members(set), (std::vector<uint32_t>{0, 5, 63, 64, 127, 640}));
    EXPECT_EQ(set.size(), 6U);
    EXPECT_EQ(set.next(65), 127U);
    EXPECT_EQ(set.next(641), NumberSet::none);
    EXPECT_EQ(set.next(100'000), NumberSet::none);
    set.erase(63);
    set.erase(63);
    set.erase(100'000);
    EXPECT_EQ(set.size(), 5U);
    EXPECT_FALSE(set.contains(63));
    set.clear();
    EXPECT_EQ(members(set), std::vector<uint32_t>{});
}

TEST(NumberSet, DoesAsASortedSetDoes) {
    Prng prng(Seed128{3, 4});
    NumberSet set;
    std::set<uint32_t> model;
    for (int i = 0; i < 5000; ++i) {
        const auto number = static_cast<uint32_t>(prng.below(300));
        if (prng.below(2) == 0) {
            set.insert(number);
            model.insert(number);
        } else {
            set.erase(number);
            model.erase(number);
        }
        const auto from = static_cast<uint32_t>(prng.below(310));
        const auto next = model.lower_bound(from);
        ASSERT_EQ(set.next(from), next == model.end() ? NumberSet::none : *next) << "step " << i;
        ASSERT_EQ(set.size(), model.size());
    }
}

}  // namespace
}  // namespace millrace
