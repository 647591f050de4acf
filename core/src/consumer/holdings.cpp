#include "consumer/holdings.hpp"

#include <algorithm>
#include <utility>

#include "consumer/redriven.hpp"
#include "event/canonical_id.hpp"

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
    const bool is_redriven = redriven_for(record).has_value();
    if (!admission.admit(record)) return;
    if (!dedupe_.has_value() || is_redriven) return put(lot, record);  // DLQ-2: it was seen before, of course
    const std::string id = canonical_id(Entry(record, config.streams[record.stream]), config.id_field);
    const Digest digest = dedupe_->digest_of(record.stream, id);
    switch (dedupe_->admit({record.stream, record.id}, digest, context.now)) {
        case Dedupe::Verdict::fresh:
            return put(lot, record);
        case Dedupe::Verdict::seen:
            drop_duplicate(record);
            context.segments.release(record.segment);
            return;
        case Dedupe::Verdict::in_hand:
            return park(lot, record, digest);
    }
}

void Holdings::put(Lot lot, const EntryRecord& record) {
    const EntryId id = record.id;
    const uint32_t stream = record.stream;
    // In this order, because what was put into a batch may be handed over at once.
    const bool is_known = table_.insert(stream, id, Place{});
    if (!is_known) context.segments.release(record.segment);
    const std::optional<Place> place = is_known ? batches.add(lot, record, context.now) : std::nullopt;
    if (place.has_value() && table_.insert(stream, id, *place)) return;
    if (is_known) (void)table_.erase(stream, id);
    if (dedupe_.has_value()) (void)dedupe_->settle({stream, id}, false, context.now);
    miss(id);
}

std::optional<Place> Holdings::hold_unseen(const EntryRecord& record, EntryState state) {
    const bool is_known = table_.insert(record.stream, record.id, Place{});
    if (!is_known) context.segments.release(record.segment);
    const std::optional<Place> place = is_known ? batches.add_unseen(record, state, context.now) : std::nullopt;
    if (place.has_value() && table_.insert(record.stream, record.id, *place)) return place;
    if (is_known) (void)table_.erase(record.stream, record.id);
    miss(record.id);
    return std::nullopt;
}

void Holdings::park(Lot lot, const EntryRecord& record, const Digest& digest) {
    if (!hold_unseen(record, EntryState::parked).has_value()) return;
    parked_.push_back({digest, {record.stream, record.id}, lot});
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
    for (const Parked& copy : parked_) {
        const std::optional<Place> place = table_.find(copy.name.stream, copy.name.id);
        if (!place.has_value()) continue;
        put_aside(copy.name.stream, copy.name.id, refreshed(*place));
        (void)table_.erase(copy.name.stream, copy.name.id);
        batches.set_state(*place, EntryState::settled);
    }
    parked_.clear();
}

void Holdings::put_aside(uint32_t stream, EntryId id, Instant refreshed) {
    if (!aside.push({stream, id, refreshed})) ++dropped;  // it stays pending as it is
}

void Holdings::drop_duplicate(const EntryRecord& record) {
    if (!duplicates.push({record.stream, record.id})) return;  // it stays pending, and comes again
    const std::string& stream = config.streams[record.stream];
    context.emit(Duplicate{source, stream, record.id, canonical_id(Entry(record, stream), config.id_field)});
}

void Holdings::settle(uint32_t stream, EntryId id, Place place, bool acked) {
    (void)table_.erase(stream, id);
    batches.set_state(place, EntryState::settled);
    settle_copies({stream, id}, acked);
}

void Holdings::take_back(uint32_t stream, EntryId id, Place place) {
    (void)table_.erase(stream, id);
    batches.set_state(place, EntryState::settled);
}

/// What becomes of an entry decides about its copies: with an ack they are duplicates; else the next of them is the one
/// that is handed over.
void Holdings::settle_copies(const EntryName& name, bool acked) {
    if (!dedupe_.has_value()) return;
    const std::optional<Digest> digest = dedupe_->settle(name, acked, context.now);
    for (size_t i = 0; i < parked_.size();) {
        if (parked_[i].name == name || (digest.has_value() && parked_[i].digest == *digest)) {
            const Parked copy = parked_[i];
            parked_.erase(parked_.begin() + static_cast<std::ptrdiff_t>(i));
            if (copy.name == name) continue;  // it was itself a copy, and is gone
            const std::optional<Place> place = table_.find(copy.name.stream, copy.name.id);
            if (!place.has_value()) continue;
            const EntryRecord record = batches.take_unseen(*place);
            (void)table_.erase(copy.name.stream, copy.name.id);
            hold(copy.lot, record);  // the first is fresh now, or all are duplicates
            if (!acked) break;
        } else {
            ++i;
        }
    }
}

void Holdings::lose(uint32_t stream, EntryId id, Place place) {
    (void)table_.erase(stream, id);
    batches.set_state(place, EntryState::lost);
    context.emit(Lost{source, config.streams[stream], {id}});
    settle_copies({stream, id}, false);
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
        if (dedupe_.has_value()) (void)dedupe_->settle({stream, id}, false, context.now);
    }
    const auto is_gone = [&](const Parked& copy) { return copy.name.stream == stream; };
    parked_.erase(std::remove_if(parked_.begin(), parked_.end(), is_gone), parked_.end());
    if (!lost.ids.empty()) context.emit(std::move(lost));
}

uint32_t Holdings::room() const {
    if (batches.bytes() >= config.prefetch_bytes) return 0;
    const uint64_t taken = table_.size() - waiting - dying + asked_for;
    return taken >= prefetch() ? 0 : prefetch() - static_cast<uint32_t>(taken);
}

}  // namespace millrace
