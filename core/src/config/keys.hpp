// The table of configuration keys as the core uses it: the public rows, each with where its value goes. Parsing,
// ranges, errors, validation and documentation all come from it; there is no other list of keys.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "millrace/config.hpp"

namespace millrace {

/// A value after its notation has been read, as the type of its key says.
struct ParsedValue {
    std::string_view text;
    /// integer: itself; fraction: parts per million; boolean: 0 or 1; duration: microseconds; bytes: itself; choice:
    /// the position in the row's range.
    int64_t number = 0;
    std::vector<std::string> list;
};

enum class Acceptance : uint8_t { yes, no, not_yet };

struct KeyRow {
    ConfigKey key;
    /// Puts the value where it belongs. False: its text does not say what the key wants. Null: not available yet.
    bool (*store)(Config&, const ParsedValue&);
    /// The number as in ParsedValue; none while it is unset. Null for keys without a range of numbers.
    std::optional<int64_t> (*load)(const Config&);
    /// Whether what is stored is allowed, for keys that are text. Null: anything is.
    Acceptance (*check)(const Config&);
    /// Keys that have the same words here say the same, so that only one of them may be given. Empty: it has no rival.
    std::string_view one_of;
};

[[nodiscard]] std::span<const KeyRow> key_rows();
/// Null for a name that is not in the table.
[[nodiscard]] const KeyRow* find_key(std::string_view name);

struct NumberLimits {
    int64_t min;
    int64_t max;
};
/// The numbers that the row's range states.
[[nodiscard]] NumberLimits limits_of(const KeyRow& row);

/// The key that differs least from `name`; case, `_` and `-` do not count.
[[nodiscard]] std::string_view nearest_key(std::string_view name);
/// The same among other words.
[[nodiscard]] std::string_view nearest_of(std::string_view name, std::span<const std::string_view> words);

}  // namespace millrace
