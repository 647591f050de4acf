#include "consumer/holdings.hpp"

#include <utility>

namespace millrace {

void Holdings::hold(Lot lot, EntryRecord record) {
    if (table_.find(record.stream, record.id).has_value()) {
        context.segments.release(record.segment);
        return;
    }
    if (draining) {
        context.segments.release(record.segment);
        return put_aside(record.stream, record.id, context.now);
    }
    if (!admission.admit(record)) return;
    const EntryId id = record.id;
    const uint32_t stream = record.stream;
    // In this order, because what was put into a batch may be handed over at once.
    const bool is_known = table_.insert(stream, id, Place{});
    if (!is_known) context.segments.release(record.segment);
    const std::optional<Place> place = is_known ? batches.add(lot, record, context.now) : std::nullopt;
    if (place.has_value() && table_.insert(stream, id, *place)) return;
    if (is_known) (void)table_.erase(stream, id);
    miss(id);
}

std::optional<Place> Holdings::hold_unseen(const EntryRecord& record, EntryState state) {
    context.segments.release(record.segment);
    const bool is_known = table_.insert(record.stream, record.id, Place{});
    const std::optional<Place> place = is_known ? batches.add_unseen(record, state, context.now) : std::nullopt;
    if (place.has_value() && table_.insert(record.stream, record.id, *place)) return place;
    if (is_known) (void)table_.erase(record.stream, record.id);
    miss(record.id);
    return std::nullopt;
}

void Holdings::miss(EntryId id) {
    missed = true;
    backoff.rest(context.now);
    context.fail(source,
                 Error(Code::out_of_memory, "no memory to hold entry " + id.text() + "; it stays pending", true));
}

void Holdings::drain() {
    draining = true;
    batches.for_each_buffered([this](const EntryRecord& record, Instant refreshed) {
        (void)table_.erase(record.stream, record.id);
        put_aside(record.stream, record.id, refreshed);
    });
    batches.abandon();
}

void Holdings::put_aside(uint32_t stream, EntryId id, Instant refreshed) {
    if (!aside.push({stream, id, refreshed})) ++dropped;  // it stays pending as it is
}

void Holdings::settle(uint32_t stream, EntryId id, Place place) {
    (void)table_.erase(stream, id);
    batches.set_state(place, EntryState::settled);
}

void Holdings::lose(uint32_t stream, EntryId id, Place place) {
    (void)table_.erase(stream, id);
    batches.set_state(place, EntryState::lost);
    context.emit(Lost{source, config.streams[stream], {id}});
}

void Holdings::lose_stream(uint32_t stream) {
    Lost lost{source, config.streams[stream], {}};
    batches.for_each_open([&](const EntryRecord& record, Instant) {
        if (record.stream == stream) lost.ids.push_back(record.id);
    });
    for (const EntryId id : lost.ids) {
        const std::optional<Place> place = table_.find(stream, id);
        if (!place.has_value()) continue;
        (void)table_.erase(stream, id);
        batches.set_state(*place, EntryState::lost);
    }
    if (!lost.ids.empty()) context.emit(std::move(lost));
}

uint32_t Holdings::room() const {
    if (batches.bytes() >= config.prefetch_bytes) return 0;
    const uint64_t taken = table_.size() - waiting - dying + asked_for;
    return taken >= prefetch() ? 0 : prefetch() - static_cast<uint32_t>(taken);
}

}  // namespace millrace
