// Which id an entry has in the eyes of its publisher (DUP-1): a field, or a place in a field's JSON.
#pragma once

#include <string>
#include <string_view>

#include "millrace/entry.hpp"

namespace millrace {

/// The field named `id_field`; else, where that is a path such as `event.id`, what stands there in the JSON of the
/// field `event`. Strings, numbers, true and false are ids as they are written; where there is none, or it is null or
/// empty, the entry's own id is.
[[nodiscard]] std::string canonical_id(const Entry& entry, std::string_view id_field);

}  // namespace millrace
