// What a consumer holds: the entries that were read here and are not settled, and the batches they are in. Every part
// of a consumer puts entries in and takes them out here; none of them keeps a list of its own. Knows no connection.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ring.hpp"
#include "command/key_names.hpp"
#include "consumer/aging.hpp"
#include "consumer/backoff.hpp"
#include "consumer/batches.hpp"
#include "consumer/dedupe.hpp"
#include "consumer/held.hpp"
#include "consumer/seen_keys.hpp"
#include "consumer/streams.hpp"
#include "millrace/config.hpp"
#include "millrace/entry.hpp"
#include "resp/tree.hpp"
#include "session/context.hpp"

namespace millrace {

/// What a part of a consumer does when the server refuses a command without which there is nothing to do.
class Refusals {
  public:
    /// Waits and tries again, reconnects, makes the group anew, or ends the source.
    virtual void handle_refusal(std::string_view command, uint32_t stream, const resp::Reply& reply, Instant now) = 0;

  protected:
    ~Refusals() = default;
};

/// What looks at an entry that came, before it is the application's.
class Admission {
  public:
    /// False: it is not to be handed over. Then its reference and whatever becomes of it are the callee's.
    [[nodiscard]] virtual bool admit(EntryRecord& record) = 0;

  protected:
    ~Admission() = default;
};

/// With names as long as they come, some megabytes.
inline constexpr uint32_t rows_of_answer_max = 10'000;

class Holdings {
  public:
    Holdings(Context& shared, SourceId id, const SourceConfig& source_config, std::string name,
             const Streams& source_streams, Batches& book, Refusals& owner, Admission& door)
        : context(shared),
          source(id),
          config(source_config),
          consumer(std::move(name)),
          streams(source_streams),
          batches(book),
          refusals(owner),
          admission(door),
          backoff(shared) {
        if (config.dedupe != DedupeMode::off)
            dedupe_.emplace(config, DigestKey{shared.prng.next(), shared.prng.next()});
        if (config.dedupe != DedupeMode::redis) return;
        shares_seen_ = true;
        for (uint32_t i = 0; i < streams.size(); ++i) add_stream(i);
    }

    /// The number is that of a new stream.
    void add_stream(uint32_t stream) {
        if (!shares_seen_) return;
        if (seen_prefixes_.size() <= stream) seen_prefixes_.resize(stream + 1);
        seen_prefixes_[stream] = seen_name(streams[stream], config.group, {}).text;
    }

    /// An entry that came is the application's from now on, and one that is held already is let go of. A duplicate is
    /// acked unseen, and a copy of what is in hand is parked (DUP-2). Where ids are shared it first waits in `unsure`.
    /// Refused memory leaves it pending at the server, and sets `missed`.
    void hold(Lot lot, EntryRecord record) { hold(lot, record, context.now); }
    /// The same for one that is not handed over now, with its reference if it has one. None when memory is refused.
    [[nodiscard]] std::optional<Place> hold_unseen(const EntryRecord& record, EntryState state);
    /// From now on nothing is handed over: what is held and was not, and whatever still comes, is put aside to be given
    /// back (DRN-1).
    void drain();
    /// Whether the application has entries that it said nothing about.
    [[nodiscard]] bool in_hand() const { return batches.any_in_hand(); }

    /// Whether what was seen is remembered at the server, which is to be asked and told (DUP-3).
    [[nodiscard]] bool shares_seen() const { return shares_seen_; }
    /// The server refuses for good what that needs: from now on it is done without, which is said once.
    void stop_sharing(Error error, std::string_view command);
    /// Before an id, its key.
    [[nodiscard]] const std::string& seen_prefix(uint32_t stream) const { return seen_prefixes_[stream]; }

    /// The server has executed our ack.
    void settle_acked(uint32_t stream, EntryId id, Place place) { settle(stream, id, place, true); }
    /// The entry is not held any more without having been acked: given to others, or deleted.
    void settle(uint32_t stream, EntryId id, Place place) { settle(stream, id, place, false); }
    /// The same for one that is about to be held anew.
    void take_back(uint32_t stream, EntryId id, Place place);
    /// The same for one that is another consumer's, or gone; says so.
    void lose(uint32_t stream, EntryId id, Place place);
    /// The same for all that is held of a stream.
    void lose_stream(uint32_t stream);
    [[nodiscard]] std::optional<Place> find(uint32_t stream, EntryId id) const { return table_.find(stream, id); }
    [[nodiscard]] EntryState state(Place place) { return batches.at(place.slot).states[place.index]; }
    /// When a reply last told that the entry is ours and its idle time was 0.
    [[nodiscard]] Instant& refreshed(Place place) { return batches.at(place.slot).refreshed[place.index]; }

    [[nodiscard]] uint64_t size() const { return table_.size(); }
    /// How many more entries may be asked for (BP-1). Nacked and waiting ones do not count, nor do `ahead` whose acks
    /// are answered before what is asked for comes.
    [[nodiscard]] uint32_t room(uint32_t ahead = 0) const;
    /// Rows of one XPENDING, at most, of which each is five elements of a reply; so many texts are no megabytes yet.
    [[nodiscard]] uint32_t rows_max() const { return std::min(rows_of_answer_max, context.config.max_elements / 8); }
    [[nodiscard]] uint32_t prefetch() const { return config.prefetch.value_or(4 * config.batch_size); }

    Context& context;
    const SourceId source;
    const SourceConfig& config;
    const std::string consumer;
    const Streams& streams;
    Batches& batches;
    Refusals& refusals;
    Admission& admission;
    Backoff backoff;         ///< of everything without which nothing can be read
    uint64_t waiting = 0;    ///< nacked entries, which are held beside prefetch
    uint64_t dying = 0;      ///< so are those on their way to the dead stream
    uint32_t asked_for = 0;  ///< entries that the commands in flight may bring
    bool draining = false;   ///< nothing is handed over any more
    bool stopped = false;    ///< nothing that comes is taken any more
    bool missed = false;     ///< entries came that there was no memory for: recovery brings them again
    uint64_t dropped = 0;    ///< came after the stop; pending at the server
    bool recovered = false;  ///< what was pending here before has been read: new entries may be

    /// Entries that are to be given back.
    Buffer<Aging> aside;

    /// Entries that wait for the server's word on whether their ids were seen, in the order in which they came: the
    /// line of Seen. Each is held meanwhile, and may be lost.
    struct Unsure {
        EntryName name;
        Lot lot = Lot::fresh;
        bool is_seen = false;
        Place place;
        uint32_t generation = 0;  // of the batch that it waits in
    };
    Ring<Unsure> unsure;
    [[nodiscard]] bool waits_for_word(const Unsure& entry);
    /// Its turn has come: it is handed over, or acked unseen. One that is not held any more is passed over.
    void decide(const Unsure& entry);
    /// Nothing is handed over any more: it is put aside.
    void give_back(const Unsure& entry);
    /// Of what is in hand, where ids are shared. Entries that were redriven have none: they are exempt (DLQ-2).
    SeenKeys seen_keys;

    /// While a page of recovery is under way its entries are counted at the server by the read of it; claims count too,
    /// on another lane, so they wait. And an ack that is answered meanwhile may be too late for the page: it would be
    /// delivered again (REC-1).
    struct Acked {
        uint32_t stream;
        EntryId id;
    };
    bool page_open = false;
    Buffer<Acked> acked_meanwhile;
    /// Duplicates, which Acks sends off unseen.
    Buffer<Acked> duplicates;

  private:
    /// A copy that waits.
    struct Parked {
        Digest digest;
        EntryName name;
        Lot lot;
    };

    void put_aside(uint32_t stream, EntryId id, Instant refreshed);
    void miss(EntryId id);
    void settle(uint32_t stream, EntryId id, Place place, bool acked);
    void hold(Lot lot, EntryRecord record, Instant refreshed_at);
    void put(Lot lot, const EntryRecord& record, Instant refreshed_at);
    void wait_for_word(Lot lot, const EntryRecord& record, std::optional<std::string_view> id, Instant refreshed_at);
    void mark_lost(uint32_t stream, EntryId id, Place place);
    [[nodiscard]] EntryRecord take_out(const EntryName& name, Place place);
    std::optional<Digest> forget(const EntryName& name, bool acked);
    void park(Lot lot, const EntryRecord& record, const Digest& digest, Instant refreshed_at);
    void drop_duplicate(const EntryRecord& record);
    void settle_copies(const EntryName& name, bool acked);

    HeldTable table_;
    std::optional<Dedupe> dedupe_;
    std::vector<Parked> parked_;  // in the order in which they came
    bool shares_seen_ = false;
    std::vector<std::string> seen_prefixes_;  // one a stream
};

}  // namespace millrace
