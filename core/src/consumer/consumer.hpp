// A consumer of a group: recovers what was its own, and reads new entries while there is room. It decides what may be
// sent when. Groups, acks, redelivery, heartbeats and reclaiming are parts that send and hear for themselves; all of
// them share what is held.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/number_set.hpp"
#include "consumer/acks.hpp"
#include "consumer/dead_letters.hpp"
#include "consumer/discovery.hpp"
#include "consumer/groups.hpp"
#include "consumer/handback.hpp"
#include "consumer/heartbeats.hpp"
#include "consumer/holdings.hpp"
#include "consumer/names.hpp"
#include "consumer/reclaim.hpp"
#include "consumer/recovery.hpp"
#include "consumer/redelivery.hpp"
#include "consumer/rotation.hpp"
#include "consumer/seen.hpp"
#include "consumer/source.hpp"
#include "consumer/sweeper.hpp"

namespace millrace {

class Consumer final : public Source,
                       private ReplyHandler,
                       private Refusals,
                       private Admission,
                       private GroupObserver,
                       private DiscoveryObserver {
  public:
    Consumer(Context& context, Lanes& lanes, SourceId id, SourceConfig config, ConsumerName name);
    ~Consumer() override;

    void advance(Instant now) override;
    void handle_lane_ready(Lane& lane, Instant now) override;
    void handle_lane_lost(Lane& lane, Instant now) override;
    void handle_timeout(Instant now) override;
    [[nodiscard]] std::optional<Instant> next_timeout() const override;

    [[nodiscard]] Status ack(BatchId batch, EntrySet entries, Instant now) override;
    [[nodiscard]] Status nack(BatchId batch, EntrySet entries, std::optional<Duration> delay, Instant now) override;
    [[nodiscard]] Status give_back(BatchId batch, EntrySet entries, Instant now) override {
        return redelivery_.give_back(batch, entries, now);
    }
    [[nodiscard]] Status reject(BatchId batch, EntrySet entries, std::string_view error, Instant now) override;
    void stop() override;
    void drain(Instant now) override;
    void lose_all(std::vector<BatchId>& lost, Instant now) override;
    [[nodiscard]] Lane* awaited() const override {
        return (holdings_.draining || joins_) && in_flight_ > 0 ? lane_ : nullptr;
    }
    [[nodiscard]] bool settled() const override;
    [[nodiscard]] bool in_hand() const override { return holdings_.in_hand(); }
    [[nodiscard]] uint64_t held() const override { return holdings_.size() + holdings_.dropped + handback_.size(); }

    [[nodiscard]] std::string_view consumer() const override { return holdings_.consumer; }
    void look() override { groups_.look(); }
    [[nodiscard]] SourceFigures figures() const override { return groups_.figures(); }

  private:
    enum What : uint32_t { probe_own, count_page, read_page, restore, read_new };

    /// A read of new entries that was sent.
    struct NewRead {
        bool in_use = false;
        uint32_t count = 0;  // of each stream
        std::vector<uint32_t> streams;
    };

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
    [[nodiscard]] Lane* reading_lane();
    [[nodiscard]] bool recover(Lane& lane, Instant now);
    [[nodiscard]] bool probe(Lane& lane, Instant now);
    [[nodiscard]] bool count_page_of(uint32_t stream, Lane& lane, Instant now);
    void read_page_of(uint32_t stream, Lane& lane, Instant now);
    void restore_counts(uint32_t stream, Lane& lane, Instant now);
    void read_more(Lane& lane, Instant now);
    void say_ready(const Lane& lane);
    [[nodiscard]] bool send_read(Rotation::Read next, Lane& lane, Instant now);
    [[nodiscard]] uint32_t room_for_new(const Lane& lane) const;
    [[nodiscard]] uint64_t free_read();
    void forget_read(NewRead& read);

    // what came: consumer_replies.cpp
    void take_stream(std::string_view name);
    void take_entry(What what, EntryRecord record);
    void take_page_entry(EntryRecord record);
    void take_deleted(What what, EntryId id);
    void take_too_large(What what, EntryId id, uint64_t bytes);
    void after_probe(uint32_t stream, const resp::Reply& reply);
    void after_count(const Request& request, const resp::Reply& reply, Instant now);
    void after_read_page(const Request& request, const resp::Reply& reply, Instant now);
    void after_read_new(const Request& request, const resp::Reply& reply, Instant now);
    void after_restore(const resp::Reply& reply);
    [[nodiscard]] bool is_held(const PageRow* row, EntryId id) const;
    [[nodiscard]] std::optional<uint32_t> told_deliveries(uint32_t stream, EntryId id);
    void end_page();
    void close_page();
    [[nodiscard]] std::optional<uint32_t> named_by(const resp::Reply& refusal) const;
    void handle_group_made(uint32_t stream, bool is_new) override;
    void handle_stream_gone(uint32_t stream) override;
    void handle_all_left(Error error) override { fail(std::move(error)); }
    void handle_refusal(std::string_view command, uint32_t stream, const resp::Reply& reply, Instant now) override;
    [[nodiscard]] bool admit(EntryRecord& record) override { return !dead_letters_.take(record); }

    // which streams there are: consumer_streams.cpp
    void handle_round_begin() override;
    void handle_found(std::string_view name) override;
    void handle_round_end() override;
    void handle_discovery_refused(Error error, bool is_final) override;
    void handle_stream_left(uint32_t stream) override;
    [[nodiscard]] LogFields fields_of(uint32_t stream) const;

    void begin_recovery(uint32_t stream);
    void finish_recovery(uint32_t stream);
    void give_up_page(uint32_t stream);
    void restart_recovery();
    void disown_all();
    [[nodiscard]] bool has_settled() const;

    Holdings holdings_;
    Acks acks_;
    Seen seen_;
    DeadLetters dead_letters_;
    Redelivery redelivery_;
    Heartbeats heartbeats_;
    Reclaim reclaim_;
    Handback handback_;
    Groups groups_;
    Discovery discovery_;
    Sweeper sweeper_;
    Rotation rotation_;
    std::vector<Recovery> recoveries_;  // one a stream
    NumberSet recovering_;              // those that are not done
    NumberSet unprobed_;                // of them, of which it is not known whether there is anything
    uint32_t probes_out_ = 0;
    Sink page_sink_{*this, read_page};
    Sink new_sink_{*this, read_new};

    Lane* lane_ = nullptr;  // that of the requests in flight whose order matters, or the last one
    uint32_t in_flight_ = 0;
    bool hot_ = false;  // the last read was full: there is a backlog
    bool said_ready_ = false;
    bool said_too_many_ = false;
    bool joins_ = false;       // streams wait for the read that is out to end
    bool may_restore_ = true;  // false once the server has refused RETRYCOUNT
    bool may_count_ = true;    // false once the server has refused XPENDING
    uint32_t restores_out_ = 0;
    bool is_page_wanted_ = false;  // it is counted, and not read yet

    std::vector<std::unique_ptr<NewRead>> reads_;
    std::vector<uint32_t> picked_;

    // the reply under way
    uint32_t stream_ = 0;
    bool is_ours_ = false;         // it is of a stream that we read
    std::vector<uint32_t> taken_;  // entries of each stream
    uint64_t bytes_of_entry_ = 0;  // the largest last seen: what COUNT falls by (BP-1)
};

}  // namespace millrace
