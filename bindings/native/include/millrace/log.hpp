// What a client tells its operator, as lines of text.
#pragma once

#include <functional>
#include <iosfwd>
#include <string>

#include "millrace/event.hpp"

namespace millrace {

/// `level=… msg="…"` and the fields, without an end of line. Values with spaces, quotes or control characters are quoted.
[[nodiscard]] std::string to_logfmt(const Log& log);

/// For ClientOptions::on_event: a server that is not there, or a handler that throws, must not look like a stream without
/// entries. Writes logs from `least` on to `out`, a line each, and the first loss of a connection; the next one once a
/// connection was back. `out` outlives the client. The thread that pumps writes to it.
[[nodiscard]] std::function<void(const Event&)> log_to(std::ostream& out, LogLevel least = LogLevel::warn);

}  // namespace millrace
