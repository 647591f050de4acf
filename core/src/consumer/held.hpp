// The held table: which ids of which streams are with this process, from the moment they are read until they are
// settled. Recovery skips them (REC-1).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "base/flat_table.hpp"
#include "millrace/entry.hpp"

namespace millrace {

/// Where a held entry is: a batch of the source's book, and its position there.
struct Place {
    uint32_t slot = 0;
    uint32_t index = 0;
};

/// An entry of a source: ids of different streams may be equal.
struct EntryName {
    uint32_t stream = 0;
    EntryId id;
    friend bool operator==(const EntryName& a, const EntryName& b) { return a.stream == b.stream && a.id == b.id; }
    [[nodiscard]] uint64_t hash() const {
        return spread(id.ms * 0x9e3779b97f4a7c15ULL + id.seq + (uint64_t{stream} << 32));
    }
};

class HeldTable {
  public:
    [[nodiscard]] size_t size() const { return places_.size(); }
    /// False when memory is refused. An id that is there already moves to the new place.
    [[nodiscard]] bool insert(uint32_t stream, EntryId id, Place place) { return places_.insert({stream, id}, place); }
    [[nodiscard]] std::optional<Place> find(uint32_t stream, EntryId id) const {
        const Place* const place = places_.find({stream, id});
        return place == nullptr ? std::nullopt : std::optional<Place>(*place);
    }
    /// Whether it was there.
    bool erase(uint32_t stream, EntryId id) { return places_.erase({stream, id}); }

  private:
    FlatTable<EntryName, Place> places_;
};

}  // namespace millrace
