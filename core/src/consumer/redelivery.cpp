#include "consumer/redelivery.hpp"

#include <algorithm>
#include <utility>

#include "command/server_error.hpp"
#include "command/stream_commands.hpp"
#include "consumer/recovery.hpp"
#include "consumer/source.hpp"

namespace millrace {

namespace {

// ACK-4: at most this many times prefetch wait after a nack; more are released to others.
constexpr uint32_t waiting_per_prefetch = 10;

}  // namespace

Redelivery::~Redelivery() {
    forget_claimed();
}

Status Redelivery::nack(BatchId batch, EntrySet entries, std::optional<Duration> delay, Instant now) {
    if (delay.has_value() && delay->us < 0) return Error(Code::bad_argument, "a nack's delay is negative");
    return take_back(batch, entries, delay, false, now);
}

Status Redelivery::give_back(BatchId batch, EntrySet entries, Instant now) {
    return take_back(batch, entries, std::nullopt, true, now);
}

Status Redelivery::take_back(BatchId id, EntrySet entries, std::optional<Duration> delay, bool to_others, Instant now) {
    if (!may_claim_) return Error(Code::unsupported, "nack: the server refuses XCLAIM; the entries are still held");
    Context& context = holdings_.context;
    BatchSlot* const batch = holdings_.batches.find(id);
    Buffer<uint32_t> marked = context.spare_indices();
    marked.clear();
    Status status = mark_entries(batch, entries, EntryState::waiting, marked);
    for (const uint32_t index : marked) {
        if (!status.ok()) break;
        const EntryRecord& record = batch->records[index];
        Waiting waiting;
        waiting.state = Waiting::State::waiting;
        waiting.place = Place{Batches::slot_of(id), index};
        waiting.stream = record.stream;
        waiting.id = record.id;
        waiting.deliveries = record.deliveries;
        const uint32_t n = record.deliveries > 0 ? record.deliveries - 1 : 0;
        const Duration after = delay.value_or(holdings_.config.nack_delay.value_or(context.delay_of(n)));
        waiting.release = to_others || holdings_.draining ||
                          holdings_.waiting >= uint64_t{waiting_per_prefetch} * holdings_.prefetch();
        waiting.due = waiting.release ? now : now + after;
        add(waiting);
    }
    context.spare.push(std::move(marked));
    return status;
}

void Redelivery::add(const Waiting& waiting) {
    ++holdings_.waiting;
    while (first_free_ < entries_.size() && entries_[first_free_].state != Waiting::State::free) ++first_free_;
    if (first_free_ == entries_.size()) entries_.emplace_back();
    entries_[first_free_] = waiting;
}

void Redelivery::remove(uint64_t tag) {
    free(tag);
    --holdings_.waiting;
}

void Redelivery::free(uint64_t tag) {
    entries_[static_cast<size_t>(tag)].state = Waiting::State::free;
    first_free_ = std::min(first_free_, static_cast<size_t>(tag));
}

void Redelivery::release_all(Instant now) {
    for (Waiting& waiting : entries_) {
        if (waiting.state == Waiting::State::free || waiting.state == Waiting::State::dropped) continue;
        waiting.release = true;
        if (waiting.state == Waiting::State::waiting) waiting.due = now;
    }
}

void Redelivery::mark_due(Instant now) {
    for (Waiting& waiting : entries_) {
        if (waiting.state == Waiting::State::waiting && waiting.due <= now) waiting.state = Waiting::State::due;
    }
}

std::optional<Instant> Redelivery::next_timeout() const {
    std::optional<Instant> next;
    for (const Waiting& waiting : entries_) {
        if (waiting.state != Waiting::State::waiting) continue;
        if (!next.has_value() || waiting.due < *next) next = waiting.due;
    }
    return next;
}

std::optional<uint32_t> Redelivery::deliveries(uint32_t stream, EntryId id) const {
    for (const Waiting& waiting : entries_) {
        if (waiting.stream != stream || waiting.id != id) continue;
        if (waiting.state != Waiting::State::free && waiting.state != Waiting::State::dropped) {
            return waiting.deliveries;
        }
    }
    return std::nullopt;
}

void Redelivery::advance(Lane* lane, Instant now) {
    if (lane == nullptr || holdings_.page_open) return;
    for (uint64_t tag = 0; tag < entries_.size(); ++tag) {
        Waiting& waiting = entries_[static_cast<size_t>(tag)];
        if (waiting.state != Waiting::State::due && waiting.state != Waiting::State::unclear) continue;
        if (!send(tag, *lane, now)) return;
        waiting.state = waiting.state == Waiting::State::unclear ? Waiting::State::asking : Waiting::State::claiming;
        ++out_;
    }
}

bool Redelivery::send(uint64_t tag, Lane& lane, Instant now) {
    const Waiting& waiting = entries_[static_cast<size_t>(tag)];
    const std::string& stream = holdings_.streams[waiting.stream];
    const std::string& group = holdings_.config.group;
    const Duration idle = own_idle(holdings_.refreshed(waiting.place), now, holdings_.config.claim_min_idle);
    if (waiting.state == Waiting::State::unclear) {
        return lane.send(Request::of(*this, fate, tag, Answer::pending, 1), now,
                         [&](resp::Encoder& encoder) { command::xpending_one(encoder, stream, group, waiting.id); });
    }
    if (waiting.release) {
        const Release::Way way = release_.way(lane);
        return release_.send(way, lane, Request::of(*this, way == Release::xnack ? give_up_by_xnack : give_up, tag),
                             now, waiting.stream, {&waiting.id, 1}, holdings_.refreshed(waiting.place));
    }
    Request claiming = Request::of_entries(*this, claim, tag, resp::Shape::entries, sink_, 1);
    claiming.takes = true;
    return lane.send(claiming, now, [&](resp::Encoder& encoder) {
        command::xclaim(encoder, stream, group, holdings_.consumer, idle, waiting.id);
    });
}

void Redelivery::take(const EntryRecord& record) {
    forget_claimed();  // there is one entry in the reply; more are a server's invention
    if (holdings_.stopped || holdings_.draining) {
        holdings_.context.segments.release(record.segment);
    } else {
        claimed_ = record;
    }
}

void Redelivery::forget_claimed() {
    if (claimed_.has_value()) holdings_.context.segments.release(claimed_->segment);
    claimed_.reset();
}

void Redelivery::handle_reply(const Request& request, const resp::Reply& reply, Instant now) {
    --out_;
    if (entries_[static_cast<size_t>(request.tag)].state == Waiting::State::dropped) {
        forget_claimed();
        claimed_deleted_ = false;
        free(request.tag);
        return flush();
    }
    switch (static_cast<What>(request.what)) {
        case claim:
            after_claim(request.tag, reply, now);
            break;
        case fate:
            after_fate(request.tag, reply, now);
            break;
        case give_up_by_xnack:
            if (release_.must_repeat(Release::xnack, reply)) {
                entries_[static_cast<size_t>(request.tag)].state = Waiting::State::due;
                break;
            }
            [[fallthrough]];
        case give_up:
            if (reply.is_error()) {
                after_refusal(request.tag, reply, now);
            } else {
                end_wait(request.tag, EntryState::settled);
            }
            break;
    }
    flush();
}

void Redelivery::after_claim(uint64_t tag, const resp::Reply& reply, Instant now) {
    Waiting& waiting = entries_[static_cast<size_t>(tag)];
    if (claimed_.has_value() && claimed_->id != waiting.id) forget_claimed();
    const std::optional<EntryRecord> claimed = std::exchange(claimed_, std::nullopt);
    const bool deleted = std::exchange(claimed_deleted_, false);
    if (reply.is_error()) return after_refusal(tag, reply, now);
    failures_ = 0;
    if (claimed.has_value()) {
        EntryRecord record = *claimed;
        record.stream = waiting.stream;
        record.deliveries = waiting.deliveries + 1;
        const Place place = waiting.place;
        remove(tag);
        holdings_.take_back(record.stream, record.id, place);
        holdings_.hold(Lot::again, record);
    } else if (deleted) {
        const uint32_t stream = waiting.stream;
        const EntryId id = waiting.id;
        end_wait(tag, EntryState::settled);
        acks_.bury(stream, id);
    } else {
        // Not idle for long enough, which an earlier claim explains whose reply was lost; or not ours any more.
        // XPENDING tells (REC-3).
        waiting.state = Waiting::State::unclear;
    }
}

void Redelivery::after_refusal(uint64_t tag, const resp::Reply& reply, Instant now) {
    Waiting& waiting = entries_[static_cast<size_t>(tag)];
    const ServerError refusal = classify(reply.text());
    // There is no stream any more that it could be an entry of; or no group, which a source that ends does not make
    // again.
    const bool is_gone =
        refusal.what == ErrorClass::wrong_type || (refusal.what == ErrorClass::no_group && holdings_.draining);
    if (is_gone) return end_wait(tag, EntryState::lost);
    if (refusal.what == ErrorClass::no_group) {  // it comes again with the group
        waiting.state = Waiting::State::waiting;
        waiting.due = now + holdings_.context.retry_delay(failures_++);
        holdings_.refusals.handle_refusal("XCLAIM", waiting.stream, reply, now);
        return;
    }
    if (refusal.retryable || refusal.what == ErrorClass::oom) {
        waiting.state = Waiting::State::waiting;
        waiting.due = now + holdings_.context.retry_delay(failures_++);
        return;
    }
    if (std::exchange(may_claim_, false)) {
        Error error = to_error(reply.text());
        error.message = "XCLAIM: " + error.message + "; nacked entries stay pending";
        holdings_.context.fail(holdings_.source, std::move(error));
    }
    end_wait(tag, EntryState::lost);
}

void Redelivery::after_fate(uint64_t tag, const resp::Reply& reply, Instant now) {
    Waiting& waiting = entries_[static_cast<size_t>(tag)];
    if (reply.is_error()) return after_refusal(tag, reply, now);
    const resp::Reply row = reply[0];
    if (row.size() < 4 || row[1].text() != holdings_.consumer) {
        return end_wait(tag, waiting.release ? EntryState::settled : EntryState::lost);
    }
    holdings_.refreshed(waiting.place) = Instant{now.us - idle_time(row[2]).us};
    waiting.deliveries = delivery_count(row[3]);  // a claim whose reply was lost has counted
    waiting.state = Waiting::State::due;
}

/// It was delivered again, given to others, or taken by them.
void Redelivery::end_wait(uint64_t tag, EntryState state) {
    const Waiting waiting = entries_[static_cast<size_t>(tag)];
    remove(tag);
    if (state == EntryState::lost) {
        holdings_.lose(waiting.stream, waiting.id, waiting.place);
    } else {
        holdings_.settle(waiting.stream, waiting.id, waiting.place);
    }
}

/// What was claimed together is handed over together, and at once.
void Redelivery::flush() {
    if (!holdings_.recovered || out_ > 0) return;
    for (const Waiting& waiting : entries_) {
        if (waiting.state == Waiting::State::due || waiting.state == Waiting::State::unclear) return;
    }
    holdings_.batches.flush(Lot::again, FlushReason::recovery);
}

void Redelivery::handle_lost(const Request& request, Instant) {
    --out_;
    Waiting& waiting = entries_[static_cast<size_t>(request.tag)];
    forget_claimed();
    claimed_deleted_ = false;
    if (waiting.state == Waiting::State::dropped) return free(request.tag);
    // A claim may have been executed, and counted; or, if it gave the entry up, another may have claimed it since, so
    // lately that the same command would take it back: XPENDING tells. The script asks for itself.
    waiting.state = request.what == give_up_by_xnack ? Waiting::State::due : Waiting::State::unclear;
}

void Redelivery::drop_stream(uint32_t stream) {
    for (size_t i = 0; i < entries_.size(); ++i) {
        Waiting& waiting = entries_[i];
        if (waiting.stream != stream || waiting.state == Waiting::State::free ||
            waiting.state == Waiting::State::dropped) {
            continue;
        }
        const bool is_owed = waiting.state == Waiting::State::claiming || waiting.state == Waiting::State::asking;
        remove(i);
        if (is_owed) waiting.state = Waiting::State::dropped;
    }
}

}  // namespace millrace
