#include "tail/position.hpp"

#include "base/entry_id.hpp"
#include "base/format.hpp"

namespace millrace {

namespace {

constexpr std::string_view last_prefix = "last:";
constexpr std::string_view id_prefix = "id:";

/// How many entries behind the cursor of the doubt are gone. Exact where every entry that was removed lies before
/// `first` (`passed` of them up to the cursor) and none was deleted on the way: then only trimming took the others.
std::optional<uint64_t> count_missed(const Doubt& doubt, EntryId passed_from, EntryId first, const StreamInfo& info) {
    if (!doubt.passed.has_value() || !info.entries_added.has_value() || !info.max_deleted.has_value()) {
        return std::nullopt;
    }
    if (*info.max_deleted > passed_from) return std::nullopt;
    // What was read is trimmed by now, too, or all there is.
    if (info.first.value_or(just_after(info.last_generated)) != first) return std::nullopt;
    // Less than was passed has the stream of a key that was made anew unseen.
    if (*info.entries_added < info.length + *doubt.passed) return std::nullopt;
    return *info.entries_added - info.length - *doubt.passed;
}

}  // namespace

Beginning Beginning::parse(std::string_view from) {
    Beginning beginning;
    if (from.starts_with(last_prefix)) {
        beginning.kind = Kind::last;
        beginning.count = static_cast<uint32_t>(parse_u64(from.substr(last_prefix.size())).value_or(1));
    } else if (from.starts_with(id_prefix)) {
        beginning.kind = Kind::canonical;
        beginning.canonical_id = std::string(from.substr(id_prefix.size()));
    } else if (const std::optional<EntryId> id = EntryId::parse(from); id.has_value()) {
        beginning.kind = Kind::after;
        beginning.id = *id;
    }
    return beginning;
}

Position::Finding Position::judge(const StreamInfo& info) const {
    if (info.last_generated < cursor) return {Finding::What::reset, {}, {}};
    if (!doubt.has_value()) return {};
    // Trimming takes from the front: what is left up to the cursor stands before everything behind it.
    if (info.first.has_value() && *info.first <= doubt->cursor) return {};
    if (!doubt->next.has_value() && info.last_generated == doubt->cursor) return {};
    const EntryId first = doubt->next.value_or(info.first.value_or(just_after(info.last_generated)));
    if (first == just_after(doubt->cursor)) return {};  // no id lies between them
    const std::optional<uint64_t> missed = count_missed(*doubt, passed_from, first, info);
    if (missed == 0) return {};
    return {Finding::What::gap, first, missed};
}

}  // namespace millrace
