// What every use of a socket shares: sending without SIGPIPE, and which reason an error number is.
#pragma once

#include <sys/socket.h>

#include <cerrno>

#include "millrace/action.hpp"

namespace millrace::native {

#ifdef MSG_NOSIGNAL
inline constexpr int send_flags = MSG_NOSIGNAL;
#else
inline constexpr int send_flags = 0;  // SO_NOSIGPIPE is set instead
#endif

[[nodiscard]] inline bool would_block(int error) {
    return error == EAGAIN || error == EWOULDBLOCK;
}

[[nodiscard]] inline DisconnectReason reason_of(int error) {
    switch (error) {
        case ECONNREFUSED:
        case ENOENT:  // no such unix socket
        case EAGAIN:  // the backlog of a unix socket is full
            return DisconnectReason::refused;
        case ENETUNREACH:
        case EHOSTUNREACH:
        case ENETDOWN:
        case EADDRNOTAVAIL:
        case EAFNOSUPPORT:
            return DisconnectReason::unreachable;
        case ETIMEDOUT:
            return DisconnectReason::timeout;
        default:
            return DisconnectReason::reset;
    }
}

}  // namespace millrace::native
