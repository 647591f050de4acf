// Keys of what is in hand: kept, found, and let go of without a trace.
#include "consumer/seen_keys.hpp"

#include <gtest/gtest.h>

#include <string>

#include "base/allocation.hpp"

namespace millrace {
namespace {

EntryName name_of(uint64_t ms, uint32_t stream = 0) {
    return {stream, {ms, 0}};
}

TEST(SeenKeys, AreFoundUntilTheyAreErased) {
    SeenKeys keys;
    ASSERT_TRUE(keys.insert(name_of(1), "p:", "a"));
    ASSERT_TRUE(keys.insert(name_of(1, 1), "q:", "b"));
    EXPECT_EQ(keys.find(name_of(1)), "p:a");
    EXPECT_EQ(keys.find(name_of(1, 1)), "q:b");
    EXPECT_EQ(keys.find(name_of(2)), std::nullopt);
    keys.erase(name_of(1));
    keys.erase(name_of(2));
    EXPECT_EQ(keys.find(name_of(1)), std::nullopt);
    EXPECT_EQ(keys.find(name_of(1, 1)), "q:b");
}

TEST(SeenKeys, ANewKeyTakesThePlaceOfTheOld) {
    SeenKeys keys;
    ASSERT_TRUE(keys.insert(name_of(1), "p:", "a"));
    ASSERT_TRUE(keys.insert(name_of(1), "p:", std::string("b\0c", 3)));
    EXPECT_EQ(keys.find(name_of(1)), std::string_view("p:b\0c", 5));
    EXPECT_EQ(keys.size(), 1U);
}

/// One that stays in hand for ever must not keep the bytes of all that came after it.
TEST(SeenKeys, TakeNoMoreRoomThanWhatIsInHandAndAsMuchAgain) {
    SeenKeys keys;
    ASSERT_TRUE(keys.insert(name_of(1), "p:", "stays"));
    for (uint64_t i = 2; i < 10'000; ++i) {
        ASSERT_TRUE(keys.insert(name_of(i), "p:", std::to_string(i)));
        if (i > 10) keys.erase(name_of(i - 8));
        ASSERT_LT(keys.bytes(), 2'000U);
    }
    EXPECT_EQ(keys.find(name_of(1)), "p:stays");
    EXPECT_EQ(keys.find(name_of(9'999)), "p:9999");
    EXPECT_EQ(keys.find(name_of(9'992)), "p:9992");
}

TEST(SeenKeys, WithoutMemoryThereIsNone) {
    SeenKeys keys;
    {
        const test::Scarcity scarcity(0);
        EXPECT_FALSE(keys.insert(name_of(1), "p:", "a"));
    }
    {
        const test::Scarcity scarcity(1);  // the bytes, but not the table
        EXPECT_FALSE(keys.insert(name_of(1), "p:", "a"));
    }
    EXPECT_EQ(keys.find(name_of(1)), std::nullopt);
    ASSERT_TRUE(keys.insert(name_of(1), "p:", "a"));
    EXPECT_EQ(keys.find(name_of(1)), "p:a");
}

}  // namespace
}  // namespace millrace
