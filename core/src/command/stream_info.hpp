// What XINFO STREAM tells of a stream, of any version. It reads a reply, and decides nothing by it.
#pragma once

#include <cstdint>
#include <optional>

#include "millrace/entry.hpp"
#include "resp/tree.hpp"

namespace millrace {

struct StreamInfo {
    EntryId last_generated;
    uint64_t length = 0;
    std::optional<EntryId> first;  ///< none of an empty stream
    std::optional<EntryId> last;
    /// From 7.0: how many entries were ever added. Trimmed and deleted ones count on.
    std::optional<uint64_t> entries_added;
    /// From 7.0: the largest id that XDEL has taken; trimming leaves no trace in it (seen on 7.0 to 8.6 and Valkey).
    std::optional<EntryId> max_deleted;
};

/// None where the reply does not tell the last-generated-id. Read as Shape::outline, the entries' fields are left out.
[[nodiscard]] std::optional<StreamInfo> parse_stream_info(const resp::Reply& reply);

}  // namespace millrace
