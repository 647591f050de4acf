#include "base/prng.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <initializer_list>

namespace millrace {
namespace {

// The first values of xoshiro256** whose state splitmix64 filled from 0, as published with several implementations; the
// same on every host, or traces could not be replayed.
TEST(Prng, GivesThePublishedValues) {
    Prng prng(Seed128{0, 0});
    for (const uint64_t expected : std::initializer_list<uint64_t>{0x99ec5f36cb75f2b4, 0xbf6e1f784956452a,
                                                                   0x1a5f849d4933e6e0, 0x6aa594f1262d2d2c}) {
        EXPECT_EQ(prng.next(), expected);
    }
}

TEST(Prng, BothHalvesOfTheSeedCount) {
    Prng high(Seed128{1, 0});
    Prng low(Seed128{0, 1});
    EXPECT_EQ(high.next(), 0xb3f2af6d0fc710c5);
    EXPECT_EQ(high.next(), 0x853b559647364cea);
    EXPECT_EQ(low.next(), 0x99ec5f36cb75f2b4);
    EXPECT_EQ(low.next(), 0xe4929f73c53cf1bb);
}

TEST(Prng, BelowGivesKnownValues) {
    Prng prng(Seed128{0, 0});
    for (const uint64_t expected : std::initializer_list<uint64_t>{6, 7, 1, 4, 7, 9, 4, 5, 8, 9, 1, 0, 1, 6, 4, 2})
        EXPECT_EQ(prng.below(10), expected);
}

TEST(Prng, BelowKeepsItsBound) {
    Prng prng(Seed128{42, 43});
    EXPECT_EQ(prng.below(0), 0u);
    EXPECT_EQ(prng.below(1), 0u);
    for (const uint64_t bound : {uint64_t{2}, uint64_t{3}, uint64_t{1} << 63, (uint64_t{1} << 63) + 1, UINT64_MAX}) {
        for (int i = 0; i < 1000; ++i) EXPECT_LT(prng.below(bound), bound);
    }
}

// With a bound of 3/4 of the range a plain remainder or product would give a third of the values twice the chance of
// the others.
TEST(Prng, BelowIsEven) {
    Prng prng(Seed128{7, 7});
    constexpr uint64_t quarter = uint64_t{1} << 62;
    std::array<int, 3> counts{};
    for (int i = 0; i < 30'000; ++i) ++counts[prng.below(3 * quarter) / quarter];
    for (const int count : counts) EXPECT_NEAR(count, 10'000, 500);
}

}  // namespace
}  // namespace millrace
