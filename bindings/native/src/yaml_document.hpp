// YAML turned into the JSON that says the same, and where each key of it stood. Knows no key. The only includer of
// yaml-cpp is its implementation: what that throws stays inside.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "millrace/error.hpp"

namespace millrace::native {

struct KeyPlace {
    std::string path;  ///< the keys on the way, with dots between them
    size_t line;       ///< from 1
};

struct YamlDocument {
    std::string json;
    std::vector<KeyPlace> places;  ///< in the order of the text
};

/// Scalars become texts as they are written, `5s` and `10` alike, because a text says any value of any key; only a null
/// (`~`, `null`, nothing) stays null. Anchors and `<<` are resolved. bad_config in one line: `{name}:{line}: …`. It
/// quotes no value: any piece of a broken file may be the password.
[[nodiscard]] Result<YamlDocument> read_yaml(std::string_view text, const std::string& name);

}  // namespace millrace::native
