// Entries that the application gave back for a while (ACK-4): they stay pending with us, and each is claimed from
// ourselves when its time has come, without JUSTID, so that the server counts the delivery.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "consumer/acks.hpp"
#include "consumer/holdings.hpp"
#include "consumer/release.hpp"
#include "millrace/machine.hpp"
#include "session/lane.hpp"

namespace millrace {

/// REC-3: the idle time that a claim of an entry of ours asks for. A little less than what must have passed if nobody
/// else took it: with 0 it would take the entry back from another consumer.
[[nodiscard]] inline Duration own_idle(Instant refreshed, Instant now, Duration claim_min_idle) {
    const int64_t e = now.us - refreshed.us;
    if (e <= 0) return {};
    const int64_t margin = e / 20 < claim_min_idle.us / 2 ? e / 20 : claim_min_idle.us / 2;
    return {e - margin};
}

class Redelivery final : private ReplyHandler {
  public:
    Redelivery(Holdings& holdings, Acks& acks) : holdings_(holdings), acks_(acks) {}
    ~Redelivery();

    /// On an error nothing was taken.
    [[nodiscard]] Status nack(BatchId batch, EntrySet entries, std::optional<Duration> delay, Instant now);
    /// The entries are others': whoever sweeps the group next takes them over.
    [[nodiscard]] Status give_back(BatchId batch, EntrySet entries, Instant now);
    void advance(Lane* lane, Instant now);
    /// The source ends: what waits here goes to whoever reclaims it.
    void release_all(Instant now);
    /// Whether nothing waits.
    [[nodiscard]] bool settled() const { return holdings_.waiting == 0; }
    /// Marks what is due. A due entry is no timer any more: without a lane it would be due for ever, and the host would
    /// spin.
    void mark_due(Instant now);
    [[nodiscard]] std::optional<Instant> next_timeout() const;

    /// How often an entry that waits here was delivered.
    [[nodiscard]] std::optional<uint32_t> deliveries(uint32_t stream, EntryId id) const;
    /// Whether a reply is owed to any.
    [[nodiscard]] bool asking() const { return out_ > 0; }
    void drop_stream(uint32_t stream);
    void disown(Lane& lane) { lane.disown(this); }

  private:
    enum What : uint32_t { claim, fate, give_up, give_up_by_xnack };

    struct Waiting {
        enum class State : uint8_t {
            free,
            waiting,   // until `due`
            due,       // to be claimed
            claiming,  // the reply is owed
            unclear,   // the claim brought nothing: XPENDING is to be asked
            asking,    // its reply is owed
            dropped,   // the reply is owed, and concerns nobody
        };
        State state = State::free;
        Instant due{};
        uint32_t stream = 0;
        uint32_t deliveries = 0;
        bool release = false;  // to whoever reclaims it, instead of delivering it here
        EntryId id;
        Place place;
    };

    /// The one entry of the reply to a claim.
    class Sink final : public resp::EntrySink {
      public:
        explicit Sink(Redelivery& owner) : owner_(owner) {}
        void handle_stream(std::string_view) override {}
        void handle_entry(const EntryRecord& record) override { owner_.take(record); }
        void handle_deleted(EntryId) override { owner_.claimed_deleted_ = true; }
        // It was small enough when it was read.
        void handle_too_large(EntryId, uint64_t) override {}

      private:
        Redelivery& owner_;
    };

    void handle_reply(const Request& request, const resp::Reply& reply, Instant now) override;
    void handle_lost(const Request& request, Instant now) override;

    [[nodiscard]] Status take_back(BatchId batch, EntrySet entries, std::optional<Duration> delay, bool to_others,
                                   Instant now);
    void take(const EntryRecord& record);
    void forget_claimed();
    void after_claim(uint64_t tag, const resp::Reply& reply, Instant now);
    void after_fate(uint64_t tag, const resp::Reply& reply, Instant now);
    void after_refusal(uint64_t tag, const resp::Reply& reply, Instant now);
    [[nodiscard]] bool send(uint64_t tag, Lane& lane, Instant now);
    void add(const Waiting& waiting);
    void remove(uint64_t tag);
    void free(uint64_t tag);
    void end_wait(uint64_t tag, EntryState state);
    void flush();

    Holdings& holdings_;
    Acks& acks_;
    Release release_{holdings_};
    Sink sink_{*this};
    std::vector<Waiting> entries_;  // at most 10 x prefetch
    size_t first_free_ = 0;         // none before it is
    uint64_t out_ = 0;              // replies that are owed
    uint32_t failures_ = 0;
    bool may_claim_ = true;  // false once the server has refused XCLAIM
    std::optional<EntryRecord> claimed_;
    bool claimed_deleted_ = false;
};

}  // namespace millrace
