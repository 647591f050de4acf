// Batches: counted, from any thread, and they outlive their client.
#include <cstring>
#include <span>
#include <string>

#include "arguments.hpp"
#include "handles.hpp"

using namespace millrace;

namespace {

constexpr size_t first_view_size = sizeof(mr_batch_view);

/// What every settling function shares: `all` and `some` are the two forms of a Batch's method.
template <class All, class Some>
mr_status settle(mr_batch* batch, const uint32_t* indices, size_t count, mr_error* error, All all, Some some) {
    if (c::is_gone(batch)) return c::tell_gone(error, "batch");
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
    if (c::is_gone(batch) || view == nullptr) return MR_BAD_ARGUMENT;
    return c::guard(nullptr, [&]() -> mr_status {
        const std::lock_guard lock(batch->mutex);
        const Batch& inner = batch->batch;
        if (batch->tables.empty() && !inner.empty()) batch->tables.fill(inner);
        const mr_batch_view made = batch->tables.view(inner.source(), inner.reason(), inner.id());
        return c::give(view, made, first_view_size) ? MR_OK : MR_BAD_ARGUMENT;
    });
}

mr_str mr_entry_field(const mr_entry* entry, const char* name) {
    if (entry == nullptr || name == nullptr) return {nullptr, 0};
    const size_t size = std::strlen(name);
    const mr_field* const end = entry->fields + entry->field_count;
    for (const mr_field* field = entry->fields; field != end; ++field) {
        if (field->name.size == size && (size == 0 || std::memcmp(field->name.data, name, size) == 0))
            return field->value;
    }
    return {nullptr, 0};
}

mr_status mr_batch_ack(mr_batch* batch, const uint32_t* indices, size_t count, mr_error* error) {
    return settle(
        batch, indices, count, error, [](Batch& it) { return it.ack(); },
        [](Batch& it, std::span<const uint32_t> which) { return it.ack(which); });
}

mr_status mr_batch_nack(mr_batch* batch, const uint32_t* indices, size_t count, int64_t delay_us, mr_error* error) {
    const std::optional<Duration> delay = c::take_delay(delay_us);
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
    if (c::is_gone(batch)) return;
    const std::lock_guard lock(batch->mutex);
    batch->batch.release();
    batch->tables = {};
}

mr_batch* mr_batch_retain(mr_batch* batch) {
    if (!c::is_gone(batch)) batch->owners.fetch_add(1, std::memory_order_relaxed);
    return batch;
}

void mr_batch_free(mr_batch* batch) {
    if (c::is_gone(batch) || batch->owners.fetch_sub(1, std::memory_order_acq_rel) > 1) return;
    c::died(batch);
    delete batch;
}
}
