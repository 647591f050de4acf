// A batch as C sees it: the tables that a view points to.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "border.hpp"
#include "millrace/event.hpp"

namespace millrace::c {

/// One block, entries first, which a later batch that fits is written over.
class Tables {
  public:
    /// `Entries` is a BatchView, or a Batch.
    template <class Entries>
    void fill(const Entries& from) {
        size_t field_count = 0;
        for (const Entry entry : from) field_count += entry.field_count();
        make_room(from.size() * sizeof(mr_entry) + field_count * sizeof(mr_field));
        count_ = from.size();
        field_count_ = field_count;
        mr_entry* entry_at = entries();
        mr_field* field_at = fields();
        for (const Entry entry : from) {
            std::construct_at(entry_at++, mr_entry{borrow(entry.stream()), id_of(entry.id()), field_at,
                                                   entry.field_count(), entry.deliveries(), 0});
            for (const Field field : entry) {
                std::construct_at(field_at++, mr_field{borrow(field.name), borrow(field.value)});
            }
        }
    }

    [[nodiscard]] bool empty() const { return count_ == 0; }

    [[nodiscard]] mr_batch_view view(SourceId source, FlushReason reason, BatchId batch) const {
        mr_batch_view made = MR_BATCH_VIEW_INIT;
        made.entries = entries();
        made.count = count_;
        made.entry_stride = sizeof(mr_entry);
        made.fields = fields();
        made.field_count = field_count_;
        made.source = static_cast<uint32_t>(source);
        made.reason = static_cast<uint32_t>(reason);
        made.batch = static_cast<uint64_t>(batch);
        return made;
    }

  private:
    void make_room(size_t size) {
        if (size <= room_) return;
        block_ = std::make_unique_for_overwrite<std::byte[]>(size);
        room_ = size;
    }
    [[nodiscard]] mr_entry* entries() const { return reinterpret_cast<mr_entry*>(block_.get()); }
    [[nodiscard]] mr_field* fields() const { return reinterpret_cast<mr_field*>(entries() + count_); }

    static_assert(alignof(mr_field) <= alignof(mr_entry) && sizeof(mr_entry) % alignof(mr_field) == 0);
    std::unique_ptr<std::byte[]> block_;
    size_t room_ = 0;
    size_t count_ = 0;
    size_t field_count_ = 0;
};

}  // namespace millrace::c
