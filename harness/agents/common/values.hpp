// Bytes as protocol 1 writes them: text where they are UTF-8, {"b64"} where not, {"sha256","len"} past 4 KiB.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

namespace millrace::agent {

using Json = nlohmann::ordered_json;

/// Past this many bytes only a digest goes to the harness.
inline constexpr size_t value_bytes_max = 4096;

[[nodiscard]] bool is_utf8(std::string_view bytes);
[[nodiscard]] Json value_to_json(std::string_view bytes);
/// Text, or {"b64":…}; none for anything else.
[[nodiscard]] std::optional<std::string> value_from_json(const Json& json);
/// Text for a message: what is not ASCII of bytes that are no UTF-8 becomes a question mark.
[[nodiscard]] std::string printable(std::string_view text);

}  // namespace millrace::agent
