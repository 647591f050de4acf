// Puts one value, as its source has it, where its key belongs, and says what is wrong with it. It does not know where
// values come from, nor what other keys say.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "config/keys.hpp"
#include "millrace/config.hpp"

namespace millrace {

/// What a source says about the type of a value.
enum class GivenAs : uint8_t {
    text,     ///< any notation of the key's type
    number,   ///< a number of JSON, as written
    boolean,  ///< `true` or `false`
    list,
};

/// A value before the key's type is asked.
struct GivenValue {
    GivenAs kind = GivenAs::text;
    std::string_view text;
    std::vector<std::string> list;
};

/// `path` is the key's name with where it stands, for the error. On an error nothing is changed.
[[nodiscard]] Status assign(Config& config, const KeyRow& row, std::string_view path, const GivenValue& value);

/// What the row's check says of the configuration as it is; `value` in the words of an error.
[[nodiscard]] Status check_row(const Config& config, const KeyRow& row, std::string_view path, std::string_view value);

/// The value in the words of an error: quoted, bounded, printable.
[[nodiscard]] std::string shown(std::string_view value);

/// Names what was given and the nearest name that is known there.
[[nodiscard]] Error unknown_key(std::string_view path, std::string_view nearest);

/// Names the key, the value as `shown` has it, and what is allowed. Not for secrets.
[[nodiscard]] Error refused_value(std::string_view path, std::string_view value, std::string_view allowed);

/// A message without a value.
[[nodiscard]] Error config_error(std::string_view path, std::string_view what);

}  // namespace millrace
