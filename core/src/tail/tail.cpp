// What a tail sends. What it makes of the answers is in tail_replies.cpp.
#include "tail/tail.hpp"

#include <algorithm>
#include <string>
#include <utility>

#include "base/entry_id.hpp"
#include "command/stream_commands.hpp"

namespace millrace {

Tail::Tail(Context& context, Lanes& lanes, SourceId id, SourceConfig config)
    : Source(context, lanes, id, std::move(config), Duration{}),
      beginning_(Beginning::parse(config_.from)),
      positions_(config_.streams.size()),
      rotation_(static_cast<uint32_t>(config_.streams.size())) {
    const auto begin_after = [](Position& at, EntryId cursor) {
        at.state = Position::State::known;
        at.is_placed = true;
        at.cursor = cursor;
        at.is_anchored = cursor != EntryId{};  // as far as known
    };
    for (uint32_t i = 0; i < positions_.size(); ++i) {
        if (beginning_.kind == Beginning::Kind::after) begin_after(positions_[i], beginning_.id);
        for (const Cursor& saved : config_.cursors) {
            if (saved.stream == config_.streams[i]) begin_after(positions_[i], saved.id);
        }
    }
}

Tail::~Tail() {
    for (const std::unique_ptr<Lane>& lane : lanes_) lane->disown(this);
}

/// One kind of question at a time: each needs what the one before was answered.
void Tail::advance(Instant now) {
    // A wait that is over is no timer any more, also while a read that blocks has no answer.
    if (stopped_ || backoff_.waits(now) || in_flight_ > 0) return;
    Lane* const lane = lanes_.for_reading(lane_);
    if (lane == nullptr) return;
    lane_ = lane;
    if (find_places(*lane, now) || ask_looks(*lane, now)) return;
    read_more(*lane, now);
}

/// False once every stream has a cursor.
bool Tail::find_places(Lane& lane, Instant now) {
    size_t asked = 0;
    for (uint32_t i = 0; i < positions_.size() && asked < tail_questions_max; ++i) {
        if (positions_[i].state != Position::State::unknown) continue;
        ++asked;
        if (!ask_for_place(i, lane, now)) break;
    }
    return asked > 0;
}

bool Tail::ask_for_place(uint32_t stream, Lane& lane, Instant now) {
    const std::string& key = config_.streams[stream];
    if (beginning_.kind == Beginning::Kind::newest && may_look_) {
        Request request = Request::of(*this, newest_id, stream, Answer::named);
        request.shape = resp::Shape::outline;
        const bool sent = lane.send(request, now, [&](resp::Encoder& encoder) { command::xinfo_stream(encoder, key); });
        in_flight_ += sent ? 1U : 0U;
        return sent;
    }
    Search& looking = positions_[stream].search;
    const uint32_t most = beginning_.kind == Beginning::Kind::newest ? 1
                          : beginning_.kind == Beginning::Kind::last ? beginning_.count
                                                                     : config_.max_scan;
    // A list of entries counts with three elements for each of them.
    looking.asked = std::min({tail_page, most - looking.seen, context_.config.max_elements / 4});
    looking.answered = 0;
    const Request request = Request::of_entries(*this, page, stream, resp::Shape::entries, *this, looking.asked);
    const bool sent = lane.send(
        request, now, [&](resp::Encoder& encoder) { command::xrevrange(encoder, key, looking.end, looking.asked); });
    if (!sent) return false;
    searched_.push(stream);
    ++in_flight_;
    return true;
}

/// True while there are streams to be looked at before anything is read.
bool Tail::ask_looks(Lane& lane, Instant now) {
    size_t asked = 0;
    for (uint32_t i = 0; i < positions_.size() && asked < tail_questions_max; ++i) {
        if (!positions_[i].is_look_due) continue;
        ++asked;
        Request request = Request::of(*this, look, i, Answer::named);
        request.shape = resp::Shape::outline;
        const bool sent = lane.send(
            request, now, [&](resp::Encoder& encoder) { command::xinfo_stream(encoder, config_.streams[i]); });
        if (!sent) break;
        ++in_flight_;
    }
    return asked > 0;
}

/// BP-1, as a group's new entries are read. The next turn's cursors are in the replies of this one.
void Tail::read_more(Lane& lane, Instant now) {
    const uint64_t held = batches_.unreleased();
    if (paused_ || held >= prefetch() || batches_.bytes() >= config_.prefetch_bytes) return;
    const uint32_t room = static_cast<uint32_t>(prefetch() - held);
    if (is_arriving_) {
        pick_anchored(false);
        const uint32_t share = room / static_cast<uint32_t>(std::max<size_t>(1, overlapped_.size()));
        const uint32_t count = std::max<uint32_t>(1, std::min(share, config_.batch_size));
        if (!overlapped_.empty() && !send_read(overlapped_, read_overlapping, count, lane, now)) return;
        is_arriving_ = false;
        if (!overlapped_.empty()) return;
    }
    const Rotation::Read next = rotation_.next(config_.batch_size, room, picked_, [this](uint32_t stream) {
        return positions_[stream].state == Position::State::known;
    });
    if (next.count == 0) return;
    if (!next.blocks) {
        overlapped_ = picked_;
        (void)send_read(overlapped_, read_overlapping, next.count, lane, now);
        return;
    }
    pick_anchored(now == replied_);  // what came while no read was out may have been trimmed since
    if (!overlapped_.empty() && !send_read(overlapped_, read_overlapping, next.count, lane, now)) return;
    if (!send_read(picked_, read_blocking, next.count, lane, now)) return;
    for (const uint32_t stream : overlapped_) positions_[stream].is_unproved = false;
}

void Tail::pick_anchored(bool unproved_alone) {
    overlapped_.clear();
    for (uint32_t i = 0; i < positions_.size(); ++i) {
        Position& at = positions_[i];
        if (at.state != Position::State::known || !at.is_anchored) continue;
        const bool spares = at.is_large || positions_.size() > tail_questions_max;
        if (!at.is_unproved && unproved_alone && spares) continue;
        at.is_unproved = true;
        overlapped_.push_back(i);
    }
}

bool Tail::send_read(const std::vector<uint32_t>& streams, What what, uint32_t count, Lane& lane, Instant now) {
    bool overlaps = false;
    for (const uint32_t stream : streams) {
        Position& at = positions_[stream];
        at.asked_after = at.cursor;
        if (what == read_blocking) continue;  // the one before it in this write may overlap
        at.overlaps = at.is_anchored;
        overlaps = overlaps || at.overlaps;
    }
    std::optional<Duration> block;
    if (what == read_blocking) block = lanes_.block();
    const uint64_t most = (uint64_t{count} + (overlaps ? 1 : 0)) * streams.size();
    Request request = Request::of_entries(*this, what, 0, resp::Shape::streams, *this, most);
    request.allowed = {block.value_or(Duration{}).us + context_.config.read_slack.us};
    request.blocks = block.has_value();
    count_ = count;
    const bool sent = lane.send(request, now, [&](resp::Encoder& encoder) {
        command::xread(encoder, count + (overlaps ? 1 : 0), block, config_.streams, streams,
                       [this, overlaps](uint32_t stream) {
                           const Position& at = positions_[stream];
                           return read_behind(overlaps && at.overlaps ? just_before(at.cursor) : at.cursor);
                       });
    });
    if (!sent) return false;
    ++in_flight_;
    if (block.has_value()) lanes_.handle_blocked(id_);
    say_ready(lane);
    return true;
}

void Tail::say_ready(const Lane& lane) {
    if (std::exchange(said_ready_, true)) return;
    std::vector<Cursor> cursors;
    for (uint32_t i = 0; i < positions_.size(); ++i) {
        if (positions_[i].is_placed) cursors.push_back({config_.streams[i], positions_[i].cursor});
    }
    context_.emit(
        Ready{id_, Delivery::tail, {}, lane.greeting().protocol, server_version(lane.greeting()), std::move(cursors)});
}

/// Of the streams whose cursor no read can prove, what became of them meanwhile must be asked for.
void Tail::handle_lane_lost(Lane& lane, Instant) {
    if (&lane != lane_) return;
    lane_ = nullptr;
    is_arriving_ = true;
    rotation_.cool();
    if (!may_look_) return;
    for (Position& at : positions_) {
        if (at.state != Position::State::known || at.is_anchored || at.cursor == EntryId{}) continue;
        if (!at.doubt.has_value()) at.doubt = Doubt{at.cursor, std::nullopt, at.passed};
        at.is_look_due = true;
    }
}

std::optional<Instant> Tail::next_timeout() const {
    if (stopped_) return std::nullopt;
    const std::optional<Instant> flush = batches_.flush_at();
    const std::optional<Instant> wait = backoff_.until();
    if (!flush.has_value()) return wait;
    return wait.has_value() ? std::min(*flush, *wait) : flush;
}

Status Tail::ack(BatchId batch, EntrySet entries, Instant) {
    return settle_here(batch, entries);
}

Status Tail::nack(BatchId, EntrySet, std::optional<Duration>, Instant) {
    return Error(Code::unsupported, "nack: a tail has no pending entries; read again from an earlier id");
}

}  // namespace millrace
