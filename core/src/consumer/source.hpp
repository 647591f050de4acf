// What the machine knows of anything that delivers batches: a consumer of a group, a tail, or a Pub/Sub subscription.
#pragma once

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "consumer/batches.hpp"
#include "consumer/streams.hpp"
#include "millrace/config.hpp"
#include "millrace/error.hpp"
#include "millrace/machine.hpp"
#include "session/context.hpp"
#include "session/lanes.hpp"
#include "session/request.hpp"

namespace millrace {

/// What the server told of the streams of a source, added up.
struct SourceFigures {
    std::optional<Instant> at;  ///< the oldest of the looks; none before every stream was looked at
    std::optional<uint64_t> stream_length, pending, lag;
    std::optional<EntryId> lowest_pending;
};

class Source {
  public:
    Source(Context& context, Lanes& lanes, SourceId id, SourceConfig config, Duration default_flush)
        : context_(context),
          lanes_(lanes),
          id_(id),
          config_(std::move(config)),
          streams_(config_.streams),
          batches_(context, id, streams_.names(),
                   BatchingRules{config_.batch_size, config_.flush_interval.value_or(default_flush)}) {}
    Source(const Source&) = delete;
    Source& operator=(const Source&) = delete;
    virtual ~Source() = default;

    /// Sends whatever can be sent now. Called after every input and command; the only place where a source writes.
    virtual void advance(Instant now) = 0;
    virtual void handle_lane_ready(Lane& lane, Instant now) = 0;
    virtual void handle_lane_lost(Lane& lane, Instant now) = 0;
    virtual void handle_push(const resp::Reply&, Instant) {}
    /// What was asked for about a channel on the push lane was refused.
    virtual void handle_push_refused(uint32_t, const resp::Reply&, Instant) {}
    virtual void handle_timeout(Instant now) { batches_.handle_timeout(now); }
    [[nodiscard]] virtual std::optional<Instant> next_timeout() const { return batches_.flush_at(); }
    virtual void handle_turn_end() { batches_.handle_turn_end(); }

    [[nodiscard]] virtual Status ack(BatchId batch, EntrySet entries, Instant now) = 0;
    [[nodiscard]] virtual Status nack(BatchId batch, EntrySet entries, std::optional<Duration> delay, Instant now) = 0;
    [[nodiscard]] virtual Status give_back(BatchId, EntrySet, Instant) {
        return Error(Code::unsupported, "give_back: only the entries of a group can be another consumer's");
    }
    [[nodiscard]] virtual Status reject(BatchId, EntrySet, std::string_view, Instant) {
        return Error(Code::unsupported, "reject: only a group has entries that can be taken out of it");
    }
    virtual void release(BatchId batch) { batches_.release(batch); }
    void set_paused(bool paused) { paused_ = paused; }

    /// DRN-1: hands over nothing any more, and gives back what it holds and did not hand over.
    virtual void drain(Instant) { stop(); }
    /// The lane whose blocking read must be answered before a drain can end; null when there is none.
    [[nodiscard]] virtual Lane* awaited() const { return nullptr; }
    /// Another kind of server is served by another kind of source: this one ends, and tells what it must.
    virtual void retire(Instant) { stop(); }
    /// The name it reads under is another's (REC-4): it ends at once, and whatever it holds is lost. Adds the batches
    /// that are lost with it.
    virtual void lose_all(std::vector<BatchId>& lost, Instant) {
        batches_.list_open(lost);
        stop();
    }

    /// Reads no more, and drops what was not handed over: it stays pending at the server. Acks still go out.
    virtual void stop() {
        stopped_ = true;
        batches_.abandon();
    }
    /// Whether every ack has been answered, and after a drain every read and whatever gives back.
    [[nodiscard]] virtual bool settled() const { return true; }
    /// Whether entries that were handed over wait for the application's word.
    [[nodiscard]] virtual bool in_hand() const { return false; }
    /// Entries that would stay pending with this consumer if it ended now.
    [[nodiscard]] virtual uint64_t held() const { return 0; }

    /// Our name in the group; empty where there is none.
    [[nodiscard]] virtual std::string_view consumer() const { return {}; }
    /// Asks the server for its figures now.
    virtual void look() {}
    [[nodiscard]] virtual SourceFigures figures() const { return {}; }

    /// Entries of batches that are not released: while there are any, the source must live.
    [[nodiscard]] uint64_t unreleased() const { return batches_.unreleased(); }
    [[nodiscard]] SourceId id() const { return id_; }
    [[nodiscard]] const SourceConfig& config() const { return config_; }
    [[nodiscard]] bool stopped() const { return stopped_; }

  protected:
    /// An ack where the server keeps none (Pub/Sub, tails): the entries are settled, and Acked says so at once.
    [[nodiscard]] Status settle_here(BatchId batch, EntrySet entries);
    [[nodiscard]] uint32_t prefetch() const { return config_.prefetch.value_or(4 * config_.batch_size); }

    /// The source is of no more use: says so, once.
    void fail(Error error) {
        if (stopped_) return;
        stop();
        error.retryable = false;
        context_.fail(id_, std::move(error), true);
    }

    Context& context_;
    Lanes& lanes_;
    const SourceId id_;
    const SourceConfig config_;
    Streams streams_;
    Batches batches_;
    bool paused_ = false;
    bool stopped_ = false;
};

/// Marks the entries that a command means with `next`, and lists their positions. Every one named must be held, and
/// named once; else that is the error, and nothing is marked. `all` means all that are still held.
[[nodiscard]] Status mark_entries(BatchSlot* batch, EntrySet entries, EntryState next, Buffer<uint32_t>& marked);

}  // namespace millrace
