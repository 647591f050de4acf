#include "base/digest.hpp"

#include <cstddef>

namespace millrace {

namespace {

struct State {
    uint64_t v0, v1, v2, v3;

    static uint64_t rotate(uint64_t x, int by) { return x << by | x >> (64 - by); }

    void round() {
        v0 += v1;
        v1 = rotate(v1, 13) ^ v0;
        v0 = rotate(v0, 32);
        v2 += v3;
        v3 = rotate(v3, 16) ^ v2;
        v0 += v3;
        v3 = rotate(v3, 21) ^ v0;
        v2 += v1;
        v1 = rotate(v1, 17) ^ v2;
        v2 = rotate(v2, 32);
    }

    void absorb(uint64_t word) {
        v3 ^= word;
        round();
        round();
        v0 ^= word;
    }

    uint64_t squeeze() {
        for (int i = 0; i < 4; ++i) round();
        return v0 ^ v1 ^ v2 ^ v3;
    }
};

/// Up to eight bytes, the first of them lowest, on every host.
uint64_t word_of(std::string_view bytes) {
    uint64_t word = 0;
    for (size_t i = 0; i < bytes.size(); ++i) word |= uint64_t{static_cast<unsigned char>(bytes[i])} << (8 * i);
    return word;
}

}  // namespace

Digest digest(const DigestKey& key, std::string_view text) {
    State state{key.k0 ^ 0x736f6d6570736575ULL, key.k1 ^ 0x646f72616e646f6dULL ^ 0xeeU, key.k0 ^ 0x6c7967656e657261ULL,
                key.k1 ^ 0x7465646279746573ULL};
    const uint64_t size = text.size();
    for (; text.size() >= 8; text.remove_prefix(8)) state.absorb(word_of(text.substr(0, 8)));
    state.absorb(size << 56 | word_of(text));
    state.v2 ^= 0xee;
    const uint64_t low = state.squeeze();
    state.v1 ^= 0xdd;
    return {state.squeeze(), low};
}

}  // namespace millrace
