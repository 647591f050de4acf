// The core's only source of chance, the same on every host: xoshiro256** (Blackman and Vigna, 2018), its state filled
// from the host's seed through splitmix64. Nothing of the standard library's distributions, which differ between
// implementations.
#pragma once

#include <cstdint>

#include "millrace/seed.hpp"

namespace millrace {

/// Good enough for jitter and names; not for keys or tokens that must not be guessed.
class Prng {
  public:
    explicit Prng(Seed128 seed);

    [[nodiscard]] uint64_t next();
    /// Each of 0 … n - 1 with the same chance; 0 for n = 0. Draws once, very rarely more often.
    [[nodiscard]] uint64_t below(uint64_t n);

  private:
    uint64_t state_[4];
};

}  // namespace millrace
