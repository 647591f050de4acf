// The small reader behind WebAssembly's read_json; json_reader.hpp says what it does.
#pragma once

#include "event/json_reader.hpp"

namespace millrace {

/// The text has no byte order mark, and memory for it is known to suffice.
[[nodiscard]] JsonOutcome read_small_json(std::string_view text, JsonVisitor& visitor, uint32_t depth_max);

}  // namespace millrace
