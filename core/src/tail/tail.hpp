// A tail: reads entries without a group, so that every reader gets every entry (TAIL-1). Its place is a cursor for each
// stream, an id that was seen; `$` is never sent, because after a timeout nobody knows what it meant.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "consumer/source.hpp"

namespace millrace {

class Tail final : public Source, private ReplyHandler, private resp::EntrySink {
  public:
    /// config.from has been validated.
    Tail(Context& context, Lanes& lanes, SourceId id, SourceConfig config);
    ~Tail() override;

    void advance(Instant now) override;
    void handle_lane_ready(Lane&, Instant) override {}
    void handle_lane_lost(Lane& lane, Instant now) override;
    [[nodiscard]] std::optional<Instant> next_timeout() const override;
    [[nodiscard]] Status ack(BatchId batch, EntrySet entries, Instant now) override;
    [[nodiscard]] Status nack(BatchId batch, EntrySet entries, std::optional<Duration> delay, Instant now) override;

  private:
    enum What : uint32_t { last_id, last_entries, read };
    enum class Place : uint8_t { unknown, asked, known };

    void handle_reply(const Request& request, const resp::Reply& reply, Instant now) override;
    void handle_lost(const Request& request, Instant now) override;
    void handle_stream(std::string_view name) override;
    void handle_entry(const EntryRecord& record) override;
    void handle_deleted(EntryId) override {}
    void handle_too_large(EntryId id, uint64_t bytes) override;

    [[nodiscard]] bool find_places(Lane& lane, Instant now);
    void read_more(Lane& lane, Instant now);
    void take_last_id(uint32_t stream, const resp::Reply& reply, Instant now);
    void take_last_entries(uint32_t stream, const resp::Reply& reply, Instant now);
    void deliver(EntryRecord record);
    void handle_refusal(std::string_view command, const resp::Reply& reply, Instant now);

    std::vector<Place> places_;      // one a stream
    std::vector<EntryId> cursors_;   // one a stream
    uint32_t last_count_ = 0;        // of `last:n`
    std::vector<EntryRecord> last_;  // newest first, as XREVRANGE tells them
    Lane* lane_ = nullptr;
    uint32_t in_flight_ = 0;
    bool hot_ = false;
    bool said_ready_ = false;
    bool missed_ = false;      // memory was refused within the reply under way
    bool collecting_ = false;  // the reply under way is one of XREVRANGE
    uint32_t failures_ = 0;
    std::optional<Instant> wait_until_;
    uint32_t stream_ = 0;
    uint32_t taken_ = 0;
};

}  // namespace millrace
