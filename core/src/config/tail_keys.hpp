// Where a tail begins, as its keys say it: `from` and `cursors`. The rows of the table name these.
#pragma once

#include "config/keys.hpp"

namespace millrace {

/// `stream=id`, each; false where one is not.
[[nodiscard]] bool put_cursors(Config& config, const ParsedValue& value);
[[nodiscard]] Acceptance check_cursors(const Config& config);
[[nodiscard]] Acceptance check_from(const Config& config);

}  // namespace millrace
