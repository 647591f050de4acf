#include "base/segment.hpp"

#include <algorithm>
#include <cassert>
#include <cstdlib>
#include <cstring>
#include <new>
#include <utility>

namespace millrace {

// One allocation: this header, then `capacity` bytes. Text grows from the front; the slices of each entry, whose
// number is known when it begins, are taken from the back. Both share the space, so neither has a size to be guessed.
// `bytes` and `slices` both point to the first byte behind the header.
struct SegmentStore::Block : Segment {
    Block* next_free;
    uint32_t references;
    uint32_t capacity;  // a multiple of 8, so that the back is aligned for slices
    bool written;       // a writer's current block: it may gain entries although nobody refers to it

    char* data() { return reinterpret_cast<char*>(this + 1); }
    Slice* table() { return reinterpret_cast<Slice*>(this + 1); }
    uint32_t slice_count_max() const { return capacity / uint32_t{sizeof(Slice)}; }
    void attach() {
        bytes = data();
        slices = table();
    }
};

namespace {
constexpr uint64_t capacity_max = 0xffff'fff8;
}

SegmentStore::~SegmentStore() {
    assert(references_ == 0 && "a record outlives its segment store");
    assert(live_bytes_ == 0 && "a writer outlives its segment store");
    while (pool_ != nullptr) std::free(std::exchange(pool_, pool_->next_free));
}

SegmentStore::Block* SegmentStore::block_of(const Segment* segment) {
    return static_cast<Block*>(const_cast<Segment*>(segment));
}

void SegmentStore::retain(const Segment* segment) {
    Block* block = block_of(segment);
    assert(block->references > 0);
    ++block->references;
    ++references_;
}

void SegmentStore::release(const Segment* segment) {
    if (segment == nullptr) return;
    Block* block = block_of(segment);
    assert(block->references > 0);
    --references_;
    if (--block->references == 0 && !block->written) recycle(block);
}

// A block of at least `capacity_min` bytes, of the default size when that is enough. Null when memory is refused.
SegmentStore::Block* SegmentStore::take(uint32_t capacity_min) {
    Block* block = nullptr;
    if (capacity_min <= segment_bytes_ && pool_ != nullptr) {
        block = std::exchange(pool_, pool_->next_free);
        --pooled_;
    } else {
        const uint32_t capacity = std::max(capacity_min, segment_bytes_);
        ++allocations_;
        void* memory = std::malloc(sizeof(Block) + capacity);
        if (memory == nullptr) return nullptr;
        block = new (memory) Block{};
        block->capacity = capacity;
    }
    block->attach();
    block->references = 0;
    block->written = true;
    live_bytes_ += block->capacity;
    return block;
}

// Only for a block nobody refers to. Its slices stay where they were: the caller moves them to the new back.
SegmentStore::Block* SegmentStore::regrow(Block* block, uint32_t capacity) {
    assert(block->references == 0);
    const uint32_t before = block->capacity;
    ++allocations_;
    auto* grown = static_cast<Block*>(std::realloc(static_cast<void*>(block), sizeof(Block) + capacity));
    if (grown == nullptr) return nullptr;
    grown->capacity = capacity;
    grown->attach();
    live_bytes_ += capacity - before;
    return grown;
}

// The writer is done with it.
void SegmentStore::retire(Block* block) {
    block->written = false;
    if (block->references == 0) recycle(block);
}

void SegmentStore::recycle(Block* block) {
    live_bytes_ -= block->capacity;
    if (block->capacity != segment_bytes_ || pooled_ == pooled_max) {
        std::free(block);
        return;
    }
    block->next_free = pool_;
    pool_ = block;
    ++pooled_;
}

SegmentWriter::~SegmentWriter() {
    leave_block();
}

void SegmentWriter::leave_block() {
    if (block_ != nullptr) store_->retire(block_);
    block_ = nullptr;
    front_ = back_ = entry_start_ = slice_next_ = slice_end_ = 0;
}

bool SegmentWriter::begin_entry(uint32_t field_count) {
    if (open_) abandon_entry();
    const uint64_t slices = uint64_t{2} * field_count;
    const uint64_t table_bytes = slices * sizeof(Segment::Slice);
    if (table_bytes > capacity_max) return false;
    if (block_ != nullptr && block_->references == 0) {  // all its records have been released meanwhile
        front_ = 0;
        back_ = block_->slice_count_max();
    }
    if (block_ == nullptr || uint64_t{back_} * sizeof(Segment::Slice) < front_ + table_bytes) {
        leave_block();
        block_ = store_->take(static_cast<uint32_t>(table_bytes));
        if (block_ == nullptr) return false;
        back_ = block_->slice_count_max();
    }
    open_ = true;
    entry_start_ = front_;
    slice_end_ = back_;
    back_ -= static_cast<uint32_t>(slices);
    slice_next_ = back_;
    return true;
}

bool SegmentWriter::add(std::string_view text) {
    assert(open_ && slice_next_ < slice_end_);
    if (text.size() > uint64_t{back_} * sizeof(Segment::Slice) - front_ && !make_room(text.size())) return false;
    block_->table()[slice_next_++] = {front_, static_cast<uint32_t>(text.size())};
    if (!text.empty()) std::memcpy(block_->data() + front_, text.data(), text.size());
    front_ += static_cast<uint32_t>(text.size());
    return true;
}

// `size` more bytes between front and back.
bool SegmentWriter::make_room(uint64_t size) {
    if (size > entry_bytes_max - std::min<uint64_t>(entry_bytes(), entry_bytes_max)) return false;
    const uint64_t table_bytes = uint64_t{slice_end_ - back_} * sizeof(Segment::Slice);
    const uint64_t needed = entry_bytes() + size + table_bytes;
    if (entry_start_ != 0 || slice_end_ != block_->slice_count_max()) return move_to_fresh(needed);
    // Alone in its block. An eighth more than is needed: many small fields behind a large one then cost few moves,
    // and a large entry holds little that it does not use.
    const uint64_t wanted = std::min((needed + needed / 8 + 7) & ~uint64_t{7}, capacity_max);
    if (wanted < needed) return false;
    SegmentStore::Block* grown = store_->regrow(block_, static_cast<uint32_t>(wanted));
    if (grown == nullptr) return false;
    block_ = grown;
    const uint32_t shift = grown->slice_count_max() - slice_end_;
    std::memmove(grown->table() + back_ + shift, grown->table() + back_, static_cast<size_t>(table_bytes));
    back_ += shift;
    slice_next_ += shift;
    slice_end_ += shift;
    return true;
}

// The open entry moves to a block of at least `needed` bytes; what was handed out before it stays where it is.
bool SegmentWriter::move_to_fresh(uint64_t needed) {
    if (needed > capacity_max) return false;
    SegmentStore::Block* fresh = store_->take(static_cast<uint32_t>((needed + 7) & ~uint64_t{7}));
    if (fresh == nullptr) return false;
    const uint32_t size = front_ - entry_start_;
    std::memcpy(fresh->data(), block_->data() + entry_start_, size);
    const uint32_t shift =
        fresh->slice_count_max() - slice_end_;  // modulo 2^32: the fresh block may be the smaller one
    for (uint32_t i = back_; i < slice_next_; ++i) {
        const Segment::Slice slice = block_->table()[i];
        fresh->table()[i + shift] = {slice.offset - entry_start_, slice.size};
    }
    store_->retire(block_);
    block_ = fresh;
    entry_start_ = 0;
    front_ = size;
    back_ += shift;
    slice_next_ += shift;
    slice_end_ += shift;
    return true;
}

void SegmentWriter::end_entry(EntryId id, EntryRecord& record) {
    assert(open_ && slice_next_ == slice_end_);
    record = EntryRecord{block_, id, 0, back_, (slice_end_ - back_) / 2, 0, entry_bytes()};
    ++block_->references;
    ++store_->references_;
    open_ = false;
    entry_start_ = front_;
    slice_end_ = back_;
    // A large entry shares its block with nobody: releasing it is then giving its memory back.
    if (block_->capacity > store_->segment_bytes_) leave_block();
}

void SegmentWriter::abandon_entry() {
    if (!open_) return;
    open_ = false;
    front_ = entry_start_;
    back_ = slice_next_ = slice_end_;
    if (block_->capacity > store_->segment_bytes_) leave_block();
}

}  // namespace millrace
