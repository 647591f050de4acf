// A keyed digest of 128 bits, for tables that remember texts without keeping them. Keyed, because who writes the texts
// could otherwise choose two of the same digest, and have an entry taken for a duplicate.
#pragma once

#include <cstdint>
#include <string_view>

namespace millrace {

struct Digest {
    uint64_t high = 0;
    uint64_t low = 0;
    friend bool operator==(const Digest& a, const Digest& b) { return a.high == b.high && a.low == b.low; }
    [[nodiscard]] uint64_t hash() const { return low; }
};

struct DigestKey {
    uint64_t k0 = 0;
    uint64_t k1 = 0;
};

/// SipHash-2-4 with 128 bits of output. Source: Aumasson and Bernstein, "SipHash: a fast short-input PRF", 2012.
[[nodiscard]] Digest digest(const DigestKey& key, std::string_view text);

}  // namespace millrace
