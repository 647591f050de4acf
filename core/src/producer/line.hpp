// What is known of each stream that is published to: what went in last, and, for idempotent publishing, which numbers
// may come again and whether the server's window holds them (PUB-1, PUB-2). Sends nothing.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "base/ring.hpp"
#include "millrace/time.hpp"

namespace millrace {

/// The numbers of a stream's idempotent entries. One that has no answer yet may come again, so the server must know as
/// many as there are from the oldest of these on.
class Window {
  public:
    /// Numbers begin at this one, and are not used again.
    explicit Window(uint64_t first) : oldest_(first), next_(first) {}

    [[nodiscard]] bool has_room(uint64_t entries, uint32_t count) const { return next_ + entries - oldest_ <= count; }
    [[nodiscard]] bool empty() const { return next_ == oldest_; }
    [[nodiscard]] uint64_t next() const { return next_; }
    uint64_t take() {
        settled_.push(0);
        return next_++;
    }
    void settle(uint64_t number) {
        if (number < oldest_ || number >= next_) return;
        settled_[static_cast<size_t>(number - oldest_)] = 1;
        while (!settled_.empty() && settled_.front() != 0) {
            (void)settled_.pop();
            ++oldest_;
        }
    }

  private:
    Ring<uint8_t> settled_;
    uint64_t oldest_;
    uint64_t next_;
};

/// One stream.
struct Line {
    /// What is known of the server's IDMP window for this stream, on this connection.
    enum class Idmp : uint8_t {
        unknown,
        asked,    ///< XINFO STREAM is out
        alone,    ///< there is no stream yet, or nothing was told: one publish goes, and then it is asked again
        raising,  ///< XCFGSET is out
        known,    ///< at least idmp_ms and idmp_count
    };

    Line(uint32_t number, std::string_view stream, uint64_t first_number)
        : id(number), name(stream), window(first_number) {}

    uint32_t id;
    std::string name;
    std::string published_key;  ///< where a script remembers; empty until it is used
    size_t jobs = 0;            ///< that are not done
    size_t out = 0;             ///< idempotent entries without an answer, on this connection
    uint64_t last_written = 0;  ///< the highest order that went in
    uint64_t atomic_job = 0;    ///< a transaction that is not answered: what follows waits, so that order holds
    Idmp idmp = Idmp::unknown;
    int64_t idmp_ms = 0;
    int64_t idmp_count = 0;
    Window window;
};

class Lines {
  public:
    /// Kept as long as jobs are open for it; without, as long as there are not too many.
    [[nodiscard]] Line& at(std::string_view stream) {
        if (last_ != nullptr && last_->name == stream) return *last_;
        auto found = lines_.find(stream);
        if (found == lines_.end()) {
            if (lines_.size() >= drop_at_) drop_idle();
            auto line = std::make_unique<Line>(next_id_++, stream, first_number_);
            found = lines_.emplace(std::string(stream), std::move(line)).first;
        }
        last_ = found->second.get();
        return *last_;
    }
    /// Null for one that was dropped.
    [[nodiscard]] Line* find(uint64_t id) {
        for (const auto& [name, line] : lines_) {
            if (line->id == id) return line.get();
        }
        return nullptr;
    }
    [[nodiscard]] auto begin() const { return lines_.begin(); }
    [[nodiscard]] auto end() const { return lines_.end(); }

  private:
    static constexpr size_t idle_lines_max = 1024;

    void drop_idle() {
        for (auto at = lines_.begin(); at != lines_.end();) {
            const Line& line = *at->second;
            if (line.jobs > 0) {
                ++at;
                continue;
            }
            if (line.window.next() > first_number_) first_number_ = line.window.next();
            at = lines_.erase(at);
        }
        last_ = nullptr;
        drop_at_ = std::max(idle_lines_max, 2 * lines_.size());  // where all are in use, not again for each new one
    }

    std::map<std::string, std::unique_ptr<Line>, std::less<>> lines_;
    Line* last_ = nullptr;
    uint64_t first_number_ = 1;  // above all numbers of the lines that were dropped
    uint32_t next_id_ = 1;
    size_t drop_at_ = idle_lines_max;
};

}  // namespace millrace
