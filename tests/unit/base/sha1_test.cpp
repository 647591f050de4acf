#include "base/sha1.hpp"

#include <gtest/gtest.h>

#include <string>

namespace millrace::test {
namespace {

std::string text(std::string_view message) {
    const Sha1Text digest = sha1(message);
    return {digest.data(), digest.size()};
}

// Source: RFC 3174, "Test Driver", and FIPS 180-2.
TEST(Sha1, OfTheStandardsOwnExamples) {
    EXPECT_EQ(text(""), "da39a3ee5e6b4b0d3255bfef95601890afd80709");
    EXPECT_EQ(text("abc"), "a9993e364706816aba3e25717850c26c9cd0d89d");
    EXPECT_EQ(text("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
              "84983e441c3bd26ebaae4aa1f95129e5e54670f1");
    EXPECT_EQ(text(std::string(1'000'000, 'a')), "34aa973cd4c4daa4f61eeb2bdbad27316534016f");
}

// The padding takes one block or two.
TEST(Sha1, AroundTheEndOfABlock) {
    EXPECT_EQ(text(std::string(55, 'a')), "c1c8bbdc22796e28c0e15163d20899b65621d65a");
    EXPECT_EQ(text(std::string(56, 'a')), "c2db330f6083854c99d4b5bfb6e8f29f201be699");
    EXPECT_EQ(text(std::string(64, 'a')), "0098ba824b5c16427bd7a1122a5a442a25ec644d");
}

}  // namespace
}  // namespace millrace::test
