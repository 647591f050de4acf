// What a consumer makes of the server's answers, and of their loss. The other half is consumer.cpp.
#include <algorithm>
#include <string>
#include <utility>

#include "command/server_error.hpp"
#include "consumer/consumer.hpp"

namespace millrace {

void Consumer::take_stream(std::string_view name) {
    taken_ = 0;
    for (uint32_t i = 0; i < config_.streams.size(); ++i) {
        if (config_.streams[i] == name) stream_ = i;
    }
}

void Consumer::take_entry(What what, EntryRecord record) {
    if (stopped_) {  // it stays pending at the server
        context_.segments.release(record.segment);
        if (what != claim && !held_.find(stream_, record.id).has_value()) ++dropped_;
        return;
    }
    record.stream = stream_;
    if (what == claim) {
        // The only entry of its reply, which ends with it. More are a server's invention.
        if (claimed_.has_value()) context_.segments.release(claimed_->segment);
        claimed_ = record;
    } else if (what == read_page) {
        take_page_entry(record);
    } else {
        ++taken_;
        taken_most_ = std::max(taken_most_, taken_);
        bytes_of_entry_ = std::max(record.bytes, taken_ == 1 ? 0 : bytes_of_entry_);
        record.deliveries = 1;
        hold(Lot::fresh, record);
    }
}

void Consumer::take_page_entry(EntryRecord record) {
    const PageRow* row = recoveries_[stream_].handle_entry(record.id);
    if (is_held(row, record.id)) {
        const std::optional<uint32_t> told = row == nullptr ? told_deliveries(stream_, record.id) : std::nullopt;
        if (told.has_value()) recoveries_[stream_].handle_extra(record.id, *told);
        context_.segments.release(record.segment);
        return;
    }
    // One that XPENDING did not show was given to this name a moment ago, by a claim: delivered once at least.
    record.deliveries = row != nullptr ? row->deliveries + 1 : 2;
    hold(Lot::again, record);
}

/// What is filtered out of recovery (REC-1): for what XPENDING had shown that was decided when the read was sent.
bool Consumer::is_held(const PageRow* row, EntryId id) const {
    if (row != nullptr) return row->skip;
    for (const AckedMeanwhile& acked : acked_meanwhile_) {
        if (acked.stream == stream_ && acked.id == id) return true;
    }
    return held_.find(stream_, id).has_value();
}

void Consumer::hold(Lot lot, const EntryRecord& record) {
    if (held_.find(record.stream, record.id).has_value()) {
        context_.segments.release(record.segment);
        return;
    }
    const EntryId id = record.id;
    const uint32_t stream = record.stream;
    // In this order, because what was put into a batch may be handed over at once.
    const bool is_known = held_.insert(stream, id, Place{});
    if (!is_known) context_.segments.release(record.segment);
    const std::optional<Place> place = is_known ? batches_.add(lot, record, context_.now) : std::nullopt;
    if (place.has_value() && held_.insert(stream, id, *place)) return;
    if (is_known) (void)held_.erase(stream, id);
    missed_ = true;
    wait_until_ = context_.now + context_.retry_delay(failures_);
    context_.fail(id_, Error(Code::out_of_memory, "no memory to hold entry " + id.text() + "; it stays pending", true));
}

/// A deleted entry that is still pending can't be delivered any more: it is acked away (REC-1).
void Consumer::take_deleted(What what, EntryId id) {
    if (what == claim) {
        claimed_deleted_ = true;
    } else if (what == read_page) {
        const PageRow* row = recoveries_[stream_].handle_entry(id);
        if (!is_held(row, id)) bury(stream_, id);
    }
}

/// BP-3: it stays pending with this consumer, and recovery goes on behind it. It was not delivered, so that a page that
/// held it gives its count back.
void Consumer::take_too_large(What what, EntryId id, uint64_t bytes) {
    if (what == claim) return;  // it was small enough when it was delivered
    if (what == read_page) {
        if (PageRow* const row = recoveries_[stream_].handle_entry(id); row != nullptr) row->skip = true;
    } else {
        ++taken_;
        taken_most_ = std::max(taken_most_, taken_);
    }
    if (!stopped_) context_.emit(TooLarge{id_, config_.streams[stream_], id, bytes});
}

void Consumer::bury(uint32_t stream, EntryId id) {
    if (burial_ == nullptr || burial_->stream != stream) burial_ = &acks_.begin(stream, std::nullopt);
    if (!burial_->ids.push(id)) {  // it stays pending, and the next recovery finds it again
        if (burial_->ids.empty()) acks_.cancel(*std::exchange(burial_, nullptr));
        return;
    }
    context_.log(LogLevel::info, "A pending entry was deleted from its stream; acked away.",
                 {{"stream", config_.streams[stream]}, {"id", id.text()}});
}

void Consumer::handle_reply(const Request& request, const resp::Reply& reply, Instant now) {
    burial_ = nullptr;
    if (keeps_order(request.what)) --in_flight_;
    switch (static_cast<What>(request.what)) {
        case create:
            return after_create(request, reply, now);
        case count_page:
            return after_count(request, reply, now);
        case read_page:
            return after_read_page(request, reply, now);
        case restore:
            return after_restore(reply);
        case read_new:
            return after_read_new(request, reply, now);
        case ack_reply:
            return after_ack(request.tag, reply, now);
        case claim:
            return after_claim(request.tag, reply, now);
        case claim_fate:
            return after_claim_fate(request.tag, reply, now);
        case give_up:
            return give_up_waiting(request.tag, false);
    }
}

void Consumer::after_create(const Request& request, const resp::Reply& reply, Instant now) {
    const uint32_t stream = static_cast<uint32_t>(request.tag);
    if (!reply.is_error()) {
        groups_[stream] = Group::made;
        recoveries_[stream].finish();  // a group that was just made has nothing pending
        return;
    }
    if (classify(reply.text()).what == ErrorClass::busy_group) {
        groups_[stream] = Group::made;
        recoveries_[stream].restart();
        return;
    }
    groups_[stream] = Group::unmade;
    handle_refusal("XGROUP CREATE", stream, reply, now);
}

void Consumer::after_count(const Request& request, const resp::Reply& reply, Instant now) {
    Recovery& recovery = recoveries_[static_cast<size_t>(request.tag)];
    if (reply.is_error()) {
        recovery.restart();
        close_page();
        const Code code = classify(reply.text()).code;
        if (code != Code::no_permission && code != Code::unsupported)
            return handle_refusal("XPENDING", static_cast<uint32_t>(request.tag), reply, now);
        // Recovery can do without counts (RET-1: of other commands a refusal switches the feature off).
        may_count_ = false;
        Error error = to_error(reply.text());
        error.message = "XPENDING: " + error.message + "; deliveries of recovered entries are told as 2";
        context_.fail(id_, std::move(error));
        return;
    }
    failures_ = 0;
    const Recovery::Counted counted = recovery.handle_counts(reply);
    if (counted == Recovery::Counted::malformed) {
        fail(Error(Code::protocol, "the answer to XPENDING is no list of pending entries"));
    } else if (counted == Recovery::Counted::no_memory) {
        recovery.restart();
        wait_until_ = now + context_.retry_delay(failures_++);
        context_.fail(id_, Error(Code::out_of_memory, "no memory for the list of pending entries", true));
    }
    if (recovery.next() != Recovery::Step::read) close_page();
}

void Consumer::after_read_page(const Request& request, const resp::Reply& reply, Instant now) {
    Recovery& recovery = recoveries_[static_cast<size_t>(request.tag)];
    if (reply.is_error()) {
        recovery.restart();
        close_page();
        handle_refusal("XREADGROUP", static_cast<uint32_t>(request.tag), reply, now);
        return;
    }
    failures_ = 0;
    recovery.handle_read_end();
    // The read has counted what was held already as delivered once more; it was not (REC-1).
    if (lane_ != nullptr) restore_counts(static_cast<uint32_t>(request.tag), *lane_, now);
    if (restores_out_ == 0) close_page();
}

void Consumer::close_page() {
    page_open_ = false;
    acked_meanwhile_.clear();
}

void Consumer::after_restore(const resp::Reply& reply) {
    --restores_out_;
    if (restores_out_ == 0 && in_flight_ == 0) close_page();
    if (!reply.is_error() || !may_restore_) return;
    if (classify(reply.text()).retryable) return;  // a count too high by one, once
    may_restore_ = false;
    Error error = to_error(reply.text());
    error.message = "XCLAIM … RETRYCOUNT: " + error.message + "; delivery counts include reads by recovery from now on";
    context_.fail(id_, std::move(error));
}

void Consumer::after_read_new(const Request& request, const resp::Reply& reply, Instant now) {
    const uint32_t count = static_cast<uint32_t>(request.tag);
    asked_for_ -= count * static_cast<uint32_t>(config_.streams.size());
    hot_ = taken_most_ >= count;
    taken_ = 0;
    taken_most_ = 0;
    if (reply.is_error()) {
        handle_refusal("XREADGROUP", 0, reply, now);
    } else {
        failures_ = 0;
    }
}

void Consumer::after_ack(uint64_t tag, const resp::Reply& reply, Instant now) {
    AckFlight& flight = acks_.flight(tag);
    if (reply.is_error()) {
        const ServerError error = classify(reply.text());
        if (error.retryable) {
            acks_.again(flight, now + context_.retry_delay(flight.failures++));
            return;
        }
        const uint32_t stream = flight.stream;
        acks_.finish(flight);
        handle_refusal("XACK", stream, reply, now);
        return;
    }
    for (const EntryId id : flight.ids) {
        held_.erase(flight.stream, id);
        // Refused memory may deliver an acked entry once more, which at least once allows.
        if (page_open_) (void)acked_meanwhile_.push({flight.stream, id});
    }
    if (flight.slot.has_value()) {
        const uint32_t slot = *flight.slot;
        const BatchId batch = batches_.id(slot);
        const std::span<const uint32_t> indices = context_.keep(std::move(flight.indices));
        context_.emit(Acked{id_, batch, indices});
        for (const uint32_t index : indices) batches_.set_state(Place{slot, index}, EntryState::settled);
    }
    acks_.finish(flight);
}

void Consumer::after_claim(uint64_t tag, const resp::Reply& reply, Instant now) {
    Waiting& waiting = nacks_.at(tag);
    std::optional<EntryRecord> claimed = std::exchange(claimed_, std::nullopt);
    if (claimed.has_value() && claimed->id != waiting.id) {
        context_.segments.release(claimed->segment);
        claimed.reset();
    }
    const bool deleted = std::exchange(claimed_deleted_, false);
    if (reply.is_error()) {
        if (classify(reply.text()).retryable) {
            waiting.state = Waiting::State::waiting;
            waiting.due = now + context_.retry_delay(failures_++);
            return;
        }
        if (may_claim_) {
            may_claim_ = false;
            Error error = to_error(reply.text());
            error.message = "XCLAIM: " + error.message + "; nacked entries stay pending";
            context_.fail(id_, std::move(error));
        }
        give_up_waiting(tag, true);
        return;
    }
    if (claimed.has_value()) {
        EntryRecord record = *claimed;
        record.stream = waiting.stream;
        record.deliveries = waiting.deliveries + 1;
        give_up_waiting(tag, false);
        hold(Lot::again, record);
    } else if (deleted) {
        const uint32_t stream = waiting.stream;
        const EntryId id = waiting.id;
        give_up_waiting(tag, false);
        bury(stream, id);
    } else {
        // Not idle for long enough, which an earlier claim explains whose reply was lost; or not ours any more.
        // XPENDING tells (REC-3).
        waiting.state = Waiting::State::unclear;
    }
    flush_claimed();
}

/// What was claimed together is handed over together, and at once.
void Consumer::flush_claimed() {
    if (!nacks_.claiming() && recovered_) batches_.flush(Lot::again, FlushReason::recovery);
}

void Consumer::after_claim_fate(uint64_t tag, const resp::Reply& reply, Instant now) {
    Waiting& waiting = nacks_.at(tag);
    if (reply.is_error()) {
        waiting.state = Waiting::State::waiting;
        waiting.due = now + context_.retry_delay(failures_++);
        return;
    }
    const resp::Reply row = reply[0];
    if (row.size() >= 4 && row[1].text() == consumer_name_) {
        waiting.refreshed = Instant{now.us - row[2].integer() * 1000};
        waiting.deliveries = delivery_count(row[3]);  // a claim whose reply was lost has counted
        waiting.state = Waiting::State::due;
        return;
    }
    give_up_waiting(tag, true);
    flush_claimed();
}

/// The wait of a nacked entry is over: it was delivered again, given to others, or taken by them.
void Consumer::give_up_waiting(uint64_t tag, bool is_lost) {
    const Waiting waiting = nacks_.at(tag);
    nacks_.remove(tag);
    held_.erase(waiting.stream, waiting.id);
    batches_.set_state(waiting.place, is_lost ? EntryState::lost : EntryState::settled);
    if (is_lost) context_.emit(Lost{id_, config_.streams[waiting.stream], {waiting.id}});
}

void Consumer::handle_refusal(std::string_view command, uint32_t stream, const resp::Reply& reply, Instant now) {
    const ServerError what = classify(reply.text());
    Error error = to_error(reply.text());
    error.message = std::string(command) + " " + config_.streams[stream] + " " + config_.group + ": " + error.message;
    if (what.what == ErrorClass::read_only || what.what == ErrorClass::unblocked) {
        // A failover: this server is no master any more, and a new connection finds the one that is (RET-3).
        error.retryable = true;
        if (lane_ != nullptr) lane_->drop(DisconnectReason::dropped, std::move(error), now);
        return;
    }
    // A group is wanted even where memory is short: it may not be so for long (REC-8).
    if (what.retryable || what.what == ErrorClass::oom) {
        wait_until_ = now + context_.retry_delay(failures_++);
        error.retryable = true;
        context_.fail(id_, std::move(error));
        return;
    }
    fail(std::move(error));
}

void Consumer::handle_lost(const Request& request, Instant) {
    claimed_deleted_ = false;
    switch (static_cast<What>(request.what)) {
        case create:
            groups_[static_cast<size_t>(request.tag)] = Group::unmade;
            --in_flight_;
            break;
        case count_page:
        case read_page:
            --in_flight_;
            restart_recovery();
            break;
        case read_new:
            --in_flight_;
            asked_for_ -= static_cast<uint32_t>(request.tag) * static_cast<uint32_t>(config_.streams.size());
            restart_recovery();
            break;
        case ack_reply:
            acks_.again(acks_.flight(request.tag), {});
            break;
        case claim:  // it may have been executed, and counted: XPENDING tells
        case claim_fate:
            nacks_.at(request.tag).state = Waiting::State::unclear;
            break;
        case give_up:
            nacks_.at(request.tag).state = Waiting::State::due;
            break;
        case restore:
            --restores_out_;
            break;
    }
}

void Consumer::handle_lane_ready(Lane&, Instant) {}

/// Recovery begins anew even where no read was out: what another connection of ours took may be pending, too.
void Consumer::handle_lane_lost(Lane& lane, Instant) {
    if (&lane == lane_) restart_recovery();
}

void Consumer::restart_recovery() {
    hot_ = false;
    recovered_ = false;
    close_page();
    taken_ = 0;
    taken_most_ = 0;
    for (uint32_t i = 0; i < recoveries_.size(); ++i) {
        if (groups_[i] == Group::made) recoveries_[i].restart();
    }
}

}  // namespace millrace
