#include "consumer/handback.hpp"

#include "command/server_error.hpp"
#include "consumer/redelivery.hpp"

namespace millrace {

namespace {

// Ids of one XCLAIM: few enough not to hold up the server.
constexpr size_t ids_max = 500;

}  // namespace

void Handback::advance(Lane* lane, Instant now) {
    queue_aside(now);
    if (wait_until_.has_value() && *wait_until_ <= now) wait_until_.reset();
    if (lane == nullptr || wait_until_.has_value()) return;
    for (size_t i = 0; i < flights_.size(); ++i) {
        Flight& flight = *flights_[i];
        if (flight.state != Flight::State::queued) continue;
        const std::span<const EntryId> ids(flight.ids.data(), flight.ids.size());
        const Release::Way way = release_.way(*lane);
        if (!release_.send(way, *lane, Request::of(*this, way, i), now, flight.stream, ids, flight.refreshed)) {
            leave(flight);  // there is no memory
            continue;
        }
        flight.state = Flight::State::sent;
    }
}

/// What was put aside, as commands of entries so near in age that the oldest's idle time holds for each of them: by a
/// younger one's the others would be taken back from whoever claimed them meanwhile (REC-3).
void Handback::queue_aside(Instant now) {
    Buffer<Aging>& aside = holdings_.aside;
    if (aside.empty()) return;
    sort_by_age(aside);
    Flight* flight = nullptr;
    for (const Aging& each : aside) {
        const bool fits = flight != nullptr && flight->stream == each.stream && flight->ids.size() < ids_max &&
                          each.refreshed + own_idle(flight->refreshed, now, holdings_.config.claim_min_idle) <= now;
        if (!fits) {
            flight = &free_flight();
            flight->state = Flight::State::queued;
            flight->stream = each.stream;
            flight->refreshed = each.refreshed;
            flight->ids.clear();
        }
        if (!flight->ids.push(each.id)) ++holdings_.dropped;
    }
    aside.clear();
}

Handback::Flight& Handback::free_flight() {
    for (const std::unique_ptr<Flight>& flight : flights_) {
        if (flight->state == Flight::State::free) return *flight;
    }
    flights_.push_back(std::make_unique<Flight>());
    return *flights_.back();
}

/// Its entries stay pending as they are.
void Handback::leave(Flight& flight) {
    holdings_.dropped += flight.ids.size();
    flight.state = Flight::State::free;
}

void Handback::handle_reply(const Request& request, const resp::Reply& reply, Instant now) {
    Flight& flight = *flights_[static_cast<size_t>(request.tag)];
    if (!reply.is_error()) {
        flight.state = Flight::State::free;
        return;
    }
    if (release_.must_repeat(static_cast<Release::Way>(request.what), reply)) {
        flight.state = Flight::State::queued;
        return;
    }
    const ServerError error = classify(reply.text());
    if (!error.retryable && error.what != ErrorClass::oom) return leave(flight);
    flight.state = Flight::State::queued;
    wait_until_ = now + holdings_.context.retry_delay(failures_++);
}

/// If it was executed, others may have claimed the entries since, and so lately that the same command would take them
/// back.
void Handback::handle_lost(const Request& request, Instant) {
    leave(*flights_[static_cast<size_t>(request.tag)]);
}

uint64_t Handback::size() const {
    uint64_t count = holdings_.aside.size();
    for (const std::unique_ptr<Flight>& flight : flights_) {
        if (flight->state != Flight::State::free) count += flight->ids.size();
    }
    return count;
}

}  // namespace millrace
