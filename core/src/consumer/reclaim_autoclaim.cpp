// The best rung of reclaiming (DET-6): XAUTOCLAIM … JUSTID makes a page ours, XPENDING tells how often its entries were
// delivered, and the XCLAIM that reclaim.cpp sends brings and counts them. JUSTID, because it counts nothing: what is
// held here and was late with its heartbeat keeps its count, a lost reply costs no delivery, and 6.2 names deleted
// entries by their ids instead of a nil.

#include <algorithm>
#include <limits>
#include <utility>

#include "command/server_error.hpp"
#include "command/stream_commands.hpp"
#include "consumer/reclaim.hpp"
#include "consumer/recovery.hpp"

namespace millrace {

namespace {

EntryId behind(EntryId id) {
    constexpr uint64_t last = std::numeric_limits<uint64_t>::max();
    return id.seq < last ? EntryId{id.ms, id.seq + 1} : EntryId{id.ms + 1, 0};
}

}  // namespace

/// What it takes is ours at once, so it asks for no more than there is room for.
void Reclaim::send_autoclaim(Lane& lane, Instant now) {
    const size_t room = std::min<size_t>(holdings_.room(), page_rows());
    if (room == 0) {  // until something is acked, which must have been handed over for that
        holdings_.batches.flush(Lot::again, FlushReason::recovery);
        return;
    }
    Request request = Request::of(*this, autoclaim, page_, Answer::claimed_ids);
    request.takes = true;
    autoclaim_out_ = lane.send(request, now, [&](resp::Encoder& encoder) {
        command::xautoclaim_ids(encoder, holdings_.streams[stream_], holdings_.config.group, holdings_.consumer,
                                holdings_.config.claim_min_idle, cursor_, room);
    });
    if (autoclaim_out_) step_ = Step::await;
}

/// [where the next begins, ids] in 6.2; from 7.0 on [.., .., ids that were pending and deleted, and are neither now].
void Reclaim::after_autoclaim(const resp::Reply& reply, Instant now) {
    if (reply.is_error()) {
        const ServerError refusal = classify(reply.text());
        if (refusal.what == ErrorClass::no_group || refusal.what == ErrorClass::wrong_type) {
            (void)after_refusal("XAUTOCLAIM", reply, now);
            next_stream();
        } else if (refusal.retryable || refusal.what == ErrorClass::oom) {
            try_later(now);
        } else {
            may_autoclaim_ = false;  // a rung down, from the same place
            step_ = Step::list;
        }
        return;
    }
    failures_ = 0;
    autoclaimed_ = true;
    autoclaimed_at_ = now;
    const EntryId next = EntryId::parse(reply[0].text()).value_or(EntryId{});
    // A cursor that does not move on is a server's invention, and would be followed for ever.
    is_last_ = next <= cursor_;
    cursor_ = next;
    if (reply[2].size() > 0) {
        holdings_.context.log(LogLevel::info,
                              "Pending entries were deleted from their stream; the server removed them.",
                              {{"stream", holdings_.streams[stream_]}, {"count", std::to_string(reply[2].size())}});
    }
    if (!take_ids(reply[1], now)) {
        holdings_.context.fail(holdings_.source, Error(Code::out_of_memory, "no memory for the claimed entries", true));
        try_later(now);
    } else if (rows_.empty()) {
        ++empty_pages_;
        end_page();
    } else {
        empty_pages_ = 0;
        count_from_ = rows_[0].id;
        step_ = Step::count;
    }
}

bool Reclaim::take_ids(const resp::Reply& ids, Instant now) {
    rows_.clear();
    next_row_ = 0;
    for (const resp::Reply& each : ids) {
        const std::optional<EntryId> id = EntryId::parse(each.text());
        if (!id.has_value()) continue;
        if (const std::optional<Place> place = holdings_.find(stream_, *id); place.has_value()) {
            holdings_.refreshed(*place) = now;  // its heartbeat was late: this was one
        } else if (holdings_.draining) {
            if (!holdings_.aside.push({stream_, *id, now})) ++holdings_.dropped;
        } else if (!acks_.is_acking_away(stream_, *id)) {
            Row row;
            row.id = *id;
            if (!rows_.push(row)) return false;
        }
    }
    return true;
}

void Reclaim::count_page(Lane& lane, Instant now) {
    if (claims_out_ > 0) return;
    const bool sent =
        lane.send(Request::of(*this, tell, page_, Answer::pending, page_rows()), now, [&](resp::Encoder& encoder) {
            command::xpending_of(encoder, holdings_.streams[stream_], holdings_.config.group, count_from_, page_rows(),
                                 holdings_.consumer);
        });
    if (sent) step_ = Step::await;
}

/// Of what is ours, from the first row on: also what is held, so a page may need more than one list.
void Reclaim::after_count(const resp::Reply& reply, Instant now) {
    if (reply.is_error()) {
        if (after_refusal("XPENDING", reply, now)) {
            next_stream();
        } else {
            try_later(now);
        }
        return;
    }
    EntryId last;
    for (const resp::Reply& shown : reply) {
        const std::optional<EntryId> id = EntryId::parse(shown[0].text());
        if (!id.has_value() || shown.size() < 4) continue;
        last = *id;
        Row* const row = find(*id);
        if (row == nullptr) continue;
        row->deliveries = delivery_count(shown[3]);
        row->is_counted = true;
    }
    if (reply.size() >= page_rows() && last >= count_from_ && last < rows_.back().id) {
        count_from_ = behind(last);
        step_ = Step::count;
        return;
    }
    // What was not shown is not pending any more, or another's.
    size_t kept = 0;
    for (const Row& row : rows_) {
        if (row.is_counted) rows_[kept++] = row;
    }
    rows_.truncate(kept);
    step_ = Step::claim;
}

void Reclaim::drain() {
    give_rows_back();
    if (!autoclaim_out_) step_ = Step::rest;  // what is counted is of no more interest
}

/// Else others could take it only after claim_min_idle.
void Reclaim::give_rows_back() {
    for (Row& row : rows_) {
        if (!autoclaimed_ || row.came || row.is_out || is_with_us(row.id)) continue;
        row.came = true;
        if (!holdings_.aside.push({stream_, row.id, autoclaimed_at_})) ++holdings_.dropped;
    }
}

/// What is ours and was not brought yet, to go on with later: no sweep would find it before claim_min_idle has passed.
void Reclaim::keep_rows() {
    size_t kept = 0;
    for (const Row& row : rows_) {
        if (row.came) continue;
        Row again;
        again.id = row.id;
        rows_[kept++] = again;
    }
    rows_.truncate(kept);
    if (kept > 0) count_from_ = rows_[0].id;
}

}  // namespace millrace
