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

/// What XREAD is asked to read behind, so that it begins right behind `id` at the latest: 5.0 wraps at the largest seq
/// and begins at ms-0 once more, for ever. So it begins at that seq itself then, which no entry but a made-up one has.
[[nodiscard]] constexpr EntryId read_behind(EntryId id) {
    return id.seq < UINT64_MAX ? id : EntryId{id.ms, UINT64_MAX - 1};
}

/// The largest id stays as it is.
[[nodiscard]] constexpr EntryId just_after(EntryId id) {
    if (id.seq < UINT64_MAX) return {id.ms, id.seq + 1};
    return id.ms < UINT64_MAX ? EntryId{id.ms + 1, 0} : id;
}

}  // namespace millrace
