// Which streams the next read of new entries asks for (BP-1). Streams whose last read was full are hot: they are read
// in rotation, without blocking, and after each rotation the others once. With none hot, one read over all that blocks.
// A read of hot streams costs by their number, not by that of all.
#pragma once

#include <cstdint>
#include <vector>

#include "base/number_set.hpp"

namespace millrace {

class Rotation {
  public:
    explicit Rotation(uint32_t streams) { grow(streams); }

    /// There are `streams` of them from now on; no fewer than before.
    void grow(uint32_t streams) {
        streams_ = streams;
        hot_.grow(streams);
    }

    struct Read {
        bool blocks = false;
        uint32_t count = 0;  ///< of entries, per stream; 0: there is nothing to read
    };
    /// Fills in `streams` with what to read, of those that `can_read(stream)`; `room` is at least 1.
    template <class CanRead>
    [[nodiscard]] Read next(uint32_t batch_size, uint32_t room, std::vector<uint32_t>& streams, CanRead&& can_read) {
        streams.clear();
        const uint32_t full = batch_size < room ? batch_size : room;
        if (!others_are_due_ && pick_hot(room / full, streams, can_read)) return {false, full};
        others_are_due_ = false;
        bool any_hot = false;
        for (uint32_t i = 0; i < streams_; ++i) {
            if (!can_read(i)) continue;
            if (hot_.contains(i)) {
                any_hot = true;
            } else {
                streams.push_back(i);
            }
        }
        if (streams.empty()) {
            const bool is_picked = any_hot && pick_hot(room / full, streams, can_read);
            return is_picked ? Read{false, full} : Read{};
        }
        const uint32_t share = room / static_cast<uint32_t>(streams.size());
        const uint32_t count = share < batch_size ? share : batch_size;
        return {!any_hot, count > 0 ? count : 1};
    }

    /// A read of the stream brought as many entries as it asked for, or fewer.
    void handle_read(uint32_t stream, bool was_full) {
        if (was_full) {
            hot_.insert(stream);
        } else {
            hot_.erase(stream);
        }
    }
    /// A read of several streams failed as a whole: they come next, and not after another round of the hot ones.
    void handle_failure() { others_are_due_ = true; }
    void cool() { hot_.clear(); }
    [[nodiscard]] bool any_hot() const { return !hot_.empty(); }

  private:
    /// The next of the hot ones, at most `most`. False when none of them can be read.
    template <class CanRead>
    [[nodiscard]] bool pick_hot(uint32_t most, std::vector<uint32_t>& streams, CanRead&& can_read) {
        uint32_t at = hot_.next(next_);
        while (at != NumberSet::none && streams.size() < most) {
            if (can_read(at)) streams.push_back(at);
            at = hot_.next(at + 1);
        }
        others_are_due_ = at == NumberSet::none;  // the rotation is through
        next_ = others_are_due_ ? 0 : at;
        return !streams.empty();
    }

    uint32_t streams_ = 0;
    NumberSet hot_;
    uint32_t next_ = 0;  // where the rotation goes on
    bool others_are_due_ = false;
};

}  // namespace millrace
