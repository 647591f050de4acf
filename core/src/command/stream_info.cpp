#include "command/stream_info.hpp"

#include "base/format.hpp"
#include "resp/field.hpp"

namespace millrace {

std::optional<StreamInfo> parse_stream_info(const resp::Reply& reply) {
    const std::optional<EntryId> last_generated = parse_id(resp::field(reply, "last-generated-id").text());
    if (!last_generated.has_value()) return std::nullopt;
    StreamInfo info;
    info.last_generated = *last_generated;
    info.length = static_cast<uint64_t>(resp::field(reply, "length").integer());
    info.first = parse_id(resp::field(reply, "first-entry")[0].text());
    info.last = parse_id(resp::field(reply, "last-entry")[0].text());
    info.max_deleted = parse_id(resp::field(reply, "max-deleted-entry-id").text());
    const resp::Reply added = resp::field(reply, "entries-added");
    if (!added.is_nil()) info.entries_added = static_cast<uint64_t>(added.integer());
    return info;
}

}  // namespace millrace
