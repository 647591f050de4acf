#include "consumer/reclaim.hpp"

#include <algorithm>
#include <limits>
#include <string>
#include <utility>

#include "command/server_error.hpp"
#include "command/stream_commands.hpp"
#include "consumer/recovery.hpp"
#include "consumer/redelivery.hpp"

namespace millrace {

namespace {

// The server that removes deleted entries itself, and whose XCLAIM of many ids leaves nothing out unnamed.
constexpr Version maps_replies_from{7, 0, 0};
constexpr Version autoclaim_from{6, 2, 0};
// Pages of XAUTOCLAIM that brought nothing, after which XPENDING … IDLE lists the rest of the stream. Of 1,000,000
// pending entries, none of them idle, XAUTOCLAIM COUNT 256 looks at 2,560 in 19 ms, at all in 7.5 s (7.0.15; 8.3 s on
// 8.6.3), because it looks each of them up in the stream; XPENDING … IDLE in 0.2 s (0.25 s).
constexpr uint32_t empty_pages_max = 8;

// A tag tells the page, the first of its rows that the command names, and how many.
constexpr uint64_t tag_of(uint32_t page, size_t first, size_t count) {
    return uint64_t{page} << 32 | uint64_t{first} << 16 | count;
}

}  // namespace

/// When to begin, of which a time that has passed is none: a sweep that waits for a lane or for room is no timer.
std::optional<Instant> Reclaim::next_timeout() const {
    if (!may_claim_ || !begin_at_.has_value() || *begin_at_ <= holdings_.context.now) return std::nullopt;
    return begin_at_;
}

void Reclaim::advance(Lane* lane, bool may_begin, Instant now) {
    if (lane == nullptr || !may_claim_ || !may_begin) return;
    if (step_ == Step::rest && begin_at_.has_value() && *begin_at_ <= now) begin_sweep(now);
    if (step_ == Step::list) list_page(*lane, now);
    if (step_ == Step::count) count_page(*lane, now);
    if (step_ == Step::claim) claim_page(*lane, now);
}

void Reclaim::begin_sweep(Instant now) {
    begin_at_.reset();
    step_ = rows_.empty() ? Step::list : Step::count;
    if (!std::exchange(goes_on_, false)) {
        began_ = now;
        empty_pages_ = 0;
        stream_ = 0;
        cursor_ = {};
    }
    pass_gone();
}

/// On to a stream that is there; without one the sweep has ended.
void Reclaim::pass_gone() {
    while (stream_ < holdings_.streams.size() && !holdings_.streams.is_live(stream_)) ++stream_;
    if (stream_ < holdings_.streams.size()) return;
    step_ = Step::rest;
    begin_at_ = began_ + holdings_.config.claim_interval;
}

void Reclaim::list_page(Lane& lane, Instant now) {
    // While claims of a page that was given up are out, their replies would be taken for this one's.
    if (claims_out_ > 0) return;
    const ServerInfo& server = lane.greeting().server;
    maps_replies_ = server.version.has_value() && *server.version >= maps_replies_from;
    ++page_;
    if (may_autoclaim_ && empty_pages_ < empty_pages_max && server.version.has_value() &&
        *server.version >= autoclaim_from) {
        return send_autoclaim(lane, now);
    }
    autoclaimed_ = false;
    const bool sent =
        lane.send(Request::of(*this, list, page_, Answer::pending, page_rows()), now, [&](resp::Encoder& encoder) {
            command::xpending_idle(encoder, holdings_.streams[stream_], holdings_.config.group,
                                   may_idle_ ? std::optional<Duration>(holdings_.config.claim_min_idle) : std::nullopt,
                                   cursor_, page_rows());
        });
    if (sent) step_ = Step::await;
}

void Reclaim::claim_page(Lane& lane, Instant now) {
    while (next_row_ < rows_.size() && !is_held_up_) {
        const size_t room = holdings_.room();
        if (room == 0) break;
        const size_t most = maps_replies_ ? std::min(rows_.size() - next_row_, room) : 1;
        size_t count = 0;
        while (count < most && !is_with_us(rows_[next_row_ + count].id)) ++count;
        if (count == 0) {  // our own recovery has brought it meanwhile
            ++next_row_;
            continue;
        }
        if (!send_claim(next_row_, count, lane, now)) return;
        next_row_ += count;
    }
    if (claims_out_ == 0 && next_row_ == rows_.size()) {
        end_page();
        if (step_ == Step::list) list_page(lane, now);
    } else if (claims_out_ == 0) {
        // There is no room until something is acked, which must have been handed over for that.
        holdings_.batches.flush(Lot::again, FlushReason::recovery);
    }
}

bool Reclaim::is_with_us(EntryId id) const {
    return holdings_.find(stream_, id).has_value() || acks_.is_acking_away(stream_, id);
}

bool Reclaim::send_claim(size_t first, size_t count, Lane& lane, Instant now) {
    Request request =
        Request::of_entries(*this, claim, tag_of(page_, first, count), resp::Shape::entries, sink_, count);
    request.takes = true;
    const Duration least = holdings_.config.claim_min_idle;
    const Duration idle = autoclaimed_ ? own_idle(autoclaimed_at_, now, least) : least;
    const bool sent = lane.send(request, now, [&](resp::Encoder& encoder) {
        command::xclaim_head(encoder, holdings_.streams[stream_], holdings_.config.group, holdings_.consumer, idle,
                             count);
        for (size_t i = first; i < first + count; ++i) encoder.id(rows_[i].id);
    });
    if (!sent) return false;
    for (size_t i = first; i < first + count; ++i) rows_[i].is_out = true;
    ++claims_out_;
    holdings_.asked_for += static_cast<uint32_t>(count);
    return true;
}

Reclaim::Row* Reclaim::find(EntryId id) {
    for (Row& row : rows_) {
        if (row.id == id) return &row;
    }
    return nullptr;
}

void Reclaim::take(const EntryRecord& record) {
    Row* const row = find(record.id);
    if (row == nullptr || !row->is_out || row->came || holdings_.stopped) {
        if (holdings_.stopped) ++holdings_.dropped;
        holdings_.context.segments.release(record.segment);
        return;
    }
    row->came = true;
    EntryRecord claimed = record;
    claimed.stream = stream_;
    claimed.deliveries = row->deliveries + 1;
    ++holdings_.context.registers.of(holdings_.source).claimed;
    holdings_.hold(Lot::again, claimed);
}

/// BP-3: where it can't become a dead letter, it is pending with us from now on, and told of once more by each sweep
/// that finds it.
void Reclaim::take_too_large(EntryId id, uint64_t bytes) {
    const Row* const row = find(id);
    if (holdings_.stopped || row == nullptr) return;
    holdings_.context.emit(TooLarge{holdings_.source, holdings_.streams[stream_], id, bytes});
    dead_letters_.take_too_large(stream_, id, row->deliveries + 1);
}

void Reclaim::handle_reply(const Request& request, const resp::Reply& reply, Instant now) {
    const uint32_t page = static_cast<uint32_t>(request.what == claim ? request.tag >> 32 : request.tag);
    if (request.what == autoclaim) autoclaim_out_ = false;
    if (request.what == claim) {
        const size_t count = request.tag & 0xffffU;
        --claims_out_;
        holdings_.asked_for -= static_cast<uint32_t>(count);
        const size_t first = request.tag >> 16 & 0xffffU;
        if (page == page_ && step_ == Step::claim) {
            after_claim(first, count, reply, now);
        } else if (page == page_ && holdings_.draining) {
            const size_t end = std::min(first + count, rows_.size());  // after a refusal there may be fewer
            for (size_t i = first; i < end; ++i) rows_[i].is_out = false;
            give_rows_back();  // what it did not bring
        }
        is_deleted_ = false;
    } else if (page == page_ && step_ == Step::await) {
        if (request.what == list) after_list(reply, now);
        if (request.what == autoclaim) after_autoclaim(reply, now);
        if (request.what == tell) after_count(reply, now);
    }
}

void Reclaim::after_list(const resp::Reply& reply, Instant now) {
    if (reply.is_error()) {
        const ErrorClass what = classify(reply.text()).what;
        if (may_idle_ && (what == ErrorClass::syntax || what == ErrorClass::invalid_stream_id ||
                          what == ErrorClass::wrong_arguments)) {
            may_idle_ = false;  // a rung down (DET-6)
            step_ = Step::list;
        } else if (after_refusal("XPENDING", reply, now)) {
            next_stream();
        } else {
            try_later(now);
        }
        return;
    }
    failures_ = 0;
    if (!take_rows(reply)) {
        holdings_.context.fail(holdings_.source,
                               Error(Code::out_of_memory, "no memory for the list of pending entries", true));
        try_later(now);
        return;
    }
    step_ = Step::claim;
}

/// The rows of XPENDING, extended form: [id, consumer, idle ms, deliveries]. Of them, those that were left, and are not
/// with us.
bool Reclaim::take_rows(const resp::Reply& rows) {
    rows_.clear();
    next_row_ = 0;
    is_last_ = rows.size() < page_rows();
    for (const resp::Reply& row : rows) {
        const std::optional<EntryId> id = EntryId::parse(row[0].text());
        if (!id.has_value() || row.size() < 4) continue;
        constexpr uint64_t last = std::numeric_limits<uint64_t>::max();
        cursor_ = id->seq < last ? EntryId{id->ms, id->seq + 1} : EntryId{id->ms + 1, 0};
        // What XNACK released belongs to nobody, and its idle time is -1 (8.8).
        const int64_t idle_ms = row[2].integer();
        if (idle_ms >= 0 && idle_time(row[2]) < holdings_.config.claim_min_idle) continue;
        if (is_with_us(*id)) continue;
        if (!rows_.push(Row{*id, delivery_count(row[3]), false, false, true})) return false;
    }
    return true;
}

void Reclaim::after_claim(size_t first, size_t count, const resp::Reply& reply, Instant now) {
    if (reply.is_error()) {
        if (after_refusal("XCLAIM", reply, now)) return next_stream();
        is_held_up_ = true;  // once the others are answered: what they bring is ours
    }
    // A deleted entry is still pending up to 6.2, where one id is asked for at a time; later servers remove it.
    if (is_deleted_ && count == 1) acks_.bury(stream_, rows_[first].id);
    for (size_t i = first; i < first + count; ++i) rows_[i].is_out = false;
    if (claims_out_ > 0) return;
    if (is_held_up_) {
        holdings_.batches.flush(Lot::again, FlushReason::recovery);
        try_later(now);
    } else if (next_row_ == rows_.size()) {
        end_page();
    }
}

/// What was claimed together is handed over together, and at once.
void Reclaim::end_page() {
    holdings_.batches.flush(Lot::again, FlushReason::recovery);
    rows_.clear();
    next_row_ = 0;
    if (is_last_) {
        next_stream();
    } else {
        step_ = Step::list;
    }
}

void Reclaim::next_stream() {
    rows_.clear();
    next_row_ = 0;
    is_held_up_ = false;
    cursor_ = {};
    empty_pages_ = 0;
    step_ = Step::list;
    stream_ = may_claim_ ? stream_ + 1 : holdings_.streams.size();
    pass_gone();
}

/// Whether the stream is to be passed over, rather than tried again.
bool Reclaim::after_refusal(std::string_view command, const resp::Reply& reply, Instant now) {
    const ServerError refusal = classify(reply.text());
    if (refusal.what == ErrorClass::no_group) {
        holdings_.refusals.handle_refusal(command, stream_, reply, now);
        return true;
    }
    if (refusal.what == ErrorClass::wrong_type) return true;  // the reads tell of it
    if (refusal.retryable || refusal.what == ErrorClass::oom) return false;
    if (!std::exchange(may_claim_, false)) return true;
    Error error = to_error(reply.text());
    error.message = std::string(command) + ": " + error.message + "; what other consumers left is not taken over";
    holdings_.context.fail(holdings_.source, std::move(error));
    return true;
}

/// The rest of the sweep after a while, from the page that failed.
void Reclaim::try_later(Instant now) {
    if (autoclaimed_) {
        keep_rows();
    } else {
        if (!rows_.empty()) cursor_ = rows_[0].id;
        rows_.clear();
    }
    next_row_ = 0;
    is_held_up_ = false;
    step_ = Step::rest;
    goes_on_ = true;
    begin_at_ = now + holdings_.context.retry_delay(failures_++);
}

/// What a claim took whose reply is lost is pending with us, and found by a later sweep once it is idle again.
void Reclaim::handle_lost(const Request& request, Instant now) {
    if (request.what == claim) {
        --claims_out_;
        holdings_.asked_for -= static_cast<uint32_t>(request.tag & 0xffffU);
        is_deleted_ = false;
    }
    if (request.what == autoclaim) autoclaim_out_ = false;
    if (step_ != Step::rest) try_later(now);
}

void Reclaim::drop_stream(uint32_t stream) {
    if (stream != stream_) return;
    if (step_ == Step::rest) {  // the rest of a sweep, if any, begins anew
        rows_.clear();
        cursor_ = {};
        return;
    }
    ++page_;  // what is still answered is of no more interest
    next_stream();
}

}  // namespace millrace
