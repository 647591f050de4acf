// Batches: counted, from any thread, and they outlive their client.
#include <span>
#include <string>

#include "handles.hpp"

using namespace millrace;

namespace {

constexpr size_t first_view_size = sizeof(mr_batch_view);

void write_view(const mr_batch& batch) {
    size_t fields = 0;
    for (const Entry entry : batch.batch) fields += entry.field_count();
    batch.entries.reserve(batch.batch.size());
    batch.fields.reserve(fields);  // entries point into it: it must not move
    for (const Entry entry : batch.batch) {
        const mr_field* const first = batch.fields.data() + batch.fields.size();
        for (const Field field : entry) batch.fields.push_back({c::borrow(field.name), c::borrow(field.value)});
        batch.entries.push_back(
            {c::borrow(entry.stream()), c::id_of(entry.id()), first, entry.field_count(), entry.deliveries(), 0});
    }
}

/// What every settling function shares: `all` and `some` are the two forms of a Batch's method.
template <class All, class Some>
mr_status settle(mr_batch* batch, const uint32_t* indices, size_t count, mr_error* error, All all, Some some) {
    if (batch == nullptr) return c::tell_missing(error, "batch");
    if (indices == nullptr && count > 0) return c::tell_missing(error, "indices");
    return c::guard(error, [&] {
        const std::lock_guard lock(batch->mutex);
        return c::tell(error, indices == nullptr ? all(batch->batch) : some(batch->batch, std::span(indices, count)));
    });
}

}  // namespace

static_assert(MR_FLUSH_SIZE == static_cast<int>(FlushReason::size) &&
              MR_FLUSH_INTERVAL == static_cast<int>(FlushReason::flush) &&
              MR_FLUSH_RECOVERY == static_cast<int>(FlushReason::recovery));

extern "C" {

mr_status mr_batch_read(const mr_batch* batch, mr_batch_view* view) {
    if (batch == nullptr || view == nullptr) return MR_BAD_ARGUMENT;
    return c::guard(nullptr, [&]() -> mr_status {
        const std::lock_guard lock(batch->mutex);
        if (batch->entries.empty() && !batch->batch.empty()) write_view(*batch);
        mr_batch_view made = MR_BATCH_VIEW_INIT;
        made.entries = batch->entries.data();
        made.count = batch->entries.size();
        made.entry_stride = sizeof(mr_entry);
        made.fields = batch->fields.data();
        made.field_count = batch->fields.size();
        made.source = static_cast<uint32_t>(batch->batch.source());
        made.reason = static_cast<uint32_t>(batch->batch.reason());
        made.batch = static_cast<uint64_t>(batch->batch.id());
        return c::give(view, made, first_view_size) ? MR_OK : MR_BAD_ARGUMENT;
    });
}

mr_str mr_entry_field(const mr_entry* entry, const char* name) {
    if (entry == nullptr || name == nullptr) return {nullptr, 0};
    const std::string_view wanted = name;
    for (size_t i = 0; i < entry->field_count; ++i) {
        if (c::view(entry->fields[i].name) == wanted) return entry->fields[i].value;
    }
    return {nullptr, 0};
}

mr_status mr_batch_ack(mr_batch* batch, const uint32_t* indices, size_t count, mr_error* error) {
    return settle(
        batch, indices, count, error, [](Batch& it) { return it.ack(); },
        [](Batch& it, std::span<const uint32_t> which) { return it.ack(which); });
}

mr_status mr_batch_nack(mr_batch* batch, const uint32_t* indices, size_t count, int64_t delay_us, mr_error* error) {
    const std::optional<Duration> delay = delay_us < 0 ? std::nullopt : std::optional(Duration{delay_us});
    return settle(
        batch, indices, count, error, [&](Batch& it) { return it.nack(delay); },
        [&](Batch& it, std::span<const uint32_t> which) { return it.nack(which, delay); });
}

mr_status mr_batch_give_back(mr_batch* batch, const uint32_t* indices, size_t count, mr_error* error) {
    return settle(
        batch, indices, count, error, [](Batch& it) { return it.give_back(); },
        [](Batch& it, std::span<const uint32_t> which) { return it.give_back(which); });
}

mr_status mr_batch_reject(mr_batch* batch, const uint32_t* indices, size_t count, const char* reason, mr_error* error) {
    if (reason == nullptr) return c::tell_missing(error, "reason");
    return settle(
        batch, indices, count, error, [&](Batch& it) { return it.reject(reason); },
        [&](Batch& it, std::span<const uint32_t> which) { return it.reject(which, reason); });
}

void mr_batch_release(mr_batch* batch) {
    if (batch == nullptr) return;
    const std::lock_guard lock(batch->mutex);
    batch->batch.release();
    batch->entries = {};
    batch->fields = {};
}

mr_batch* mr_batch_retain(mr_batch* batch) {
    if (batch != nullptr) batch->owners.fetch_add(1, std::memory_order_relaxed);
    return batch;
}

void mr_batch_free(mr_batch* batch) {
    if (batch != nullptr && batch->owners.fetch_sub(1, std::memory_order_acq_rel) == 1) delete batch;
}
}
