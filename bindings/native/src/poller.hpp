// Waiting for descriptors. Knows nothing of what they are. One thread at a time.
#pragma once

#include <poll.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "millrace/client.hpp"
#include "millrace/error.hpp"
#include "millrace/time.hpp"

namespace millrace::native {

struct Interest {
    bool readable;
    bool writable;
    friend bool operator==(Interest, Interest) = default;
};

/// A broken descriptor (error or hang-up) is told as both readable and writable: the next call on it says what
/// happened.
struct Readiness {
    uint64_t token;
    bool readable;
    bool writable;
};

/// Level-triggered.
class Poller {
  public:
    virtual ~Poller() = default;
    /// `token` is what comes back in Readiness. An error (out of descriptors or memory) leaves it unwatched.
    virtual Status add(int descriptor, uint64_t token, Interest interest) = 0;
    virtual void change(int descriptor, uint64_t token, Interest interest) = 0;
    virtual void remove(int descriptor) = 0;
    /// Waits for at most `timeout`, rounded up to whole milliseconds (none: without end); the result is valid until the
    /// next call. Interrupted by a signal: empty. `also` as in poll(2), revents filled.
    [[nodiscard]] virtual std::span<const Readiness> wait(std::optional<Duration> timeout, std::span<pollfd> also) = 0;
    /// Readable when wait would return something; -1 where there is no such descriptor.
    [[nodiscard]] virtual int fd() const = 0;
};

[[nodiscard]] Result<std::unique_ptr<Poller>> make_poller(PollerKind kind);
[[nodiscard]] Result<std::unique_ptr<Poller>> make_epoll_poller();
[[nodiscard]] Result<std::unique_ptr<Poller>> make_poll_poller();

/// For poll and epoll_wait: rounded up, so that no timer is early; -1 waits without end.
[[nodiscard]] int poll_timeout_ms(std::optional<Duration> timeout);

}  // namespace millrace::native
