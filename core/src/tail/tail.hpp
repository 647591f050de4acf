// A tail: reads entries without a group, so that every reader gets every entry (TAIL-1). Its place in each stream is an
// id that was seen; `$` is never sent, because after a timeout nobody knows what it meant.
//
// No server tells a reader that entries behind its cursor were trimmed unseen (TAIL-3). So a read that does not block
// begins with the cursor's own entry: if that is still there, what stands behind it is too, for trimming takes from the
// front. Each read that blocks follows such a one in the same write; of more than tail_questions_max streams, and of
// large entries, it asks for those alone that have moved, or all when no read was out for a while. XINFO STREAM is
// asked when the entry is gone, and now and then of a stream of which nothing comes: a key made anew with lower ids
// wakes no read.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "base/ring.hpp"
#include "consumer/backoff.hpp"
#include "consumer/rotation.hpp"
#include "consumer/source.hpp"
#include "tail/position.hpp"

namespace millrace {

/// At most so many streams are searched, or looked at, in one write.
inline constexpr size_t tail_questions_max = 32;
/// Bytes of an entry that may be read again with each block.
inline constexpr uint64_t tail_entry_small = 16 * 1024;
/// A page of a search backwards.
inline constexpr uint32_t tail_page = 1000;
/// While nothing comes, a stream is looked at after so many blocks.
inline constexpr int64_t tail_blocks_per_look = 5;

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
    enum What : uint32_t { newest_id, page, look, read_overlapping, read_blocking };

    // what to send: tail.cpp
    [[nodiscard]] bool find_places(Lane& lane, Instant now);
    [[nodiscard]] bool ask_for_place(uint32_t stream, Lane& lane, Instant now);
    [[nodiscard]] bool ask_looks(Lane& lane, Instant now);
    void read_more(Lane& lane, Instant now);
    void pick_anchored(bool unproved_alone);
    [[nodiscard]] bool send_read(const std::vector<uint32_t>& streams, What what, uint32_t count, Lane& lane,
                                 Instant now);
    void say_ready(const Lane& lane);

    // what came: tail_replies.cpp
    void handle_reply(const Request& request, const resp::Reply& reply, Instant now) override;
    void handle_lost(const Request& request, Instant now) override;
    void handle_stream(std::string_view name) override;
    void handle_entry(const EntryRecord& record) override;
    void handle_deleted(EntryId) override {}
    void handle_too_large(EntryId id, uint64_t bytes) override;
    [[nodiscard]] bool meet(EntryId id);
    void pass(Position& position, EntryId id);
    void deliver(EntryRecord record);
    void take_searched(EntryId id, bool is_wanted);
    void after_newest(uint32_t stream, const resp::Reply& reply, Instant now);
    void after_search(uint32_t stream, const resp::Reply& reply, Instant now);
    void after_look(uint32_t stream, const resp::Reply& reply, Instant now);
    void after_read(const std::vector<uint32_t>& streams, What what, const resp::Reply& reply, Instant now);
    void end_read(uint32_t stream);
    void take_finding(uint32_t stream, const StreamInfo& info);
    void mark_looks(Instant now);
    [[nodiscard]] Duration time_between_looks() const { return {lanes_.block().us * tail_blocks_per_look}; }
    void refuse(std::string_view command, std::optional<uint32_t> stream, const resp::Reply& reply, Instant now);
    void leave(uint32_t stream, Error error);
    void suspect_each(Error error, Instant now);

    const Beginning beginning_;
    std::vector<Position> positions_;  // one a stream
    Rotation rotation_;
    Backoff backoff_{context_};
    Lane* lane_ = nullptr;
    uint32_t in_flight_ = 0;
    bool is_arriving_ = true;  // on a connection: what was known before may hold no more
    bool may_look_ = true;     // false once XINFO STREAM was refused
    bool said_ready_ = false;
    uint32_t next_look_ = 0;  // which stream is looked at next

    std::vector<uint32_t> picked_;      // of the read that blocks, or of the only one
    std::vector<uint32_t> overlapped_;  // of the read that begins with the cursors' own entries
    Ring<uint32_t> searched_;           // streams of the searches that are out, in the order of their answers

    // the reply under way
    uint32_t stream_ = 0;
    uint32_t count_ = 0;    // new entries of each stream that the turn may bring
    bool is_ours_ = false;  // its stream is one of ours
    bool missed_ = false;   // memory was refused
    Instant replied_{};     // when a read was answered last
    Instant marked_looks_{};
    uint32_t came_ = 0;  // new entries
};

}  // namespace millrace
