#include "tail/tail.hpp"

#include <algorithm>
#include <string>
#include <utility>

#include "base/format.hpp"
#include "command/server_error.hpp"
#include "command/stream_commands.hpp"

namespace millrace {

namespace {

constexpr std::string_view last_prefix = "last:";

}  // namespace

Tail::Tail(Context& context, Lanes& lanes, SourceId id, SourceConfig config)
    : Source(context, lanes, id, std::move(config), Duration{}),
      places_(config_.streams.size(), Place::unknown),
      cursors_(config_.streams.size()) {
    const std::string_view from = config_.from;
    if (from.substr(0, last_prefix.size()) == last_prefix) {
        const uint64_t count = parse_u64(from.substr(last_prefix.size())).value_or(0);
        last_count_ = static_cast<uint32_t>(std::min<uint64_t>(count, context.config.max_elements / 4));
    } else if (const std::optional<EntryId> after = EntryId::parse(from); after.has_value()) {
        for (size_t i = 0; i < places_.size(); ++i) {
            places_[i] = Place::known;
            cursors_[i] = *after;
        }
    }
}

Tail::~Tail() {
    for (const std::unique_ptr<Lane>& lane : lanes_) lane->disown(this);
    for (const EntryRecord& record : last_) context_.segments.release(record.segment);
}

void Tail::advance(Instant now) {
    if (wait_until_.has_value() && *wait_until_ <= now) wait_until_.reset();
    if (stopped_ || wait_until_.has_value()) return;
    Lane* lane = lanes_.for_reading(lane_);
    if (in_flight_ > 0) lane = lane_ != nullptr && lane_->ready() && !lane_->blocked() ? lane_ : nullptr;
    if (lane == nullptr) return;
    lane_ = lane;
    if (find_places(*lane, now)) read_more(*lane, now);
}

/// True once every stream has a cursor.
bool Tail::find_places(Lane& lane, Instant now) {
    bool all_known = true;
    for (uint32_t i = 0; i < places_.size(); ++i) {
        if (places_[i] == Place::known) continue;
        all_known = false;
        if (places_[i] == Place::asked) continue;
        Request request;
        request.owner = this;
        request.tag = i;
        request.what = last_count_ > 0 ? last_entries : last_id;
        if (last_count_ > 0) {
            if (in_flight_ > 0) continue;  // one XREVRANGE at a time: its entries are put in order when all have come
            request.shape = resp::Shape::entries;
            request.sink = this;
        }
        const bool sent = lane.send(request, now, [&](resp::Encoder& encoder) {
            if (last_count_ > 0) {
                command::xrevrange_last(encoder, config_.streams[i], last_count_);
            } else {
                command::xinfo_stream(encoder, config_.streams[i]);
            }
        });
        if (!sent) return false;
        collecting_ = last_count_ > 0;
        if (collecting_) stream_ = i;
        places_[i] = Place::asked;
        ++in_flight_;
    }
    return all_known;
}

/// One read at a time: the next one's cursor is in the reply of this one.
void Tail::read_more(Lane& lane, Instant now) {
    if (paused_ || in_flight_ > 0) return;
    const uint64_t held = batches_.unreleased();
    if (held >= prefetch() || batches_.bytes() >= config_.prefetch_bytes) return;
    const uint32_t room = static_cast<uint32_t>(prefetch() - held) / static_cast<uint32_t>(config_.streams.size());
    const uint32_t count = std::max<uint32_t>(1, std::min(room, config_.batch_size));
    std::optional<Duration> block;
    if (!hot_) block = lanes_.block();
    Request request;
    request.owner = this;
    request.what = read;
    request.tag = count;
    request.shape = resp::Shape::streams;
    request.sink = this;
    request.allowed = {block.value_or(Duration{}).us + context_.config.read_slack.us};
    request.blocks = block.has_value();
    const bool sent = lane.send(request, now, [&](resp::Encoder& encoder) {
        command::xread(encoder, count, block, config_.streams, cursors_);
    });
    if (!sent) return;
    ++in_flight_;
    if (block.has_value()) lanes_.handle_blocked(id_);
    if (said_ready_) return;
    said_ready_ = true;
    context_.emit(Ready{id_, Delivery::tail, {}, lane.greeting().protocol, server_version(lane.greeting())});
}

void Tail::handle_stream(std::string_view name) {
    for (uint32_t i = 0; i < config_.streams.size(); ++i) {
        if (config_.streams[i] == name) stream_ = i;
    }
    taken_ = 0;
}

void Tail::handle_entry(const EntryRecord& record) {
    if (stopped_ || missed_) {
        context_.segments.release(record.segment);
    } else if (collecting_) {
        last_.push_back(record);
    } else {
        ++taken_;
        EntryRecord mine = record;
        mine.stream = stream_;
        deliver(mine);
    }
}

/// The cursor passes over it: read again it would be no smaller (BP-3).
void Tail::handle_too_large(EntryId id, uint64_t bytes) {
    if (stopped_ || missed_) return;
    context_.emit(TooLarge{id_, config_.streams[stream_], id, bytes});
    if (!collecting_) ++taken_;
    if (id > cursors_[stream_]) cursors_[stream_] = id;
}

/// The cursor follows what was taken. What there was no memory for, and all behind it, is read once more.
void Tail::deliver(EntryRecord record) {
    const EntryId id = record.id;
    if (batches_.add(Lot::fresh, record, context_.now).has_value()) {
        cursors_[record.stream] = std::max(cursors_[record.stream], id);
        return;
    }
    missed_ = true;
    wait_until_ = context_.now + context_.retry_delay(failures_);
    context_.fail(id_, Error(Code::out_of_memory, "no memory for entry " + id.text() + "; it is read again"));
}

void Tail::handle_reply(const Request& request, const resp::Reply& reply, Instant now) {
    --in_flight_;
    missed_ = false;
    const uint32_t tag = static_cast<uint32_t>(request.tag);
    switch (static_cast<What>(request.what)) {
        case last_id:
            return take_last_id(tag, reply, now);
        case last_entries:
            return take_last_entries(tag, reply, now);
        case read:
            hot_ = taken_ >= request.tag;
            taken_ = 0;
            if (reply.is_error()) return handle_refusal("XREAD", reply, now);
            failures_ = 0;
            return;
    }
}

/// "From now" is the last id that the server has given, 0-0 for a stream that is yet to be made.
void Tail::take_last_id(uint32_t stream, const resp::Reply& reply, Instant now) {
    if (reply.is_error() && reply.text().find("no such key") == std::string_view::npos) {
        places_[stream] = Place::unknown;
        return handle_refusal("XINFO STREAM", reply, now);
    }
    places_[stream] = Place::known;
    if (reply.is_error()) return;
    bool next_is_id = false;
    for (const resp::Reply& item : reply) {
        const std::optional<EntryId> id = next_is_id ? parse_id(item.text()) : std::nullopt;
        if (id.has_value()) {
            cursors_[stream] = *id;
            return;
        }
        next_is_id = item.text() == "last-generated-id";
    }
    // Beginning at 0-0 would deliver the whole stream as new.
    fail(Error(Code::protocol, "XINFO STREAM " + config_.streams[stream] + " tells no last-generated-id"));
}

void Tail::take_last_entries(uint32_t stream, const resp::Reply& reply, Instant now) {
    collecting_ = false;
    if (reply.is_error()) {
        places_[stream] = Place::unknown;
        return handle_refusal("XREVRANGE", reply, now);
    }
    for (size_t i = last_.size(); i-- > 0;) {
        last_[i].stream = stream;
        if (stopped_ || missed_) {
            context_.segments.release(last_[i].segment);
        } else {
            deliver(last_[i]);
        }
    }
    last_.clear();
    places_[stream] = Place::known;
}

void Tail::handle_refusal(std::string_view command, const resp::Reply& reply, Instant now) {
    const ServerError what = classify(reply.text());
    Error error = to_error(reply.text());
    error.message = std::string(command) + " " + config_.streams.front() + ": " + error.message;
    if (!what.retryable) return fail(std::move(error));
    wait_until_ = now + context_.retry_delay(failures_++);
    context_.fail(id_, std::move(error));
}

void Tail::handle_lost(const Request& request, Instant) {
    --in_flight_;
    taken_ = 0;
    hot_ = false;
    missed_ = false;
    if (request.what == read) return;
    collecting_ = false;
    places_[static_cast<size_t>(request.tag)] = Place::unknown;
    for (const EntryRecord& record : last_) context_.segments.release(record.segment);
    last_.clear();
}

void Tail::handle_lane_lost(Lane& lane, Instant) {
    if (&lane == lane_) lane_ = nullptr;
}

std::optional<Instant> Tail::next_timeout() const {
    if (stopped_) return std::nullopt;
    const std::optional<Instant> flush = batches_.flush_at();
    if (!flush.has_value()) return wait_until_;
    return wait_until_.has_value() ? std::min(*flush, *wait_until_) : flush;
}

Status Tail::ack(BatchId batch, EntrySet entries, Instant) {
    return settle_here(batch, entries);
}

Status Tail::nack(BatchId, EntrySet, std::optional<Duration>, Instant) {
    return Error(Code::unsupported, "nack: a tail has no pending entries; read again from an earlier id");
}

}  // namespace millrace
