// What a consumer sends, and in which order: acks, claims, groups, recovery, new entries. The other half is
// consumer_replies.cpp.
#include "consumer/consumer.hpp"

#include <algorithm>
#include <utility>

#include "command/stream_commands.hpp"

namespace millrace {

namespace {

// Beyond eight pipelined reads the round trip is hidden, and a stop would only leave more entries behind.
constexpr uint32_t reads_in_flight_max = 8;
// Streams of which it is asked at once whether anything of ours is pending there.
constexpr uint32_t probes_out_max = 256;

}  // namespace

Consumer::Consumer(Context& context, Lanes& lanes, SourceId id, SourceConfig config, ConsumerName name)
    : Source(context, lanes, id, std::move(config), seconds(5)),
      holdings_(context, id, config_, std::move(name.text), streams_, batches_, *this, *this),
      acks_(holdings_),
      seen_(holdings_),
      dead_letters_(holdings_, acks_),
      redelivery_(holdings_, acks_),
      heartbeats_(holdings_),
      reclaim_(holdings_, acks_, dead_letters_),
      handback_(holdings_),
      groups_(holdings_, *this),
      discovery_(holdings_, *this),
      sweeper_(holdings_, name.is_ours),
      rotation_(static_cast<uint32_t>(streams_.size())),
      recoveries_(streams_.size()),
      taken_(streams_.size(), 0) {}

Consumer::~Consumer() {
    disown_all();
}

void Consumer::disown_all() {
    for (const std::unique_ptr<Lane>& lane : lanes_) {
        lane->disown(this);
        acks_.disown(*lane);
        seen_.disown(*lane);
        dead_letters_.disown(*lane);
        redelivery_.disown(*lane);
        heartbeats_.disown(*lane);
        reclaim_.disown(*lane);
        handback_.disown(*lane);
        groups_.disown(*lane);
        discovery_.disown(*lane);
        sweeper_.disown(*lane);
    }
}

void Consumer::advance(Instant now) {
    const bool waiting = holdings_.backoff.waits(now);
    redelivery_.mark_due(now);
    // The lane that will be recovered on takes the acks first: an entry that is acked must not be recovered (ACK-6).
    Lane* const lane = reading_lane();
    Lane* const acking = lanes_.for_acking(lane != nullptr ? lane : lane_);
    acks_.advance(acking, now);
    dead_letters_.advance(acking, now);
    if (stopped_) return;
    if (holdings_.draining) {
        redelivery_.advance(acking, now);
        heartbeats_.advance(acking, now);
        handback_.advance(acking, now);
        if (has_settled() && held() == 0) sweeper_.leave(acking, now);
        return;
    }
    if (holdings_.missed && in_flight_ == 0 && !waiting) {
        holdings_.missed = false;
        restart_recovery();
    }
    seen_.advance(acking, now);
    bool may_read = false;
    if (!waiting) discovery_.advance(acking, now);
    if (!waiting) groups_.advance(lane, acking, now);
    if (!waiting && lane != nullptr) {
        lane_ = lane;
        may_read = groups_.settled() && discovery_.has_looked() && recover(*lane, now);
    }
    redelivery_.advance(acking, now);
    reclaim_.advance(acking, holdings_.recovered && !holdings_.page_open && !paused_, now);
    heartbeats_.advance(acking, now);
    sweeper_.advance(acking, now);
    if (may_read) read_more(*lane, now);
}

/// After a loss the same lane again, though another be free: its next connection begins by killing the one before,
/// which may still take and count entries (REC-6).
Lane* Consumer::reading_lane() {
    const bool is_free = in_flight_ == 0 && groups_.settled();
    if (is_free && (lane_ == nullptr || lane_->ready())) return lanes_.for_reading(lane_);
    return lane_ != nullptr && lane_->ready() && !lane_->blocked() ? lane_ : nullptr;
}

/// Sends the next step of recovery; true when there is none left (REC-1: before anything new).
bool Consumer::recover(Lane& lane, Instant now) {
    if (!recovering_.empty() && !probe(lane, now)) return false;
    for (uint32_t i = recovering_.next(); i != NumberSet::none; i = recovering_.next(i + 1)) {
        if (!groups_.is_made(i)) {  // it may never be again, and claims wait for the page
            give_up_page(i);
            continue;
        }
        switch (recoveries_[i].next()) {
            case Recovery::Step::count:
                if (paused_ || redelivery_.asking() || reclaim_.claiming()) return false;
                if (!count_page_of(i, lane, now)) return false;
                say_ready(lane);
                if (recoveries_[i].next() != Recovery::Step::done) return false;
                recovering_.erase(i);
                break;
            case Recovery::Step::read:
                read_page_of(i, lane, now);
                return false;
            case Recovery::Step::await:
                return false;
            case Recovery::Step::done:
                recovering_.erase(i);
                break;
        }
    }
    if (!holdings_.recovered) {
        holdings_.recovered = true;
        batches_.flush(Lot::again, FlushReason::recovery);
    }
    return true;
}

/// Pages are counted and read one after the other, which for a thousand streams would be as many round trips. Most of
/// them have nothing, and that is found out of many at once. True when there is nothing left to find out.
bool Consumer::probe(Lane& lane, Instant now) {
    if (recovering_.size() == 1 || !may_count_) unprobed_.clear();  // the count of its page tells as much
    if (unprobed_.empty()) return probes_out_ == 0;
    if (paused_ || redelivery_.asking() || reclaim_.claiming()) return false;
    for (uint32_t i = unprobed_.next(); i != NumberSet::none; i = unprobed_.next(i + 1)) {
        if (probes_out_ == probes_out_max) return false;
        const Request probing = Request::of(*this, probe_own, i, Answer::pending, 1);
        const bool sent = lane.send(probing, now, [&](resp::Encoder& encoder) {
            command::xpending_of(encoder, streams_[i], config_.group, {0, 1}, 1, holdings_.consumer);
        });
        if (!sent) return false;
        unprobed_.erase(i);
        ++probes_out_;
        ++in_flight_;
        say_ready(lane);
    }
    return false;
}

bool Consumer::count_page_of(uint32_t stream, Lane& lane, Instant now) {
    Recovery& recovery = recoveries_[stream];
    const std::optional<EntryId> from = recovery.cursor_after();
    if (!from.has_value()) {
        recovery.finish();
        return true;
    }
    const uint32_t count = std::min(holdings_.room(), holdings_.rows_max());
    if (count == 0) {  // until something is acked, which must have been handed over for that
        batches_.flush(Lot::again, FlushReason::recovery);
        return false;
    }
    if (!may_count_) {
        recovery.handle_no_counts(count);
        read_page_of(stream, lane, now);
        return true;
    }
    const Request counting = Request::of(*this, count_page, stream, Answer::pending, count);
    const bool sent = lane.send(counting, now, [&](resp::Encoder& encoder) {
        command::xpending_of(encoder, streams_[stream], config_.group, *from, count, holdings_.consumer);
    });
    if (!sent) return false;
    recovery.handle_count_sent();
    holdings_.page_open = is_page_wanted_ = true;
    ++in_flight_;
    return true;
}

void Consumer::read_page_of(uint32_t stream, Lane& lane, Instant now) {
    Recovery& recovery = recoveries_[stream];
    for (PageRow& row : recovery.page()) {
        const std::optional<uint32_t> told = told_deliveries(stream, row.id);
        row.skip = told.has_value() || acks_.is_acking_away(stream, row.id);
        if (!told.has_value()) continue;
        row.deliveries = *told;  // whatever has been counted since: this is what was delivered
        row.restore = false;
    }
    restore_counts(stream, lane, now);  // what a lost reply had counted, before this read counts again
    const uint32_t count = recovery.page_size();
    Request read = Request::of_entries(*this, read_page, stream, resp::Shape::streams, page_sink_, count);
    read.allowed = context_.config.read_slack;
    read.takes = true;
    const bool sent = lane.send(read, now, [&](resp::Encoder& encoder) {
        command::xreadgroup_pending(encoder, config_.group, holdings_.consumer, count, streams_[stream],
                                    recovery.cursor());
    });
    if (!sent) return;
    recovery.handle_read_sent();
    holdings_.page_open = is_page_wanted_ = true;
    ++in_flight_;
}

/// How often the application was told that an entry it holds was delivered; none where it is not held.
std::optional<uint32_t> Consumer::told_deliveries(uint32_t stream, EntryId id) {
    const std::optional<Place> place = holdings_.find(stream, id);
    if (!place.has_value()) return std::nullopt;
    const BatchSlot& batch = batches_.at(place->slot);
    if (batch.states[place->index] == EntryState::waiting) {
        if (const std::optional<uint32_t> told = redelivery_.deliveries(stream, id); told.has_value()) return told;
    }
    return batch.records[place->index].deliveries;
}

/// One XCLAIM for each count (REC-1). It names only ids that XPENDING has just shown as ours: with an idle time of 0 it
/// would take others'.
void Consumer::restore_counts(uint32_t stream, Lane& lane, Instant now) {
    Buffer<PageRow>& page = recoveries_[stream].page();
    for (PageRow& first : page) {
        if (!first.restore || !may_restore_) continue;
        const uint32_t deliveries = first.deliveries;
        size_t ids = 0;
        for (const PageRow& row : page) ids += row.restore && row.deliveries == deliveries ? 1 : 0;
        Request restoring = Request::of(*this, restore, stream, Answer::texts, ids);
        restoring.takes = true;  // from an old connection, late, it would set counts that are right by then
        const bool sent = lane.send(restoring, now, [&](resp::Encoder& encoder) {
            command::xclaim_count_head(encoder, streams_[stream], config_.group, holdings_.consumer, ids);
            for (const PageRow& row : page) {
                if (row.restore && row.deliveries == deliveries) encoder.id(row.id);
            }
            command::xclaim_count_tail(encoder, deliveries);
        });
        if (!sent) return;
        ++restores_out_;
        for (PageRow& row : page) row.restore = row.restore && row.deliveries != deliveries;
    }
}

/// How many new entries may be asked for, which falls by the size last seen (BP-1); 0 when the reads in flight may
/// bring more bytes than there is room for.
uint32_t Consumer::room_for_new(const Lane& lane) const {
    // A read behind an ack of the same lane brings nothing before that is answered: both go out in one write. But what
    // room there will be is a sweep's first, which waits for the answers.
    uint64_t room = holdings_.room(reclaim_.wants_room() ? 0 : acks_.ahead_on(lane));
    // An entry counts with three elements of a reply, and its stream with some.
    room = std::min<uint64_t>(room, context_.config.max_elements / 8);
    if (bytes_of_entry_ > 0 && room > 0) {
        const uint64_t left = config_.prefetch_bytes - batches_.bytes();
        const uint64_t promised = bytes_of_entry_ * holdings_.asked_for;
        const uint64_t fits = left > promised ? (left - promised) / bytes_of_entry_ : 0;
        room = std::min(room, fits > 0 || in_flight_ > 0 ? fits : 1);
    }
    return static_cast<uint32_t>(room);
}

/// With a backlog several reads are in flight, none of which blocks; without one, a single read that does (REC-6: a
/// reply that is owed behind a block would wait for it).
void Consumer::read_more(Lane& lane, Instant now) {
    while (!paused_) {
        const uint32_t room = room_for_new(lane);
        if (room == 0) return;
        // A sliver of room is worth a read of its own, but not one more in flight: acks are about to widen it.
        if (in_flight_ > 0 && (!rotation_.any_hot() || room < config_.batch_size)) return;
        if (in_flight_ >= reads_in_flight_max) return;
        const auto can_read = [this](uint32_t stream) { return groups_.is_made(stream); };
        const Rotation::Read next = rotation_.next(config_.batch_size, room, picked_, can_read);
        if (next.count == 0 && discovery_.is_wanted()) say_ready(lane);  // there is nothing to read yet
        if (next.count == 0 || !send_read(next, lane, now)) return;
        say_ready(lane);
    }
}

bool Consumer::send_read(Rotation::Read next, Lane& lane, Instant now) {
    std::optional<Duration> block;
    if (next.blocks) block = lanes_.block();
    const uint64_t most = uint64_t{next.count} * picked_.size();
    Request read = Request::of_entries(*this, read_new, free_read(), resp::Shape::streams, new_sink_, most);
    read.allowed = {block.value_or(Duration{}).us + context_.config.read_slack.us};
    read.blocks = next.blocks;
    read.takes = true;
    const bool sent = lane.send(read, now, [&](resp::Encoder& encoder) {
        command::xreadgroup_new(encoder, config_.group, holdings_.consumer, next.count, block, streams_, picked_);
    });
    if (!sent) return false;
    NewRead& out = *reads_[static_cast<size_t>(read.tag)];
    out.in_use = true;
    out.count = next.count;
    out.streams.assign(picked_.begin(), picked_.end());
    ++in_flight_;
    joins_ = false;
    if (next.blocks) lanes_.handle_blocked(id_);
    holdings_.asked_for += next.count * static_cast<uint32_t>(picked_.size());
    return true;
}

uint64_t Consumer::free_read() {
    for (size_t i = 0; i < reads_.size(); ++i) {
        if (!reads_[i]->in_use) return i;
    }
    reads_.push_back(std::make_unique<NewRead>());
    return reads_.size() - 1;
}

void Consumer::say_ready(const Lane& lane) {
    if (said_ready_) return;
    said_ready_ = true;
    const Greeting& greeting = lane.greeting();
    context_.emit(Ready{id_, Delivery::streams, holdings_.consumer, greeting.protocol, server_version(greeting)});
}

Status Consumer::ack(BatchId batch, EntrySet entries, Instant) {
    return acks_.ack(batch, entries);
}

Status Consumer::nack(BatchId batch, EntrySet entries, std::optional<Duration> delay, Instant now) {
    return redelivery_.nack(batch, entries, delay, now);
}

Status Consumer::reject(BatchId batch, EntrySet entries, std::string_view error, Instant) {
    return dead_letters_.reject(batch, entries, error);
}

void Consumer::stop() {
    Source::stop();
    dead_letters_.stop();
    holdings_.stopped = true;
    holdings_.backoff.stop();
}

/// Nothing new is asked for. The replies that are owed may bring entries; so the end waits for them.
void Consumer::drain(Instant now) {
    if (stopped_ || holdings_.draining) return;
    reclaim_.drain();
    holdings_.drain();
    seen_.drain();
    holdings_.backoff.stop();
    dead_letters_.stop();
    redelivery_.release_all(now);
    if (in_flight_ == 0) end_page();  // it waits for its read, which is not sent any more
}

/// REC-4: the name is another's. What is out may still take entries under it, so its connections go (REC-6).
void Consumer::lose_all(std::vector<BatchId>& lost, Instant now) {
    batches_.list_open(lost);
    for (uint32_t i = 0; i < streams_.size(); ++i) {
        if (streams_.is_live(i)) handle_stream_gone(i);
    }
    stop();
    disown_all();
    for (const std::unique_ptr<Lane>& lane : lanes_) {
        if (!lane->takes_for_nobody()) continue;
        lane->drop(DisconnectReason::dropped, Error(Code::lost, "it reads for a consumer name that is lost", true),
                   now);
    }
}

bool Consumer::settled() const {
    if (!has_settled()) return false;
    // A consumer is deleted only when it has nothing pending, so not before that.
    const bool leaves = !stopped_ && holdings_.draining && held() == 0;
    return !leaves || sweeper_.has_left();
}

bool Consumer::has_settled() const {
    if (acks_.open() > 0 || !dead_letters_.settled()) return false;
    if (stopped_ || !holdings_.draining) return true;
    return in_flight_ == 0 && restores_out_ == 0 && !reclaim_.claiming() && redelivery_.settled() &&
           handback_.settled();
}

void Consumer::handle_timeout(Instant now) {
    batches_.handle_timeout(now);
}

std::optional<Instant> Consumer::next_timeout() const {
    std::optional<Instant> next = acks_.next_timeout();
    const auto consider = [&next](std::optional<Instant> at) {
        if (at.has_value() && (!next.has_value() || *at < *next)) next = at;
    };
    if (stopped_) return next;
    consider(dead_letters_.next_timeout());
    consider(redelivery_.next_timeout());
    consider(heartbeats_.next_timeout());
    consider(handback_.next_timeout());
    if (holdings_.draining) return next;
    consider(seen_.next_timeout());
    consider(batches_.flush_at());
    consider(reclaim_.next_timeout());
    consider(sweeper_.next_timeout());
    consider(groups_.next_timeout());
    consider(discovery_.next_timeout());
    consider(holdings_.backoff.until());
    return next;
}

}  // namespace millrace
