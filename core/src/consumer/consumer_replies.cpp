// What a consumer makes of the server's answers, and of their loss. The other half is consumer.cpp.
#include <algorithm>
#include <string>
#include <utility>

#include "command/server_error.hpp"
#include "consumer/consumer.hpp"

namespace millrace {

namespace {

/// In 7.0 a blocked read is told so that its key was deleted, but not which.
bool is_key_gone(const resp::Reply& refusal) {
    const std::string_view text = refusal.text();
    return classify(text).what == ErrorClass::unblocked && text.find("no longer exists") != std::string_view::npos;
}

}  // namespace

void Consumer::take_stream(std::string_view name) {
    const std::optional<uint32_t> stream = streams_.find(name);
    is_ours_ = stream.has_value();
    stream_ = stream.value_or(0);
}

void Consumer::take_entry(What what, EntryRecord record) {
    if (!is_ours_ || stopped_) {  // it stays pending at the server
        context_.segments.release(record.segment);
        if (!is_ours_) return;
        if (!holdings_.find(stream_, record.id).has_value()) ++holdings_.dropped;
        return;
    }
    record.stream = stream_;
    if (what == read_page) {
        take_page_entry(record);
    } else {
        const uint32_t taken = ++taken_[stream_];
        bytes_of_entry_ = std::max(record.bytes, taken == 1 ? 0 : bytes_of_entry_);
        groups_.handle_seen(stream_, record.id);
        record.deliveries = 1;
        holdings_.hold(Lot::fresh, record);
    }
}

void Consumer::take_page_entry(EntryRecord record) {
    const PageRow* row = recoveries_[stream_].handle_entry(record.id);
    if (is_held(row, record.id)) {
        const std::optional<uint32_t> told = row == nullptr ? told_deliveries(stream_, record.id) : std::nullopt;
        if (told.has_value()) recoveries_[stream_].handle_extra(record.id, *told);
        // The read has set its idle time to 0.
        if (const auto place = holdings_.find(stream_, record.id)) holdings_.refreshed(*place) = context_.now;
        context_.segments.release(record.segment);
        return;
    }
    // One that XPENDING did not show was given to this name a moment ago, by a claim: delivered once at least.
    record.deliveries = row != nullptr ? row->deliveries + 1 : 2;
    holdings_.hold(Lot::again, record);
}

/// What is filtered out of recovery (REC-1): for what XPENDING had shown that was decided when the read was sent.
bool Consumer::is_held(const PageRow* row, EntryId id) const {
    if (row != nullptr) return row->skip;
    for (const Holdings::Acked& acked : holdings_.acked_meanwhile) {
        if (acked.stream == stream_ && acked.id == id) return true;
    }
    return holdings_.find(stream_, id).has_value();
}

void Consumer::take_deleted(What what, EntryId id) {
    if (!is_ours_ || what != read_page) return;  // a new entry is never deleted
    const PageRow* row = recoveries_[stream_].handle_entry(id);
    if (!is_held(row, id)) acks_.bury(stream_, id);
}

/// BP-3: it is pending with this consumer, becomes a dead letter there, and recovery goes on behind it. It was not
/// delivered, so that a page that held it gives its count back.
void Consumer::take_too_large(What what, EntryId id, uint64_t bytes) {
    if (!is_ours_) return;
    uint32_t deliveries = 1;
    if (what == read_page) {
        if (PageRow* const row = recoveries_[stream_].handle_entry(id); row != nullptr) {
            row->skip = true;
            deliveries = row->deliveries;
        }
    } else {
        ++taken_[stream_];
        groups_.handle_seen(stream_, id);
    }
    if (stopped_ || holdings_.find(stream_, id).has_value()) return;
    context_.emit(TooLarge{id_, streams_[stream_], id, bytes});
    dead_letters_.take_too_large(stream_, id, deliveries);
}

void Consumer::handle_reply(const Request& request, const resp::Reply& reply, Instant now) {
    acks_.end_burial();
    if (request.what != restore) --in_flight_;
    switch (static_cast<What>(request.what)) {
        case probe_own:
            return after_probe(static_cast<uint32_t>(request.tag), reply);
        case count_page:
            return after_count(request, reply, now);
        case read_page:
            return after_read_page(request, reply, now);
        case restore:
            return after_restore(reply);
        case read_new:
            return after_read_new(request, reply, now);
    }
}

void Consumer::handle_group_made(uint32_t stream, bool is_new) {
    joins_ = discovery_.is_wanted();
    if (is_new) {
        finish_recovery(stream);
        reclaim_.begin_at(context_.now + config_.claim_interval);
    } else {
        holdings_.recovered = false;
        begin_recovery(stream);
        reclaim_.begin_at(context_.now);
    }
}

void Consumer::begin_recovery(uint32_t stream) {
    recoveries_[stream].restart();
    recovering_.insert(stream);
    unprobed_.insert(stream);
}

/// What was counted is of a group that is lost: the read of it is not sent any more.
void Consumer::give_up_page(uint32_t stream) {
    if (recoveries_[stream].next() != Recovery::Step::read) return;
    recoveries_[stream].restart();
    end_page();
}

void Consumer::finish_recovery(uint32_t stream) {
    give_up_page(stream);
    recoveries_[stream].finish();
    recovering_.erase(stream);
    unprobed_.erase(stream);
}

void Consumer::handle_stream_gone(uint32_t stream) {
    acks_.drop_stream(stream);
    dead_letters_.drop_stream(stream);
    redelivery_.drop_stream(stream);
    reclaim_.drop_stream(stream);
    finish_recovery(stream);
    holdings_.lose_stream(stream);
}

/// What it does not tell, the count of the page will.
void Consumer::after_probe(uint32_t stream, const resp::Reply& reply) {
    --probes_out_;
    if (!reply.is_error() && reply.size() == 0 && recovering_.contains(stream))
        (void)recoveries_[stream].handle_counts(reply);
}

void Consumer::after_count(const Request& request, const resp::Reply& reply, Instant now) {
    Recovery& recovery = recoveries_[static_cast<size_t>(request.tag)];
    if (!recovering_.contains(static_cast<uint32_t>(request.tag))) return end_page();  // the key was another one's
    if (reply.is_error()) {
        recovery.restart();
        end_page();
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
    holdings_.backoff.succeed();
    if (!recovery.handle_counts(reply)) {
        recovery.restart();
        holdings_.backoff.fail(now);
        context_.fail(id_, Error(Code::out_of_memory, "no memory for the list of pending entries", true));
    }
    // At the end of a source it is not read any more.
    if (recovery.next() != Recovery::Step::read || holdings_.draining) end_page();
}

void Consumer::after_read_page(const Request& request, const resp::Reply& reply, Instant now) {
    Recovery& recovery = recoveries_[static_cast<size_t>(request.tag)];
    if (!recovering_.contains(static_cast<uint32_t>(request.tag))) return end_page();
    if (reply.is_error()) {
        recovery.restart();
        end_page();
        handle_refusal("XREADGROUP", static_cast<uint32_t>(request.tag), reply, now);
        return;
    }
    holdings_.backoff.succeed();
    recovery.handle_read_end();
    // The read has counted what was held already as delivered once more; it was not (REC-1).
    if (lane_ != nullptr) restore_counts(static_cast<uint32_t>(request.tag), *lane_, now);
    end_page();
}

/// The page is over when what it had counted wrongly has been given back, too: that may be behind a read that blocks.
void Consumer::end_page() {
    is_page_wanted_ = false;
    if (restores_out_ == 0) close_page();
}

void Consumer::close_page() {
    holdings_.page_open = false;
    holdings_.acked_meanwhile.clear();
}

void Consumer::after_restore(const resp::Reply& reply) {
    --restores_out_;
    if (restores_out_ == 0 && !is_page_wanted_) close_page();
    if (!reply.is_error() || !may_restore_) return;
    const ServerError refusal = classify(reply.text());
    const bool may_pass = refusal.retryable || refusal.what == ErrorClass::no_group ||
                          refusal.what == ErrorClass::wrong_type || refusal.what == ErrorClass::oom;
    if (may_pass) return;  // a count too high by one, once
    may_restore_ = false;
    Error error = to_error(reply.text());
    error.message = "XCLAIM … RETRYCOUNT: " + error.message + "; delivery counts include reads by recovery from now on";
    context_.fail(id_, std::move(error));
}

void Consumer::forget_read(NewRead& read) {
    read.in_use = false;
    holdings_.asked_for -= read.count * static_cast<uint32_t>(read.streams.size());
}

void Consumer::after_read_new(const Request& request, const resp::Reply& reply, Instant now) {
    NewRead& read = *reads_[static_cast<size_t>(request.tag)];
    forget_read(read);
    for (const uint32_t stream : read.streams) {
        rotation_.handle_read(stream, taken_[stream] >= read.count);
        taken_[stream] = 0;
    }
    if (!reply.is_error()) {
        holdings_.backoff.succeed();
        groups_.handle_read();
        return;
    }
    // A read of many streams fails as a whole (MUL-1). NOGROUP names the first that it is about, WRONGTYPE none.
    const ErrorClass what = classify(reply.text()).what;
    if (read.streams.size() > 1) rotation_.handle_failure();
    if (read.streams.size() > 1 && (what == ErrorClass::no_group || what == ErrorClass::wrong_type)) {
        const std::optional<uint32_t> named = named_by(reply);
        if (named.has_value()) return groups_.handle_missing(*named, now);
        for (const uint32_t stream : read.streams) groups_.handle_missing(stream, now);
        return;
    }
    if (read.streams.size() > 1 && is_key_gone(reply)) return;  // the next read is told which
    handle_refusal("XREADGROUP", read.streams.front(), reply, now);
}

/// `NOGROUP No such key 's' or consumer group 'g' in XREADGROUP with GROUP option`, on all servers. What can't be
/// found in it, because a line has no newlines or is cut, is none.
std::optional<uint32_t> Consumer::named_by(const resp::Reply& refusal) const {
    constexpr std::string_view before = "NOGROUP No such key '";
    const std::string_view text = refusal.text();
    const size_t end = text.rfind("' or consumer group '");
    if (text.substr(0, before.size()) != before || end == std::string_view::npos || end < before.size()) return {};
    const std::optional<uint32_t> stream = streams_.find(text.substr(before.size(), end - before.size()));
    return stream.has_value() && groups_.is_made(*stream) ? stream : std::nullopt;
}

void Consumer::handle_refusal(std::string_view command, uint32_t stream, const resp::Reply& reply, Instant now) {
    const ServerError what = classify(reply.text());
    Error error = to_error(reply.text());
    error.message = std::string(command) + " " + streams_[stream] + " " + config_.group + ": " + error.message;
    if (what.what == ErrorClass::no_group || is_key_gone(reply)) return groups_.handle_missing(stream, now);
    const bool can_do_without = discovery_.is_wanted() || streams_.live() > 1;
    if (what.what == ErrorClass::wrong_type && can_do_without) return groups_.handle_missing(stream, now);
    if (what.what == ErrorClass::read_only || what.what == ErrorClass::unblocked) {
        // A failover: this server is no master any more, and a new connection finds the one that is (RET-3).
        error.retryable = true;
        if (lane_ != nullptr) lane_->drop(DisconnectReason::dropped, std::move(error), now);
        return;
    }
    // A group is wanted even where memory is short: it may not be so for long (REC-8).
    if (what.retryable || what.what == ErrorClass::oom) {
        holdings_.backoff.fail(now);
        error.retryable = true;
        context_.fail(id_, std::move(error));
        return;
    }
    fail(std::move(error));
}

void Consumer::handle_lost(const Request& request, Instant) {
    switch (static_cast<What>(request.what)) {
        case probe_own:
            --probes_out_;
            [[fallthrough]];
        case count_page:
        case read_page:
            --in_flight_;
            restart_recovery();
            break;
        case read_new:
            --in_flight_;
            forget_read(*reads_[static_cast<size_t>(request.tag)]);
            restart_recovery();
            break;
        case restore:
            --restores_out_;
            if (restores_out_ == 0 && !is_page_wanted_) close_page();
            break;
    }
}

void Consumer::handle_lane_ready(Lane&, Instant) {}

/// Recovery begins anew even where no read was out: what another connection of ours took may be pending, too.
void Consumer::handle_lane_lost(Lane& lane, Instant) {
    if (&lane == lane_) restart_recovery();
}

void Consumer::restart_recovery() {
    rotation_.cool();
    holdings_.recovered = false;
    is_page_wanted_ = false;
    close_page();
    for (uint32_t i = 0; i < recoveries_.size(); ++i) {
        taken_[i] = 0;
        if (groups_.is_made(i)) begin_recovery(i);
    }
}

}  // namespace millrace
