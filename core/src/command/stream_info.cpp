#include "command/stream_info.hpp"

#include <string_view>

#include "base/format.hpp"

namespace millrace {

std::optional<StreamInfo> parse_stream_info(const resp::Reply& reply) {
    StreamInfo info;
    bool is_told = false;
    std::string_view name;  // pairs, of a map and of RESP2's flat array alike
    for (const resp::Reply& item : reply) {
        if (name.empty()) {
            name = item.text();
            if (name.empty()) return std::nullopt;
            continue;
        }
        if (name == "last-generated-id") {
            const std::optional<EntryId> id = parse_id(item.text());
            is_told = id.has_value();
            info.last_generated = id.value_or(EntryId{});
        } else if (name == "length") {
            info.length = static_cast<uint64_t>(item.integer());
        } else if (name == "entries-added") {
            info.entries_added = static_cast<uint64_t>(item.integer());
        } else if (name == "max-deleted-entry-id") {
            info.max_deleted = parse_id(item.text());
        } else if (name == "first-entry") {
            info.first = parse_id(item[0].text());
        } else if (name == "last-entry") {
            info.last = parse_id(item[0].text());
        }
        name = {};
    }
    if (!is_told) return std::nullopt;
    return info;
}

}  // namespace millrace
