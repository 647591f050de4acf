// What is behind the machine's face: the lanes, the sources that read on them, the producer, and what the server turned
// out to be.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "admin/group_changes.hpp"
#include "admin/redrive.hpp"
#include "consumer/lease.hpp"
#include "consumer/source.hpp"
#include "millrace/machine.hpp"
#include "producer/producer.hpp"
#include "session/context.hpp"
#include "session/lanes.hpp"
#include "session/probe.hpp"
#include "session/unblocker.hpp"

namespace millrace {

struct Machine::Core final : private LaneObserver {
  public:
    Core(const ClientConfig& config, Seed128 seed, Instant now, WallTime wall);

    [[nodiscard]] Result<SourceId> open(const SourceConfig& config, Instant now);
    [[nodiscard]] Status close(SourceId id, Instant now);
    [[nodiscard]] Status drain(const Drain& how, Instant now);
    [[nodiscard]] Source* source_of(BatchId batch);
    [[nodiscard]] Source* find(SourceId id);
    void release(BatchId batch);
    /// Stops or resumes reading; outlives a change of mode.
    [[nodiscard]] Status set_paused(SourceId id, bool paused);
    [[nodiscard]] Result<Ticket> publish(const Publish& publish, Instant now);
    [[nodiscard]] Status replace_credentials(std::string username, Secret password, Instant now);

    /// Before a command about a batch: a name whose lease has run out meanwhile is given up first. Why nothing may be
    /// said about the batch any more.
    [[nodiscard]] std::optional<Error> begin(BatchId batch, Instant now);
    [[nodiscard]] Result<Health> health(SourceId id, Instant now) const;
    [[nodiscard]] std::string metrics(const MetricsOptions& options, Instant now) const;

    /// Everything that can be done now, after an input or a command.
    void advance(Instant now);
    void handle_input(ConnId conn, size_t written, Instant now);
    void handle_disconnected(ConnId conn, DisconnectReason reason, Instant now);
    void handle_timeout(Instant now);
    [[nodiscard]] std::optional<Instant> next_timeout() const;
    [[nodiscard]] std::optional<Event> poll_event();
    [[nodiscard]] bool finished() const { return phase_ == Phase::ended; }
    [[nodiscard]] bool refused() const { return refused_; }
    /// Whether anything that is sent can still be answered.
    [[nodiscard]] bool reachable() const { return phase_ != Phase::ended && !refused_; }

    /// Whether it is early enough for a request: of one that is made now the answer will be waited for.
    [[nodiscard]] bool takes_requests() const { return phase_ == Phase::running && !refused_; }

    Context context;
    Lanes lanes;
    Producer producer;
    Redrive redrive;
    GroupChanges group_changes;
    std::vector<ConstBytes> transmit_spans;

  private:
    enum class Phase : uint8_t { running, draining, ended };

    /// A source that was opened. What serves it is known once the server is.
    struct Slot {
        SourceId id;
        SourceConfig config;
        std::unique_ptr<Lease> lease;  // of the consumer's name, where that is wanted
        std::string generated;         // the consumer's name, where it was left to us
        std::unique_ptr<Source> source;
        std::vector<BatchId> lost;  // with a name, the newest last
        bool closing = false;
        bool refused = false;  // no name can be had: there is no source any more
        bool paused = false;
        bool refused_with_all = false;  // stopped by the refusal of the client's credentials, and not by itself
    };

    [[nodiscard]] std::optional<Error> judge(const Lane& lane) override;
    void handle_lane_ready(Lane& lane, Instant now) override;
    void handle_lane_lost(Lane& lane, const Error& error, Instant now) override;
    void handle_push(Lane& lane, const resp::Reply& reply, Instant now) override;

    void learn(const Lane& lane, Instant now);
    void learn_beside(Lane& lane, Instant now);
    void change_mode(Delivery delivery, const Greeting& greeting, Instant now);
    void log_detection(const Greeting& greeting);
    void start_sources();
    void reap();
    void unblock_reads(Instant now);
    void finish_drain(Instant now);
    void hold_back_messages(Instant now);
    void give_up_requests(const Error& error);
    [[nodiscard]] SourceId next_id();
    [[nodiscard]] std::unique_ptr<Source> make_source(Slot& slot);

    // names under a lease: core_leases.cpp
    [[nodiscard]] bool must_lease(const Slot& slot) const;
    [[nodiscard]] bool has_name(Slot& slot);
    bool check_leases(Instant now);
    void lose_name(Slot& slot, Instant now);
    void refuse_name(Slot& slot, Instant now);
    void end_lost(Slot& slot, Instant now);
    void take_back_batches(SourceId source);
    void advance_leases(Instant now);
    [[nodiscard]] bool is_ending(const Slot& slot) const { return slot.closing || phase_ != Phase::running; }
    [[nodiscard]] bool is_source_settled(const Slot& slot) const;
    [[nodiscard]] bool is_settled(const Slot& slot) const;

    [[nodiscard]] const Slot* slot_of(SourceId id) const;
    [[nodiscard]] std::optional<Duration> silence(Instant now) const;
    [[nodiscard]] Health health_of(const Slot& slot, Instant now) const;

    std::vector<Slot> slots_;
    std::vector<std::unique_ptr<Source>> ended_;  // until their batches are released
    uint32_t next_source_ = 1;
    std::optional<Delivery> delivery_;
    bool undetected_ = false;  // Pub/Sub for want of evidence, and not because the server is known to be old
    Probe probe_{context, lanes};
    Unblocker unblocker_{lanes};
    std::vector<Lane*> blocked_;  // whose reads a drain waits for
    bool refused_ = false;        // a refusal that no retry changes: at its end, unless credentials are replaced
    Phase phase_ = Phase::running;
    Instant deadline_{};        // of a drain
    bool awaits_acks_ = false;  // of a drain
    bool last_was_acked_ = false;
    bool last_was_published_ = false;
};

}  // namespace millrace
