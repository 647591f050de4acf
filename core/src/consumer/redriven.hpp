// How an entry tells that it is a dead letter (DLQ-1), or was redriven (DLQ-2): by the last of its fields.
#pragma once

#include <cstddef>
#include <iterator>
#include <optional>
#include <string_view>

#include "command/scripts.hpp"
#include "millrace/entry.hpp"

namespace millrace {

/// The group that it was redriven for; none where it was not. Views of the record's bytes.
[[nodiscard]] inline std::optional<std::string_view> redriven_for(const EntryRecord& record) {
    if (record.segment == nullptr || record.field_count <= 2) return std::nullopt;
    const Entry entry(record, {});
    const Field group = entry.field(record.field_count - 1);
    if (group.name != dlq_fields[2] || entry.field(record.field_count - 2).name != dlq_fields[0]) return std::nullopt;
    return group.value;
}

/// Where the fields of a dead letter begin that tell where it came from; behind its last one where it is none of ours.
[[nodiscard]] inline size_t dlq_field_start(const EntryRecord& record) {
    const Entry entry(record, {});
    const size_t count = entry.field_count();
    if (record.segment == nullptr || count < std::size(dlq_fields)) return count;
    const size_t start = count - std::size(dlq_fields);
    for (size_t i = 0; i < std::size(dlq_fields); ++i) {
        if (entry.field(start + i).name != dlq_fields[i]) return count;
    }
    return start;
}

/// Leaves out the fields that redriving added.
inline void strip_redriven(EntryRecord& record) {
    const Entry entry(record, {});
    for (uint32_t i = 1; i <= 2; ++i) {
        const Field field = entry.field(record.field_count - i);
        record.bytes -= field.name.size() + field.value.size();
    }
    record.field_count -= 2;
}

}  // namespace millrace
