// Where a tail is in one stream, how it gets to its first place, and what it knows about it. Plain data, and what is
// decided from it alone; it sends nothing.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "command/stream_info.hpp"
#include "millrace/entry.hpp"
#include "millrace/time.hpp"

namespace millrace {

/// What SourceConfig::from asks for.
struct Beginning {
    enum class Kind : uint8_t {
        newest,     ///< behind the last id that was given
        after,      ///< behind `id`
        last,       ///< before the last `count` entries
        canonical,  ///< behind the newest entry of this canonical id
    };
    Kind kind = Kind::newest;
    EntryId id;
    uint32_t count = 0;
    std::string canonical_id;

    /// `from` has been validated.
    [[nodiscard]] static Beginning parse(std::string_view from);
};

/// A search backwards, page by page, that keeps nothing but where it has got to: what it finds is read forwards, under
/// the limits of reading. It goes on behind what it saw, also after a connection that was lost in the middle of a page.
struct Search {
    std::optional<EntryId> end;  ///< the next page ends here; none: at the newest entry
    uint32_t seen = 0;
    uint32_t asked = 0;     ///< of the page under way
    uint32_t answered = 0;  ///< of the page under way
    bool is_over = false;   ///< the cursor is found
};

/// A read did not find the cursor's entry. What that means XINFO STREAM has to tell.
struct Doubt {
    EntryId cursor;
    std::optional<EntryId> next;     ///< what came in its place; none: nothing did
    std::optional<uint64_t> passed;  ///< Position::passed then
    bool was_looked_at = false;      ///< the next look is due when something has come
};

struct Position {
    enum class State : uint8_t {
        unknown,  ///< the cursor is still looked for
        known,
        left,  ///< the key is no stream, or is not ours to read: the other streams go on (MUL-1)
    };
    State state = State::unknown;
    bool is_placed = false;  ///< the cursor was known once: a stream that was left goes on behind it
    EntryId cursor;          ///< the last id that was read, or passed over
    /// There is, as far as known, an entry at the cursor: a read that begins with it proves that nothing behind it was
    /// trimmed unseen.
    bool is_anchored = false;
    bool is_large = false;     ///< that entry is: it is not read again while nothing comes
    bool is_unproved = false;  ///< such a read is due before the next one that blocks
    bool is_look_due = false;
    std::optional<Doubt> doubt;
    Instant looked{};
    /// From 7.0: how many entries were ever added up to the cursor, where that is known since `passed_from`.
    std::optional<uint64_t> passed;
    EntryId passed_from;
    Search search;

    // of the read under way
    EntryId asked_after;        ///< the cursor when it was sent
    bool overlaps = false;      ///< it begins with the cursor's own entry
    bool found_cursor = false;  ///< and that came
    bool is_refused = false;    ///< the one that would have begun so was, and the one behind it in its write may not be
    uint32_t seen = 0;          ///< entries, but the cursor's own
    uint32_t taken = 0;         ///< and of these, those that were new

    /// What became of a doubt.
    struct Finding {
        enum class What : uint8_t {
            nothing_missed,
            gap,    ///< up to `first`; `missed` where the server tells how many
            reset,  ///< the stream was made anew
        };
        What what = What::nothing_missed;
        EntryId first;
        std::optional<uint64_t> missed;
    };
    /// TAIL-3, of a look that was sent when no read was out.
    [[nodiscard]] Finding judge(const StreamInfo& info) const;
};

}  // namespace millrace
