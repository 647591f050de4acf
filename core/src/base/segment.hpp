// Where entries live: counted segments of bytes and field offsets, handed out by records and recycled by a store.
// Knows nothing of RESP, streams or batches. Not thread-safe: a store, its writers and its segments belong to one
// machine.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "millrace/entry.hpp"

namespace millrace {

/// Allocates, counts and recycles segments. Outlives its writers and every reference (asserted).
class SegmentStore {
  public:
    static constexpr uint32_t bytes_default = 64 * 1024;
    static constexpr uint32_t pooled_max = 64;  ///< free segments kept at most

    explicit SegmentStore(uint32_t segment_bytes = bytes_default) : segment_bytes_(segment_bytes & ~7u) {}
    SegmentStore(const SegmentStore&) = delete;
    SegmentStore& operator=(const SegmentStore&) = delete;
    ~SegmentStore();

    /// One more reference to a segment that has one already.
    void retain(const Segment* segment);
    /// Drops a reference; with the last one the segment's bytes end. Null is allowed and does nothing.
    void release(const Segment* segment);

    /// Bytes of the segments that are referenced or being written; free ones do not count.
    [[nodiscard]] uint64_t live_bytes() const { return live_bytes_; }
    /// References that are out.
    [[nodiscard]] uint64_t references() const { return references_; }
    /// How often memory was asked of malloc or realloc since the beginning.
    [[nodiscard]] uint64_t allocations() const { return allocations_; }

  private:
    friend class SegmentWriter;
    struct Block;

    static Block* block_of(const Segment* segment);
    Block* take(uint32_t capacity_min);
    Block* regrow(Block* block, uint32_t capacity);
    void retire(Block* block);
    void recycle(Block* block);

    uint32_t segment_bytes_;
    uint32_t pooled_ = 0;
    Block* pool_ = nullptr;
    uint64_t live_bytes_ = 0;
    uint64_t references_ = 0;
    uint64_t allocations_ = 0;
};

/// Writes entries one after the other into segments of a store. What was handed out never moves: an entry that does
/// not fit behind others moves to a segment of its own, which may grow while it holds nothing else. One writer for
/// each source of bytes, because the entries of two replies that arrive side by side must not be mixed.
class SegmentWriter {
  public:
    /// An entry's names and values stay below this, so that 32 bits hold every offset.
    static constexpr uint64_t entry_bytes_max = uint64_t{3} << 30;

    explicit SegmentWriter(SegmentStore& store) : store_(&store) {}
    SegmentWriter(const SegmentWriter&) = delete;
    SegmentWriter& operator=(const SegmentWriter&) = delete;
    ~SegmentWriter();

    /// Begins an entry of `field_count` fields; one that is open is abandoned. False when memory is refused.
    [[nodiscard]] bool begin_entry(uint32_t field_count);
    /// The next name or value, 2 x field_count of them in turn. False when memory is refused; the entry stays as it
    /// was.
    [[nodiscard]] bool add(std::string_view text);
    /// Completes the entry: `record` takes one reference, to be dropped by SegmentStore::release. Its stream and
    /// deliveries are 0.
    void end_entry(EntryId id, EntryRecord& record);
    /// Cuts the segment back to before the open entry, if there is one.
    void abandon_entry();
    [[nodiscard]] bool open() const { return open_; }
    /// Bytes of the names and values of the open entry so far.
    [[nodiscard]] uint64_t entry_bytes() const { return front_ - entry_start_; }

  private:
    [[nodiscard]] bool make_room(uint64_t size);
    [[nodiscard]] bool move_to_fresh(uint64_t size);
    void leave_block();

    SegmentStore* store_;
    SegmentStore::Block* block_ = nullptr;
    bool open_ = false;
    uint32_t front_ = 0;        // where the next byte goes
    uint32_t back_ = 0;         // where the slices begin that are taken, as an index of slices
    uint32_t entry_start_ = 0;  // front_ when the entry began
    uint32_t slice_next_ = 0;   // which slice add() fills next
    uint32_t slice_end_ = 0;    // behind the last slice of the open entry
};

}  // namespace millrace
