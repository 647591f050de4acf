// Entries that the application gave back for a while (ACK-4): when each is due, and what its claim told. Knows no
// connection.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "consumer/held.hpp"
#include "millrace/entry.hpp"
#include "millrace/time.hpp"

namespace millrace {

/// For how long an entry must be idle before others reclaim it; the key of this name comes with reclaiming.
inline constexpr Duration claim_min_idle_default = seconds(60);

struct Waiting {
    enum class State : uint8_t {
        free,
        waiting,   ///< until `due`
        due,       ///< to be claimed
        claiming,  ///< the reply is owed
        unclear,   ///< the claim brought nothing: XPENDING is to be asked
        asking,    ///< its reply is owed
    };
    State state = State::free;
    Instant due{};
    Instant refreshed{};  ///< when the server last set the entry's idle time to 0, as far as replies tell
    uint32_t stream = 0;
    uint32_t deliveries = 0;
    bool release = false;  ///< to whoever reclaims it, instead of delivering it here
    EntryId id;
    Place place;
};

/// REC-3: the idle time that a claim of our own entry asks for. A little less than what must have passed if nobody else
/// took it: with 0 it would take the entry back from another consumer.
[[nodiscard]] inline Duration own_idle(Instant refreshed, Instant now) {
    const int64_t e = now.us - refreshed.us;
    if (e <= 0) return {};
    const int64_t margin = e / 20 < claim_min_idle_default.us / 2 ? e / 20 : claim_min_idle_default.us / 2;
    return {e - margin};
}

class Nacks {
  public:
    [[nodiscard]] size_t size() const { return count_; }

    uint64_t add(Waiting waiting) {
        waiting.state = Waiting::State::waiting;
        ++count_;
        for (size_t i = 0; i < entries_.size(); ++i) {
            if (entries_[i].state != Waiting::State::free) continue;
            entries_[i] = waiting;
            return i;
        }
        entries_.push_back(waiting);
        return entries_.size() - 1;
    }

    [[nodiscard]] Waiting& at(uint64_t tag) { return entries_[static_cast<size_t>(tag)]; }

    void remove(uint64_t tag) {
        entries_[static_cast<size_t>(tag)].state = Waiting::State::free;
        --count_;
    }

    /// Marks what is due. A due entry is no timer any more: without a lane it would be due for ever, and the host would
    /// spin.
    void mark_due(Instant now) {
        for (Waiting& waiting : entries_) {
            if (waiting.state == Waiting::State::waiting && waiting.due <= now) waiting.state = Waiting::State::due;
        }
    }

    /// The next one to claim or to ask about; none when nothing is due.
    [[nodiscard]] std::optional<uint64_t> next_due() const {
        std::optional<uint64_t> next;
        for (size_t i = 0; i < entries_.size(); ++i) {
            if (entries_[i].state != Waiting::State::due && entries_[i].state != Waiting::State::unclear) continue;
            if (!next.has_value() || entries_[i].due < entries_[static_cast<size_t>(*next)].due) next = i;
        }
        return next;
    }

    [[nodiscard]] std::optional<Instant> next_timeout() const {
        std::optional<Instant> next;
        for (const Waiting& waiting : entries_) {
            if (waiting.state != Waiting::State::waiting) continue;
            if (!next.has_value() || waiting.due < *next) next = waiting.due;
        }
        return next;
    }

    /// How often an entry that waits here was delivered.
    [[nodiscard]] std::optional<uint32_t> deliveries(uint32_t stream, EntryId id) const {
        for (const Waiting& waiting : entries_) {
            if (waiting.state == Waiting::State::free || waiting.stream != stream || waiting.id != id) continue;
            return waiting.deliveries;
        }
        return std::nullopt;
    }

    /// Whether a reply is owed to any.
    [[nodiscard]] bool asking() const {
        for (const Waiting& waiting : entries_) {
            if (waiting.state == Waiting::State::claiming || waiting.state == Waiting::State::asking) return true;
        }
        return false;
    }

    /// Whether entries may come soon: claims are out, or about to be.
    [[nodiscard]] bool claiming() const {
        for (const Waiting& waiting : entries_) {
            if (waiting.state != Waiting::State::free && waiting.state != Waiting::State::waiting) return true;
        }
        return false;
    }

  private:
    std::vector<Waiting> entries_;  // at most 10 x prefetch
    size_t count_ = 0;
};

}  // namespace millrace
