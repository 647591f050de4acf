#include "consumer/held.hpp"

namespace millrace {

uint64_t HeldTable::hash(uint32_t stream, EntryId id) {
    // Ids of one stream differ in their low bits, so these must reach the high ones: the finaliser of splitmix64.
    uint64_t x = id.ms * 0x9e3779b97f4a7c15ULL + id.seq + (uint64_t{stream} << 32);
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
    return x ^ (x >> 31);
}

size_t HeldTable::locate(uint32_t stream, EntryId id) const {
    if (cells_.empty()) return none;
    const size_t mask = cells_.size() - 1;
    for (size_t i = hash(stream, id) & mask; cells_[i].used != 0; i = (i + 1) & mask) {
        if (cells_[i].id == id && cells_[i].stream == stream) return i;
    }
    return none;
}

void HeldTable::put(const Cell& cell) {
    const size_t mask = cells_.size() - 1;
    size_t i = hash(cell.stream, cell.id) & mask;
    while (cells_[i].used != 0) i = (i + 1) & mask;
    cells_[i] = cell;
}

bool HeldTable::grow() {
    const size_t wanted = cells_.empty() ? 64 : cells_.size() * 2;
    Buffer<Cell> old = std::move(cells_);
    cells_ = Buffer<Cell>();
    if (!cells_.reserve(wanted)) {
        cells_ = std::move(old);
        return false;
    }
    const Cell vacant{{}, {}, 0, 0};
    for (size_t i = 0; i < wanted; ++i) {
        if (!cells_.push(vacant)) return false;  // cannot happen: reserved
    }
    for (const Cell& cell : old) {
        if (cell.used != 0) put(cell);
    }
    return true;
}

bool HeldTable::insert(uint32_t stream, EntryId id, Place place) {
    const size_t at = locate(stream, id);
    if (at != none) {
        cells_[at].place = place;
        return true;
    }
    if ((size_ + 1) * 2 > cells_.size() && !grow()) return false;
    put(Cell{id, place, stream, 1});
    ++size_;
    return true;
}

std::optional<Place> HeldTable::find(uint32_t stream, EntryId id) const {
    const size_t at = locate(stream, id);
    if (at == none) return std::nullopt;
    return cells_[at].place;
}

bool HeldTable::erase(uint32_t stream, EntryId id) {
    size_t hole = locate(stream, id);
    if (hole == none) return false;
    const size_t mask = cells_.size() - 1;
    // Backward shift: no tombstones, so a table that lives for years does not fill up with them.
    for (size_t i = (hole + 1) & mask; cells_[i].used != 0; i = (i + 1) & mask) {
        const size_t home = hash(cells_[i].stream, cells_[i].id) & mask;
        if (((i - home) & mask) >= ((i - hole) & mask)) {
            cells_[hole] = cells_[i];
            hole = i;
        }
    }
    cells_[hole].used = 0;
    --size_;
    return true;
}

}  // namespace millrace
