#include "consumer/batches.hpp"

#include <utility>

namespace millrace {

// A BatchId is the place of the source (16 bits), the batch's own number (28, of all batches of the machine) and the
// slot (20): found without a search, and an id of a batch that ended is told from its successor's.
BatchId Batches::id(uint32_t slot) const {
    const uint64_t generation = slots_[slot]->generation & 0xfffffffU;
    return BatchId{uint64_t{place_of(source_)} << 48 | generation << 20 | slot};
}

BatchSlot* Batches::find(BatchId wanted) {
    const uint32_t slot = slot_of(wanted);
    if (slot >= slots_.size() || !slots_[slot]->in_use || id(slot) != wanted) return nullptr;
    return slots_[slot].get();
}

Batches::~Batches() {
    for (const std::unique_ptr<BatchSlot>& batch : slots_) {
        if (batch->in_use && !batch->released) release_bytes(*batch);
        if (!batch->in_use || !batch->is_unseen) continue;
        for (EntryRecord& record : batch->records) release_entry(*batch, record);
    }
}

std::optional<uint32_t> Batches::take_slot(Instant now) {
    if (free_.empty()) {
        if (slots_.size() > slot_mask) return std::nullopt;
        slots_.push_back(std::make_unique<BatchSlot>());
        free_.push_back(static_cast<uint32_t>(slots_.size() - 1));
    }
    const uint32_t slot = free_.back();
    free_.pop_back();
    BatchSlot& batch = *slots_[slot];
    batch.generation = ++context_.batches_made;
    batch.in_use = true;
    batch.handed_over = false;
    batch.released = false;
    batch.is_unseen = false;
    batch.first_arrived = now;
    return slot;
}

bool Batches::put(uint32_t slot, const EntryRecord& record, EntryState state, Instant now) {
    BatchSlot& batch = *slots_[slot];
    const size_t index = batch.records.size();
    if (!batch.states.push(state) || !batch.refreshed.push(now) || !batch.records.push(record)) {
        batch.states.truncate(index);
        batch.refreshed.truncate(index);
        context_.segments.release(record.segment);
        return false;
    }
    ++batch.unsettled;
    batch.bytes += record.bytes;
    bytes_ += record.bytes;
    return true;
}

std::optional<Place> Batches::add(Lot lot, const EntryRecord& record, Instant now) {
    std::optional<uint32_t>& slot = filling(lot);
    if (!slot.has_value()) slot = take_slot(now);
    if (!slot.has_value()) {
        context_.segments.release(record.segment);
        return std::nullopt;
    }
    BatchSlot& batch = *slots_[*slot];
    const uint32_t index = static_cast<uint32_t>(batch.records.size());
    if (!put(*slot, record, EntryState::held, now)) {
        if (index == 0) {  // an empty batch is never handed over
            batch.released = true;
            recycle_if_done(*std::exchange(slot, std::nullopt));
        }
        return std::nullopt;
    }
    ++unreleased_;
    const Place place{*slot, index};
    if (index + 1 == rules_.batch_size) hand_over(lot, lot == Lot::fresh ? FlushReason::size : FlushReason::recovery);
    return place;
}

std::optional<Place> Batches::add_unseen(const EntryRecord& record, EntryState state, Instant now) {
    if (!unseen_.has_value() || slots_[*unseen_]->records.size() >= rules_.batch_size) {
        unseen_ = take_slot(now);
        if (!unseen_.has_value()) {
            context_.segments.release(record.segment);
            return std::nullopt;
        }
        slots_[*unseen_]->is_unseen = true;
        slots_[*unseen_]->released = true;  // as far as anybody outside is concerned
    }
    const Place place{*unseen_, static_cast<uint32_t>(slots_[*unseen_]->records.size())};
    if (put(place.slot, record, state, now)) return place;
    if (place.index == 0) recycle_if_done(place.slot);
    return std::nullopt;
}

EntryRecord Batches::take_unseen(Place place) {
    const EntryRecord record = slots_[place.slot]->records[place.index];
    context_.segments.retain(record.segment);
    set_state(place, EntryState::settled);
    return record;
}

void Batches::release_entry(BatchSlot& batch, EntryRecord& record) {
    if (record.segment == nullptr) return;
    context_.segments.release(record.segment);
    record.segment = nullptr;
    batch.bytes -= record.bytes;
    bytes_ -= record.bytes;
}

void Batches::hand_over(Lot lot, FlushReason reason) {
    const uint32_t slot = *std::exchange(filling(lot), std::nullopt);
    BatchSlot& batch = *slots_[slot];
    batch.handed_over = true;
    count_delays(batch);
    context_.emit(
        BatchReady{source_, id(slot), reason, BatchView({batch.records.data(), batch.records.size()}, &streams_)});
}

/// Entries of one reply arrived together.
void Batches::count_delays(const BatchSlot& batch) {
    Histogram& delays = context_.registers.of(source_).delivery;
    for (size_t first = 0, next = 0; first < batch.refreshed.size(); first = next) {
        while (next < batch.refreshed.size() && batch.refreshed[next] == batch.refreshed[first]) ++next;
        delays.observe(context_.now - batch.refreshed[first], next - first);
    }
}

void Batches::flush(Lot lot, FlushReason reason) {
    if (filling(lot).has_value()) hand_over(lot, reason);
}

uint64_t Batches::abandon() {
    uint64_t count = 0;
    for (const Lot lot : {Lot::fresh, Lot::again}) {
        if (!filling(lot).has_value()) continue;
        const uint32_t slot = *std::exchange(filling(lot), std::nullopt);
        count += slots_[slot]->unsettled;
        slots_[slot]->unsettled = 0;
        release_bytes(*slots_[slot]);
        recycle_if_done(slot);
    }
    return count;
}

std::optional<Instant> Batches::due(const std::optional<uint32_t>& slot) const {
    if (!slot.has_value()) return std::nullopt;
    return slots_[*slot]->first_arrived + rules_.flush_interval;
}

std::optional<Instant> Batches::flush_at() const {
    const std::optional<Instant> fresh = due(fresh_);
    const std::optional<Instant> again = due(again_);
    if (!fresh.has_value() || !again.has_value()) return fresh.has_value() ? fresh : again;
    return *fresh < *again ? fresh : again;
}

void Batches::handle_timeout(Instant now) {
    if (const std::optional<Instant> at = due(again_); at.has_value() && *at <= now) {
        hand_over(Lot::again, FlushReason::recovery);
    }
    if (const std::optional<Instant> at = due(fresh_); at.has_value() && *at <= now) {
        hand_over(Lot::fresh, FlushReason::flush);
    }
}

void Batches::handle_turn_end() {
    if (rules_.flush_interval != Duration{}) return;
    flush(Lot::again, FlushReason::recovery);
    flush(Lot::fresh, FlushReason::flush);
}

void Batches::set_state(Place place, EntryState state) {
    BatchSlot& batch = *slots_[place.slot];
    if (is_open(batch.states[place.index]) && !is_open(state)) --batch.unsettled;
    batch.states[place.index] = state;
    if (batch.is_unseen && !is_open(state)) release_entry(batch, batch.records[place.index]);
    recycle_if_done(place.slot);
}

bool Batches::leave_out(Place place) {
    BatchSlot& batch = *slots_[place.slot];
    if (batch.handed_over || batch.is_unseen) return false;
    release_entry(batch, batch.records[place.index]);
    --unreleased_;
    batch.records.erase(place.index);
    batch.states.erase(place.index);
    batch.refreshed.erase(place.index);
    if (!batch.records.empty()) return true;
    (fresh_ == place.slot ? fresh_ : again_).reset();  // an empty batch is never handed over
    batch.released = true;
    recycle_if_done(place.slot);
    return true;
}

void Batches::release(BatchId wanted) {
    BatchSlot* batch = find(wanted);
    if (batch == nullptr || batch->released || !batch->handed_over) return;
    release_bytes(*batch);
    recycle_if_done(slot_of(wanted));
}

void Batches::release_bytes(BatchSlot& batch) {
    for (EntryRecord& record : batch.records) {
        context_.segments.release(record.segment);
        record.segment = nullptr;
    }
    bytes_ -= batch.bytes;
    unreleased_ -= batch.records.size();
    batch.bytes = 0;
    batch.released = true;
}

void Batches::recycle_if_done(uint32_t slot) {
    BatchSlot& batch = *slots_[slot];
    if (!batch.in_use || !batch.released || batch.unsettled > 0) return;
    batch.in_use = false;
    if (unseen_ == slot) unseen_.reset();
    batch.records.clear();
    batch.states.clear();
    batch.refreshed.clear();
    free_.push_back(slot);
}

}  // namespace millrace
