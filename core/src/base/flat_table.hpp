// A hash table whose cells lie side by side: open addressing, memory that may be refused, and an order that is the same
// on every host. A standard one differs between hosts, and a node an entry would be an allocation.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>

#include "base/buffer.hpp"

namespace millrace {

/// Bits of a key that differ in few places reach all places: the finaliser of splitmix64.
[[nodiscard]] inline uint64_t spread(uint64_t x) {
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
    return x ^ (x >> 31);
}

/// `Key` has `hash()` and `==`; both Key and Value are copied as bytes.
template <class Key, class Value>
class FlatTable {
  public:
    [[nodiscard]] size_t size() const { return size_; }

    /// False when memory is refused. A key that is there already gets the new value.
    [[nodiscard]] bool insert(const Key& key, const Value& value) {
        const size_t at = locate(key);
        if (at != none) {
            cells_[at].value = value;
            return true;
        }
        if ((size_ + 1) * 2 > cells_.size() && !grow()) return false;
        put(Cell{key, value, 1});
        ++size_;
        return true;
    }

    /// Null when it is not there. Valid until the next insert or erase.
    [[nodiscard]] const Value* find(const Key& key) const {
        const size_t at = locate(key);
        return at == none ? nullptr : &cells_[at].value;
    }

    /// Whether it was there.
    bool erase(const Key& key) {
        size_t hole = locate(key);
        if (hole == none) return false;
        const size_t mask = cells_.size() - 1;
        // Backward shift: no tombstones, so a table that lives for years does not fill up with them.
        for (size_t i = (hole + 1) & mask; cells_[i].used != 0; i = (i + 1) & mask) {
            const size_t home = cells_[i].key.hash() & mask;
            if (((i - home) & mask) >= ((i - hole) & mask)) {
                cells_[hole] = cells_[i];
                hole = i;
            }
        }
        cells_[hole].used = 0;
        --size_;
        return true;
    }

  private:
    struct Cell {
        Key key;
        Value value;
        uint32_t used;
    };
    static constexpr size_t none = static_cast<size_t>(-1);

    [[nodiscard]] size_t locate(const Key& key) const {
        if (cells_.empty()) return none;
        const size_t mask = cells_.size() - 1;
        for (size_t i = key.hash() & mask; cells_[i].used != 0; i = (i + 1) & mask) {
            if (cells_[i].key == key) return i;
        }
        return none;
    }

    void put(const Cell& cell) {
        const size_t mask = cells_.size() - 1;
        size_t i = cell.key.hash() & mask;
        while (cells_[i].used != 0) i = (i + 1) & mask;
        cells_[i] = cell;
    }

    [[nodiscard]] bool grow() {
        const size_t wanted = cells_.empty() ? 64 : cells_.size() * 2;
        Buffer<Cell> old = std::move(cells_);
        cells_ = Buffer<Cell>();
        if (!cells_.reserve(wanted)) {
            cells_ = std::move(old);
            return false;
        }
        const Cell vacant{};
        for (size_t i = 0; i < wanted; ++i) {
            if (!cells_.push(vacant)) return false;  // cannot happen: reserved
        }
        for (const Cell& cell : old) {
            if (cell.used != 0) put(cell);
        }
        return true;
    }

    Buffer<Cell> cells_;  // a power of two of them, at most half used
    size_t size_ = 0;
};

}  // namespace millrace
