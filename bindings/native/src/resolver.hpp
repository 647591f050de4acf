// Host names to addresses without blocking the loop.
#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "wakeup.hpp"

namespace millrace::native {

struct Address {
    sockaddr_storage storage{};
    socklen_t size = 0;
};

/// Empty where the name has no address, or could not be looked up.
using Addresses = std::vector<Address>;

/// Numeric hosts need no lookup; the others are looked up by getaddrinfo on a detached thread, at most one at a time
/// for a name: it can't be cancelled, so retries join the lookup that hangs. The thread owns all that it touches, and
/// signals `wakeup` at its end.
class Resolver {
  public:
    explicit Resolver(std::shared_ptr<Wakeup> wakeup) : wakeup_(std::move(wakeup)) {}
    /// The addresses in the order in which they should be tried; none while the lookup runs: ask again after a wake-up.
    [[nodiscard]] std::optional<Addresses> resolve(const std::string& host, uint16_t port);
    /// The caller waits for this name no longer. A finished answer is forgotten, so that the next try asks anew.
    void forget(const std::string& host, uint16_t port);

    struct Lookup;

  private:
    std::shared_ptr<Wakeup> wakeup_;
    std::vector<std::shared_ptr<Lookup>> lookups_;
};

}  // namespace millrace::native
