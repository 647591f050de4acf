#include "consumer/acks.hpp"

#include <algorithm>

namespace millrace {

AckFlight& Acks::begin(uint32_t stream, std::optional<uint32_t> slot) {
    if (free_.empty()) {
        flights_.push_back(std::make_unique<AckFlight>());
        flights_.back()->tag = static_cast<uint32_t>(flights_.size() - 1);
        free_.push_back(flights_.back()->tag);
    }
    AckFlight& flight = *flights_[free_.back()];
    free_.pop_back();
    flight.state = AckFlight::State::queued;
    flight.order = next_order_++;
    flight.stream = stream;
    flight.slot = slot;
    flight.ids.clear();
    flight.indices.clear();
    flight.failures = 0;
    flight.not_before = {};
    ++open_;
    if (!slot.has_value()) ++burials_;
    enqueue(flight);
    return flight;
}

/// Almost always at the end; one that goes out again is older than what was acked since.
void Acks::enqueue(AckFlight& flight) {
    const auto older = [this](uint64_t order, uint32_t tag) { return order < flights_[tag]->order; };
    queued_.insert(std::upper_bound(queued_.begin(), queued_.end(), flight.order, older), flight.tag);
}

void Acks::dequeue(const AckFlight& flight) {
    queued_.erase(std::remove(queued_.begin(), queued_.end(), flight.tag), queued_.end());
}

void Acks::advance(Lane* lane, ReplyHandler& owner, uint32_t what, Instant now) {
    size_t kept = 0;
    for (size_t i = 0; i < queued_.size(); ++i) {
        AckFlight& flight = *flights_[queued_[i]];
        // A delay that has passed is no timer any more: without a lane it would be due for ever, and the host would
        // spin.
        if (flight.not_before <= now) flight.not_before = {};
        Request request;
        request.owner = &owner;
        request.what = what;
        request.tag = flight.tag;
        const bool sent =
            lane != nullptr && flight.not_before == Instant{} && lane->send(request, now, [&](resp::Encoder& encoder) {
                encoder.command(3 + flight.ids.size());
                encoder.text("XACK").text(streams_[flight.stream]).text(group_);
                for (const EntryId id : flight.ids) encoder.id(id);
            });
        if (sent) {
            flight.state = AckFlight::State::sent;
        } else {
            queued_[kept++] = flight.tag;
        }
    }
    queued_.resize(kept);
}

void Acks::again(AckFlight& flight, Instant not_before) {
    flight.state = AckFlight::State::queued;
    flight.not_before = not_before;
    enqueue(flight);
}

void Acks::finish(AckFlight& flight) {
    flight.state = AckFlight::State::free;
    free_.push_back(flight.tag);
    if (!flight.slot.has_value()) --burials_;
    --open_;
}

void Acks::cancel(AckFlight& flight) {
    dequeue(flight);
    finish(flight);
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
    for (const std::unique_ptr<AckFlight>& flight : flights_) {
        if (flight->state == AckFlight::State::free || flight->slot.has_value() || flight->stream != stream) continue;
        if (std::find(flight->ids.begin(), flight->ids.end(), id) != flight->ids.end()) return true;
    }
    return false;
}

}  // namespace millrace
