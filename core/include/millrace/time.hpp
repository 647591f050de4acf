// Time as the core knows it: numbers the host hands in. The core reads no clock.
#pragma once

#include <compare>
#include <cstdint>

namespace millrace {

/// A length of time in microseconds.
struct Duration {
    int64_t us = 0;
    friend constexpr auto operator<=>(Duration, Duration) = default;
};

constexpr Duration microseconds(int64_t n) {
    return {n};
}
constexpr Duration milliseconds(int64_t n) {
    return {n * 1000};
}
constexpr Duration seconds(int64_t n) {
    return {n * 1'000'000};
}

/// A point on the host's monotonic clock, in microseconds from an origin of the host's choosing. It should go on while
/// the host sleeps, as the server's does.
struct Instant {
    int64_t us = 0;
    friend constexpr auto operator<=>(Instant, Instant) = default;
};

constexpr Instant operator+(Instant at, Duration by) {
    return {at.us + by.us};
}
constexpr Duration operator-(Instant later, Instant earlier) {
    return {later.us - earlier.us};
}

/// Calendar time, in microseconds since the Unix epoch. Another type, so that it is never used to measure a wait.
struct WallTime {
    int64_t unix_us = 0;
    friend constexpr auto operator<=>(WallTime, WallTime) = default;
};

}  // namespace millrace
