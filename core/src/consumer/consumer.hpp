// A consumer of a group: makes the group, recovers what was its own, reads new entries while there is room, and acks
// what the application is done with. It decides what is sent when; recovery's pages, the batches, the acks and the
// nacks keep their own books.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "consumer/acks.hpp"
#include "consumer/held.hpp"
#include "consumer/nacks.hpp"
#include "consumer/recovery.hpp"
#include "consumer/source.hpp"

namespace millrace {

class Consumer final : public Source, private ReplyHandler {
  public:
    Consumer(Context& context, Lanes& lanes, SourceId id, SourceConfig config, std::string consumer);
    ~Consumer() override;

    void advance(Instant now) override;
    void handle_lane_ready(Lane& lane, Instant now) override;
    void handle_lane_lost(Lane& lane, Instant now) override;
    void handle_timeout(Instant now) override;
    [[nodiscard]] std::optional<Instant> next_timeout() const override;

    [[nodiscard]] Status ack(BatchId batch, EntrySet entries, Instant now) override;
    [[nodiscard]] Status nack(BatchId batch, EntrySet entries, std::optional<Duration> delay, Instant now) override;
    void stop() override;
    [[nodiscard]] bool settled() const override { return acks_.open() == 0; }
    [[nodiscard]] uint64_t held() const override { return held_.size() + dropped_; }

  private:
    enum What : uint32_t { create, count_page, read_page, restore, read_new, ack_reply, claim, claim_fate, give_up };
    enum class Group : uint8_t { unmade, asked, made };

    /// Where the entries of a reply go, by the command that asked for them.
    class Sink final : public resp::EntrySink {
      public:
        Sink(Consumer& consumer, What what) : consumer_(consumer), what_(what) {}
        void handle_stream(std::string_view name) override { consumer_.take_stream(name); }
        void handle_entry(const EntryRecord& record) override { consumer_.take_entry(what_, record); }
        void handle_deleted(EntryId id) override { consumer_.take_deleted(what_, id); }
        void handle_too_large(EntryId id, uint64_t bytes) override { consumer_.take_too_large(what_, id, bytes); }

      private:
        Consumer& consumer_;
        const What what_;
    };

    void handle_reply(const Request& request, const resp::Reply& reply, Instant now) override;
    void handle_lost(const Request& request, Instant now) override;

    // what to send: consumer.cpp
    [[nodiscard]] bool waits(Instant now);
    [[nodiscard]] Lane* reading_lane();
    [[nodiscard]] bool make_groups(Lane& lane, Instant now);
    [[nodiscard]] bool recover(Lane& lane, Instant now);
    [[nodiscard]] bool count_page_of(uint32_t stream, Lane& lane, Instant now);
    void read_page_of(uint32_t stream, Lane& lane, Instant now);
    void restore_counts(uint32_t stream, Lane& lane, Instant now);
    void read_more(Lane& lane, Instant now);
    void send_claims(Lane* lane, Instant now);
    void say_ready(const Lane& lane);
    [[nodiscard]] uint32_t room() const;
    [[nodiscard]] uint32_t read_count(uint32_t room) const;
    [[nodiscard]] Request request(What what, uint64_t tag);
    [[nodiscard]] static bool keeps_order(uint32_t what) {
        return what == create || what == count_page || what == read_page || what == read_new;
    }

    // what came: consumer_replies.cpp
    void take_stream(std::string_view name);
    void take_entry(What what, EntryRecord record);
    void take_page_entry(EntryRecord record);
    void take_deleted(What what, EntryId id);
    void take_too_large(What what, EntryId id, uint64_t bytes);
    void after_create(const Request& request, const resp::Reply& reply, Instant now);
    void after_count(const Request& request, const resp::Reply& reply, Instant now);
    void after_read_page(const Request& request, const resp::Reply& reply, Instant now);
    void after_read_new(const Request& request, const resp::Reply& reply, Instant now);
    void after_restore(const resp::Reply& reply);
    [[nodiscard]] bool is_held(const PageRow* row, EntryId id) const;
    [[nodiscard]] std::optional<uint32_t> told_deliveries(uint32_t stream, EntryId id);
    void close_page();
    void after_ack(uint64_t tag, const resp::Reply& reply, Instant now);
    void after_claim(uint64_t tag, const resp::Reply& reply, Instant now);
    void after_claim_fate(uint64_t tag, const resp::Reply& reply, Instant now);
    /// The server refused a command without which there is nothing to do: waits and tries again, reconnects, or ends
    /// the source. A read of many streams that fails does not say which of them it was; then the first is named.
    void handle_refusal(std::string_view command, uint32_t stream, const resp::Reply& reply, Instant now);
    void hold(Lot lot, const EntryRecord& record);
    void bury(uint32_t stream, EntryId id);
    void give_up_waiting(uint64_t tag, bool is_lost);
    void flush_claimed();
    void restart_recovery();

    const std::string consumer_name_;
    HeldTable held_;
    Acks acks_;
    Nacks nacks_;
    std::vector<Group> groups_;         // one a stream
    std::vector<Recovery> recoveries_;  // one a stream
    Sink page_sink_{*this, read_page};
    Sink new_sink_{*this, read_new};
    Sink claim_sink_{*this, claim};

    Lane* lane_ = nullptr;  // that of the requests in flight whose order matters, or the last one
    uint32_t in_flight_ = 0;
    uint32_t asked_for_ = 0;  // entries that the reads in flight may bring
    bool hot_ = false;        // the last read was full: there is a backlog
    bool recovered_ = false;  // `>` may be read
    bool said_ready_ = false;
    bool may_restore_ = true;  // false once the server has refused RETRYCOUNT
    bool may_count_ = true;    // false once the server has refused XPENDING
    bool may_claim_ = true;    // false once the server has refused XCLAIM
    bool missed_ = false;      // entries came that there was no memory for: recovery brings them again
    uint64_t dropped_ = 0;     // came after the stop; pending at the server
    uint32_t failures_ = 0;
    std::optional<Instant> wait_until_;
    std::vector<AckFlight*> begun_;  // the flights of one call of ack

    /// Acks that were answered while a page was being read: the page may have been cut before them (REC-1).
    struct AckedMeanwhile {
        uint32_t stream;
        EntryId id;
    };
    Buffer<AckedMeanwhile> acked_meanwhile_;
    /// From the counting of a page until what it counted too often is given back. Claims count too, on another lane:
    /// while they are out no page is begun, and none of them while one is open.
    bool page_open_ = false;
    uint32_t restores_out_ = 0;

    // the reply under way
    uint32_t stream_ = 0;
    uint32_t taken_ = 0;           // entries of the stream
    uint32_t taken_most_ = 0;      // of any stream of the reply
    uint64_t bytes_of_entry_ = 0;  // the largest last seen: what COUNT falls by (BP-1)
    AckFlight* burial_ = nullptr;
    std::optional<EntryRecord> claimed_;
    bool claimed_deleted_ = false;
};

}  // namespace millrace
