#include "base/digest.hpp"

#include <gtest/gtest.h>

#include <set>
#include <string>

namespace millrace {
namespace {

constexpr DigestKey reference_key{0x0706050403020100ULL, 0x0f0e0d0c0b0a0908ULL};

std::string hex(const Digest& digest) {
    static constexpr char digits[] = "0123456789abcdef";
    std::string text;
    for (const uint64_t word : {digest.low, digest.high}) {
        for (int i = 0; i < 8; ++i) {
            const auto byte = static_cast<unsigned>(word >> (8 * i) & 0xffU);
            text += digits[byte >> 4U];
            text += digits[byte & 15U];
        }
    }
    return text;
}

/// The vectors that the authors published for SipHash-2-4 with 128 bits.
TEST(Digest, IsThatOfThePaper) {
    EXPECT_EQ(hex(digest(reference_key, "")), "a3817f04ba25a8e66df67214c7550293");
    EXPECT_EQ(hex(digest(reference_key, std::string_view("\0", 1))), "da87c1d86b99af44347659119b22fc45");
}

TEST(Digest, DiffersForEveryLengthAndKey) {
    std::set<std::string> seen;
    for (size_t size = 0; size < 40; ++size) {
        EXPECT_TRUE(seen.insert(hex(digest(reference_key, std::string(size, 'x')))).second) << size;
        EXPECT_TRUE(seen.insert(hex(digest(DigestKey{1, 2}, std::string(size, 'x')))).second) << size;
    }
}

}  // namespace
}  // namespace millrace
