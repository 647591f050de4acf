// The held table against a plain model, and what it does when memory is refused.
#include "consumer/held.hpp"

#include <gtest/gtest.h>

#include <map>

#include "base/allocation.hpp"
#include "base/prng.hpp"

namespace millrace {
namespace {

TEST(HeldTable, DoesWhatAMapDoes) {
    HeldTable table;
    std::map<std::pair<uint32_t, EntryId>, uint32_t> model;
    Prng prng(Seed128{1, 2});
    for (uint32_t i = 0; i < 20'000; ++i) {
        const auto stream = static_cast<uint32_t>(prng.below(3));
        const EntryId id{1000 + prng.below(40), prng.below(10)};
        if (prng.below(3) > 0) {
            ASSERT_TRUE(table.insert(stream, id, Place{i, i + 1}));
            model[{stream, id}] = i;
        } else {
            EXPECT_EQ(table.erase(stream, id), model.erase({stream, id}) == 1);
        }
        ASSERT_EQ(table.size(), model.size());
    }
    for (uint32_t stream = 0; stream < 3; ++stream) {
        for (uint64_t ms = 1000; ms < 1040; ++ms) {
            for (uint64_t seq = 0; seq < 10; ++seq) {
                const std::optional<Place> place = table.find(stream, EntryId{ms, seq});
                const auto expected = model.find({stream, EntryId{ms, seq}});
                ASSERT_EQ(place.has_value(), expected != model.end());
                if (place.has_value()) {
                    EXPECT_EQ(place->slot, expected->second);
                }
            }
        }
    }
}

TEST(HeldTable, AnIdThatComesAgainMoves) {
    HeldTable table;
    ASSERT_TRUE(table.insert(0, {1, 0}, Place{1, 1}));
    ASSERT_TRUE(table.insert(0, {1, 0}, Place{2, 3}));
    EXPECT_EQ(table.size(), 1U);
    EXPECT_EQ(table.find(0, {1, 0})->slot, 2U);
    EXPECT_EQ(table.find(1, {1, 0}), std::nullopt);
}

TEST(HeldTable, RefusedMemoryChangesNothing) {
    HeldTable table;
    uint64_t held = 0;
    {
        const test::Scarcity scarcity(1);
        while (table.insert(0, {1, held}, Place{})) ++held;
        EXPECT_TRUE(scarcity.struck());
    }
    EXPECT_EQ(table.size(), held);
    for (uint64_t i = 0; i < held; ++i) EXPECT_TRUE(table.find(0, {1, i}).has_value());
    EXPECT_TRUE(table.insert(0, {1, held}, Place{}));
}

}  // namespace
}  // namespace millrace
