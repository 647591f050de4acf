#include "consumer/acks.hpp"

namespace millrace {

AckFlight& Acks::begin(uint32_t stream, std::optional<uint32_t> slot) {
    AckFlight* vacant = nullptr;
    for (const std::unique_ptr<AckFlight>& flight : flights_) {
        if (flight->state == AckFlight::State::free) {
            vacant = flight.get();
            break;
        }
    }
    if (vacant == nullptr) {
        flights_.push_back(std::make_unique<AckFlight>());
        vacant = flights_.back().get();
    }
    vacant->state = AckFlight::State::queued;
    vacant->order = next_order_++;
    vacant->stream = stream;
    vacant->slot = slot;
    vacant->ids.clear();
    vacant->indices.clear();
    vacant->failures = 0;
    vacant->not_before = {};
    ++open_;
    ++queued_;
    return *vacant;
}

void Acks::advance(Lane* lane, ReplyHandler& owner, uint32_t what, Instant now) {
    // A delay that has passed is no timer any more: without a lane it would be due for ever, and the host would spin.
    for (const std::unique_ptr<AckFlight>& flight : flights_) {
        if (flight->not_before <= now) flight->not_before = {};
    }
    if (lane == nullptr) return;
    while (queued_ > 0) {
        size_t next = flights_.size();
        for (size_t i = 0; i < flights_.size(); ++i) {
            const AckFlight& flight = *flights_[i];
            if (flight.state != AckFlight::State::queued || flight.not_before != Instant{}) continue;
            if (next == flights_.size() || flight.order < flights_[next]->order) next = i;
        }
        if (next == flights_.size()) return;
        AckFlight& flight = *flights_[next];
        Request request;
        request.owner = &owner;
        request.what = what;
        request.tag = next;
        const bool sent = lane->send(request, now, [&](resp::Encoder& encoder) {
            encoder.command(3 + flight.ids.size()).text("XACK").text(streams_[flight.stream]).text(group_);
            for (const EntryId id : flight.ids) encoder.id(id);
        });
        if (!sent) return;
        flight.state = AckFlight::State::sent;
        --queued_;
    }
}

void Acks::again(AckFlight& flight, Instant not_before) {
    flight.state = AckFlight::State::queued;
    flight.not_before = not_before;
    ++queued_;
}

void Acks::finish(AckFlight& flight) {
    flight.state = AckFlight::State::free;
    --open_;
}

void Acks::cancel(AckFlight& flight) {
    --queued_;
    finish(flight);
}

std::optional<Instant> Acks::next_timeout() const {
    std::optional<Instant> next;
    for (const std::unique_ptr<AckFlight>& flight : flights_) {
        if (flight->state != AckFlight::State::queued || flight->not_before == Instant{}) continue;
        if (!next.has_value() || flight->not_before < *next) next = flight->not_before;
    }
    return next;
}

bool Acks::is_acking_away(uint32_t stream, EntryId id) const {
    for (const std::unique_ptr<AckFlight>& flight : flights_) {
        if (flight->state == AckFlight::State::free || flight->slot.has_value() || flight->stream != stream) continue;
        for (const EntryId other : flight->ids) {
            if (other == id) return true;
        }
    }
    return false;
}

}  // namespace millrace
