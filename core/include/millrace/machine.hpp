// The machine: one client of one deployment, as a function of its configuration, a seed and ordered inputs.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "millrace/action.hpp"
#include "millrace/bytes.hpp"
#include "millrace/config.hpp"
#include "millrace/error.hpp"
#include "millrace/event.hpp"
#include "millrace/metrics.hpp"
#include "millrace/seed.hpp"
#include "millrace/time.hpp"

namespace millrace {

/// Which entries of a batch a command means.
class EntrySet {
  public:
    static EntrySet all() { return EntrySet(true, {}); }
    /// Positions in the batch, each at most once. Read during the call alone.
    static EntrySet of(std::span<const uint32_t> indices) { return EntrySet(false, indices); }
    [[nodiscard]] bool is_all() const { return all_; }
    [[nodiscard]] std::span<const uint32_t> indices() const { return indices_; }

  private:
    EntrySet(bool everything, std::span<const uint32_t> indices) : all_(everything), indices_(indices) {}
    bool all_;
    std::span<const uint32_t> indices_;
};

/// One entry to publish: fields in order, repeats and any bytes allowed.
struct PublishEntry {
    std::span<const Field> fields;
};

struct Publish {
    std::string_view stream;
    std::span<const PublishEntry> entries;
    /// None: Machine takes the defaults, a Client what its URL or document says.
    std::optional<PublishConfig> options = {};
    /// It was kept for want of room by a host that is about to drain: taken though publish_queue_bytes are queued, so
    /// that it goes out with what is (DRN-1).
    bool has_waited = false;
};

/// How a client ends.
struct Drain {
    Duration timeout = seconds(5);  ///< whatever is left by then stays pending
    /// Wait until the application has settled all that it was handed; else only until what was sent is answered.
    bool awaits_acks = true;
};

/// A change of a group, which need not be one that this client consumes.
struct GroupChange {
    enum class What : uint8_t {
        create,   ///< with its stream, where that is missing; a group that exists is left as it is
        move,     ///< back for a replay, or on; what is pending stays so
        destroy,  ///< with all that is pending in it
    };
    What what = What::create;
    std::string stream;
    std::string group;
    std::string at = "0";           ///< `0`, `$`, or the entry id behind which the group reads on
    std::optional<WallTime> since;  ///< in place of `at`: the entries added from this time on, by their ids
};

/// Which dead letters to list.
struct DeadQuery {
    std::string stream;    ///< the one that the letters came from
    EntryId after{};       ///< the last one seen, by its id in the dead stream
    uint32_t count = 100;  ///< at most so many, 1 to 1,000
};

/// Every method is a getter, a command, a `handle_*` (something happened outside) or a `poll_*` (what to do next). None
/// blocks, none calls back. After any of them poll until nothing is left: events first and transmit last lets the ack
/// of one batch share a write with the next read. One thread at a time; after a fork only the parent goes on.
class Machine {
  public:
    [[nodiscard]] static Result<Machine> create(const ClientConfig& config, Seed128 seed, Instant now, WallTime wall);
    Machine(Machine&&) noexcept;
    Machine& operator=(Machine&&) noexcept;
    ~Machine();

    // ---- commands
    /// Begins to consume, or to tail. bad_config names the key; queue_full: 32,752 sources are open, close some first.
    [[nodiscard]] Result<SourceId> open(const SourceConfig& config, Instant now);
    /// Ends a source: no batch of it comes any more. What it holds and has not handed over is given back, so that other
    /// consumers may claim it at once; what was handed over and is not acked stays pending with its consumer. Closed
    /// follows, once the acks are answered.
    Status close(SourceId source, Instant now);
    /// Ends everything (DRN-1): as close for each source, and queued publishes go out. What the application was handed
    /// may be acked until the end; what it nacks is given back. Closed follows and tells what was left pending; nothing
    /// comes after it. A second call can only shorten the wait. bad_argument for a negative timeout.
    Status drain(const Drain& how, Instant now);
    /// Queues entries for a stream. would_block past publish_queue_bytes: nothing of it is taken; try again after a
    /// Published.
    [[nodiscard]] Result<Ticket> publish(const Publish& publish, Instant now);
    /// XACK. not_held or lost when one of the entries is not ours (any more); then nothing is sent for any of the
    /// call's.
    Status ack(BatchId batch, EntrySet entries, Instant now);
    /// Keeps the entries pending, and delivers them here again after the delay (none: the source's nack_delay), each
    /// counted at the server.
    Status nack(BatchId batch, EntrySet entries, std::optional<Duration> delay, Instant now);
    /// Gives the entries to the group: they stay pending, and whichever consumer sweeps it next may take them over,
    /// this one included. Their deliveries stay as counted.
    Status give_back(BatchId batch, EntrySet entries, Instant now);
    /// Gives the entries up: each is written to its dead stream with `error` (DLQ-1), and only then acked. DeadLettered
    /// or DeadFailed tells of each. At most 4 KiB of the error are kept. queue_full while 10 x prefetch entries wait to
    /// be written: they stay held; try again after a DeadLettered.
    Status reject(BatchId batch, EntrySet entries, std::string_view error, Instant now);
    /// Lists dead letters, the oldest first; DeadListed answers. No source is needed. queue_full while 64 such requests
    /// wait.
    [[nodiscard]] Result<Ticket> dead(const DeadQuery& query, Instant now);
    /// Puts dead letters back into the stream that they came from, at its end. Only the group that gave them up is
    /// handed them again; Redriven answers. Each is tried again max_retries times.
    [[nodiscard]] Result<Ticket> redrive(std::string_view stream, std::span<const EntryId> dead_ids, Instant now);
    /// Creates, moves or destroys a group; GroupChanged answers. No source is needed. A consumer of a group that is
    /// moved back is handed entries again that were acked before, unless `dedupe` knows them. Tried again max_retries
    /// times.
    [[nodiscard]] Result<Ticket> change_group(const GroupChange& change, Instant now);
    /// Frees the bytes of a batch. Its ids stay held until they are acked.
    void release(BatchId batch, Instant now);
    Status pause(SourceId source, Instant now);
    Status resume(SourceId source, Instant now);
    /// Asks the server for what health tells of the group, now rather than at the next claim_interval; the answers show
    /// in Health::since_looked. From the first look on stream lengths are asked for too.
    Status look(SourceId source, Instant now);
    /// What the next AUTH says (SEC-1); connections that are made stay as they are. After a refusal of the old ones (a
    /// Failure without a source) it starts the client again: sources that were open are recovered as after a restart of
    /// the process, and what was handed over before is `lost` here and comes again. `closed` once a drain has begun.
    Status replace_credentials(std::string username, Secret password, Instant now);

    // ---- something happened outside
    void handle_connected(ConnId conn, Instant now);
    void handle_disconnected(ConnId conn, DisconnectReason reason, Instant now);
    /// Where to put bytes read from the connection; empty when it is dead, or when memory was refused.
    [[nodiscard]] std::span<std::byte> input_room(ConnId conn, size_t hint = 0);
    /// The first `written` bytes of the room were filled.
    void handle_input(ConnId conn, size_t written, Instant now);
    /// Late, repeated and spurious calls are harmless.
    void handle_timeout(Instant now);
    void handle_wall_clock(WallTime wall, Instant now);

    // ---- what to do next
    [[nodiscard]] std::optional<Action> poll_action();
    [[nodiscard]] std::optional<Event> poll_event();
    /// A connection that has something new to send: each is named once for what was written since it was named last. A
    /// host whose socket took only a part asks transmit again when the socket is writable.
    [[nodiscard]] std::optional<ConnId> poll_writable();
    /// When to call handle_timeout; none: not before something else happens.
    [[nodiscard]] std::optional<Instant> poll_timeout() const;
    /// Bytes to send; valid until the next call of anything.
    [[nodiscard]] std::span<const ConstBytes> transmit(ConnId conn);
    /// The first `sent` bytes of transmit went out.
    void advance_transmit(ConnId conn, size_t sent);

    // ---- getters
    /// How a source is. `closed` when there is no such source (any more).
    [[nodiscard]] Result<Health> health(SourceId source, Instant now) const;
    /// All metrics of this client as Prometheus text, version 0.0.4 (prometheus.io, "Exposition formats").
    [[nodiscard]] std::string metrics(const MetricsOptions& options, Instant now) const;
    /// Whether the server has refused the credentials, so that nothing goes on until they are replaced.
    [[nodiscard]] bool refused() const;
    /// Whether drain has ended.
    [[nodiscard]] bool finished() const;

  private:
    struct Core;
    explicit Machine(std::unique_ptr<Core> core);
    std::unique_ptr<Core> core_;
};

}  // namespace millrace
