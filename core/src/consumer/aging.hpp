// Entries by the time at which their idle time at the server began: what commands that name one idle time for many are
// made from. It knows nothing of commands.
#pragma once

#include <cstdint>

#include "base/buffer.hpp"
#include "millrace/entry.hpp"
#include "millrace/time.hpp"

namespace millrace {

struct Aging {
    uint32_t stream;
    EntryId id;
    Instant refreshed;
};

/// By stream, then the oldest first, then by id: the same order on every host.
void sort_by_age(Buffer<Aging>& entries);

}  // namespace millrace
