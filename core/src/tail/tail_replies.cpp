// What a tail makes of the answers: places found, entries handed over, and whether any were trimmed before they could
// be read (TAIL-3).
#include <string>
#include <utility>

#include "base/entry_id.hpp"
#include "command/server_error.hpp"
#include "event/canonical_id.hpp"
#include "tail/tail.hpp"

namespace millrace {

namespace {

bool is_no_key(const resp::Reply& reply) {
    return reply.is_error() && reply.text().find("no such key") != std::string_view::npos;
}

/// Whether the refusal is of one stream's key, and not of the command.
bool is_of_key(const resp::Reply& reply) {
    const ErrorClass what = classify(reply.text()).what;
    if (what == ErrorClass::wrong_type) return true;
    // `… to access one of the keys used as arguments` in 6.0 and 6.2, `No permissions to access a key` from 7.0.
    const std::string_view text = reply.text();
    return what == ErrorClass::no_permission && (text.find("the keys used") != std::string_view::npos ||
                                                 text.find("access a key") != std::string_view::npos);
}

bool is_of_command(const resp::Reply& reply) {
    const ErrorClass what = classify(reply.text()).what;
    return !is_of_key(reply) && (what == ErrorClass::no_permission || what == ErrorClass::unknown_command);
}

void place(Position& at, Instant now) {
    at.state = Position::State::known;
    at.is_placed = true;
    at.looked = now;
}

}  // namespace

// ---- entries

/// Servers answer in the order of the question, so the next name is near the last one.
void Tail::handle_stream(std::string_view name) {
    const size_t count = config_.streams.size();
    for (size_t i = 0; i < count; ++i) {
        const size_t at = (stream_ + i) % count;
        if (config_.streams[at] != name) continue;
        stream_ = static_cast<uint32_t>(at);
        is_ours_ = true;
        return;
    }
    is_ours_ = false;
}

void Tail::handle_entry(const EntryRecord& record) {
    if (!searched_.empty()) {
        const bool is_wanted = beginning_.kind == Beginning::Kind::canonical &&
                               !positions_[searched_.front()].search.is_over &&
                               canonical_id(Entry(record, {}), config_.id_field) == beginning_.canonical_id;
        context_.segments.release(record.segment);
        take_searched(record.id, is_wanted);
    } else if (meet(record.id)) {
        EntryRecord mine = record;
        mine.stream = stream_;
        deliver(mine);
    } else {
        context_.segments.release(record.segment);
    }
}

/// The cursor passes over it: read again it would be no smaller (BP-3); nor is it, to prove what stands behind it.
void Tail::handle_too_large(EntryId id, uint64_t bytes) {
    if (!searched_.empty()) return take_searched(id, false);
    if (!meet(id)) return;
    context_.emit(TooLarge{id_, config_.streams[stream_], id, bytes});
    pass(positions_[stream_], id);
    positions_[stream_].is_anchored = false;
}

/// Whether the entry is one to hand over; and what its coming says of the cursor.
bool Tail::meet(EntryId id) {
    if (stopped_ || missed_ || !is_ours_) return false;
    Position& at = positions_[stream_];
    if (at.overlaps && id == at.cursor) {
        at.found_cursor = true;
        at.looked = context_.now;
        if (at.seen == 0) return false;
    }
    // What the read before it in the same write brought comes once more, unless it is gone by now; one that was refused
    // proved nothing.
    const bool is_proved = at.cursor == at.asked_after && !at.is_refused;
    const bool skips = !at.overlaps && at.seen == 0 && !is_proved && id > at.cursor;
    if (skips) at.doubt = Doubt{at.cursor, id, at.passed};
    if (at.doubt.has_value() && !at.doubt->next.has_value() && id > at.cursor) at.doubt->next = id;
    ++at.seen;
    if (id <= at.cursor) return false;  // the read before, in the same write, has brought it
    if (at.overlaps && !at.found_cursor && at.taken == 0) at.doubt = Doubt{at.cursor, id, at.passed};
    if (at.taken >= count_) return false;  // in the cursor's place one more came than there is room for
    ++at.taken;
    ++came_;
    return true;
}

void Tail::pass(Position& at, EntryId id) {
    at.cursor = id;
    at.is_anchored = true;
    at.is_unproved = true;
    at.looked = context_.now;
    if (at.passed.has_value()) ++*at.passed;
}

/// What there was no memory for, and all behind it, is read once more.
void Tail::deliver(EntryRecord record) {
    const EntryId id = record.id;
    if (batches_.add(Lot::fresh, record, context_.now).has_value()) {
        pass(positions_[record.stream], id);
        positions_[record.stream].is_large = record.bytes > tail_entry_small;
        return;
    }
    missed_ = true;
    backoff_.fail(context_.now);
    context_.fail(id_, Error(Code::out_of_memory, "no memory for entry " + id.text() + "; it is read again"));
}

void Tail::take_searched(EntryId id, bool is_wanted) {
    Position& at = positions_[searched_.front()];
    Search& search = at.search;
    ++search.answered;
    if (search.is_over) return;
    ++search.seen;
    search.end = just_before(id);
    search.is_over = beginning_.kind == Beginning::Kind::newest || is_wanted ||
                     (beginning_.kind == Beginning::Kind::last && search.seen == beginning_.count);
    if (!search.is_over) return;
    at.is_anchored = beginning_.kind != Beginning::Kind::last;
    at.cursor = at.is_anchored ? id : *search.end;
}

// ---- replies

void Tail::handle_reply(const Request& request, const resp::Reply& reply, Instant now) {
    --in_flight_;
    const uint32_t stream = static_cast<uint32_t>(request.tag);
    switch (static_cast<What>(request.what)) {
        case newest_id:
            return after_newest(stream, reply, now);
        case page:
            return after_search(searched_.pop(), reply, now);
        case look:
            return after_look(stream, reply, now);
        case read_overlapping:
            return after_read(overlapped_, read_overlapping, reply, now);
        case read_blocking:
            return after_read(picked_, read_blocking, reply, now);
    }
}

void Tail::handle_lost(const Request& request, Instant) {
    --in_flight_;
    switch (static_cast<What>(request.what)) {
        case newest_id:
        case look:
            return;
        case page:
            searched_.pop();
            return;
        case read_overlapping:
            for (const uint32_t stream : overlapped_) end_read(stream);
            break;
        case read_blocking:
            for (const uint32_t stream : picked_) end_read(stream);
            break;
    }
    missed_ = false;
    came_ = 0;
}

/// "From now" is the last id that the server has given, 0-0 for a stream that is yet to be made.
void Tail::after_newest(uint32_t stream, const resp::Reply& reply, Instant now) {
    Position& at = positions_[stream];
    if (is_no_key(reply)) {
        place(at, now);
        at.passed = 0;
        return;
    }
    if (reply.is_error()) return refuse("XINFO STREAM", stream, reply, now);
    const std::optional<StreamInfo> info = parse_stream_info(reply);
    // Beginning at 0-0 would deliver the whole stream as new.
    if (!info.has_value()) {
        return fail(Error(Code::protocol, "XINFO STREAM " + config_.streams[stream] + " tells no last-generated-id"));
    }
    place(at, now);
    at.cursor = info->last_generated;
    at.is_anchored = info->last == info->last_generated;
    at.is_unproved = at.is_anchored;
    at.passed = info->entries_added;
    at.passed_from = at.cursor;
}

void Tail::after_search(uint32_t stream, const resp::Reply& reply, Instant now) {
    Position& at = positions_[stream];
    if (reply.is_error()) return refuse("XREVRANGE", stream, reply, now);
    backoff_.succeed();
    const Search& search = at.search;
    const bool is_at_start = search.answered < search.asked;
    if (beginning_.kind == Beginning::Kind::canonical && !search.is_over &&
        (is_at_start || search.seen >= config_.max_scan)) {
        const std::string where = is_at_start ? "no entry of " + config_.streams[stream]
                                              : "none of the last " + std::to_string(config_.max_scan) +
                                                    " entries (max_scan) of " + config_.streams[stream];
        return fail(Error(Code::cursor_not_found, "from: " + where + " has the canonical id " +
                                                      beginning_.canonical_id + "; begin from an entry id or last:n"));
    }
    if (search.is_over || is_at_start) place(at, now);  // else the next page is asked for
}

void Tail::after_look(uint32_t stream, const resp::Reply& reply, Instant now) {
    if (stopped_) return;  // nothing is told of it any more
    Position& at = positions_[stream];
    if (reply.is_error() && !is_no_key(reply)) return refuse("XINFO STREAM", stream, reply, now);
    at.is_look_due = false;
    at.looked = now;
    at.state = at.is_placed ? Position::State::known : Position::State::unknown;
    if (reply.is_error()) {
        // Without a key nobody knows what will be there. The place is kept: an id of the same clock comes behind it.
        at.doubt.reset();
        at.is_anchored = false;
        at.passed = 0;
        at.passed_from = at.cursor;
        return;
    }
    const std::optional<StreamInfo> info = parse_stream_info(reply);
    if (info.has_value()) take_finding(stream, *info);
}

void Tail::take_finding(uint32_t stream, const StreamInfo& info) {
    Position& at = positions_[stream];
    const bool nothing_came = at.doubt.has_value() && !at.doubt->next.has_value();
    if (nothing_came && info.first.has_value() && info.last_generated > at.cursor) {
        // What has come meanwhile is read first: only then is it sure where a gap ends.
        at.is_anchored = false;
        at.doubt->was_looked_at = true;
        return;
    }
    const Position::Finding finding = at.judge(info);
    if (finding.what == Position::Finding::What::reset) {
        context_.emit(Reset{id_, config_.streams[stream], at.cursor, info.last_generated});
        at.cursor = EntryId{};
        at.is_anchored = false;
        at.passed = 0;
        at.passed_from = EntryId{};
        at.doubt.reset();
        return;
    }
    if (finding.what == Position::Finding::What::gap) {
        context_.emit(Gap{id_, config_.streams[stream], at.doubt->cursor, finding.first, finding.missed});
        if (at.cursor < just_before(finding.first)) {  // told once, also where there was no memory for what came
            at.cursor = just_before(finding.first);
            at.is_anchored = false;
        }
        if (!finding.missed.has_value()) at.passed.reset();
        if (at.passed.has_value()) *at.passed += *finding.missed;
    }
    at.doubt.reset();
    if (info.last_generated != at.cursor) return;  // the next read begins with the cursor's entry again
    at.passed = info.entries_added;
    at.passed_from = at.cursor;
    if (!nothing_came && info.first.has_value() && *info.first <= at.cursor) return;
    // What is gone can prove nothing. The server's count can, once the next entry has come; before 7.0 there is none.
    at.is_anchored = false;
    if (at.passed.has_value()) at.doubt = Doubt{at.cursor, std::nullopt, at.passed, true};
}

void Tail::after_read(const std::vector<uint32_t>& streams, What what, const resp::Reply& reply, Instant now) {
    replied_ = now;
    const bool was_missed = std::exchange(missed_, false);
    const bool came = std::exchange(came_, 0) > 0;
    if (!reply.is_error() && !was_missed) {
        backoff_.succeed();
        for (const uint32_t stream : streams) {
            Position& at = positions_[stream];
            if (at.overlaps && !at.found_cursor && at.seen == 0) at.doubt = Doubt{at.cursor, std::nullopt, at.passed};
            rotation_.handle_read(stream, at.seen >= count_);
        }
    }
    for (const uint32_t stream : streams) {
        Position& at = positions_[stream];
        at.is_refused = reply.is_error() && what == read_overlapping;
        at.is_unproved = at.is_unproved || at.is_refused;
        end_read(stream);
    }
    if (reply.is_error()) return refuse("XREAD", std::nullopt, reply, now);
    // Of several streams some may be quiet while others leave no block without an answer.
    if (marked_looks_ == Instant{}) marked_looks_ = now;
    const bool is_quiet = what == read_blocking && !came;
    if (is_quiet || now - marked_looks_ >= time_between_looks()) mark_looks(now);
}

void Tail::end_read(uint32_t stream) {
    Position& at = positions_[stream];
    at.overlaps = at.found_cursor = false;
    at.seen = at.taken = 0;
    if (stopped_ || !at.doubt.has_value()) return;
    if (!at.doubt->was_looked_at || at.doubt->next.has_value()) at.is_look_due = may_look_;
    if (may_look_) return;
    // Nobody tells more than that the cursor's entry is gone.
    if (at.doubt->next.has_value()) {
        context_.emit(Gap{id_, config_.streams[stream], at.doubt->cursor, *at.doubt->next, std::nullopt});
    } else {
        at.is_anchored = false;
    }
    at.doubt.reset();
}

/// A key that was made anew with lower ids ends no read: so now and then each stream is looked at of which nothing
/// comes; of many some at a time.
void Tail::mark_looks(Instant now) {
    if (!may_look_) return;
    marked_looks_ = now;
    size_t marked = 0;
    for (size_t i = 0; i < positions_.size() && marked < tail_questions_max; ++i) {
        Position& at = positions_[next_look_];
        next_look_ = (next_look_ + 1) % static_cast<uint32_t>(positions_.size());
        const bool may_be_below = at.state == Position::State::left || at.cursor != EntryId{};
        if (!may_be_below || now - at.looked < time_between_looks()) continue;
        at.is_look_due = true;
        ++marked;
    }
}

// ---- refusals

/// Of a question about one stream, or of a read over several.
void Tail::refuse(std::string_view command, std::optional<uint32_t> stream, const resp::Reply& reply, Instant now) {
    if (stopped_ || backoff_.waits(now)) return;  // the other half of one write is refused alike
    Error error = to_error(reply.text());
    error.message = std::string(command) + " " + config_.streams[stream.value_or(0)] + ": " + error.message;
    if (classify(reply.text()).retryable) {
        backoff_.fail(now);
        return context_.fail(id_, std::move(error));
    }
    if (is_of_key(reply)) {
        if (stream.has_value()) return leave(*stream, std::move(error));
        return suspect_each(std::move(error), now);
    }
    if (command != "XINFO STREAM" || !is_of_command(reply)) return fail(std::move(error));
    if (!std::exchange(may_look_, false)) return;
    error.message += "; without it a gap is told wherever one is possible, and no reset is noticed";
    context_.fail(id_, std::move(error));
    for (uint32_t i = 0; i < positions_.size(); ++i) {
        positions_[i].is_look_due = false;
        end_read(i);
    }
}

/// MUL-1: one stream of another type fails the read of all. Whose it is each is asked for.
void Tail::suspect_each(Error error, Instant now) {
    std::vector<uint32_t> read;
    for (uint32_t i = 0; i < positions_.size(); ++i) {
        if (positions_[i].state == Position::State::known) read.push_back(i);
    }
    if (read.size() == 1) return leave(read.front(), std::move(error));
    if (!may_look_) return fail(std::move(error));
    for (const uint32_t stream : read) positions_[stream].is_look_due = true;
    backoff_.fail(now);  // where all of them turn out well, it is tried again
}

void Tail::leave(uint32_t stream, Error error) {
    Position& at = positions_[stream];
    at.is_look_due = false;
    at.looked = context_.now;
    at.doubt.reset();
    rotation_.handle_read(stream, false);
    const bool was_left = std::exchange(at.state, Position::State::left) == Position::State::left;
    for (const Position& each : positions_) {
        if (each.state == Position::State::left) continue;
        if (!was_left) context_.fail(id_, std::move(error));
        return;
    }
    fail(std::move(error));
}

}  // namespace millrace
