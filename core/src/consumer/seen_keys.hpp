// The names under which the ids of what is in hand are, or will be, remembered at the server (DUP-3): from the entry's
// coming to its end, because a batch's bytes are gone by the time of its ack. One block of bytes, in which what has
// ended is overwritten now and then. Knows no server.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string_view>

#include "base/buffer.hpp"
#include "base/flat_table.hpp"
#include "consumer/held.hpp"

namespace millrace {

class SeenKeys {
  public:
    /// The key is `prefix` and `id`, one behind the other. False when memory is refused: then the entry has none.
    [[nodiscard]] bool insert(const EntryName& entry, std::string_view prefix, std::string_view id) {
        erase(entry);
        const size_t start = bytes_.size();
        const Head head{entry, prefix.size() + id.size(), true};
        const bool is_in = append(&head, sizeof(head)) && append(prefix.data(), prefix.size()) &&
                           append(id.data(), id.size()) && starts_.insert(entry, start);
        if (!is_in) bytes_.truncate(start);
        return is_in;
    }
    /// Valid until the next insert or erase.
    [[nodiscard]] std::optional<std::string_view> find(const EntryName& entry) const {
        const size_t* const start = starts_.find(entry);
        if (start == nullptr) return std::nullopt;
        return std::string_view(bytes_.data() + *start + sizeof(Head), head_at(*start).size);
    }
    void erase(const EntryName& entry) {
        const size_t* const found = starts_.find(entry);
        if (found == nullptr) return;
        const size_t start = *found;
        Head head = head_at(start);
        head.is_live = false;
        std::memcpy(bytes_.data() + start, &head, sizeof(head));
        dead_ += sizeof(Head) + head.size;
        starts_.erase(entry);
        if (starts_.size() == 0) {
            bytes_.clear();
            bytes_.shrink_above(kept_when_empty);
            dead_ = 0;
        } else if (dead_ > bytes_.size() / 2) {
            compact();
        }
    }
    [[nodiscard]] size_t size() const { return starts_.size(); }
    /// Bytes in use, those of what has ended included.
    [[nodiscard]] size_t bytes() const { return bytes_.size(); }

  private:
    struct Head {
        EntryName entry;
        size_t size;
        bool is_live;
    };
    static constexpr size_t kept_when_empty = 64 * 1024;

    [[nodiscard]] bool append(const void* bytes, size_t count) {
        return bytes_.append(static_cast<const char*>(bytes), count);
    }
    /// Heads lie wherever the key before them ends, so they are copied out.
    [[nodiscard]] Head head_at(size_t start) const {
        Head head;
        std::memcpy(&head, bytes_.data() + start, sizeof(head));
        return head;
    }
    /// Only when more than half is dead, so that each byte is moved at most once on average.
    void compact() {
        size_t end = 0;
        for (size_t at = 0; at < bytes_.size();) {
            const Head head = head_at(at);
            const size_t whole = sizeof(Head) + head.size;
            if (head.is_live) {
                std::memmove(bytes_.data() + end, bytes_.data() + at, whole);
                (void)starts_.insert(head.entry, end);  // it is there, so this takes no memory
                end += whole;
            }
            at += whole;
        }
        bytes_.truncate(end);
        dead_ = 0;
    }

    Buffer<char> bytes_;
    FlatTable<EntryName, size_t> starts_;
    size_t dead_ = 0;
};

}  // namespace millrace
