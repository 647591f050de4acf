// Virtual time, as a machine's host and its server see it pass.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <optional>

#include "millrace/machine.hpp"

namespace millrace::test {

/// Handles a timeout that is due; whether one was. Then none is: a host would spin.
inline bool handle_due(Machine& machine, Instant now) {
    const std::optional<Instant> next = machine.poll_timeout();
    if (!next.has_value() || *next > now) return false;
    machine.handle_timeout(now);
    const std::optional<Instant> after = machine.poll_timeout();
    EXPECT_TRUE(!after.has_value() || *after > now) << "a host would spin";
    return true;
}

/// `now` moves on, and stops at each timeout. `tell_server(now)` comes before what the machine makes of it, `settle()`
/// behind.
template <class TellServer, class Settle>
void pass_time(Machine& machine, Instant& now, Duration by, TellServer&& tell_server, Settle&& settle) {
    const Instant until = now + by;
    for (;;) {
        const std::optional<Instant> at = machine.poll_timeout();
        if (!at.has_value() || *at > until) break;
        now = std::max(now, *at);
        tell_server(now);
        machine.handle_timeout(now);
        settle();
    }
    now = until;
    tell_server(now);
}

}  // namespace millrace::test
