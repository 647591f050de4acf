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
// ACK-4: at most this many times prefetch wait after a nack; more are released to others.
constexpr uint32_t waiting_per_prefetch = 10;

}  // namespace

Consumer::Consumer(Context& context, Lanes& lanes, SourceId id, SourceConfig config, std::string consumer)
    : Source(context, lanes, id, std::move(config), seconds(5)),
      consumer_name_(std::move(consumer)),
      acks_(config_.streams, config_.group),
      groups_(config_.streams.size(), Group::unmade),
      recoveries_(config_.streams.size()) {}

Consumer::~Consumer() {
    for (const std::unique_ptr<Lane>& lane : lanes_) lane->disown(this);
    if (claimed_.has_value()) context_.segments.release(claimed_->segment);
}

Request Consumer::request(What what, uint64_t tag) {
    Request request;
    request.owner = this;
    request.what = what;
    request.tag = tag;
    return request;
}

void Consumer::advance(Instant now) {
    const bool waiting = waits(now);
    burial_ = nullptr;  // what a reply has named so far goes out now; the rest of it gets a flight of its own
    nacks_.mark_due(now);
    // The lane that will be recovered on takes the acks first: an entry that is acked must not be recovered (ACK-6).
    Lane* const lane = reading_lane();
    Lane* const acking = lanes_.for_acking(lane != nullptr ? lane : lane_);
    acks_.advance(acking, *this, ack_reply, now);
    if (stopped_) return;
    if (missed_ && in_flight_ == 0 && !waiting) {
        missed_ = false;
        restart_recovery();
    }
    bool may_read = false;
    if (!waiting && lane != nullptr) {
        lane_ = lane;
        may_read = make_groups(*lane, now) && recover(*lane, now);
    }
    if (!page_open_) send_claims(acking, now);
    if (may_read) read_more(*lane, now);
}

/// When to try again what was refused. A time that has passed is no timer any more.
bool Consumer::waits(Instant now) {
    if (wait_until_.has_value() && *wait_until_ <= now) wait_until_.reset();
    return wait_until_.has_value();
}

/// After a loss the same lane again, though another be free: its next connection begins by killing the one before,
/// which may still take and count entries (REC-6).
Lane* Consumer::reading_lane() {
    if (in_flight_ == 0 && (lane_ == nullptr || lane_->ready())) return lanes_.for_reading(lane_);
    return lane_ != nullptr && lane_->ready() && !lane_->blocked() ? lane_ : nullptr;
}

bool Consumer::make_groups(Lane& lane, Instant now) {
    bool all_made = true;
    for (uint32_t i = 0; i < groups_.size(); ++i) {
        if (groups_[i] == Group::made) continue;
        all_made = false;
        if (groups_[i] == Group::asked) continue;
        const bool sent = lane.send(request(create, i), now, [&](resp::Encoder& encoder) {
            command::xgroup_create(encoder, config_.streams[i], config_.group, config_.start);
        });
        if (!sent) return false;
        groups_[i] = Group::asked;
        ++in_flight_;
    }
    return all_made;
}

/// Sends the next step of recovery; true when there is none left (REC-1: before anything new).
bool Consumer::recover(Lane& lane, Instant now) {
    for (uint32_t i = 0; i < recoveries_.size(); ++i) {
        switch (recoveries_[i].next()) {
            case Recovery::Step::count:
                if (paused_ || nacks_.asking()) return false;
                if (!count_page_of(i, lane, now)) return false;
                say_ready(lane);
                if (recoveries_[i].next() != Recovery::Step::done) return false;
                break;
            case Recovery::Step::read:
                read_page_of(i, lane, now);
                return false;
            case Recovery::Step::await:
                return false;
            case Recovery::Step::done:
                break;
        }
    }
    if (!recovered_) {
        recovered_ = true;
        batches_.flush(Lot::again, FlushReason::recovery);
    }
    return true;
}

bool Consumer::count_page_of(uint32_t stream, Lane& lane, Instant now) {
    Recovery& recovery = recoveries_[stream];
    const std::optional<EntryId> from = recovery.cursor_after();
    if (!from.has_value()) {
        recovery.finish();
        return true;
    }
    const uint32_t count = room();
    if (count == 0) {  // until something is acked, which must have been handed over for that
        batches_.flush(Lot::again, FlushReason::recovery);
        return false;
    }
    if (!may_count_) {
        recovery.handle_no_counts(count);
        read_page_of(stream, lane, now);
        return true;
    }
    const bool sent = lane.send(request(count_page, stream), now, [&](resp::Encoder& encoder) {
        command::xpending_of(encoder, config_.streams[stream], config_.group, *from, count, consumer_name_);
    });
    if (!sent) return false;
    recovery.handle_count_sent();
    page_open_ = true;
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
    Request read = request(read_page, stream);
    read.shape = resp::Shape::streams;
    read.sink = &page_sink_;
    read.allowed = context_.config.read_slack;
    read.takes = true;
    const uint32_t count = recovery.page_size();
    const bool sent = lane.send(read, now, [&](resp::Encoder& encoder) {
        command::xreadgroup_pending(encoder, config_.group, consumer_name_, count, config_.streams[stream],
                                    recovery.cursor());
    });
    if (!sent) return;
    recovery.handle_read_sent();
    page_open_ = true;
    ++in_flight_;
}

/// How often the application was told that an entry it holds was delivered; none where it is not held.
std::optional<uint32_t> Consumer::told_deliveries(uint32_t stream, EntryId id) {
    const std::optional<Place> place = held_.find(stream, id);
    if (!place.has_value()) return std::nullopt;
    const BatchSlot& batch = batches_.at(place->slot);
    if (batch.states[place->index] == EntryState::waiting) {
        if (const std::optional<uint32_t> told = nacks_.deliveries(stream, id); told.has_value()) return told;
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
        Request restoring = request(restore, stream);
        restoring.takes = true;  // from an old connection, late, it would set counts that are right by then
        const bool sent = lane.send(restoring, now, [&](resp::Encoder& encoder) {
            command::xclaim_count_head(encoder, config_.streams[stream], config_.group, consumer_name_, ids);
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

/// How many more entries may be held (BP-1). Nacked and waiting ones do not count.
uint32_t Consumer::room() const {
    if (batches_.bytes() >= config_.prefetch_bytes) return 0;
    const uint64_t taken = held_.size() - nacks_.size() + asked_for_;
    return taken >= prefetch() ? 0 : prefetch() - static_cast<uint32_t>(taken);
}

/// COUNT is per stream, and falls by the size last seen; 0 when the reads in flight may bring more bytes than there is
/// room for.
uint32_t Consumer::read_count(uint32_t room) const {
    const uint32_t streams = static_cast<uint32_t>(config_.streams.size());
    uint64_t count = std::min(config_.batch_size, room / streams);
    if (bytes_of_entry_ > 0) {
        const uint64_t left = config_.prefetch_bytes - batches_.bytes();
        const uint64_t promised = bytes_of_entry_ * asked_for_;
        count = std::min(count, left > promised ? (left - promised) / bytes_of_entry_ / streams : 0);
    }
    return static_cast<uint32_t>(count);
}

/// With a backlog several reads are in flight, none of which blocks; without one, a single read that does (REC-6: a
/// reply that is owed behind a block would wait for it).
void Consumer::read_more(Lane& lane, Instant now) {
    while (!paused_) {
        const uint32_t space = room();
        if (space == 0) return;
        if (!hot_ && in_flight_ > 0) return;
        if (hot_ && in_flight_ >= reads_in_flight_max) return;
        uint32_t count = read_count(space);
        if (count == 0 && in_flight_ > 0) return;
        if (count == 0) count = 1;
        // A sliver of room is worth a read of its own, but not one more in flight: acks are about to widen it.
        if (in_flight_ > 0 && space < config_.batch_size) return;
        std::optional<Duration> block;
        if (!hot_) block = lanes_.block();
        Request read = request(read_new, count);
        read.shape = resp::Shape::streams;
        read.sink = &new_sink_;
        read.allowed = {block.value_or(Duration{}).us + context_.config.read_slack.us};
        read.blocks = block.has_value();
        read.takes = true;
        const bool sent = lane.send(read, now, [&](resp::Encoder& encoder) {
            command::xreadgroup_new(encoder, config_.group, consumer_name_, count, block, config_.streams);
        });
        if (!sent) return;
        ++in_flight_;
        if (block.has_value()) lanes_.handle_blocked(id_);
        asked_for_ += count * static_cast<uint32_t>(config_.streams.size());
        say_ready(lane);
    }
}

void Consumer::say_ready(const Lane& lane) {
    if (said_ready_) return;
    said_ready_ = true;
    const Greeting& greeting = lane.greeting();
    context_.emit(Ready{id_, Delivery::streams, consumer_name_, greeting.protocol, server_version(greeting)});
}

/// Nacked entries whose time has come: claimed from ourselves without JUSTID, so that the server counts the delivery
/// (ACK-4).
void Consumer::send_claims(Lane* lane, Instant now) {
    while (lane != nullptr) {
        const std::optional<uint64_t> due = nacks_.next_due();
        if (!due.has_value()) return;
        Waiting& waiting = nacks_.at(*due);
        const std::string& stream = config_.streams[waiting.stream];
        const Duration idle = own_idle(waiting.refreshed, now);
        bool sent = false;
        if (waiting.state == Waiting::State::unclear) {
            sent = lane->send(request(claim_fate, *due), now, [&](resp::Encoder& encoder) {
                command::xpending_one(encoder, stream, config_.group, waiting.id);
            });
        } else if (waiting.release) {
            Request giving = request(give_up, *due);
            giving.takes = true;
            sent = lane->send(giving, now, [&](resp::Encoder& encoder) {
                command::xclaim_release(encoder, stream, config_.group, consumer_name_, idle, waiting.id,
                                        claim_min_idle_default);
            });
        } else {
            Request claiming = request(claim, *due);
            claiming.shape = resp::Shape::entries;
            claiming.sink = &claim_sink_;
            claiming.takes = true;
            sent = lane->send(claiming, now, [&](resp::Encoder& encoder) {
                command::xclaim(encoder, stream, config_.group, consumer_name_, idle, waiting.id);
            });
        }
        if (!sent) return;
        waiting.state = waiting.state == Waiting::State::unclear ? Waiting::State::asking : Waiting::State::claiming;
    }
}

Status Consumer::ack(BatchId id, EntrySet entries, Instant) {
    BatchSlot* const batch = batches_.find(id);
    Buffer<uint32_t> marked = context_.spare_indices();
    marked.clear();
    Status status = mark_entries(batch, entries, EntryState::acking, marked);
    if (!status.ok()) return status;
    const uint32_t slot = Batches::slot_of(id);
    begun_.clear();
    bool refused = false;
    for (const uint32_t index : marked) {
        const EntryRecord& record = batch->records[index];
        AckFlight* flight = nullptr;
        for (AckFlight* begun : begun_) flight = begun->stream == record.stream ? begun : flight;
        if (flight == nullptr) {
            flight = &acks_.begin(record.stream, slot);
            flight->indices = context_.spare_indices();
            flight->indices.clear();
            begun_.push_back(flight);
        }
        refused = refused || !flight->ids.push(record.id) || !flight->indices.push(index);
    }
    if (refused) {
        for (AckFlight* flight : begun_) acks_.cancel(*flight);
        for (const uint32_t index : marked) batch->states[index] = EntryState::held;
        status = Error(Code::out_of_memory, "no memory for the ids of an ack");
    }
    context_.spare.push(std::move(marked));
    return status;
}

Status Consumer::nack(BatchId id, EntrySet entries, std::optional<Duration> delay, Instant now) {
    if (delay.has_value() && delay->us < 0) return Error(Code::bad_argument, "a nack's delay is negative");
    if (!may_claim_) return Error(Code::unsupported, "nack: the server refuses XCLAIM; the entries are still held");
    BatchSlot* const batch = batches_.find(id);
    Buffer<uint32_t> marked = context_.spare_indices();
    marked.clear();
    Status status = mark_entries(batch, entries, EntryState::waiting, marked);
    for (const uint32_t index : marked) {
        if (!status.ok()) break;
        const EntryRecord& record = batch->records[index];
        Waiting waiting;
        waiting.place = Place{Batches::slot_of(id), index};
        waiting.stream = record.stream;
        waiting.id = record.id;
        waiting.deliveries = record.deliveries;
        waiting.refreshed = batch->refreshed[index];
        const uint32_t n = record.deliveries > 0 ? record.deliveries - 1 : 0;
        const Duration after = delay.value_or(config_.nack_delay.value_or(context_.retry_delay(n)));
        waiting.release = nacks_.size() >= uint64_t{waiting_per_prefetch} * prefetch();
        waiting.due = waiting.release ? now : now + after;
        nacks_.add(waiting);
    }
    context_.spare.push(std::move(marked));
    return status;
}

void Consumer::stop() {
    Source::stop();
    wait_until_.reset();
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
    consider(batches_.flush_at());
    consider(nacks_.next_timeout());
    consider(wait_until_);
    return next;
}

}  // namespace millrace
