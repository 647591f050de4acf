// Arithmetic of entry ids: what stands right before one, and right behind.
#pragma once

#include <cstdint>

#include "millrace/entry.hpp"

namespace millrace {

/// A range that ends here leaves `id` out, on servers before 6.2 too, which know no exclusive ranges. 0-0 has none
/// before it, and stays.
[[nodiscard]] constexpr EntryId just_before(EntryId id) {
    if (id.seq > 0) return {id.ms, id.seq - 1};
    return id.ms > 0 ? EntryId{id.ms - 1, UINT64_MAX} : id;
}

/// The largest id stays as it is.
[[nodiscard]] constexpr EntryId just_after(EntryId id) {
    if (id.seq < UINT64_MAX) return {id.ms, id.seq + 1};
    return id.ms < UINT64_MAX ? EntryId{id.ms + 1, 0} : id;
}

}  // namespace millrace
