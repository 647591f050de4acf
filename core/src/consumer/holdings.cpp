#include "consumer/holdings.hpp"

#include <algorithm>
#include <utility>

#include "consumer/redriven.hpp"
#include "event/canonical_id.hpp"

namespace millrace {

/// The last time that a reply told of it: an entry that waited here is older than its next place.
void Holdings::hold(Lot lot, EntryRecord record, Instant refreshed_at) {
    if (table_.find(record.stream, record.id).has_value()) {
        context.segments.release(record.segment);
        return;
    }
    if (draining) {
        context.segments.release(record.segment);
        return put_aside(record.stream, record.id, refreshed_at);
    }
    const bool is_redriven = redriven_for(record).has_value();
    if (!admission.admit(record)) {
        // One that came again, and is left to a later sweep for now, may be another's by then: its copies go on.
        if (!table_.find(record.stream, record.id).has_value()) settle_copies({record.stream, record.id}, false);
        return;
    }
    // What was asked about before must not be overtaken by what needs no answer.
    const bool asks = shares_seen_ || !unsure.empty();
    if (!dedupe_.has_value() || is_redriven) {  // DLQ-2: it was seen before, of course
        return asks ? wait_for_word(lot, record, std::nullopt, refreshed_at) : put(lot, record, refreshed_at);
    }
    const std::string id = canonical_id(Entry(record, streams[record.stream]), config.id_field);
    const Digest digest = dedupe_->digest_of(streams[record.stream], id);
    switch (dedupe_->admit({record.stream, record.id}, digest, context.now)) {
        case Dedupe::Verdict::fresh:
            return asks ? wait_for_word(lot, record, id, refreshed_at) : put(lot, record, refreshed_at);
        case Dedupe::Verdict::seen:
            drop_duplicate(record);
            context.segments.release(record.segment);
            return;
        case Dedupe::Verdict::in_hand:
            return park(lot, record, digest, refreshed_at);
    }
}

void Holdings::put(Lot lot, const EntryRecord& record, Instant refreshed_at) {
    const EntryId id = record.id;
    const uint32_t stream = record.stream;
    // In this order, because what was put into a batch may be handed over at once.
    const bool is_known = table_.insert(stream, id, Place{});
    if (!is_known) context.segments.release(record.segment);
    const std::optional<Place> place = is_known ? batches.add(lot, record, context.now) : std::nullopt;
    if (place.has_value() && table_.insert(stream, id, *place)) {
        refreshed(*place) = refreshed_at;
        return;
    }
    if (is_known) (void)table_.erase(stream, id);
    (void)forget({stream, id}, false);
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

void Holdings::park(Lot lot, const EntryRecord& record, const Digest& digest, Instant refreshed_at) {
    const std::optional<Place> place = hold_unseen(record, EntryState::parked);
    if (!place.has_value()) return;
    refreshed(*place) = refreshed_at;
    parked_.push_back({digest, {record.stream, record.id}, lot});
}

/// Held, and counted, and kept from others like everything else (DUP-3).
void Holdings::wait_for_word(Lot lot, const EntryRecord& record, std::optional<std::string_view> id,
                             Instant refreshed_at) {
    const EntryName name{record.stream, record.id};
    if (id.has_value() && !seen_keys.insert(name, seen_prefixes_[name.stream], *id)) {
        context.segments.release(record.segment);
        (void)forget(name, false);
        return miss(name.id);
    }
    const std::optional<Place> place = hold_unseen(record, EntryState::unsure);
    if (!place.has_value()) {
        (void)forget(name, false);
        return;
    }
    refreshed(*place) = refreshed_at;
    unsure.push({name, lot, false, *place, batches.at(place->slot).generation});
}

/// Not so when it was lost, or its stream made anew: the same entry may even have come again since.
bool Holdings::waits_for_word(const Unsure& entry) {
    const std::optional<Place> place = table_.find(entry.name.stream, entry.name.id);
    return place.has_value() && place->slot == entry.place.slot && place->index == entry.place.index &&
           batches.at(place->slot).generation == entry.generation && state(*place) == EntryState::unsure;
}

/// Its record, with a reference of its own; it is not held any more.
EntryRecord Holdings::take_out(const EntryName& name, Place place) {
    const EntryRecord record = batches.take_unseen(place);
    (void)table_.erase(name.stream, name.id);
    return record;
}

void Holdings::decide(const Unsure& entry) {
    if (!waits_for_word(entry)) return;
    const Instant refreshed_at = refreshed(entry.place);
    const bool is_exempt = !seen_keys.find(entry.name).has_value();
    const EntryRecord record = take_out(entry.name, entry.place);
    if (!entry.is_seen || is_exempt) return put(entry.lot, record, refreshed_at);
    drop_duplicate(record);
    context.segments.release(record.segment);
    settle_copies(entry.name, true);
}

void Holdings::give_back(const Unsure& entry) {
    if (!waits_for_word(entry)) return;
    put_aside(entry.name.stream, entry.name.id, refreshed(entry.place));
    (void)table_.erase(entry.name.stream, entry.name.id);
    batches.set_state(entry.place, EntryState::settled);
}

void Holdings::stop_sharing(Error error, std::string_view command) {
    if (!std::exchange(shares_seen_, false)) return;
    error.message = "dedupe: " + std::string(command) + ": " + error.message +
                    "; ids that were acked are neither looked up nor remembered from now on";
    error.retryable = false;
    context.fail(source, std::move(error));
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
    const std::string& stream = streams[record.stream];
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

/// The entry has come to its end here: its id is not in hand any more.
std::optional<Digest> Holdings::forget(const EntryName& name, bool acked) {
    if (!dedupe_.has_value()) return std::nullopt;
    seen_keys.erase(name);
    return dedupe_->settle(name, acked, context.now);
}

/// What becomes of an entry decides about its copies: with an ack they are duplicates; else the next of them is the one
/// that is handed over.
void Holdings::settle_copies(const EntryName& name, bool acked) {
    if (!dedupe_.has_value()) return;
    const std::optional<Digest> digest = forget(name, acked);
    for (size_t i = 0; i < parked_.size();) {
        if (parked_[i].name == name || (digest.has_value() && parked_[i].digest == *digest)) {
            const Parked copy = parked_[i];
            parked_.erase(parked_.begin() + static_cast<std::ptrdiff_t>(i));
            if (copy.name == name) continue;  // it was itself a copy, and is gone
            const std::optional<Place> place = table_.find(copy.name.stream, copy.name.id);
            if (!place.has_value()) continue;
            const Instant refreshed_at = refreshed(*place);
            const EntryRecord record = take_out(copy.name, *place);
            if (!acked) {
                hold(copy.lot, record, refreshed_at);
                break;
            }
            drop_duplicate(record);
            context.segments.release(record.segment);
        } else {
            ++i;
        }
    }
}

/// What was not handed over is not any more.
void Holdings::mark_lost(uint32_t stream, EntryId id, Place place) {
    (void)table_.erase(stream, id);
    batches.set_state(place, EntryState::lost);
    if (!batches.leave_out(place)) return;
    const BatchSlot& batch = batches.at(place.slot);
    for (; place.index < batch.records.size(); ++place.index) {
        const EntryRecord& moved = batch.records[place.index];
        (void)table_.insert(moved.stream, moved.id, place);  // it is there, so this takes no memory
    }
}

void Holdings::lose(uint32_t stream, EntryId id, Place place) {
    mark_lost(stream, id, place);
    context.emit(Lost{source, streams[stream], {id}});
    settle_copies({stream, id}, false);
}

void Holdings::lose_stream(uint32_t stream) {
    Lost lost{source, streams[stream], {}};
    batches.for_each_open([&](const EntryRecord& record, Instant) {
        if (record.stream == stream) lost.ids.push_back(record.id);
    });
    // The last first: each that leaves a batch which is being filled moves those behind it.
    for (size_t i = lost.ids.size(); i > 0; --i) {
        const EntryId id = lost.ids[i - 1];
        const std::optional<Place> place = table_.find(stream, id);
        if (!place.has_value()) continue;
        mark_lost(stream, id, *place);
        (void)forget({stream, id}, false);
    }
    const auto is_gone = [&](const Parked& copy) { return copy.name.stream == stream; };
    parked_.erase(std::remove_if(parked_.begin(), parked_.end(), is_gone), parked_.end());
    if (!lost.ids.empty()) context.emit(std::move(lost));
}

uint32_t Holdings::room(uint32_t ahead) const {
    if (batches.bytes() >= config.prefetch_bytes) return 0;
    const uint64_t held = table_.size() - waiting - dying;
    const uint64_t taken = held - std::min<uint64_t>(held, ahead) + asked_for;  // one that is lost is not held any more
    return taken >= prefetch() ? 0 : prefetch() - static_cast<uint32_t>(taken);
}

}  // namespace millrace
