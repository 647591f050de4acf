// Which streams the next read of new entries asks for (BP-1). Streams whose last read was full are hot: they are read
// in rotation, without blocking, and after each rotation the others once. With none hot, one read over all that blocks.
#pragma once

#include <cstdint>
#include <vector>

namespace millrace {

class Rotation {
  public:
    explicit Rotation(uint32_t streams) : hot_(streams, false) {}

    struct Read {
        bool blocks = false;
        uint32_t count = 0;  ///< of entries, per stream; 0: there is nothing to read
    };
    /// Fills in `streams` with what to read, of those that `can_read(stream)`; `room` is at least 1.
    template <class CanRead>
    [[nodiscard]] Read next(uint32_t batch_size, uint32_t room, std::vector<uint32_t>& streams, CanRead&& can_read) {
        streams.clear();
        uint32_t readable = 0;
        uint32_t hot = 0;
        for (uint32_t i = 0; i < hot_.size(); ++i) {
            if (!can_read(i)) continue;
            ++readable;
            hot += hot_[i] ? 1U : 0U;
        }
        if (readable == 0) return {};
        const uint32_t full = batch_size < room ? batch_size : room;
        const bool all = hot == 0;
        if (!all && !others_are_due_) {
            const uint32_t most = room / full > 0 ? room / full : 1;
            while (next_ < hot_.size() && streams.size() < most) {
                if (hot_[next_] && can_read(next_)) streams.push_back(next_);
                ++next_;
            }
            if (next_ >= hot_.size()) {
                next_ = 0;
                others_are_due_ = hot < readable;
            }
            if (!streams.empty()) return {false, full};
        }
        others_are_due_ = false;
        for (uint32_t i = 0; i < hot_.size(); ++i) {
            if (can_read(i) && (all || !hot_[i])) streams.push_back(i);
        }
        if (streams.empty()) return next(batch_size, room, streams, can_read);
        const uint32_t share = room / static_cast<uint32_t>(streams.size());
        const uint32_t count = share < batch_size ? share : batch_size;
        return {all, count > 0 ? count : 1};
    }

    /// A read of the stream brought as many entries as it asked for, or fewer.
    void handle_read(uint32_t stream, bool was_full) { hot_[stream] = was_full; }
    void cool() { hot_.assign(hot_.size(), false); }
    [[nodiscard]] bool any_hot() const {
        for (const bool hot : hot_) {
            if (hot) return true;
        }
        return false;
    }

  private:
    std::vector<bool> hot_;
    uint32_t next_ = 0;  // where the rotation goes on
    bool others_are_due_ = false;
};

}  // namespace millrace
