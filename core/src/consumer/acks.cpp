#include "consumer/acks.hpp"

#include <algorithm>
#include <utility>

#include "command/server_error.hpp"
#include "consumer/source.hpp"

namespace millrace {

Status Acks::ack(BatchId id, EntrySet entries) {
    Context& context = holdings_.context;
    BatchSlot* const batch = holdings_.batches.find(id);
    Buffer<uint32_t> marked = context.spare_indices();
    marked.clear();
    Status status = mark_entries(batch, entries, EntryState::acking, marked);
    if (!status.ok()) return status;
    const uint32_t slot = Batches::slot_of(id);
    begun_.clear();
    bool refused = false;
    const size_t most = ids_max();
    if (last_.size() < holdings_.streams.size()) last_.resize(holdings_.streams.size(), 0);
    for (const uint32_t index : marked) {
        const EntryRecord& record = batch->records[index];
        uint32_t& last = last_[record.stream];
        Flight* flight = last > 0 ? begun_[last - 1] : nullptr;
        if (flight != nullptr && flight->ids.size() == most) flight = nullptr;
        if (flight == nullptr) {
            flight = &begin(record.stream, slot);
            flight->indices = context.spare_indices();
            flight->indices.clear();
            begun_.push_back(flight);
            last = static_cast<uint32_t>(begun_.size());
        }
        refused = refused || !flight->ids.push(record.id) || !flight->indices.push(index);
    }
    for (const Flight* flight : begun_) last_[flight->stream] = 0;
    if (refused) {
        for (Flight* flight : begun_) cancel(*flight);
        for (const uint32_t index : marked) batch->states[index] = EntryState::held;
        status = Error(Code::out_of_memory, "no memory for the ids of an ack");
    }
    context.spare.push(std::move(marked));
    return status;
}

void Acks::bury(uint32_t stream, EntryId id) {
    if (!ack_away(stream, id)) return;
    holdings_.context.log(LogLevel::info, "A pending entry was deleted from its stream; acked away.",
                          {{"stream", holdings_.streams[stream]}, {"id", id.text()}});
}

/// False when there is no memory for it: it stays pending, and the next recovery finds it again.
bool Acks::ack_away(uint32_t stream, EntryId id) {
    if (burial_ == nullptr || burial_->stream != stream) burial_ = &begin(stream, std::nullopt);
    if (burial_->ids.push(id)) return true;
    if (burial_->ids.empty()) cancel(*std::exchange(burial_, nullptr));
    return false;
}

Acks::Flight& Acks::begin(uint32_t stream, std::optional<uint32_t> slot) {
    if (free_.empty()) {
        flights_.push_back(std::make_unique<Flight>());
        flights_.back()->tag = static_cast<uint32_t>(flights_.size() - 1);
        free_.push_back(flights_.back()->tag);
    }
    Flight& flight = *flights_[free_.back()];
    free_.pop_back();
    flight.state = Flight::State::queued;
    flight.order = next_order_++;
    flight.stream = stream;
    flight.slot = slot;
    flight.ids.clear();
    flight.indices.clear();
    flight.failures = 0;
    flight.not_before = {};
    flight.is_dropped = false;
    flight.is_unmarked = false;
    flight.script = ScriptCall(ScriptId::ack_delete);
    flight.marker = ScriptCall(ScriptId::mark_seen);
    ++open_;
    if (!slot.has_value()) ++burials_;
    enqueue(flight);
    return flight;
}

/// Almost always at the end; one that goes out again is older than what was acked since.
void Acks::enqueue(Flight& flight) {
    const auto older = [this](uint64_t order, uint32_t tag) { return order < flights_[tag]->order; };
    queued_.insert(std::upper_bound(queued_.begin(), queued_.end(), flight.order, older), flight.tag);
}

void Acks::dequeue(const Flight& flight) {
    queued_.erase(std::remove(queued_.begin(), queued_.end(), flight.tag), queued_.end());
}

void Acks::send_off_duplicates() {
    for (const Holdings::Acked& duplicate : holdings_.duplicates) (void)ack_away(duplicate.stream, duplicate.id);
    holdings_.duplicates.clear();
}

void Acks::advance(Lane* lane, Instant now) {
    send_off_duplicates();
    end_burial();
    size_t kept = 0;
    for (size_t i = 0; i < queued_.size(); ++i) {
        Flight& flight = *flights_[queued_[i]];
        // A delay that has passed is no timer any more: without a lane it would be due for ever, and the host would
        // spin.
        if (flight.not_before <= now) flight.not_before = {};
        if (lane != nullptr && flight.not_before == Instant{} && send(flight, *lane, now)) {
            flight.state = Flight::State::sent;
            count_ahead(flight, *lane);
        } else {
            queued_[kept++] = flight.tag;
        }
    }
    queued_.resize(kept);
}

/// Only of an XACK that no server has refused yet: it can be taken for done before its answer (BP-1).
void Acks::count_ahead(Flight& flight, const Lane& lane) {
    if (ahead_ == 0) ahead_lane_ = &lane;
    if (ahead_lane_ != &lane || way_ != plain || holdings_.shares_seen()) return;
    if (!flight.slot.has_value() || flight.failures > 0) return;
    flight.ahead = static_cast<uint32_t>(flight.ids.size());
    ahead_ += flight.ahead;
}

void Acks::forget_ahead(Flight& flight) {
    ahead_ -= std::exchange(flight.ahead, 0);
}

void Acks::handle_reply(const Request& request, const resp::Reply& reply, Instant now) {
    Flight& flight = *flights_[static_cast<size_t>(request.tag)];
    forget_ahead(flight);
    if (flight.is_dropped) return finish(flight);
    const auto way = static_cast<Way>(request.what);
    if (must_repeat(way, flight, reply)) return again(flight, {});
    if (!reply.is_error()) {
        look_at_kept(way, reply);
        return settle(flight);
    }
    if (step_down(way, flight, reply)) return;
    // XACK needs no memory, so where memory is short it goes through once there is some (RET-2).
    const ServerError error = classify(reply.text());
    const uint32_t stream = flight.stream;
    // Servers answer 0 where the group is missing; what stands between may not. It is mended, or the stream is left and
    // its acks with it; a source that ends does neither.
    const bool is_ending = holdings_.stopped || holdings_.draining;
    const bool may_mend = !is_ending && (error.what == ErrorClass::no_group || error.what == ErrorClass::wrong_type);
    if (error.retryable || error.what == ErrorClass::oom || may_mend) {
        again(flight, now + holdings_.context.retry_delay(flight.failures++));
        if (may_mend) holdings_.refusals.handle_refusal("XACK", stream, reply, now);
        if (may_mend && holdings_.stopped) cancel(flight);
        return;
    }
    finish(flight);
    holdings_.refusals.handle_refusal("XACK", stream, reply, now);
}

/// The server has executed it.
void Acks::settle(Flight& flight) {
    if (holdings_.page_open) {
        // Refused memory may deliver an acked entry once more, which at least once allows.
        for (const EntryId id : flight.ids) (void)holdings_.acked_meanwhile.push({flight.stream, id});
    }
    if (flight.slot.has_value()) {
        const uint32_t slot = *flight.slot;
        const BatchId batch = holdings_.batches.id(slot);
        const std::span<const uint32_t> indices = holdings_.context.keep(std::move(flight.indices));
        holdings_.context.emit(Acked{holdings_.source, batch, indices});
        for (size_t i = 0; i < indices.size(); ++i) {
            holdings_.settle_acked(flight.stream, flight.ids[i], Place{slot, indices[i]});
        }
    }
    finish(flight);
}

void Acks::handle_lost(const Request& request, Instant) {
    Flight& flight = *flights_[static_cast<size_t>(request.tag)];
    forget_ahead(flight);
    if (flight.is_dropped) {
        finish(flight);
    } else {
        again(flight, {});
    }
}

void Acks::again(Flight& flight, Instant not_before) {
    flight.state = Flight::State::queued;
    flight.not_before = not_before;
    enqueue(flight);
}

void Acks::finish(Flight& flight) {
    flight.state = Flight::State::free;
    free_.push_back(flight.tag);
    if (!flight.slot.has_value()) --burials_;
    --open_;
}

void Acks::cancel(Flight& flight) {
    dequeue(flight);
    finish(flight);
}

void Acks::drop_stream(uint32_t stream) {
    end_burial();
    for (const std::unique_ptr<Flight>& flight : flights_) {
        if (flight->stream != stream || flight->state == Flight::State::free) continue;
        if (flight->state == Flight::State::queued) {
            cancel(*flight);
        } else {
            flight->is_dropped = true;
            forget_ahead(*flight);
        }
    }
}

std::optional<Instant> Acks::next_timeout() const {
    std::optional<Instant> next;
    for (const uint32_t tag : queued_) {
        const Instant due = flights_[tag]->not_before;
        if (due != Instant{} && (!next.has_value() || due < *next)) next = due;
    }
    return next;
}

bool Acks::is_acking_away(uint32_t stream, EntryId id) const {
    if (burials_ == 0) return false;
    for (const std::unique_ptr<Flight>& flight : flights_) {
        if (flight->state == Flight::State::free || flight->slot.has_value() || flight->stream != stream) continue;
        if (std::find(flight->ids.begin(), flight->ids.end(), id) != flight->ids.end()) return true;
    }
    return false;
}

}  // namespace millrace
