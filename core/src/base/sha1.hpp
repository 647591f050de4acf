// SHA-1, as servers name scripts by it. Computed by the compiler for our own: nothing is hashed at run time. It
// protects nothing, so its weakness does not matter here.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace millrace {

/// The digest as 40 lower-case hexadecimal digits.
using Sha1Text = std::array<char, 40>;

namespace sha1_detail {

constexpr uint32_t rotated(uint32_t value, uint32_t by) {
    return value << by | value >> (32 - by);
}

/// Byte `at` of the message after its padding: a one bit, zeros, and the length in bits, to whole blocks of 64.
constexpr uint8_t padded(std::string_view message, size_t at, size_t size) {
    if (at < message.size()) return static_cast<uint8_t>(message[at]);
    if (at == message.size()) return 0x80;
    if (at < size - 8) return 0;
    return static_cast<uint8_t>(uint64_t{message.size()} * 8 >> 8 * (size - 1 - at) & 0xff);
}

struct Digest {
    uint32_t words[5] = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0};
};

constexpr void add_block(Digest& digest, std::string_view message, size_t from, size_t size) {
    uint32_t w[80] = {};
    for (size_t i = 0; i < 64; ++i) w[i / 4] = w[i / 4] << 8 | padded(message, from + i, size);
    for (size_t i = 16; i < 80; ++i) w[i] = rotated(w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16], 1);
    uint32_t a = digest.words[0], b = digest.words[1], c = digest.words[2], d = digest.words[3], e = digest.words[4];
    for (size_t i = 0; i < 80; ++i) {
        const uint32_t mix = i < 20 ? (b & c) | (~b & d) : i < 40 || i >= 60 ? b ^ c ^ d : (b & c) | (b & d) | (c & d);
        const uint32_t constant = i < 20 ? 0x5a827999 : i < 40 ? 0x6ed9eba1 : i < 60 ? 0x8f1bbcdc : 0xca62c1d6;
        const uint32_t next = rotated(a, 5) + mix + e + constant + w[i];
        e = d;
        d = c;
        c = rotated(b, 30);
        b = a;
        a = next;
    }
    digest.words[0] += a;
    digest.words[1] += b;
    digest.words[2] += c;
    digest.words[3] += d;
    digest.words[4] += e;
}

}  // namespace sha1_detail

/// Source: RFC 3174.
[[nodiscard]] constexpr Sha1Text sha1(std::string_view message) {
    constexpr std::string_view digits = "0123456789abcdef";
    const size_t size = (message.size() + 8) / 64 * 64 + 64;
    sha1_detail::Digest digest;
    for (size_t from = 0; from < size; from += 64) sha1_detail::add_block(digest, message, from, size);
    Sha1Text text{};
    for (size_t i = 0; i < text.size(); ++i) text[i] = digits[digest.words[i / 8] >> 4 * (7 - i % 8) & 15];
    return text;
}

}  // namespace millrace
