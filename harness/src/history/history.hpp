// What happened in one case: every confirmed publish, hand-over, ack and fault with its time, and the server's own
// state. Plain data. The checker decides from it, the reports draw it; neither asks anybody else.
#pragma once

#include <compare>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.hpp"

namespace millrace::harness {

struct EntryKey {
    std::string stream;
    std::string id;
    auto operator<=>(const EntryKey&) const = default;
};

// Ids compare by their numbers: "9-1" comes before "10-0".
struct EntryId {
    uint64_t ms = 0;
    uint64_t seq = 0;
    auto operator<=>(const EntryId&) const = default;
    static std::optional<EntryId> parse(std::string_view text);
};

// A name or value as an agent reported it: the bytes, or their digest where they are long.
struct Value {
    std::string bytes;
    std::string sha256;
    uint64_t length = 0;

    [[nodiscard]] bool matches(const std::string& expected) const;
};

using Fields = std::vector<std::pair<std::string, std::string>>;
using SeenFields = std::vector<std::pair<Value, Value>>;

struct Published {
    EntryKey key;
    Fields fields;
    Instant sent;
    Instant confirmed;
};

struct DeliveredEntry {
    EntryKey key;
    SeenFields fields;
    std::optional<int64_t> deliveries;  // absent where the agent does not know
};

struct Batch {
    size_t agent = 0;
    std::string reason;
    std::vector<DeliveredEntry> entries;
    Instant received;     // the line was read here
    Instant handed_over;  // by the agent's own clock, where it is plausible; else `received`
};

struct Settlement {
    enum class Kind { Ack, Nack, Reject };
    Kind kind = Kind::Ack;
    size_t agent = 0;
    EntryKey key;
    Instant asked;
    std::optional<Instant> answered;
    std::string code;  // "ok" or an error code
};

struct Fault {
    // After a failover the server may know less than the one before: acks, deliveries and counts may have gone.
    // A group that is destroyed forgets who acked what; with its key the entries are gone too. A frozen agent (SIGSTOP)
    // can't tell anybody that it lives.
    enum class Kind { Kill, Cut, ServerDown, Failover, Deleted, Frozen, GroupLost, KeyGone };
    Kind kind = Kind::Kill;
    Instant at;
    std::optional<size_t> agent;  // the one it hit; none: all
    std::string what;             // for people
    std::vector<EntryKey> entries;
};

// An agent's word on one entry that it had held, or that it never handed over.
struct Notice {
    Instant at;
    size_t agent = 0;
    EntryKey key;
};

struct PendingEntry {
    EntryKey key;
    std::string consumer;
    int64_t idle_ms = 0;
    int64_t deliveries = 0;
};

// XPENDING of one group at one moment.
struct PendingSeen {
    Instant at;
    std::string stream;
    std::string group;
    std::vector<PendingEntry> entries;
};

// One process of an agent, and what it was asked to do.
struct AgentLife {
    std::string label;
    std::string group;                 // empty: a tail
    std::vector<std::string> streams;  // by name; none where it was given a pattern
    std::string consumer;
    std::string mode;  // of its ready
    int64_t batch_size = 10;
    int64_t prefetch = 40;
    std::optional<Duration> flush_interval = 5s;
    std::optional<int64_t> deliveries_max;  // where poison is set aside
    bool concurrent = true;
    bool dedupes = false;  // a copy of an id that is held waits, and comes late
    Instant spawned;
    std::optional<Instant> ready;
    std::optional<Instant> drained;
    std::optional<Instant> ended;
};

// The server at the end of the case.
struct StreamState {
    Instant at;
    std::string stream;
    std::string group;
    bool group_exists = false;
    std::string last_delivered;
    std::set<std::string> ids;
    std::map<std::string, PendingEntry> pending;
    std::set<std::string> dead;  // what dead letters of this stream and group say of their origin
};

struct History {
    Instant begin;
    Instant end;
    std::vector<Published> published;
    std::deque<Batch> batches;  // cases point into it while it grows
    std::vector<Settlement> settlements;
    std::vector<Notice> lost;        // another consumer has it, or it is gone
    std::vector<Notice> duplicates;  // acked unseen
    std::vector<Fault> faults;
    std::vector<PendingSeen> pending_seen;
    std::vector<AgentLife> agents;
    std::vector<StreamState> final_states;
    std::set<EntryKey> redriven;   // origins of dead letters that were put back
    std::set<EntryKey> too_large;  // an agent said that they are past its max_message_bytes
    std::set<EntryKey> excused;    // lie before the start of the group, so that nobody owes them to it
};

}  // namespace millrace::harness
