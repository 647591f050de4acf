// The loop of an agent's main(): stdin, the signals that end it, stdout, and the client.
#pragma once

#include "endpoint.hpp"

namespace millrace::agent {

/// Until the end of stdin, after `drain`, or SIGTERM or SIGINT (which drain): 0. 2 where it could not begin. `out` is
/// what `endpoint` writes to.
[[nodiscard]] int run(Endpoint& endpoint, LineWriter& out);
/// Says that an agent takes no arguments; 2.
[[nodiscard]] int refuse_arguments(const char* name);

}  // namespace millrace::agent
