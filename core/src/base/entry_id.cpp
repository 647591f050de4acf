// Entry ids as people and configurations write them. What the server sends is read by parse_id in base/format.hpp.
#include <string>

#include "base/format.hpp"
#include "millrace/entry.hpp"

namespace millrace {

std::string EntryId::text() const {
    char buffer[id_text_max];
    return {buffer, write_id(buffer, *this)};
}

std::optional<EntryId> EntryId::parse(std::string_view text) {
    const size_t dash = text.find('-');
    const std::optional<uint64_t> ms = parse_u64(text.substr(0, dash));
    if (!ms) return std::nullopt;
    if (dash == std::string_view::npos) return EntryId{*ms, 0};
    const std::optional<uint64_t> seq = parse_u64(text.substr(dash + 1));
    if (!seq) return std::nullopt;
    return EntryId{*ms, *seq};
}

}  // namespace millrace
