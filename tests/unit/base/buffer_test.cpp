#include "base/buffer.hpp"

#include <gtest/gtest.h>

#include <string>

#include "base/allocation.hpp"

namespace millrace {
namespace {

TEST(Buffer, GrowsAndKeepsWhatItHolds) {
    Buffer<int> buffer;
    for (int i = 0; i < 1000; ++i) ASSERT_TRUE(buffer.push(i));
    ASSERT_EQ(buffer.size(), 1000u);
    int expected = 0;
    for (const int value : buffer) EXPECT_EQ(value, expected++);
    EXPECT_EQ(buffer.back(), 999);
}

TEST(Buffer, PushesAnElementOfItself) {
    Buffer<int> buffer;
    ASSERT_TRUE(buffer.push(7));
    while (buffer.size() < buffer.capacity()) ASSERT_TRUE(buffer.push(0));
    ASSERT_TRUE(buffer.push(buffer[0]));
    EXPECT_EQ(buffer.back(), 7);
}

TEST(Buffer, AppendsTruncatesAndClears) {
    Buffer<char> buffer;
    ASSERT_TRUE(buffer.append("hello world", 11));
    buffer.truncate(5);
    buffer.truncate(100);
    EXPECT_EQ(std::string(buffer.begin(), buffer.end()), "hello");
    ASSERT_TRUE(buffer.append(nullptr, 0));
    EXPECT_EQ(buffer.size(), 5u);
    buffer.clear();
    EXPECT_TRUE(buffer.empty());
}

TEST(Buffer, GivesBackOnlyWhatIsEmptyAndLarge) {
    Buffer<char> buffer;
    ASSERT_TRUE(buffer.reserve(1000));
    ASSERT_TRUE(buffer.push('x'));
    buffer.shrink_above(100);
    EXPECT_GE(buffer.capacity(), 1000u);
    buffer.clear();
    buffer.shrink_above(buffer.capacity());
    EXPECT_GE(buffer.capacity(), 1000u);
    buffer.shrink_above(100);
    EXPECT_EQ(buffer.capacity(), 0u);
    EXPECT_TRUE(buffer.push('y'));
}

TEST(Buffer, MovesItsMemory) {
    Buffer<int> first;
    ASSERT_TRUE(first.push(1));
    const int* where = first.data();
    Buffer<int> second(std::move(first));
    EXPECT_EQ(second.data(), where);
    EXPECT_TRUE(first.empty());
    Buffer<int> third;
    third = std::move(second);
    EXPECT_EQ(third.data(), where);
    EXPECT_EQ(third[0], 1);
}

TEST(Buffer, RefusalChangesNothing) {
    Buffer<uint64_t> buffer;
    ASSERT_TRUE(buffer.push(42));
    const size_t capacity = buffer.capacity();
    {
        test::Scarcity scarcity(0);
        EXPECT_FALSE(buffer.reserve(capacity + 1));
        const uint64_t more[16] = {};
        EXPECT_FALSE(buffer.append(more, 16));
        EXPECT_TRUE(scarcity.struck());
    }
    EXPECT_FALSE(buffer.reserve(SIZE_MAX));
    EXPECT_FALSE(buffer.reserve(SIZE_MAX / sizeof(uint64_t)));
    EXPECT_FALSE(buffer.append(buffer.data(), SIZE_MAX));
    EXPECT_EQ(buffer.capacity(), capacity);
    ASSERT_EQ(buffer.size(), 1u);
    EXPECT_EQ(buffer[0], 42u);
}

TEST(Output, IsAQueueOfBytes) {
    Output output;
    EXPECT_TRUE(output.empty());
    ASSERT_TRUE(output.append("abc"));
    ASSERT_TRUE(output.append("def"));
    EXPECT_EQ(output.pending(), "abcdef");
    output.advance(2);
    EXPECT_EQ(output.pending(), "cdef");
    EXPECT_EQ(output.size(), 4u);
    output.truncate(3);
    EXPECT_EQ(output.pending(), "cde");
    output.advance(100);
    EXPECT_TRUE(output.empty());
    EXPECT_EQ(output.pending(), "");
}

TEST(Output, TruncatesToNothing) {
    Output output;
    ASSERT_TRUE(output.append("abc"));
    output.advance(1);
    output.truncate(0);
    EXPECT_TRUE(output.empty());
    ASSERT_TRUE(output.append("d"));
    EXPECT_EQ(output.pending(), "d");
}

// A lane that is never quite empty must not grow for ever, nor move its bytes for every append.
TEST(Output, StaysSmallUnderASteadyFlow) {
    Output output;
    const std::string piece(100, 'x');
    for (int i = 0; i < 10; ++i) ASSERT_TRUE(output.append(piece));
    const uint64_t before = test::allocation_count();
    for (int i = 0; i < 10'000; ++i) {
        output.advance(100);
        ASSERT_TRUE(output.append(piece));
    }
    EXPECT_EQ(output.size(), 1000u);
    EXPECT_LE(test::allocation_count() - before, 2u);
}

TEST(Output, GivesBackABurst) {
    Output output;
    ASSERT_TRUE(output.append(std::string(1 << 20, 'x')));
    output.advance(1 << 20);
    const uint64_t before = test::allocation_count();
    ASSERT_TRUE(output.append("x"));
    EXPECT_EQ(test::allocation_count(), before + 1) << "a megabyte was kept";
    EXPECT_EQ(output.pending(), "x");
}

TEST(Output, RefusalAppendsNothing) {
    Output output;
    ASSERT_TRUE(output.append("abc"));
    test::Scarcity scarcity(0);
    EXPECT_FALSE(output.append(std::string(1000, 'x')));
    EXPECT_EQ(output.pending(), "abc");
}

}  // namespace
}  // namespace millrace
