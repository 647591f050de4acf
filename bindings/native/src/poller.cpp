#include "poller.hpp"

#include <algorithm>
#include <cstdint>

namespace millrace::native {

int poll_timeout_ms(std::optional<Duration> timeout) {
    if (!timeout) return -1;
    // A day: poll takes an int, and a loop that wakes once a day costs nothing.
    constexpr int64_t timeout_us_max = 86'400'000'000;
    const int64_t us = std::clamp<int64_t>(timeout->us, 0, timeout_us_max);
    return static_cast<int>((us + 999) / 1'000);
}

Result<std::unique_ptr<Poller>> make_poller(PollerKind kind) {
#ifdef __linux__
    return kind == PollerKind::poll ? make_poll_poller() : make_epoll_poller();
#else
    if (kind == PollerKind::epoll) return Error(Code::unsupported, "this system has no epoll");
    return make_poll_poller();
#endif
}

}  // namespace millrace::native
