// The batches of one source: filled entry by entry, handed over by size, by time or at the end of recovery (BAT-1), and
// kept until every entry is settled and the bytes are released. Knows nothing of the server.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "base/buffer.hpp"
#include "base/number_set.hpp"
#include "consumer/held.hpp"
#include "millrace/event.hpp"
#include "millrace/stream_names.hpp"
#include "session/context.hpp"

namespace millrace {

/// So many sources can be there at once: each has a place of its own in the ids of its batches.
inline constexpr uint32_t sources_max = 0x7ff0;

/// Where it comes in a BatchId: its upper 16 bits. Below 0x7ff0, so that no id is a NaN when a host carries its bits as
/// a double, as JavaScript does. Places are taken again, when who had them is gone.
[[nodiscard]] inline uint32_t place_of(SourceId source) {
    return static_cast<uint32_t>(source) % sources_max;
}

/// Entries read by `>` (or by a tail, or pushed), and those that come again. They are never mixed.
enum class Lot : uint8_t { fresh, again };

enum class EntryState : uint8_t {
    held,     ///< read here, and the application has not said what became of it
    acking,   ///< acked here; the server has not confirmed
    waiting,  ///< nacked; comes again
    dying,    ///< on its way to the dead stream
    parked,   ///< not handed over: another entry of the same canonical id is held
    unsure,   ///< not handed over yet: the server is asked whether its canonical id was seen
    settled,
    lost,
};

/// Whether the entry still has an end before it.
[[nodiscard]] inline bool is_open(EntryState state) {
    return state != EntryState::settled && state != EntryState::lost;
}

struct BatchSlot {
    uint32_t generation = 0;
    bool in_use = false;
    bool handed_over = false;
    bool released = false;
    bool is_unseen = false;  ///< never handed over; each entry's bytes are freed with it
    uint32_t unsettled = 0;
    uint64_t bytes = 0;
    Instant first_arrived{};
    Buffer<EntryRecord> records;
    Buffer<EntryState> states;
    Buffer<Instant> refreshed;  ///< when a reply last told that the entry is ours and its idle time is 0
};

struct BatchingRules {
    uint32_t batch_size = 10;
    Duration flush_interval{};
};

class Batches {
  public:
    Batches(Context& context, SourceId source, const StreamNames& streams, BatchingRules rules)
        : context_(context), source_(source), streams_(streams), rules_(rules) {}
    Batches(const Batches&) = delete;
    Batches& operator=(const Batches&) = delete;
    ~Batches();

    /// Takes over the record's reference, and hands the batch over when it is full. None when memory is refused; then
    /// the reference is dropped.
    [[nodiscard]] std::optional<Place> add(Lot lot, const EntryRecord& record, Instant now);
    /// Keeps an entry that is not handed over, with its reference if it has one. None as of add.
    [[nodiscard]] std::optional<Place> add_unseen(const EntryRecord& record, EntryState state, Instant now);
    /// The record of an entry that was not handed over, with a reference of its own; the entry is settled.
    [[nodiscard]] EntryRecord take_unseen(Place place);
    /// Hands over what has come of the lot, if anything has.
    void flush(Lot lot, FlushReason reason);
    /// Drops what has come and was not handed over; answers how many entries that were.
    uint64_t abandon();
    /// When what has come must be handed over: flush_interval after the first of it (BAT-1).
    [[nodiscard]] std::optional<Instant> flush_at() const;
    void handle_timeout(Instant now);
    /// At the end of a turn: with flush_interval 0 nothing waits for more.
    void handle_turn_end();

    [[nodiscard]] BatchSlot* find(BatchId id);
    [[nodiscard]] BatchSlot& at(uint32_t slot) { return *slots_[slot]; }
    [[nodiscard]] BatchId id(uint32_t slot) const;
    [[nodiscard]] static uint32_t slot_of(BatchId id) {
        return static_cast<uint32_t>(static_cast<uint64_t>(id) & slot_mask);
    }
    /// Whether the id can be one of this source's: of those that are there no two have the same place.
    [[nodiscard]] static bool is_of(SourceId source, BatchId id) {
        return place_of(source) == static_cast<uint64_t>(id) >> 48;
    }

    /// Calls `visit(record, refreshed)` for every entry that is neither settled nor lost.
    template <class Visit>
    void for_each_open(Visit&& visit) const {
        for (const std::unique_ptr<BatchSlot>& batch : slots_) {
            if (!batch->in_use || batch->unsettled == 0) continue;
            for (size_t i = 0; i < batch->records.size(); ++i) {
                if (is_open(batch->states[i])) visit(batch->records[i], batch->refreshed[i]);
            }
        }
    }

    /// The same for those that were not handed over.
    template <class Visit>
    void for_each_buffered(Visit&& visit) const {
        for (const std::optional<uint32_t>& slot : {fresh_, again_}) {
            if (!slot.has_value()) continue;
            const BatchSlot& batch = *slots_[*slot];
            for (size_t i = 0; i < batch.records.size(); ++i) {
                if (is_open(batch.states[i])) visit(batch.records[i], batch.refreshed[i]);
            }
        }
    }
    /// Adds the numbers of the streams whose names may still be asked for by whoever holds a batch, or will.
    void list_streams(NumberSet& streams) const {
        for (const std::unique_ptr<BatchSlot>& batch : slots_) {
            if (!batch->in_use) continue;
            for (const EntryRecord& record : batch->records) streams.insert(record.stream);
        }
    }
    /// Adds the batches that were handed over and have entries that are neither settled nor lost.
    void list_open(std::vector<BatchId>& ids) const {
        for (uint32_t slot = 0; slot < slots_.size(); ++slot) {
            const BatchSlot& batch = *slots_[slot];
            if (batch.in_use && batch.handed_over && batch.unsettled > 0) ids.push_back(id(slot));
        }
    }
    /// Whether an entry that was handed over waits for the application's word.
    [[nodiscard]] bool any_in_hand() const {
        for (const std::unique_ptr<BatchSlot>& batch : slots_) {
            if (!batch->in_use || !batch->handed_over || batch->unsettled == 0) continue;
            for (const EntryState state : batch->states) {
                if (state == EntryState::held) return true;
            }
        }
        return false;
    }

    void set_state(Place place, EntryState state);
    /// An entry that was lost is not handed over any more: those behind it move up, of a batch that is being filled.
    /// False where it has been handed over, or never was to be.
    bool leave_out(Place place);
    void release(BatchId id);

    /// Bytes of names and values in batches that are not released.
    [[nodiscard]] uint64_t bytes() const { return bytes_; }
    /// Entries in batches that are not released: what a tail counts as held.
    [[nodiscard]] uint64_t unreleased() const { return unreleased_; }

  private:
    static constexpr uint64_t slot_mask = (1U << 20) - 1;

    [[nodiscard]] std::optional<uint32_t> take_slot(Instant now);
    [[nodiscard]] bool put(uint32_t slot, const EntryRecord& record, EntryState state, Instant now);
    void release_entry(BatchSlot& batch, EntryRecord& record);
    void hand_over(Lot lot, FlushReason reason);
    void count_delays(const BatchSlot& batch);
    [[nodiscard]] std::optional<Instant> due(const std::optional<uint32_t>& slot) const;
    void release_bytes(BatchSlot& batch);
    void recycle_if_done(uint32_t slot);
    [[nodiscard]] std::optional<uint32_t>& filling(Lot lot) { return lot == Lot::fresh ? fresh_ : again_; }

    Context& context_;
    const SourceId source_;
    const StreamNames& streams_;
    const BatchingRules rules_;
    std::vector<std::unique_ptr<BatchSlot>> slots_;
    std::vector<uint32_t> free_;
    std::optional<uint32_t> fresh_;
    std::optional<uint32_t> again_;
    std::optional<uint32_t> unseen_;
    uint64_t bytes_ = 0;
    uint64_t unreleased_ = 0;
};

}  // namespace millrace
