// The commands of Redis Streams that the engine sends, as functions that write one command each. Source: redis.io,
// "Commands", group stream.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "millrace/entry.hpp"
#include "millrace/time.hpp"
#include "resp/encoder.hpp"

namespace millrace::command {

using resp::Encoder;

inline void xgroup_create(Encoder& e, std::string_view key, std::string_view group, std::string_view start,
                          bool makes_stream = true) {
    e.command(makes_stream ? 6 : 5).text("XGROUP").text("CREATE").text(key).text(group).text(start);
    if (makes_stream) e.text("MKSTREAM");
}

inline void xgroup_setid(Encoder& e, std::string_view key, std::string_view group, std::string_view id) {
    e.command(5).text("XGROUP").text("SETID").text(key).text(group).text(id);
}

inline void xgroup_destroy(Encoder& e, std::string_view key, std::string_view group) {
    e.command(4).text("XGROUP").text("DESTROY").text(key).text(group);
}

/// Of a group, new entries of those of the streams that are `picked`. BLOCK 0 would mean for ever, so a block is at
/// least a millisecond.
template <class Streams>
void xreadgroup_new(Encoder& e, std::string_view group, std::string_view consumer, uint32_t count,
                    std::optional<Duration> block, const Streams& streams, std::span<const uint32_t> picked) {
    e.command(7 + (block.has_value() ? 2U : 0U) + 2 * picked.size());
    e.text("XREADGROUP").text("GROUP").text(group).text(consumer).text("COUNT").integer(count);
    if (block.has_value()) e.text("BLOCK").integer(block->us < 1000 ? 1 : block->us / 1000);
    e.text("STREAMS");
    for (const uint32_t stream : picked) e.text(streams[stream]);
    for (size_t i = 0; i < picked.size(); ++i) e.text(">");
}

/// A consumer's own pending entries behind `after`, in pages.
inline void xreadgroup_pending(Encoder& e, std::string_view group, std::string_view consumer, uint32_t count,
                               std::string_view stream, EntryId after) {
    e.command(9).text("XREADGROUP").text("GROUP").text(group).text(consumer).text("COUNT").integer(count);
    e.text("STREAMS").text(stream).id(after);
}

/// How many are pending in the whole group, the first id and the last.
inline void xpending_summary(Encoder& e, std::string_view key, std::string_view group) {
    e.command(3).text("XPENDING").text(key).text(group);
}

inline void xpending_of(Encoder& e, std::string_view key, std::string_view group, EntryId from, uint32_t count,
                        std::string_view consumer) {
    e.command(7).text("XPENDING").text(key).text(group).id(from).text("+").integer(count).text(consumer);
}

/// Pending entries of all consumers; with `idle_min` (6.2) those alone that have been idle for as long.
inline void xpending_idle(Encoder& e, std::string_view key, std::string_view group, std::optional<Duration> idle_min,
                          EntryId from, uint32_t count) {
    e.command(6 + (idle_min.has_value() ? 2U : 0U)).text("XPENDING").text(key).text(group);
    if (idle_min.has_value()) e.text("IDLE").integer(idle_min->us / 1000);
    e.id(from).text("+").integer(count);
}

inline void xpending_one(Encoder& e, std::string_view key, std::string_view group, EntryId id) {
    e.command(6).text("XPENDING").text(key).text(group).id(id).id(id).text("1");
}

/// Takes one entry that has been idle for `idle_min`, and counts a delivery: without JUSTID.
inline void xclaim(Encoder& e, std::string_view key, std::string_view group, std::string_view consumer,
                   Duration idle_min, EntryId id) {
    e.command(6).text("XCLAIM").text(key).text(group).text(consumer).integer(idle_min.us / 1000).id(id);
}

/// The same of `ids` entries, which follow.
inline void xclaim_head(Encoder& e, std::string_view key, std::string_view group, std::string_view consumer,
                        Duration idle_min, size_t ids) {
    e.command(5 + ids).text("XCLAIM").text(key).text(group).text(consumer).integer(idle_min.us / 1000);
}

/// Makes up to `count` entries ours that have been idle for `idle_min`, from `from` on; looks at 10 x `count` at most.
/// Counts no delivery (6.2).
inline void xautoclaim_ids(Encoder& e, std::string_view key, std::string_view group, std::string_view consumer,
                           Duration idle_min, EntryId from, size_t count) {
    e.command(9).text("XAUTOCLAIM").text(key).text(group).text(consumer).integer(idle_min.us / 1000).id(from);
    e.text("COUNT").integer(static_cast<int64_t>(count)).text("JUSTID");
}

/// Makes entries of ours look read just now, without counting a delivery.
inline void xclaim_keep(Encoder& e, std::string_view key, std::string_view group, std::string_view consumer,
                        Duration idle_min, std::span<const EntryId> ids) {
    e.command(6 + ids.size()).text("XCLAIM").text(key).text(group).text(consumer).integer(idle_min.us / 1000);
    for (const EntryId id : ids) e.id(id);
    e.text("JUSTID");
}

/// Hands entries of ours to whoever reclaims next, by making them look idle.
inline void xclaim_release(Encoder& e, std::string_view key, std::string_view group, std::string_view consumer,
                           Duration idle_min, std::span<const EntryId> ids, Duration idle) {
    e.command(8 + ids.size()).text("XCLAIM").text(key).text(group).text(consumer).integer(idle_min.us / 1000);
    for (const EntryId id : ids) e.id(id);
    e.text("IDLE").integer(idle.us / 1000).text("JUSTID");
}

/// The head of an XCLAIM that sets the delivery count of `ids` entries of our own; the ids follow, then
/// xclaim_count_tail.
inline void xclaim_count_head(Encoder& e, std::string_view key, std::string_view group, std::string_view consumer,
                              size_t ids) {
    e.command(8 + ids).text("XCLAIM").text(key).text(group).text(consumer).text("0");
}
inline void xclaim_count_tail(Encoder& e, uint32_t deliveries) {
    e.text("RETRYCOUNT").integer(deliveries).text("JUSTID");
}

/// Of those of the streams that are `picked`, what is behind `after(stream)`.
template <class After>
void xread(Encoder& e, uint32_t count, std::optional<Duration> block, std::span<const std::string> streams,
           std::span<const uint32_t> picked, After&& after) {
    e.command(4 + (block.has_value() ? 2U : 0U) + 2 * picked.size());
    e.text("XREAD").text("COUNT").integer(count);
    if (block.has_value()) e.text("BLOCK").integer(block->us < 1000 ? 1 : block->us / 1000);
    e.text("STREAMS");
    for (const uint32_t stream : picked) e.text(streams[stream]);
    for (const uint32_t stream : picked) e.id(after(stream));
}

inline void xrange_one(Encoder& e, std::string_view key, EntryId id) {
    e.command(4).text("XRANGE").text(key).id(id).id(id);
}

inline void xrange_from(Encoder& e, std::string_view key, EntryId from, uint32_t count) {
    e.command(6).text("XRANGE").text(key).id(from).text("+").text("COUNT").integer(count);
}

inline void xack_one(Encoder& e, std::string_view key, std::string_view group, EntryId id) {
    e.command(4).text("XACK").text(key).text(group).id(id);
}

/// From `end` (none: the newest) backwards.
inline void xrevrange(Encoder& e, std::string_view key, std::optional<EntryId> end, uint32_t count) {
    e.command(6).text("XREVRANGE").text(key);
    if (end.has_value()) {
        e.id(*end);
    } else {
        e.text("+");
    }
    e.text("-").text("COUNT").integer(count);
}

inline void xlen(Encoder& e, std::string_view key) {
    e.command(2).text("XLEN").text(key);
}

inline void xinfo_groups(Encoder& e, std::string_view key) {
    e.command(3).text("XINFO").text("GROUPS").text(key);
}

inline void xinfo_consumers(Encoder& e, std::string_view key, std::string_view group) {
    e.command(4).text("XINFO").text("CONSUMERS").text(key).text(group);
}

inline void xinfo_stream(Encoder& e, std::string_view key) {
    e.command(3).text("XINFO").text("STREAM").text(key);
}

/// Looks at about `count` keys from the cursor on; with `streams_alone` (6.0) lists streams and nothing else.
inline void scan(Encoder& e, std::string_view cursor, std::string_view pattern, uint32_t count, bool streams_alone) {
    e.command(streams_alone ? 8 : 6).text("SCAN").text(cursor).text("MATCH").text(pattern);
    e.text("COUNT").integer(count);
    if (streams_alone) e.text("TYPE").text("stream");
}

inline void type(Encoder& e, std::string_view key) {
    e.command(2).text("TYPE").text(key);
}

}  // namespace millrace::command
