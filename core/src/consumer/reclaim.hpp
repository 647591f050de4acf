// Takes over what was left in the group (REC-2): after our own recovery and every claim_interval, the pending entries
// of every consumer that have been idle for claim_min_idle, page by page to the end. What is held here is never among
// them. XAUTOCLAIM … JUSTID finds them, or where there is none XPENDING … IDLE (DET-6); XPENDING tells how often each
// was delivered, and XCLAIM takes them.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/buffer.hpp"
#include "consumer/acks.hpp"
#include "consumer/dead_letters.hpp"
#include "consumer/holdings.hpp"
#include "session/lane.hpp"

namespace millrace {

class Reclaim final : private ReplyHandler {
  public:
    Reclaim(Holdings& holdings, Acks& acks, DeadLetters& dead_letters)
        : holdings_(holdings), acks_(acks), dead_letters_(dead_letters) {}

    /// `may_begin`: whether nothing of our own is being recovered, and entries are wanted.
    void advance(Lane* lane, bool may_begin, Instant now);
    [[nodiscard]] std::optional<Instant> next_timeout() const;
    /// When the first sweep is due; a later word counts only if it is sooner.
    void begin_at(Instant at) {
        if (!begin_at_.has_value() || at < *begin_at_) begin_at_ = at;
    }
    /// Whether claims are out: they count at the server, or add to what is ours, so no page of our own recovery is
    /// begun.
    [[nodiscard]] bool claiming() const { return claims_out_ > 0 || autoclaim_out_; }
    /// Whether a sweep has something to send as soon as there is room.
    [[nodiscard]] bool wants_room() const { return step_ == Step::list || step_ == Step::claim; }
    /// The stream was made anew: what was listed of it is no more.
    void drop_stream(uint32_t stream);
    /// The source ends: what XAUTOCLAIM made ours and was not brought is put aside, to be given back (DRN-1).
    void drain();
    void disown(Lane& lane) { lane.disown(this); }

  private:
    // Rows of one XPENDING: without IDLE (before 6.2) most of them may be somebody's live entries. Also the most that
    // one XAUTOCLAIM asks for.
    static constexpr uint32_t page_rows_max = 256;
    [[nodiscard]] uint32_t page_rows() const { return std::min(page_rows_max, holdings_.rows_max()); }

    enum What : uint32_t { list, autoclaim, tell, claim };

    /// What should be sent next?
    enum class Step : uint8_t {
        rest,   // nothing, until the next sweep
        list,   // the next page: by XAUTOCLAIM or XPENDING
        count,  // XPENDING of what XAUTOCLAIM made ours
        await,  // its reply is owed
        claim,  // XCLAIM of what the page lists
    };

    /// An entry that has been left.
    struct Row {
        EntryId id;
        uint32_t deliveries = 0;  // before the claim
        bool is_out = false;      // its XCLAIM is without a reply
        bool came = false;
        bool is_counted = false;  // XPENDING has shown it
    };

    class Sink final : public resp::EntrySink {
      public:
        explicit Sink(Reclaim& owner) : owner_(owner) {}
        void handle_stream(std::string_view) override {}
        void handle_entry(const EntryRecord& record) override { owner_.take(record); }
        void handle_deleted(EntryId) override { owner_.is_deleted_ = true; }
        void handle_too_large(EntryId id, uint64_t bytes) override { owner_.take_too_large(id, bytes); }

      private:
        Reclaim& owner_;
    };

    void handle_reply(const Request& request, const resp::Reply& reply, Instant now) override;
    void handle_lost(const Request& request, Instant now) override;

    void begin_sweep(Instant now);
    void list_page(Lane& lane, Instant now);
    void claim_page(Lane& lane, Instant now);
    [[nodiscard]] bool is_with_us(EntryId id) const;
    [[nodiscard]] bool send_claim(size_t first, size_t count, Lane& lane, Instant now);
    void take(const EntryRecord& record);
    void take_too_large(EntryId id, uint64_t bytes);
    void after_list(const resp::Reply& rows, Instant now);
    [[nodiscard]] bool take_rows(const resp::Reply& rows);
    void after_claim(size_t first, size_t count, const resp::Reply& reply, Instant now);
    [[nodiscard]] bool after_refusal(std::string_view command, const resp::Reply& reply, Instant now);
    void end_page();

    // by XAUTOCLAIM: reclaim_autoclaim.cpp
    void send_autoclaim(Lane& lane, Instant now);
    void after_autoclaim(const resp::Reply& reply, Instant now);
    [[nodiscard]] bool take_ids(const resp::Reply& ids, Instant now);
    void count_page(Lane& lane, Instant now);
    void after_count(const resp::Reply& reply, Instant now);
    void keep_rows();
    void give_rows_back();
    void next_stream();
    void pass_gone();
    void try_later(Instant now);
    [[nodiscard]] Row* find(EntryId id);

    Holdings& holdings_;
    Acks& acks_;
    DeadLetters& dead_letters_;
    Sink sink_{*this};
    Step step_ = Step::rest;
    uint32_t stream_ = 0;
    EntryId cursor_;        // where the next page begins
    bool is_last_ = false;  // the page under way is the stream's last
    uint32_t page_ = 0;     // its number: replies to what was asked before are of no more interest
    Buffer<Row> rows_;
    size_t next_row_ = 0;  // the first that is not claimed yet
    uint32_t claims_out_ = 0;
    bool is_held_up_ = false;    // a claim of the page was refused for a while
    bool is_deleted_ = false;    // the reply under way told of a deleted entry
    bool may_claim_ = true;      // false once the server has refused XPENDING or XCLAIM
    bool may_autoclaim_ = true;  // false once the server has refused XAUTOCLAIM
    bool autoclaim_out_ = false;
    bool autoclaimed_ = false;  // the rows are pending with us already, and wait for their XCLAIM
    Instant autoclaimed_at_{};
    uint32_t empty_pages_ = 0;   // of XAUTOCLAIM, in a row
    EntryId count_from_;         // where the next XPENDING of the page begins
    bool may_idle_ = true;       // false once the server has refused XPENDING … IDLE (before 6.2)
    bool maps_replies_ = false;  // XCLAIM of many ids tells which it took (7.0)
    uint32_t failures_ = 0;
    std::optional<Instant> begin_at_;  // when to sweep next; none while one is under way
    Instant began_{};
    bool goes_on_ = false;  // the sweep to begin is the rest of one that was held up
};

}  // namespace millrace
