#include "base/prng.hpp"

namespace millrace {
namespace {

constexpr uint64_t rotate_left(uint64_t value, unsigned by) {
    return (value << by) | (value >> (64 - by));
}

// splitmix64 (Steele, Lea and Flood, 2014). Bijective in its counter, so two outputs in a row are never both zero, and
// the state never the one that xoshiro does not leave.
uint64_t splitmix(uint64_t& counter) {
    counter += 0x9e3779b97f4a7c15;
    uint64_t z = counter;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
}

struct Product {
    uint64_t high, low;
};

// 64 x 64 -> 128 bits by halves: __int128 is no standard C++, and absent on 32-bit hosts.
Product multiply(uint64_t a, uint64_t b) {
    const uint64_t a_low = a & 0xffffffff, a_high = a >> 32;
    const uint64_t b_low = b & 0xffffffff, b_high = b >> 32;
    const uint64_t low = a_low * b_low;
    const uint64_t middle = a_high * b_low + (low >> 32);
    const uint64_t carry = a_low * b_high + (middle & 0xffffffff);
    return {a_high * b_high + (middle >> 32) + (carry >> 32), (carry << 32) | (low & 0xffffffff)};
}

}  // namespace

// With low = 0 this is the usual seeding by 64 bits, which has published values; each half of the seed decides half of
// the state.
Prng::Prng(Seed128 seed) {
    uint64_t counter = seed.high;
    state_[0] = splitmix(counter);
    state_[1] = splitmix(counter);
    counter ^= seed.low;
    state_[2] = splitmix(counter);
    state_[3] = splitmix(counter);
}

uint64_t Prng::next() {
    const uint64_t result = rotate_left(state_[1] * 5, 7) * 9;
    const uint64_t shifted = state_[1] << 17;
    state_[2] ^= state_[0];
    state_[3] ^= state_[1];
    state_[1] ^= state_[2];
    state_[0] ^= state_[3];
    state_[2] ^= shifted;
    state_[3] = rotate_left(state_[3], 45);
    return result;
}

// Lemire, "Fast Random Integer Generation in an Interval" (2019): the high half of next() x n is the result, and the
// few low halves that would make some results likelier than others are drawn again.
uint64_t Prng::below(uint64_t n) {
    if (n == 0) return 0;
    Product product = multiply(next(), n);
    if (product.low < n) {
        const uint64_t uneven = (~n + 1) % n;  // 2^64 mod n
        while (product.low < uneven) product = multiply(next(), n);
    }
    return product.high;
}

}  // namespace millrace
