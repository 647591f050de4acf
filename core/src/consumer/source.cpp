#include "consumer/source.hpp"

#include <string>

namespace millrace {

namespace {

Status check_positions(const BatchSlot* batch, EntrySet entries) {
    if (batch == nullptr)
        return Error(Code::not_held, "no such batch: it was acked and released, or never handed over");
    for (const uint32_t index : entries.indices()) {
        if (index < batch->records.size()) continue;
        return Error(Code::bad_argument,
                     "entry " + std::to_string(index) + " of a batch of " + std::to_string(batch->records.size()));
    }
    return {};
}

}  // namespace

Status mark_entries(BatchSlot* batch, EntrySet entries, EntryState next, Buffer<uint32_t>& marked) {
    Status positions = check_positions(batch, entries);
    if (!positions.ok()) return positions;
    const size_t count = entries.is_all() ? batch->records.size() : entries.indices().size();
    if (!marked.reserve(count)) return Error(Code::out_of_memory, "no memory for " + std::to_string(count) + " acks");
    bool any_lost = false;
    for (size_t i = 0; i < count; ++i) {
        const uint32_t index = entries.is_all() ? static_cast<uint32_t>(i) : entries.indices()[i];
        const EntryState state = batch->states[index];
        if (state == EntryState::held) {
            batch->states[index] = next;
            (void)marked.push(index);  // reserved
            continue;
        }
        any_lost = any_lost || state == EntryState::lost;
        if (entries.is_all()) continue;  // all means all that are still held
        for (const uint32_t undo : marked) batch->states[undo] = EntryState::held;
        const std::string id = batch->records[index].id.text();
        if (state == EntryState::lost) return Error(Code::lost, "entry " + id + " is another consumer's, or gone");
        return Error(Code::not_held, "entry " + id + " was acked, nacked or rejected before");
    }
    if (!marked.empty()) return {};
    if (any_lost) return Error(Code::lost, "every entry of the batch is another consumer's, or gone");
    return Error(Code::not_held, "every entry of the batch was acked or nacked before");
}

Status Source::settle_here(BatchId id, EntrySet entries) {
    BatchSlot* const batch = batches_.find(id);
    Buffer<uint32_t> marked = context_.spare_indices();
    marked.clear();
    Status status = mark_entries(batch, entries, EntryState::acking, marked);
    if (!status.ok()) {
        context_.spare.push(std::move(marked));
        return status;
    }
    const uint32_t slot = Batches::slot_of(id);
    const std::span<const uint32_t> indices = context_.keep(std::move(marked));
    context_.emit(Acked{id_, id, indices});
    for (const uint32_t index : indices) batches_.set_state(Place{slot, index}, EntryState::settled);
    return {};
}

}  // namespace millrace
