// Entries as they are handed over: views into segments, in the order and with the repeats that the server sent.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace millrace {

/// The id of a stream entry, `ms-seq`. Source: redis.io, Streams, "Entry IDs".
struct EntryId {
    uint64_t ms = 0;
    uint64_t seq = 0;
    friend constexpr auto operator<=>(EntryId, EntryId) = default;
    [[nodiscard]] std::string text() const;
    /// `ms-seq` or `ms`; nothing else.
    [[nodiscard]] static std::optional<EntryId> parse(std::string_view text);
};

struct Field {
    std::string_view name;
    std::string_view value;
};

/// Bytes and field offsets of many entries, written by the decoder, counted, and freed when the last batch over it is
/// released.
struct Segment {
    struct Slice {
        uint32_t offset;
        uint32_t size;
    };
    const char* bytes;
    const Slice* slices;  ///< two per field: name, value
};

/// An entry of a batch: 64 bytes, no allocation. `segment` is null once the batch is released.
struct EntryRecord {
    const Segment* segment;
    EntryId id;
    uint32_t stream;       ///< index into the source's streams
    uint32_t first_slice;  ///< of 2 x field_count
    uint32_t field_count;
    uint32_t deliveries;  ///< this one included; 0 where there is no group
    uint64_t bytes;       ///< of names and values
};

/// What a handler sees of an entry. Valid until its batch is released.
class Entry {
  public:
    Entry(const EntryRecord& record, std::string_view stream) : record_(&record), stream_(stream) {}

    [[nodiscard]] EntryId id() const { return record_->id; }
    [[nodiscard]] std::string_view stream() const { return stream_; }
    /// How often the server has delivered this entry to the group, this time included.
    [[nodiscard]] uint32_t deliveries() const { return record_->deliveries; }
    [[nodiscard]] size_t field_count() const { return record_->field_count; }
    [[nodiscard]] Field field(size_t index) const {
        const Segment::Slice* slice = record_->segment->slices + record_->first_slice + 2 * index;
        return {text(slice[0]), text(slice[1])};
    }
    /// The first field of that name; none where there is none.
    [[nodiscard]] std::optional<std::string_view> operator[](std::string_view name) const {
        for (size_t i = 0; i < field_count(); ++i) {
            const Field f = field(i);
            if (f.name == name) return f.value;
        }
        return std::nullopt;
    }

    class Iterator {
      public:
        Iterator(const Entry* entry, size_t index) : entry_(entry), index_(index) {}
        Field operator*() const { return entry_->field(index_); }
        Iterator& operator++() {
            ++index_;
            return *this;
        }
        bool operator!=(const Iterator& other) const { return index_ != other.index_; }

      private:
        const Entry* entry_;
        size_t index_;
    };
    [[nodiscard]] Iterator begin() const { return {this, 0}; }
    [[nodiscard]] Iterator end() const { return {this, field_count()}; }

  private:
    [[nodiscard]] std::string_view text(Segment::Slice slice) const {
        return {record_->segment->bytes + slice.offset, slice.size};
    }
    const EntryRecord* record_;
    std::string_view stream_;
};

}  // namespace millrace
