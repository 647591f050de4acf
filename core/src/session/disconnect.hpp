// What is told of a connection that ended, or that never stood.
#pragma once

#include "millrace/action.hpp"
#include "millrace/config.hpp"
#include "millrace/error.hpp"

namespace millrace {

[[nodiscard]] Error disconnect_error(const Endpoint& endpoint, DisconnectReason reason);

}  // namespace millrace
