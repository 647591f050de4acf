#include "clock.hpp"

#include <ctime>
#include <random>

#ifdef __linux__
#include <sys/random.h>
#endif

namespace millrace::native {
namespace {

int64_t microseconds_of(clockid_t clock) {
    timespec at{};
    clock_gettime(clock, &at);
    return int64_t{at.tv_sec} * 1'000'000 + at.tv_nsec / 1'000;
}

}  // namespace

// Linux stops CLOCK_MONOTONIC while the machine sleeps, and the leases and idle times at the server go on: whoever woke
// up would go on under a name that is another's by then, and take back what others have claimed (REC-3, REC-4).
// Elsewhere it goes on.
Instant monotonic_now() {
#ifdef CLOCK_BOOTTIME
    return {microseconds_of(CLOCK_BOOTTIME)};
#else
    return {microseconds_of(CLOCK_MONOTONIC)};
#endif
}
WallTime wall_now() {
    return {microseconds_of(CLOCK_REALTIME)};
}

Result<Seed128> draw_seed() {
    Seed128 seed;
#ifdef __linux__
    if (getrandom(&seed, sizeof seed, 0) != static_cast<ssize_t>(sizeof seed)) {
        return Error(Code::connection, "the operating system gave no random bytes");
    }
#else
    std::random_device device;
    const auto draw = [&device] { return (uint64_t{device()} << 32) | device(); };
    seed = {draw(), draw()};
#endif
    return seed;
}

}  // namespace millrace::native
