// Acks on their way: from the application's word to the server's answer, and again after a lost one (ACK-1 to 3, 6);
// where it is asked for, entries leave the stream with their ack (ACK-5), and their canonical ids are remembered by it
// (DUP-3). Knows nothing of reading.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "base/buffer.hpp"
#include "consumer/holdings.hpp"
#include "millrace/machine.hpp"
#include "session/lane.hpp"
#include "session/script_call.hpp"

namespace millrace {

class Acks final : private ReplyHandler {
  public:
    explicit Acks(Holdings& holdings)
        : holdings_(holdings), way_(holdings.config.delete_acked ? Way::xackdel : Way::plain) {}

    /// The application is done with these entries of a batch. On an error nothing is sent for any of them.
    [[nodiscard]] Status ack(BatchId batch, EntrySet entries);
    /// A deleted entry that is still pending can't be delivered any more: it is acked away (REC-1).
    void bury(uint32_t stream, EntryId id);
    /// Acks an entry that was never handed over. False when there is no memory for it.
    bool ack_away(uint32_t stream, EntryId id);
    /// What has been buried so far goes out together; the next gets an XACK of its own.
    void end_burial() { burial_ = nullptr; }
    /// Writes what is due to the lane, in the order of the acks.
    void advance(Lane* lane, Instant now);
    [[nodiscard]] std::optional<Instant> next_timeout() const;
    /// Acks without an answer.
    [[nodiscard]] size_t open() const { return open_; }
    /// Held entries whose XACK is out on this lane: answered before whatever is sent there next.
    [[nodiscard]] uint32_t ahead_on(const Lane& lane) const { return ahead_lane_ == &lane ? ahead_ : 0; }
    /// Whether the id is on its way in an ack of no batch.
    [[nodiscard]] bool is_acking_away(uint32_t stream, EntryId id) const;
    /// Takes back what is queued for the stream; what was sent is answered to nobody.
    void drop_stream(uint32_t stream);
    void disown(Lane& lane) { lane.disown(this); }

  private:
    /// One XACK: ids of one stream, of one batch or (deleted entries, which are acked away) of none.
    struct Flight {
        enum class State : uint8_t { free, queued, sent };
        State state = State::free;
        uint32_t tag = 0;    // its place among the flights
        uint64_t order = 0;  // in which the application acked
        uint32_t stream = 0;
        std::optional<uint32_t> slot;
        Buffer<EntryId> ids;
        Buffer<uint32_t> indices;
        uint32_t failures = 0;
        Instant not_before{};      // zero: at once
        bool is_dropped = false;   // the stream was made anew: whatever is answered concerns nobody
        bool is_unmarked = false;  // there is no memory to remember its ids
        uint32_t ahead = 0;        // so many of its ids count in ahead_
        ScriptCall script{ScriptId::ack_delete};
        ScriptCall marker{ScriptId::mark_seen};
    };
    /// How entries are acked, from the best rung down (DET-6).
    enum Way : uint32_t {
        plain,     // XACK: they stay in the stream
        xackdel,   // XACKDEL … ACKED (8.2)
        scripted,  // by ours
        marking,   // by ours, which also remembers the canonical ids (DUP-3); and deletes, where that is asked for
    };

    void handle_reply(const Request& request, const resp::Reply& reply, Instant now) override;
    void handle_lost(const Request& request, Instant now) override;

    /// An empty flight for a stream, queued; the caller fills in its ids before the next advance.
    [[nodiscard]] Flight& begin(uint32_t stream, std::optional<uint32_t> slot);
    void send_off_duplicates();
    /// Its reply was lost, or was an error that a retry may mend: it goes out again, before anything younger.
    void again(Flight& flight, Instant not_before);
    void settle(Flight& flight);
    void finish(Flight& flight);
    void cancel(Flight& flight);
    void count_ahead(Flight& flight, const Lane& lane);
    void forget_ahead(Flight& flight);
    void enqueue(Flight& flight);
    void dequeue(const Flight& flight);

    // by which rung: acks_ways.cpp
    [[nodiscard]] size_t ids_max() const;
    [[nodiscard]] bool send(Flight& flight, Lane& lane, Instant now);
    [[nodiscard]] bool send_marked(Flight& flight, size_t keys, Lane& lane, Instant now);
    [[nodiscard]] size_t keys_of(const Flight& flight) const;
    [[nodiscard]] static bool must_repeat(Way way, Flight& flight, const resp::Reply& reply);
    [[nodiscard]] bool step_down(Way tried, Flight& flight, const resp::Reply& reply);
    [[nodiscard]] bool step_down_from_marking(Flight& flight, const resp::Reply& reply);
    void look_at_kept(Way way, const resp::Reply& reply);

    Holdings& holdings_;
    Way way_;  // where no ids are remembered
    bool said_kept_ = false;
    std::vector<std::unique_ptr<Flight>> flights_;
    std::vector<uint32_t> free_;    // tags
    std::vector<uint32_t> queued_;  // tags, the oldest ack first
    std::vector<Flight*> begun_;    // the flights of one call of ack
    std::vector<uint32_t> last_;    // by stream, the last of them, counted from 1; 0: none
    Flight* burial_ = nullptr;
    uint64_t next_order_ = 0;
    size_t open_ = 0;
    size_t burials_ = 0;  // open flights of no batch
    const Lane* ahead_lane_ = nullptr;
    uint32_t ahead_ = 0;
};

}  // namespace millrace
