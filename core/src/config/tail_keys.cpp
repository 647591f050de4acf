#include "config/tail_keys.hpp"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "config/values.hpp"
#include "millrace/entry.hpp"

namespace millrace {

// A name may hold an equals sign, an id does not.
bool put_cursors(Config& config, const ParsedValue& value) {
    std::vector<Cursor> cursors;
    for (const std::string& each : value.list) {
        const size_t sign = each.rfind('=');
        if (sign == std::string::npos) return false;
        const std::optional<EntryId> id = EntryId::parse(std::string_view(each).substr(sign + 1));
        if (!id) return false;
        cursors.push_back({each.substr(0, sign), *id});
    }
    config.source.cursors = std::move(cursors);
    return true;
}

Acceptance check_from(const Config& config) {
    constexpr int64_t last_max = 1'000'000;
    const std::string_view from = config.source.from;
    if (from == "new" || EntryId::parse(from)) return Acceptance::yes;
    if (from.starts_with("id:")) return from.size() > 3 ? Acceptance::yes : Acceptance::no;
    if (!from.starts_with("last:")) return Acceptance::no;
    const std::optional<int64_t> count = parse_whole(from.substr(5));
    return count && *count >= 1 && *count <= last_max ? Acceptance::yes : Acceptance::no;
}

Acceptance check_cursors(const Config& config) {
    const std::vector<Cursor>& cursors = config.source.cursors;
    for (auto each = cursors.begin(); each != cursors.end(); ++each) {
        const auto is_same = [each](const Cursor& other) { return other.stream == each->stream; };
        if (each->stream.empty() || std::any_of(cursors.begin(), each, is_same)) return Acceptance::no;
    }
    return Acceptance::yes;
}

}  // namespace millrace
