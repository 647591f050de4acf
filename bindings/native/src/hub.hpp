// What the threads of a program share of a client: one lock around the engine, the batches that wait to be taken, and
// who pumps.
//
// The rule is leader and followers: of all threads that wait for something one pumps the loop (wait() without the
// lock), the others sleep until a turn has ended. So a command needs no queue and gets its typed answer at once; if the
// pump is waiting just then, it is woken to send what the command left. No handler, observer or callback is called with
// the lock held.
#pragma once

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "clock.hpp"
#include "engine.hpp"
#include "millrace/client.hpp"
#include "unanswered.hpp"

namespace millrace::native {

/// A wait of a year is for ever; more could not be added to a clock.
[[nodiscard]] Instant deadline_after(Instant now, Duration timeout);

class Hub : public std::enable_shared_from_this<Hub> {
  public:
    [[nodiscard]] static Result<std::shared_ptr<Hub>> create(const Config& config, ClientOptions options);
    Hub(std::unique_ptr<Engine> engine, const Config& config, ClientOptions options);

    [[nodiscard]] Result<SourceId> open(const SourceOptions& options) { return open(overlay(options)); }
    [[nodiscard]] Result<SourceId> open(const SourceConfig& config);
    Status close(SourceId source);
    [[nodiscard]] Result<Ticket> dead(const DeadQuery& query);
    [[nodiscard]] Result<Ticket> redrive(std::string_view stream, std::span<const EntryId> dead_ids);
    [[nodiscard]] Result<Ticket> change_group(const GroupChange& change);
    Status pause(SourceId source);
    Status resume(SourceId source);
    [[nodiscard]] Result<Health> health(SourceId source, Duration timeout);
    [[nodiscard]] std::vector<std::pair<SourceId, Health>> health();
    [[nodiscard]] std::string metrics(const MetricsOptions& options);
    [[nodiscard]] Result<StatusServer> serve_status(const StatusOptions& options);
    /// False once nothing can be done any more: closed, or refused for good.
    [[nodiscard]] bool lives() const;
    Status replace_credentials(std::string username, Secret password);
    Status ack(BatchId batch, EntrySet entries);
    Status nack(BatchId batch, EntrySet entries, std::optional<Duration> delay);
    Status give_back(BatchId batch, EntrySet entries);
    Status reject(BatchId batch, EntrySet entries, std::string_view error);
    void release(BatchId batch);

    Status run(const SourceOptions& options, const Handler& handler);
    void stop() noexcept;
    [[nodiscard]] Result<std::optional<Batch>> next(Duration timeout, std::optional<SourceId> source);
    [[nodiscard]] Result<std::vector<PublishResult>> publish(const Publish& publish, Duration timeout);
    Status publish_async(const Publish& publish, PublishCallback callback);

    Status start();
    Status turn(Duration timeout, std::span<pollfd> also);
    [[nodiscard]] int fd() const {
        has_own_loop_ = true;
        return engine_->fd();
    }
    [[nodiscard]] std::optional<Duration> wait_max() const;
    void interrupt() noexcept { engine_->wakeup().signal(); }
    Status drain(Duration timeout);
    Result<uint64_t> close(Duration timeout);
    /// As close, without waiting for any answer.
    void abandon();
    /// A child after fork(), which has no thread of ours and shares the sockets: nothing here may be touched.
    [[nodiscard]] bool is_foreign() const { return ::getpid() != process_; }

  private:
    using Lock = std::unique_lock<std::mutex>;

    struct Source {
        SourceId id;
        bool ended = false;
        bool closing = false;         ///< nothing of it is handed over any more
        std::optional<Error> error;   ///< why it ended by itself
        uint64_t ended_as = 0;        ///< the number of its end, of all ends
        bool ended_with_all = false;  ///< because the client's credentials were refused: others bring it back
    };

    /// A publish whose thread waits.
    struct Publishing {
        const Publish& publish;
        std::shared_ptr<Answer> answer;
        std::optional<Result<Ticket>> ticket;
        [[nodiscard]] bool lacks_room() const { return !ticket->ok() && ticket->error().code == Code::would_block; }
    };

    // ---- the pump
    /// One turn by this thread. `send_after`: also send what the turn itself gave rise to, because this thread now
    /// leaves.
    void cycle(Lock& lock, std::optional<Duration> timeout, std::span<pollfd> also, bool send_after);
    void settle(Lock& lock, Instant now);
    void dispatch(Lock& lock, const Event& event, Instant now);
    void observe(Lock& lock, const Event& event);
    void answer(Lock& lock, const Published& published);
    /// Pumps, or sleeps beside the pump, until `done`, `deadline` (false) or close; turns at least once.
    template <class Done>
    bool wait_until(Lock& lock, Instant deadline, Done done);
    [[nodiscard]] bool pumps_here() const { return pumping_ && pumper_ == std::this_thread::get_id(); }
    void wake();
    /// The program's own loop, of what came while this thread turned the client's in its place.
    void tell_own_loop();
    /// What the last turn gave rise to, where nobody turns the loop again at once.
    void send_unsent(Instant now);
    void shut(Lock& lock);

    // ---- batches
    void begin_drain(const Drain& how, Instant now);
    void give_back_inbox(std::optional<SourceId> source, Instant now);
    Status close_source(SourceId source, Instant now);
    [[nodiscard]] std::optional<Batch> take(std::optional<SourceId> source);
    [[nodiscard]] std::optional<Error> ended(std::optional<SourceId> source) const;
    [[nodiscard]] Source* find(SourceId source);
    void forget_oldest_ended();
    void end(SourceId source, std::optional<Error> error);
    void handle(Batch& batch, const Handler& handler);
    void finish_run(SourceId source);
    void send(Publishing& publishing);
    [[nodiscard]] Publish overlay(const Publish& publish) const;
    [[nodiscard]] SourceConfig overlay(const SourceOptions& options) const;
    [[nodiscard]] Error closed_error() const;

    const Config config_;
    const ClientOptions options_;
    const std::unique_ptr<Engine> engine_;
    const pid_t process_ = ::getpid();
    std::atomic<bool> stopped_ = false;
    mutable std::atomic<bool> has_own_loop_ = false;  ///< of the program, which waits for the descriptor

    mutable std::mutex mutex_;
    std::condition_variable turned_;
    bool draining_ = false;  ///< no batch is handed over any more
    bool closing_ = false;
    bool closed_ = false;
    bool own_thread_ = false;
    bool pumping_ = false;  ///< a thread is in cycle
    bool waiting_ = false;  ///< and in Engine::wait
    bool woken_ = false;    ///< and its wake-up is signalled
    bool unsent_ = false;   ///< a command, or a turn, may have left something to send: no loop may wait before it is
    bool unseen_ = false;   ///< something was told in a turn that was not the program's own loop's
    size_t followers_ = 0;  ///< threads that sleep until a turn has ended
    std::thread::id pumper_;
    std::thread thread_;
    Instant turned_at_{};
    uint64_t handed_ = 0;    ///< batches and results handed to others: something to look at before the next wait
    bool finished_ = false;  ///< the machine's last event was seen
    Duration waited_{};      ///< by a run, for the end of its source, in vain so far
    uint64_t held_at_end_ = 0;
    uint64_t ends_ = 0;  ///< of sources
    std::deque<BatchReady> inbox_;
    std::vector<Source> sources_;
    UnansweredPublishes unanswered_;
    std::vector<Publishing*> without_room_;  ///< which a drain sends all the same, and nobody later
    std::vector<Log> notes_;                 ///< ours, for the observer
};

template <class Done>
bool Hub::wait_until(Lock& lock, Instant deadline, Done done) {
    for (bool turned = false;; turned = true) {
        const bool is_done = done();
        const Instant now = monotonic_now();
        if (is_done || closed_ || (turned && now >= deadline)) {
            if (!is_done && !closed_) send_unsent(now);
            tell_own_loop();
            return is_done;
        }
        const Duration left{std::max<int64_t>(0, (deadline - now).us)};
        if (!pumping_ && !own_thread_) {
            cycle(lock, left, {}, false);
            continue;
        }
        ++followers_;
        turned_.wait_for(lock, std::chrono::microseconds(left.us));
        --followers_;
    }
}

}  // namespace millrace::native
