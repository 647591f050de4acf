// Where all randomness of the core comes from.
#pragma once

#include <cstdint>

namespace millrace {

/// Drawn by the host from its operating system; all jitter and generated names come from it.
struct Seed128 {
    uint64_t high = 0;
    uint64_t low = 0;
};

}  // namespace millrace
