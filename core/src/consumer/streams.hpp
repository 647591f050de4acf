// The streams of one source: their names, and the numbers that everything else calls them by. A stream that is gone
// keeps its number until nothing refers to it, then another one gets it. Knows nothing of what is read from them.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/number_set.hpp"
#include "millrace/stream_names.hpp"

namespace millrace {

class Streams {
  public:
    explicit Streams(std::span<const std::string> names) {
        for (const std::string& name : names) (void)add(name);
    }

    /// Numbers below this one have been given, those of streams that are gone included.
    [[nodiscard]] uint32_t size() const { return size_; }
    [[nodiscard]] uint32_t live() const { return static_cast<uint32_t>(by_name_.size()); }
    /// Of streams that are gone, too, until their number is given up.
    [[nodiscard]] const std::string& operator[](uint32_t stream) const { return names_[stream]; }
    [[nodiscard]] const StreamNames& names() const { return names_; }
    [[nodiscard]] bool is_live(uint32_t stream) const { return !gone_.contains(stream) && !free_.contains(stream); }
    /// Among those that are not gone, in the time of a binary search.
    [[nodiscard]] std::optional<uint32_t> find(std::string_view name) const;

    /// A name that find does not know; its number.
    [[nodiscard]] uint32_t add(std::string_view name);
    /// It is gone: not found by its name any more.
    void leave(uint32_t stream);
    /// Streams that are gone, and have their numbers still.
    [[nodiscard]] const NumberSet& gone() const { return gone_; }
    /// Nothing refers to a stream that is gone: the next one gets its number.
    void give_up(uint32_t stream);

  private:
    /// Where the name is among the sorted ones, or would be.
    [[nodiscard]] size_t place_of(std::string_view name) const;

    StreamNames names_;
    uint32_t size_ = 0;
    std::vector<uint32_t> by_name_;  // numbers of those that are not gone
    NumberSet gone_;
    NumberSet free_;
};

}  // namespace millrace
