// The names of a source's streams, and the numbers that they have while they come and go.
#include "consumer/streams.hpp"

#include <gtest/gtest.h>

#include <map>

#include "base/prng.hpp"

namespace millrace {
namespace {

TEST(Streams, AreNumberedInTheOrderOfTheirNames) {
    const std::vector<std::string> names{"t", "s", "u"};
    const Streams streams(names);
    EXPECT_EQ(streams.size(), 3U);
    for (uint32_t i = 0; i < 3; ++i) {
        EXPECT_EQ(streams[i], names[i]);
        EXPECT_EQ(streams.find(names[i]), i);
    }
    EXPECT_EQ(streams.find("v"), std::nullopt);
    EXPECT_EQ(streams.find(""), std::nullopt);
}

TEST(Streams, ThatAreGoneKeepNameAndNumberUntilThoseAreGivenUp) {
    Streams streams(std::vector<std::string>{"s", "t"});
    streams.leave(0);
    EXPECT_EQ(streams.find("s"), std::nullopt);
    EXPECT_FALSE(streams.is_live(0));
    EXPECT_EQ(streams[0], "s");
    EXPECT_EQ(streams.add("s"), 2U);  // it came again, and something still knows the one before
    streams.give_up(0);
    EXPECT_FALSE(streams.is_live(0));
    EXPECT_EQ(streams.add("u"), 0U);
    EXPECT_TRUE(streams.is_live(0));
    EXPECT_EQ(streams[0], "u");
    EXPECT_EQ(streams.find("s"), 2U);
    EXPECT_EQ(streams.size(), 3U);
    EXPECT_EQ(streams.live(), 3U);
}

/// Whoever holds a batch may look at names while others are added.
TEST(Streams, NeverMoveAName) {
    Streams streams(std::vector<std::string>{"first"});
    const StreamNames& names = streams.names();
    const std::string* const first = &names[0];
    std::vector<const std::string*> all{first};
    for (uint32_t i = 1; i < 5000; ++i) all.push_back(&names[streams.add("stream-" + std::to_string(i))]);
    for (uint32_t i = 0; i < 5000; ++i) ASSERT_EQ(&names[i], all[i]) << i;
    EXPECT_EQ(*first, "first");
    EXPECT_EQ(names[4999], "stream-4999");
}

TEST(Streams, AreFoundAsInAMap) {
    Prng prng(Seed128{5, 6});
    Streams streams({});
    std::map<std::string, uint32_t> model;
    for (int i = 0; i < 3000; ++i) {
        const std::string name = std::to_string(prng.below(200));
        if (const auto known = model.find(name); known == model.end()) {
            ASSERT_EQ(streams.find(name), std::nullopt);
            model[name] = streams.add(name);
        } else {
            ASSERT_EQ(streams.find(name), known->second);
            streams.leave(known->second);
            streams.give_up(known->second);
            model.erase(known);
        }
        ASSERT_EQ(streams.live(), model.size());
    }
    EXPECT_LE(streams.size(), 200U);  // numbers are given again
}

}  // namespace
}  // namespace millrace
