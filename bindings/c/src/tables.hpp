// A batch as C sees it: the tables that a view points to.
#pragma once

#include <cstdint>
#include <vector>

#include "border.hpp"
#include "millrace/event.hpp"

namespace millrace::c {

struct Tables {
    std::vector<mr_entry> entries;
    std::vector<mr_field> fields;

    /// `Entries` is a BatchView, or a Batch.
    template <class Entries>
    void fill(const Entries& from) {
        entries.clear();
        fields.clear();
        size_t count = 0;
        for (const Entry entry : from) count += entry.field_count();
        entries.reserve(from.size());
        fields.reserve(count);  // entries point into it: it must not move
        for (const Entry entry : from) {
            const mr_field* const first = fields.data() + fields.size();
            for (const Field field : entry) fields.push_back({borrow(field.name), borrow(field.value)});
            entries.push_back(
                {borrow(entry.stream()), id_of(entry.id()), first, entry.field_count(), entry.deliveries(), 0});
        }
    }

    [[nodiscard]] mr_batch_view view(SourceId source, FlushReason reason, BatchId batch) const {
        mr_batch_view made = MR_BATCH_VIEW_INIT;
        made.entries = entries.data();
        made.count = entries.size();
        made.entry_stride = sizeof(mr_entry);
        made.fields = fields.data();
        made.field_count = fields.size();
        made.source = static_cast<uint32_t>(source);
        made.reason = static_cast<uint32_t>(reason);
        made.batch = static_cast<uint64_t>(batch);
        return made;
    }
};

}  // namespace millrace::c
