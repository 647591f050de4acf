// The fallback where there are no Streams (PS-1): the same batches from Pub/Sub messages, at most once. A channel is
// named like the stream, and a pattern of streams is one of channels.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "base/buffer.hpp"
#include "base/segment.hpp"
#include "consumer/source.hpp"
#include "event/payload.hpp"

namespace millrace {

class Subscription final : public Source, private FieldSink {
  public:
    Subscription(Context& context, Lanes& lanes, SourceId id, SourceConfig config);

    void advance(Instant now) override;
    void handle_lane_ready(Lane& lane, Instant now) override;
    void handle_lane_lost(Lane& lane, Instant now) override;
    /// Hands over what it has: there is nobody to give it back to.
    void retire(Instant now) override;
    void handle_push(const resp::Reply& message, Instant now) override;
    void handle_push_refused(uint32_t channel, const resp::Reply& error, Instant now) override;
    [[nodiscard]] Status ack(BatchId batch, EntrySet entries, Instant now) override;
    [[nodiscard]] Status nack(BatchId batch, EntrySet entries, std::optional<Duration> delay, Instant now) override;
    /// Whether the socket may be read: there is no other way to hold messages back (BP-1).
    [[nodiscard]] bool has_room() const {
        return stopped_ ||
               (!paused_ && batches_.unreleased() < prefetch() && batches_.bytes() < config_.prefetch_bytes);
    }

  private:
    enum class Channel : uint8_t { unasked, asked, confirmed };

    bool on_field(std::string_view name, std::string_view value) override;
    void on_discard() override;
    void unsubscribe();
    [[nodiscard]] bool has_pattern() const { return !config_.pattern.empty(); }
    /// What is subscribed to: a channel, or the pattern.
    [[nodiscard]] const std::string& subject(uint32_t channel) const {
        return has_pattern() ? config_.pattern : config_.streams[channel];
    }
    [[nodiscard]] uint32_t stream_of(std::string_view channel);
    void take_pushed(uint32_t stream, const resp::Reply& payload, Instant now);
    void take_message(uint32_t stream, std::string_view payload, Instant now);
    void take_confirmation(uint32_t channel, Instant now);
    void tell_gap(uint32_t channel, Instant now);
    [[nodiscard]] std::optional<uint32_t> channel_of(std::string_view name) const;

    SegmentWriter writer_;
    Lane* lane_ = nullptr;
    std::vector<Channel> channels_;                // of this connection; of a pattern the one that it is
    std::vector<std::optional<Instant>> silence_;  // of each channel: since when it is not listened to, once it was
    uint32_t streams_kept_ = 0;  // of a pattern: with more names than this, those of no batch are given up
    bool said_ready_ = false;
    Buffer<char> bytes_;             // names and values of the message under way
    Buffer<Segment::Slice> slices_;  // into bytes_
};

}  // namespace millrace
