#include "consumer/heartbeats.hpp"

#include <algorithm>
#include <utility>

#include "command/server_error.hpp"
#include "command/stream_commands.hpp"
#include "consumer/recovery.hpp"
#include "consumer/redelivery.hpp"

namespace millrace {

namespace {

// Ids of one XCLAIM: few enough not to hold up the server, many enough that 100,000 held entries are a small burst.
constexpr size_t ids_max = 500;
// XPENDINGs without a reply, so that after a long stop of this process the questions do not fill the lane.
constexpr size_t questions_max = 64;

}  // namespace

std::optional<Instant> Heartbeats::next_timeout() const {
    return is_due_ || !may_claim_ ? std::nullopt : look_at_;
}

void Heartbeats::advance(Lane* lane, Instant now) {
    if (!may_claim_) return;
    if (holdings_.size() == 0) {
        look_at_.reset();
        is_due_ = false;
        for (Missing& missing : missing_) missing.id = {};  // what is asked keeps its place until it is answered
    } else if (!look_at_.has_value()) {
        look_at_ = now + half();  // whatever is held came now
    }
    // A time that has passed is no timer any more: without a lane it would be due for ever, and the host would spin.
    if (look_at_.has_value() && *look_at_ <= now) is_due_ = true;
    if (lane == nullptr) return;
    ask(*lane, now);
    if (is_due_ && out_ == 0 && missing_.empty()) look(*lane, now);
}

/// Claims what has come of age, and finds out when the next one does.
void Heartbeats::look(Lane& lane, Instant now) {
    aging_.clear();
    Instant next = now + half();
    bool is_whole = true;
    holdings_.batches.for_each_open([&](const EntryRecord& record, Instant refreshed) {
        // What comes of age soon goes along, so that entries of many reads do not each get a command of their own.
        if (refreshed + Duration{half().us / 2} <= now) {
            is_whole = aging_.push({record.stream, record.id, refreshed}) && is_whole;
        } else {
            next = std::min(next, refreshed + half());
        }
    });
    is_due_ = false;
    look_at_ = is_whole ? next : now + holdings_.context.retry_delay(failures_++);
    sort_by_age(aging_);
    for (size_t first = 0; first < aging_.size();) {
        // Of one command, entries so near in age that the oldest's idle time holds for each: a younger one's would take
        // the older back from whoever claimed it meanwhile.
        const Instant least{now.us - own_idle(aging_[first].refreshed, now, holdings_.config.claim_min_idle).us};
        size_t end = first + 1;
        while (end < aging_.size() && end - first < ids_max && aging_[end].stream == aging_[first].stream &&
               aging_[end].refreshed <= least) {
            ++end;
        }
        if (!send_group(first, end - first, lane, now)) {
            look_at_ = now + holdings_.context.retry_delay(failures_++);  // there is no memory
            return;
        }
        first = end;
    }
}

bool Heartbeats::send_group(size_t first, size_t count, Lane& lane, Instant now) {
    Flight& flight = free_flight();
    flight.ids.clear();
    for (size_t i = first; i < first + count; ++i) {
        if (!flight.ids.push(aging_[i].id)) return false;
    }
    flight.stream = aging_[first].stream;
    uint64_t tag = 0;
    while (flights_[static_cast<size_t>(tag)].get() != &flight) ++tag;
    Request request = Request::of(*this, beat, tag, Answer::texts, count);
    request.takes = true;  // from an old connection, late, it could take what another has claimed by then
    const Duration idle = own_idle(aging_[first].refreshed, now, holdings_.config.claim_min_idle);
    const bool sent = lane.send(request, now, [&](resp::Encoder& encoder) {
        command::xclaim_keep(encoder, holdings_.streams[flight.stream], holdings_.config.group, holdings_.consumer,
                             idle, {flight.ids.data(), flight.ids.size()});
    });
    if (!sent) return false;
    flight.in_use = true;
    ++out_;
    return true;
}

Heartbeats::Flight& Heartbeats::free_flight() {
    for (const std::unique_ptr<Flight>& flight : flights_) {
        if (!flight->in_use) return *flight;
    }
    flights_.push_back(std::make_unique<Flight>());
    return *flights_.back();
}

/// Asks whose the missing ones are. The tag of a question is its place, so the list shrinks only when all are answered.
void Heartbeats::ask(Lane& lane, Instant now) {
    size_t asked = 0;
    for (const Missing& missing : missing_) asked += missing.is_asked ? 1 : 0;
    for (size_t i = 0; i < missing_.size() && asked < questions_max; ++i) {
        Missing& missing = missing_[i];
        if (missing.is_asked || missing.id == EntryId{}) continue;
        missing.is_asked = lane.send(Request::of(*this, fate, i, Answer::pending, 1), now, [&](resp::Encoder& encoder) {
            command::xpending_one(encoder, holdings_.streams[missing.stream], holdings_.config.group, missing.id);
        });
        if (!missing.is_asked) return;
        ++asked;
    }
    const auto is_answered = [](const Missing& missing) { return missing.id == EntryId{}; };
    if (asked == 0 && std::all_of(missing_.begin(), missing_.end(), is_answered)) missing_.clear();
}

void Heartbeats::refresh(uint32_t stream, EntryId id, Instant at) {
    if (const std::optional<Place> place = holdings_.find(stream, id); place.has_value()) {
        holdings_.refreshed(*place) = at;
    }
}

void Heartbeats::handle_reply(const Request& request, const resp::Reply& reply, Instant now) {
    if (request.what == beat) {
        Flight& flight = *flights_[static_cast<size_t>(request.tag)];
        --out_;
        flight.in_use = false;
        after_beat(flight, reply, now);
    } else {
        Missing& missing = missing_[static_cast<size_t>(request.tag)];
        after_fate(missing, reply, now);
        missing.is_asked = false;
    }
}

/// The ids that were claimed come in the order in which they were named.
void Heartbeats::after_beat(Flight& flight, const resp::Reply& reply, Instant now) {
    if (reply.is_error()) {
        if (!after_refusal("XCLAIM", flight.stream, reply, now))
            look_at_ = now + holdings_.context.retry_delay(failures_++);
        return;
    }
    failures_ = 0;
    size_t next = 0;
    for (const resp::Reply& item : reply) {
        const std::optional<EntryId> id = EntryId::parse(item.text());
        if (!id.has_value()) continue;
        size_t at = next;
        while (at < flight.ids.size() && flight.ids[at] != *id) ++at;
        if (at == flight.ids.size()) continue;  // a server's invention
        for (; next < at; ++next) missing_.push_back({false, flight.stream, flight.ids[next]});
        refresh(flight.stream, *id, now);
        next = at + 1;
    }
    for (; next < flight.ids.size(); ++next) missing_.push_back({false, flight.stream, flight.ids[next]});
    // What was settled meanwhile, or is on its way to be, is missing for that reason.
    for (Missing& missing : missing_) {
        const std::optional<Place> place = holdings_.find(missing.stream, missing.id);
        if (!place.has_value() || holdings_.state(*place) == EntryState::acking) missing.id = {};
    }
}

void Heartbeats::after_fate(Missing& missing, const resp::Reply& reply, Instant now) {
    const EntryId id = std::exchange(missing.id, EntryId{});
    const std::optional<Place> place = holdings_.find(missing.stream, id);
    if (!place.has_value()) return;
    if (reply.is_error()) {
        if (!after_refusal("XPENDING", missing.stream, reply, now))
            look_at_ = now + holdings_.context.retry_delay(failures_++);
        return;
    }
    const resp::Reply row = reply[0];
    if (row.size() >= 4 && row[1].text() == holdings_.consumer) {
        // An earlier heartbeat's reply was lost.
        holdings_.refreshed(*place) = Instant{now.us - idle_time(row[2]).us};
        look_at_ = std::min(look_at_.value_or(now + half()), holdings_.refreshed(*place) + half());
        return;
    }
    // What was nacked is claimed when its time has come, and then its fate is asked for.
    const EntryState state = holdings_.state(*place);
    const bool is_with_us = state == EntryState::held || state == EntryState::parked || state == EntryState::unsure;
    if (is_with_us) holdings_.lose(missing.stream, id, *place);
}

/// Whether there is nothing more to do about it.
bool Heartbeats::after_refusal(std::string_view command, uint32_t stream, const resp::Reply& reply, Instant now) {
    const ServerError refusal = classify(reply.text());
    if (refusal.what == ErrorClass::no_group) {
        holdings_.refusals.handle_refusal(command, stream, reply, now);
        return false;
    }
    if (refusal.retryable || refusal.what == ErrorClass::oom || refusal.what == ErrorClass::wrong_type) return false;
    if (!std::exchange(may_claim_, false)) return true;
    Error error = to_error(reply.text());
    error.message = std::string(command) + ": " + error.message +
                    "; what is held for longer than claim_min_idle may be taken by others from now on";
    holdings_.context.fail(holdings_.source, std::move(error));
    return true;
}

void Heartbeats::handle_lost(const Request& request, Instant) {
    if (request.what == beat) {
        --out_;
        flights_[static_cast<size_t>(request.tag)]->in_use = false;
        is_due_ = true;  // it may have been executed: then the next one brings nothing, and XPENDING tells
    } else {
        missing_[static_cast<size_t>(request.tag)].is_asked = false;
    }
}

}  // namespace millrace
