// What a client tells its operator, as lines of text.
#pragma once

#include <functional>
#include <iosfwd>
#include <string>

#include "millrace/event.hpp"

namespace millrace {

/// `level=… msg="…"` and the fields, without an end of line. Values with spaces, quotes or control characters are
/// quoted.
[[nodiscard]] std::string to_logfmt(const Log& log);

/// For ClientOptions::on_event: a server that is not there, or a handler that throws, must not look like a stream
/// without entries. Tells logs from `least` on, a line each without its end, and the first loss of a connection; the
/// next one once a connection was back. Also a failure that lets its source go on, such as a stream of the wrong type
/// among others, and the first dead letter that can't be written; the next one once another could. The thread that
/// pumps calls `write`.
[[nodiscard]] std::function<void(const Event&)> log_lines(std::function<void(const std::string& line)> write,
                                                          LogLevel least = LogLevel::warn);
/// The same, written to `out`, which outlives the client.
[[nodiscard]] std::function<void(const Event&)> log_to(std::ostream& out, LogLevel least = LogLevel::warn);

}  // namespace millrace
