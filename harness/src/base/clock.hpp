// One notion of time for the whole harness. Only drivers read the clock; everything else is given an Instant.
#pragma once

#include <chrono>
#include <cstdint>

namespace millrace::harness {

using namespace std::chrono_literals;

using Duration = std::chrono::microseconds;
using Instant = std::chrono::time_point<std::chrono::steady_clock, Duration>;

inline Instant steady_now() {
    return std::chrono::time_point_cast<Duration>(std::chrono::steady_clock::now());
}

inline int64_t unix_ms_now() {
    return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch())
        .count();
}

inline double to_ms(Duration d) {
    return static_cast<double>(d.count()) / 1000.0;
}

}  // namespace millrace::harness
