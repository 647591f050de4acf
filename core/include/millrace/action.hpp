// What the host is asked to do with sockets, and what it tells in return.
#pragma once

#include <cstdint>
#include <optional>
#include <variant>

#include "millrace/config.hpp"
#include "millrace/time.hpp"

namespace millrace {

/// New for every Connect, never reused: input for a dead one is ignored.
enum class ConnId : uint32_t {};

/// What a connection is for. A lane is one connection at a time.
enum class LaneRole : uint8_t { read, control, publish, push, probe };

/// Open a connection, then call handle_connected, or handle_disconnected when that fails or `deadline` passes. With
/// `tls`, connected means that the handshake is done and the peer verified.
struct Connect {
    ConnId conn;
    LaneRole role;
    Endpoint endpoint;
    std::optional<Tls> tls;
    Instant deadline;
};

/// Close the connection; nothing about it needs to be reported any more.
struct Close {
    ConnId conn;
};

/// Stop or resume reading the socket (backpressure where the server pushes).
struct SetReadable {
    ConnId conn;
    bool readable;
};

using Action = std::variant<Connect, Close, SetReadable>;

enum class DisconnectReason : uint8_t {
    closed,   ///< the peer ended the stream
    dropped,  ///< we ended it: silence, a broken protocol or a refusal, as the error says
    refused,  ///< nobody listens
    reset,    ///< reset, broken pipe, or another socket error
    unreachable,
    dns,
    timeout,
    tls_expired,
    tls_unknown_authority,
    tls_wrong_host,
    tls_certificate_wanted,
    tls_failed,
};

}  // namespace millrace
