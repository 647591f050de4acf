// Entries, dead letters and logs as lines of text. Values may be any bytes: what is no UTF-8 is `{"b64": …}`, so that
// nothing is lost.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "millrace/millrace.hpp"

namespace millrace::tool {

using Json = nlohmann::ordered_json;

enum class LogForm { logfmt, json, none };

[[nodiscard]] Json text_to_json(std::string_view bytes);
[[nodiscard]] Json entry_to_json(const Entry& entry);
[[nodiscard]] Json letter_to_json(const DeadLetter& letter);
[[nodiscard]] Json error_to_json(const Error& error);
/// One line without its end. logfmt: level=… msg="…" and the fields.
[[nodiscard]] std::string log_line(const Log& log, LogForm form);

}  // namespace millrace::tool
