// What the core is not allowed to read itself: clocks and randomness.
#pragma once

#include "millrace/error.hpp"
#include "millrace/seed.hpp"
#include "millrace/time.hpp"

namespace millrace::native {

/// Of a clock that never goes back, and goes on while the machine sleeps.
[[nodiscard]] Instant monotonic_now();
/// CLOCK_REALTIME.
[[nodiscard]] WallTime wall_now();
/// From the operating system; an error where it refuses.
[[nodiscard]] Result<Seed128> draw_seed();

}  // namespace millrace::native
