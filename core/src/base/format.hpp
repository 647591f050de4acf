// Numbers and entry ids as decimal text, and back, without locale, allocation or the printf family.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "millrace/entry.hpp"

namespace millrace {

/// Bytes that a writer below may need. None writes a terminating zero.
inline constexpr size_t u64_text_max = 20;
inline constexpr size_t i64_text_max = 20;
inline constexpr size_t id_text_max = 2 * u64_text_max + 1;

/// How many decimal digits `value` has; 1 for 0.
[[nodiscard]] unsigned digit_count(uint64_t value);

/// Writes to `out` and returns how many bytes.
size_t write_u64(char* out, uint64_t value);
size_t write_i64(char* out, int64_t value);
/// `ms-seq`.
size_t write_id(char* out, EntryId id);

/// Digits alone (and `-` first for parse_i64), at least one, within range; leading zeros are allowed.
[[nodiscard]] std::optional<uint64_t> parse_u64(std::string_view text);
[[nodiscard]] std::optional<int64_t> parse_i64(std::string_view text);
/// `ms-seq` as the server writes it; a bare `ms` is none.
[[nodiscard]] std::optional<EntryId> parse_id(std::string_view text);

}  // namespace millrace
