// The held table: which ids of which streams are with this process, from the moment they are read until they are
// settled. Recovery skips them (REC-1). Open addressing with a hash of our own: a standard one differs between hosts,
// and a node an entry would be an allocation.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <optional>

#include "base/buffer.hpp"
#include "millrace/entry.hpp"

namespace millrace {

/// Where a held entry is: a batch of the source's book, and its position there.
struct Place {
    uint32_t slot = 0;
    uint32_t index = 0;
};

class HeldTable {
  public:
    [[nodiscard]] size_t size() const { return size_; }

    /// False when memory is refused. An id that is there already moves to the new place.
    [[nodiscard]] bool insert(uint32_t stream, EntryId id, Place place);
    [[nodiscard]] std::optional<Place> find(uint32_t stream, EntryId id) const;
    /// Whether it was there.
    bool erase(uint32_t stream, EntryId id);

  private:
    struct Cell {
        EntryId id;
        Place place;
        uint32_t stream;
        uint32_t used;
    };
    static constexpr size_t none = static_cast<size_t>(-1);

    [[nodiscard]] static uint64_t hash(uint32_t stream, EntryId id);
    [[nodiscard]] size_t locate(uint32_t stream, EntryId id) const;
    [[nodiscard]] bool grow();
    void put(const Cell& cell);

    Buffer<Cell> cells_;  // a power of two of them, at most half used
    size_t size_ = 0;
};

}  // namespace millrace
