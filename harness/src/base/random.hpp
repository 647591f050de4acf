// Seeded choices. The same seed gives the same choices on every platform, which std distributions do not promise.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace millrace::harness {

class Random {
  public:
    explicit Random(uint64_t seed) : state_(seed) {}

    uint64_t next() {  // splitmix64
        state_ += 0x9e3779b97f4a7c15U;
        uint64_t z = state_;
        z = (z ^ (z >> 30U)) * 0xbf58476d1ce4e5b9U;
        z = (z ^ (z >> 27U)) * 0x94d049bb133111ebU;
        return z ^ (z >> 31U);
    }

    int64_t between(int64_t low, int64_t high) {
        return low + static_cast<int64_t>(next() % static_cast<uint64_t>(high - low + 1));
    }

    std::string hex(size_t digits) {
        std::string text;
        while (text.size() < digits) text += "0123456789abcdef"[next() % 16];
        return text;
    }

  private:
    uint64_t state_;
};

// FNV-1a: mixes a name into a seed, so that each case of a run draws its own numbers.
inline uint64_t mix(uint64_t seed, std::string_view name) {
    uint64_t hash = seed ^ 0xcbf29ce484222325U;
    for (const char c : name) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3U;
    return hash;
}

}  // namespace millrace::harness
