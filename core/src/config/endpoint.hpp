// `host:port`, as the key `host` and URLs have it.
#pragma once

#include <optional>
#include <string_view>

#include "millrace/config.hpp"

namespace millrace {

/// `host`, `host:port`, `:port`, `[IPv6]:port`, `[IPv6]` or a bare IPv6 address. An empty host is `localhost`.
[[nodiscard]] std::optional<Endpoint> parse_host_port(std::string_view text);

/// 1 to 65535.
[[nodiscard]] std::optional<uint16_t> parse_port(std::string_view text);

/// Whether it can be connected to: a host and a port, or the path of a unix socket.
[[nodiscard]] bool is_endpoint(const Endpoint& endpoint);

}  // namespace millrace
