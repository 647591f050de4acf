#include "tail/subscription.hpp"

#include <algorithm>
#include <string>
#include <utility>

#include "command/key_names.hpp"
#include "command/server_error.hpp"

namespace millrace {

namespace {

constexpr uint32_t names_kept_min = 1024;

}  // namespace

Subscription::Subscription(Context& context, Lanes& lanes, SourceId id, SourceConfig config)
    : Source(context, lanes, id, std::move(config), seconds(5)),
      writer_(context.segments),
      channels_(has_pattern() ? 1 : config_.streams.size(), Channel::unasked),
      silence_(channels_.size()),
      streams_kept_(names_kept_min) {}

void Subscription::advance(Instant now) {
    if (stopped_) return unsubscribe();
    Lane& lane = lanes_.push();
    lane.open(now);
    if (!lane.ready()) return;
    lane_ = &lane;
    // One command a channel, so that each is confirmed, or refused, by itself.
    for (uint32_t i = 0; i < channels_.size(); ++i) {
        if (channels_[i] != Channel::unasked) continue;
        const bool sent = lane.send_unanswered([&](resp::Encoder& encoder) {
            encoder.command(2).text(has_pattern() ? "PSUBSCRIBE" : "SUBSCRIBE").text(subject(i));
        });
        if (!sent) {
            const Error error(Code::out_of_memory, "no memory to subscribe", true);
            return lane.drop(DisconnectReason::dropped, error, now);
        }
        channels_[i] = Channel::asked;
        lanes_.asked().push({id_, i});
    }
}

void Subscription::unsubscribe() {
    if (lane_ == nullptr) return;
    for (uint32_t i = 0; i < channels_.size(); ++i) {
        if (channels_[i] == Channel::unasked) continue;
        channels_[i] = Channel::unasked;
        const bool sent = lane_->send_unanswered([&](resp::Encoder& encoder) {
            encoder.command(2).text(has_pattern() ? "PUNSUBSCRIBE" : "UNSUBSCRIBE").text(subject(i));
        });
        // Refused memory leaves a subscription whose messages nobody takes, until the lane closes.
        if (sent) lanes_.asked().push({id_, i});
    }
}

void Subscription::handle_lane_ready(Lane&, Instant) {}

void Subscription::handle_lane_lost(Lane& lane, Instant) {
    if (&lane != lane_) return;
    lane_ = nullptr;
    for (uint32_t i = 0; i < channels_.size(); ++i) {
        if (channels_[i] == Channel::confirmed) silence_[i] = lane.heard();
    }
    channels_.assign(channels_.size(), Channel::unasked);
}

void Subscription::retire(Instant now) {
    for (uint32_t i = 0; i < channels_.size(); ++i) tell_gap(i, now);
    batches_.flush(Lot::fresh, FlushReason::flush);
    stop();
}

/// PS-2. A message in between was heard by nobody here, and no server tells whether there was one.
void Subscription::tell_gap(uint32_t channel, Instant now) {
    if (!silence_[channel].has_value()) return;
    context_.emit(Interrupted{id_, subject(channel), now - *silence_[channel]});
    silence_[channel].reset();
}

std::optional<uint32_t> Subscription::channel_of(std::string_view name) const {
    for (uint32_t i = 0; i < channels_.size(); ++i) {
        if (subject(i) == name) return i;
    }
    return std::nullopt;
}

/// Names come with messages, and nobody says when a channel is used no more.
uint32_t Subscription::stream_of(std::string_view channel) {
    const std::optional<uint32_t> known = streams_.find(channel);
    if (known.has_value()) return *known;
    if (streams_.live() >= streams_kept_) {
        NumberSet used;
        batches_.list_streams(used);
        for (uint32_t i = 0; i < streams_.size(); ++i) {
            if (used.contains(i) || !streams_.is_live(i)) continue;
            streams_.leave(i);
            streams_.give_up(i);
        }
        streams_kept_ = std::max(names_kept_min, 2 * streams_.live());
    }
    return streams_.add(channel);
}

void Subscription::handle_push(const resp::Reply& message, Instant now) {
    if (stopped_) return;
    std::string_view word = message[0].text();
    const std::optional<uint32_t> channel = channel_of(message[1].text());
    if (!channel.has_value()) return;
    // A channel that is subscribed by name and a pattern that matches it bring two copies: each source takes its own
    // kind (PS-1).
    if (has_pattern() != (word.substr(0, 1) == "p")) return;
    if (has_pattern()) word.remove_prefix(1);
    if (word == "message" && !has_pattern()) take_pushed(*channel, message[2], now);
    if (word == "message" && has_pattern() && !is_dead_stream_name(message[2].text())) {
        take_pushed(stream_of(message[2].text()), message[3], now);
    }
    if (word == "subscribe") take_confirmation(*channel, now);
    if (word != "unsubscribe") return;
    // Another source has left the channel; the connection has one subscription for all.
    if (channels_[*channel] == Channel::confirmed) silence_[*channel] = now;
    channels_[*channel] = Channel::unasked;
}

void Subscription::take_pushed(uint32_t stream, const resp::Reply& payload, Instant now) {
    if (payload.type() != resp::Type::left_out) return take_message(stream, payload.text(), now);
    context_.emit(TooLarge{id_, streams_[stream], EntryId{}, static_cast<uint64_t>(payload.integer())});
}

void Subscription::handle_push_refused(uint32_t channel, const resp::Reply& refusal, Instant now) {
    if (stopped_) return;
    Error error = to_error(refusal.text());
    error.message = (has_pattern() ? "PSUBSCRIBE " : "SUBSCRIBE ") + subject(channel) + ": " + error.message;
    if (!error.retryable) return fail(std::move(error));
    if (lane_ != nullptr) lane_->drop(DisconnectReason::dropped, std::move(error), now);
}

void Subscription::take_confirmation(uint32_t channel, Instant now) {
    channels_[channel] = Channel::confirmed;
    tell_gap(channel, now);
    for (const Channel each : channels_) {
        if (each != Channel::confirmed) return;
    }
    if (said_ready_ || lane_ == nullptr) return;
    said_ready_ = true;
    context_.emit(Ready{id_, Delivery::pubsub, {}, lane_->greeting().protocol, server_version(lane_->greeting())});
}

bool Subscription::on_field(std::string_view name, std::string_view value) {
    for (const std::string_view text : {name, value}) {
        const Segment::Slice slice{static_cast<uint32_t>(bytes_.size()), static_cast<uint32_t>(text.size())};
        if (!slices_.push(slice) || !bytes_.append(text.data(), text.size())) return false;
    }
    return true;
}

void Subscription::on_discard() {
    bytes_.clear();
    slices_.clear();
}

void Subscription::take_message(uint32_t stream, std::string_view payload, Instant now) {
    on_discard();
    bool taken = decode_payload(payload, *this) != PayloadShape::refused;
    taken = taken && writer_.begin_entry(static_cast<uint32_t>(slices_.size() / 2));
    for (size_t i = 0; taken && i < slices_.size(); ++i) {
        taken = writer_.add({bytes_.data() + slices_[i].offset, slices_[i].size});
    }
    if (taken) {
        EntryRecord record{};
        writer_.end_entry(EntryId{}, record);
        record.stream = stream;
        taken = batches_.add(Lot::fresh, record, now).has_value();
    }
    writer_.abandon_entry();
    if (!taken) context_.fail(id_, Error(Code::out_of_memory, "no memory for a message of " + streams_[stream]));
}

Status Subscription::ack(BatchId batch, EntrySet entries, Instant) {
    return settle_here(batch, entries);
}

Status Subscription::nack(BatchId, EntrySet, std::optional<Duration>, Instant) {
    return Error(Code::unsupported, "nack: Pub/Sub delivers at most once and keeps nothing to deliver again");
}

}  // namespace millrace
