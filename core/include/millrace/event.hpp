// What the machine tells. Each event is a struct; poll_event hands them out in the order in which they came about.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "millrace/action.hpp"
#include "millrace/config.hpp"
#include "millrace/entry.hpp"
#include "millrace/error.hpp"
#include "millrace/stream_names.hpp"
#include "millrace/time.hpp"

namespace millrace {

enum class SourceId : uint32_t {};
enum class BatchId : uint64_t {};
enum class Ticket : uint64_t {};

/// How a source is served: at least once from Streams, at most once from Pub/Sub, or as a tail.
enum class Delivery : uint8_t { streams, pubsub, tail };
enum class FlushReason : uint8_t { size, flush, recovery };
enum class LogLevel : uint8_t { debug, info, warn, error };

[[nodiscard]] std::string_view name(Delivery delivery);
/// What a delivery promises: `at_least_once`, `at_most_once` (Pub/Sub), or `by_cursor`, where the reader keeps its own
/// place.
[[nodiscard]] std::string_view guarantee(Delivery delivery);
[[nodiscard]] std::string_view name(FlushReason reason);
[[nodiscard]] std::string_view name(LogLevel level);
[[nodiscard]] std::string_view name(LaneRole role);
[[nodiscard]] std::string_view name(DisconnectReason reason);

/// The group exists and the first read is sent (of a pattern: or nothing matches yet), or the subscription is
/// confirmed. Said once for each source, and again when it is served in another way (ModeChanged) or under another
/// name: after a lease was lost, which a Failure with Code::lost tells before.
struct Ready {
    SourceId source;
    Delivery delivery;
    std::string consumer;        ///< our name in the group; empty where there is none
    uint8_t protocol;            ///< 2 or 3
    std::string server_version;  ///< as the server tells it, `unknown` where it would not
    /// Of a tail, where it begins in each stream. Kept, and moved to the id of each entry that was handled, they are
    /// what SourceConfig::cursors begins from again, also in a stream of which nothing has come yet.
    std::vector<Cursor> cursors = {};
};

/// Entries to work on. They are views: valid until Machine::release(batch).
class BatchView {
  public:
    BatchView(std::span<const EntryRecord> records, const StreamNames* streams)
        : records_(records), streams_(streams) {}
    [[nodiscard]] size_t size() const { return records_.size(); }
    [[nodiscard]] bool empty() const { return records_.empty(); }
    [[nodiscard]] Entry operator[](size_t index) const {
        return {records_[index], (*streams_)[records_[index].stream]};
    }
    /// As they lie in memory, for a host that copies them as a whole.
    [[nodiscard]] std::span<const EntryRecord> records() const { return records_; }
    class Iterator {
      public:
        Iterator(const BatchView* view, size_t index) : view_(view), index_(index) {}
        Entry operator*() const { return (*view_)[index_]; }
        Iterator& operator++() {
            ++index_;
            return *this;
        }
        bool operator!=(const Iterator& other) const { return index_ != other.index_; }

      private:
        const BatchView* view_;
        size_t index_;
    };
    [[nodiscard]] Iterator begin() const { return {this, 0}; }
    [[nodiscard]] Iterator end() const { return {this, size()}; }

  private:
    std::span<const EntryRecord> records_;
    const StreamNames* streams_;
};

/// A batch is handed over (BAT-1): at most batch_size entries, at least one. Call release once its bytes are no longer
/// looked at, and ack, nack or reject its entries, before or after that.
struct BatchReady {
    SourceId source;
    BatchId batch;
    FlushReason reason;
    BatchView entries;
};

/// The server has executed acks: these indices of the batch are done with. `indices` is valid until the next
/// poll_event.
struct Acked {
    SourceId source;
    BatchId batch;
    std::span<const uint32_t> indices;
};

/// Entries that are no longer ours: another consumer has them, or will have, since our name is lost, or they are gone.
/// Later acks of them are `lost`. Some may not have been handed over.
struct Lost {
    SourceId source;
    std::string stream;
    std::vector<EntryId> ids;
};

/// An entry whose canonical id was acked within the window: acked unseen (DUP-2).
struct Duplicate {
    SourceId source;
    std::string stream;
    EntryId id;
    std::string canonical_id;
};

/// The group had been lost (destroyed, or its key deleted), and we made it again. What was delivered after `from` and
/// not acked comes again.
struct GroupRecreated {
    SourceId source;
    std::string stream;
    std::string from;  ///< an entry id, or `$`
};

/// An entry is in its dead stream now, and acked (DLQ-1): it was delivered more often than max_deliveries, or rejected,
/// or is larger than max_message_bytes.
struct DeadLettered {
    SourceId source;
    std::string stream;
    EntryId id;
    std::string dead_stream;
    EntryId dead_id;  ///< 0-0 where the server's answer was lost
    uint32_t deliveries;
    std::string error;
};

/// A dead letter could not be written: the entry stays pending with us, and it is tried again while the source is open.
/// Said once for each try, of the first entry of the stream that failed.
struct DeadFailed {
    SourceId source;
    std::string stream;
    EntryId id;
    std::string dead_stream;
    Error error;
};

/// A dead letter as a list shows it.
struct DeadLetter {
    EntryId dead_id;
    EntryId id;  ///< of the entry, when it was alive; 0-0 and no more below where somebody else put it there
    std::string stream;
    std::string group;
    std::string consumer;
    uint32_t deliveries = 0;
    std::string error;
    std::vector<std::pair<std::string, std::string>> fields;  ///< the entry's own
    bool is_cut = false;                                      ///< past 64 KiB fields are left out
};

/// The answer to Machine::dead.
struct DeadListed {
    Ticket ticket;
    std::string stream;
    std::string dead_stream;
    std::vector<DeadLetter> letters;
    std::optional<Error> error;  ///< why there are none
};

struct RedriveResult {
    EntryId dead_id;
    EntryId id;                    ///< the new one; 0-0 on an error, and where the answer was lost that told it
    std::optional<Error> error;    ///< why it was not put back
    bool maybe_duplicate = false;  ///< sent again after an answer was lost
};

/// The answer to Machine::redrive: one result for each letter, in the order of the request.
struct Redriven {
    Ticket ticket;
    std::string stream;
    std::vector<RedriveResult> results;
};

/// The answer to Machine::change_group.
struct GroupChanged {
    Ticket ticket;
    std::string stream;
    std::string group;
    bool changed;  ///< false: it was there already, or was not there to be destroyed
    std::optional<Error> error;
};

struct PublishResult {
    std::string id;              ///< of the entry; empty on an error and in Pub/Sub
    std::optional<Error> error;  ///< why it was not written
    /// Sent again after a reply was lost; with `idempotent` only where that may have been too late.
    bool maybe_duplicate = false;
    bool maybe_written = false;  ///< ended without confirmation; it may be there
    bool reordered = false;      ///< entries of the stream that were published later went in before it
};

/// One result for each entry of the publish, in its order. `results` is valid until the next poll_event.
struct Published {
    Ticket ticket;
    std::span<const PublishResult> results;
};

/// The server's kind changed under us, or was told for the first time (DET-5).
struct ModeChanged {
    Delivery delivery;
    std::string server_version;
};

/// A connection was lost; `error.retryable` tells whether it is tried again.
struct Disconnected {
    LaneRole role;
    DisconnectReason reason;
    Error error;
};

/// A lane is back after a loss.
struct Reconnected {
    LaneRole role;
    uint32_t attempts;  ///< connections tried since the loss, this one included
};

/// The tail's cursor points before the first entry left: entries may have been trimmed unseen (TAIL-3). Of the ids
/// between `cursor` and `first`, both left out, nothing is there any more. Reading goes on with `first`.
struct Gap {
    SourceId source;
    std::string stream;
    EntryId cursor;  ///< as far as was read
    EntryId first;
    /// How many entries were missed; at least one. None: the server can't tell, and it may be that none were.
    std::optional<uint64_t> missed;
};

/// The stream was made anew, with ids below the tail's cursor: a read behind it would wait for ever (TAIL-3). Reading
/// goes on from its beginning. A server that came back without its last writes looks the same: then entries come again.
struct Reset {
    SourceId source;
    std::string stream;
    EntryId cursor;  ///< as far as was read
    EntryId last;    ///< the last id that the stream has given
};

/// A subscription stands again after it was interrupted: what was published in between is lost (PS-2).
struct Interrupted {
    SourceId source;
    std::string stream;  ///< the channel
    Duration lasted;     ///< since the server was last heard
};

/// An entry past max_message_bytes was met and not kept (BP-3). In a group it stays pending with this consumer; it is
/// handed over nowhere.
struct TooLarge {
    SourceId source;
    std::string stream;
    EntryId id;      ///< 0-0 of a Pub/Sub message
    uint64_t bytes;  ///< of its names and values, or of the message
};

/// Something failed. With a source whose `closed` is true, that source reads no more; without a source, the client does
/// nothing more until its credentials are replaced (Machine::replace_credentials).
struct Failure {
    std::optional<SourceId> source;
    Error error;
    bool closed = false;
};

using LogFields = std::vector<std::pair<std::string, std::string>>;

/// For the host's log; never a secret (CFG-4).
struct Log {
    LogLevel level;
    std::string message;
    LogFields fields;
};

/// A close or drain has ended; nothing comes after it for that source (none: for the machine).
struct Closed {
    std::optional<SourceId> source;
    uint64_t held;  ///< entries left pending with this consumer
};

using Event = std::variant<Ready, BatchReady, Acked, Lost, Duplicate, GroupRecreated, Published, ModeChanged,
                           Disconnected, Reconnected, Gap, Reset, Interrupted, TooLarge, DeadLettered, DeadFailed,
                           DeadListed, Redriven, GroupChanged, Failure, Log, Closed>;

}  // namespace millrace
