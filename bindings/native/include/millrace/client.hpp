// millrace::Client: the machine with sockets, clocks and a loop of its own, for programs on POSIX systems.
//
// Nothing here reads a protocol or decides about delivery: that is the core's. This header owns who waits, on which
// thread, and for how long.
//
// Threads. Every method may be called from any thread; one lock guards the machine and is never held while a handler,
// an observer or a callback runs. Whoever waits (run, next, publish, turn, close) pumps the loop if nobody else does.
// After start() a thread of the client's own pumps, so that acks and timers go on while a handler works for long.
//
// Processes. After fork() only the parent may go on using a client: the child shares its sockets. In the child call
// exec or _exit, or never use the client again; destroying it, or its batches, does nothing there. The library installs
// no signal handler and raises no SIGPIPE; stop() may be called in one.
//
// Names are looked up by getaddrinfo, which can't be cancelled, on a helper thread, one for each host name at a time.
// It owns all that it touches, so a client may be destroyed while a lookup hangs; the thread then ends when the
// system's resolver gives up.
#pragma once

#include <poll.h>

#include <concepts>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "millrace/millrace.hpp"
#include "millrace/status.hpp"

namespace millrace {

namespace native {
class Hub;
}

/// How the loop waits. `automatic` is epoll on Linux and poll elsewhere; asking for epoll where there is none is
/// `unsupported`.
enum class PollerKind : uint8_t { automatic, epoll, poll };

struct ClientOptions {
    PollerKind poller = PollerKind::automatic;
    /// Sees every event but batches and publish results, in their order, on the thread that pumps. It may call
    /// commands, and must not wait: run, next, publish, turn and close answer bad_argument there. What it throws is
    /// swallowed. log_to (log.hpp) makes one that writes what an operator should know; without any, nothing is said.
    std::function<void(const Event&)> on_event = {};
};

/// What a source says on top of the client's URL or document; what is left out is as it is there.
struct SourceOptions {
    std::vector<std::string> streams = {};
    std::optional<std::string> pattern = {};  ///< in place of streams: every stream whose name matches
    std::optional<std::string> group = {};    ///< an empty one: a tail
    std::optional<std::string> consumer = {};
    std::optional<std::string> start = {};
    std::optional<std::string> from = {};
    std::optional<std::vector<Cursor>> cursors = {};  ///< saved ones of a tail, which come before `from`
    std::optional<uint32_t> batch_size = {};
    std::optional<uint32_t> prefetch = {};
    std::optional<Duration> flush_interval = {};
    std::optional<Duration> nack_delay = {};
};

/// A batch in your hands. Its destruction frees the bytes and nothing else: entries that were not acked stay pending
/// with this consumer. It may outlive its client; its commands then answer `closed`. One thread at a time.
class Batch {
  public:
    Batch(Batch&& other) noexcept;
    Batch& operator=(Batch&& other) noexcept;
    ~Batch();

    /// Entries, 0 after release(). They are views: valid until release(), a move or the destruction of this object.
    [[nodiscard]] size_t size() const { return view_.size(); }
    [[nodiscard]] bool empty() const { return view_.empty(); }
    [[nodiscard]] Entry operator[](size_t index) const { return view_[index]; }
    [[nodiscard]] BatchView::Iterator begin() const { return view_.begin(); }
    [[nodiscard]] BatchView::Iterator end() const { return view_.end(); }

    [[nodiscard]] BatchId id() const { return id_; }
    [[nodiscard]] SourceId source() const { return source_; }
    [[nodiscard]] FlushReason reason() const { return reason_; }
    /// Whether every entry was acked, nacked or rejected through this object.
    [[nodiscard]] bool settled() const { return settled_count_ == count_; }

    /// Acks what this object has not yet acked or nacked, all of it at once; nothing, where each entry was settled by
    /// itself. It is on its way when the loop turns next; the event Acked tells that the server did it. `lost`: some
    /// entries are another consumer's by now; the rest was acked. not_held: for the second time.
    Status ack();
    /// Acks these positions. not_held, lost or bad_argument, when one of them can't be: then none is.
    Status ack(std::span<const uint32_t> indices);
    /// Wants what is not yet acked or nacked delivered here again, after the delay (none: the source's nack_delay).
    Status nack(std::optional<Duration> delay = {});
    Status nack(std::span<const uint32_t> indices, std::optional<Duration> delay = {});
    /// Leaves what is not yet acked or nacked to the group: whichever consumer sweeps it next may take it over.
    Status give_back();
    Status give_back(std::span<const uint32_t> indices);
    /// Gives up what is not yet acked or nacked: it goes to the dead stream with `error`, and only then is acked. The
    /// event DeadLettered or DeadFailed tells of each entry. queue_full: too many wait to be written; nothing was
    /// taken.
    Status reject(std::string_view error);
    Status reject(std::span<const uint32_t> indices, std::string_view error);
    /// Frees the bytes now. Acks are possible as before.
    void release();

  private:
    friend class native::Hub;
    Batch(std::shared_ptr<native::Hub> hub, const BatchReady& event);
    /// Applies a command to what is left; refused as a whole because of lost entries, it is repeated one by one.
    template <class Command>
    Status settle_rest(Command command);
    template <class Command>
    Status settle_each(Command command, Status whole);
    template <class Command>
    Status settle(std::span<const uint32_t> indices, Command command);

    std::shared_ptr<native::Hub> hub_;
    BatchView view_;
    BatchId id_;
    SourceId source_;
    FlushReason reason_;
    uint32_t count_;
    uint32_t settled_count_ = 0;
    std::vector<bool> settled_;  ///< empty until a part is settled
    bool is_done_ = false;       ///< all that was left was acked, nacked or the like; or this object has none
};

/// Entries are handled: no error acks the batch, an Error nacks it.
using Handler = std::function<Status(Batch&)>;
/// What Client::run calls. It returns nothing, or a Status: whoever returned false for a failure would have the batch
/// acked.
template <class H>
concept BatchHandler = std::invocable<H&, Batch&> &&(std::is_void_v<std::invoke_result_t<H&, Batch&>> ||
                                                     std::is_convertible_v<std::invoke_result_t<H&, Batch&>, Status>);
/// One result for each entry of a publish; valid for the call.
using PublishCallback = std::function<void(std::span<const PublishResult>)>;

class Client {
  public:
    /// From a URL (config.hpp, parse_url); the environment's REDIS_PASSWORD counts where the URL has none. Opens no
    /// connection yet: the first source or publish does. bad_config names the part, or the file of TLS that can't be
    /// used.
    [[nodiscard]] static Result<Client> connect(std::string_view url, ClientOptions options = {});
    /// From a configuration that was parsed or filled by hand.
    [[nodiscard]] static Result<Client> create(const Config& config, ClientOptions options = {});
    Client(Client&&) noexcept;
    Client& operator=(Client&&) noexcept;
    /// Ends the client's thread, sends what the sockets take without waiting, and closes them. Call close() to wait for
    /// answers.
    ~Client();

    // ---- the main job
    /// Consumes until stop() or an error that no retry can change, and calls `handler` on this thread, a batch at a
    /// time. The batch is acked when the handler returns (what it has not settled itself), and nacked when it throws or
    /// returns an Error, which is also told as a Log event; one that the handler has moved away is left to whom it went
    /// to. Before it returns, acks that were given are answered, or connection_timeout has passed.
    template <BatchHandler H>
    Status run(const SourceOptions& source, H handler) {
        if constexpr (std::is_convertible_v<std::invoke_result_t<H&, Batch&>, Status>) {
            return run_handler(source, Handler(std::move(handler)));
        } else {
            return run_handler(source, Handler([handle = std::move(handler)](Batch& batch) mutable -> Status {
                                   handle(batch);
                                   return {};
                               }));
        }
    }
    /// Ends run and next for good: run returns after the handler that is at work. Any thread, a handler or a signal
    /// handler may call it.
    void stop() noexcept;

    // ---- batches by hand
    [[nodiscard]] Result<SourceId> open(const SourceOptions& source = {});
    /// One that is configured as a whole, whatever the client's URL or document says of sources.
    [[nodiscard]] Result<SourceId> open_configured(const SourceConfig& source);
    /// The next batch of any source, or of one; none when `timeout` passed first. `closed` after stop() or close(); the
    /// source's error when it (or the last one open) has ended by itself. Several threads may wait here: each batch
    /// goes to one of them.
    [[nodiscard]] Result<std::optional<Batch>> next(Duration timeout, std::optional<SourceId> source = {});
    /// Ends a source, as Machine::close does: what of it was not taken by next() goes back to the group.
    Status close(SourceId source);
    /// Asks for dead letters, or puts them back; the event DeadListed or Redriven answers (Machine::dead, ::redrive).
    [[nodiscard]] Result<Ticket> dead(const DeadQuery& query);
    [[nodiscard]] Result<Ticket> redrive(std::string_view stream, std::span<const EntryId> dead_ids);
    /// Creates, moves or destroys a group; the event GroupChanged answers (Machine::change_group).
    [[nodiscard]] Result<Ticket> change_group(const GroupChange& change);
    Status pause(SourceId source);
    Status resume(SourceId source);
    /// What the next AUTH says; an empty username is the default user. After a refusal of the old ones, which ended run
    /// and next with the error `auth`, it starts the client again (Machine::replace_credentials): next goes on, run can
    /// be called anew.
    Status replace_credentials(std::string username, Secret password);

    // ---- what an operator sees
    /// How a source is (Machine::health). With `timeout` above zero the server is asked for the group's figures first,
    /// and waited for; what it did not tell in time is as it was told before. `closed` when there is no such source.
    [[nodiscard]] Result<Health> health(SourceId source, Duration timeout = {});
    /// Every source that is open, in the order of their opening.
    [[nodiscard]] std::vector<std::pair<SourceId, Health>> health();
    /// All metrics as Prometheus text.
    [[nodiscard]] std::string metrics(const MetricsOptions& options = {});
    /// Both over HTTP, for as long as the result lives. bad_argument when the address can't be had.
    [[nodiscard]] Result<StatusServer> serve_status(const StatusOptions& options = {});

    // ---- publishing
    /// As the client's URL or document says (`max_len`, `idempotent`, …) where the publish has no options of its own.
    /// bad_config names options that do not go together.
    ///
    /// Writes one entry and waits for the answer. `timeout` when none came in time: then it may have been written.
    [[nodiscard]] Result<PublishResult> publish(std::string_view stream, std::initializer_list<Field> fields,
                                                Duration timeout = seconds(30));
    /// The same of many, pipelined; a result for each.
    [[nodiscard]] Result<std::vector<PublishResult>> publish(const Publish& publish, Duration timeout = seconds(30));
    /// Queues and returns; `callback` runs on the thread that pumps. would_block when publish_queue_bytes are queued:
    /// nothing of it is taken. On close() what has no answer gets `closed` as its result, with maybe_written.
    Status publish_async(const Publish& publish, PublishCallback callback);

    // ---- the loop
    /// Begins a thread that pumps until close(). bad_argument when there is one.
    Status start();
    /// One turn of the loop: waits until something happens, for at most `timeout`, and does what is to be done. `also`
    /// are descriptors of yours to wait for as well, as in poll(2); their revents are filled. Where another thread
    /// turns the loop, this one waits until that has, and `also` is bad_argument. `closed` once the client is.
    Status turn(Duration timeout, std::span<pollfd> also = {});
    /// Readable when turn() has something to do; for a loop of your own, together with wait_max(). -1 where the loop
    /// waits with poll.
    [[nodiscard]] int fd() const;
    /// For how long a loop of your own may wait before it calls turn(); 0 while something is left to be sent, by a
    /// command or by next().
    [[nodiscard]] std::optional<Duration> wait_max() const;
    /// Makes fd() readable, and ends a turn() that waits, once: for threads that settle or publish beside a loop of
    /// their program's own. Any thread or signal handler may call it.
    void wake() noexcept;
    /// Begins to end everything, and returns (DRN-1): no batch is handed over from now on (next answers `closed`, run
    /// returns), what was not handed over is given back to other consumers, and queued publishes go out. Batches in
    /// your hands may be settled as before, until the event Closed without a source tells that the client has ended:
    /// because all are, or at the timeout. Then call close(). A second call can only shorten the wait.
    Status drain(Duration timeout = seconds(5));
    /// Drains, waits for the end, and closes the sockets. What you hold unsettled is not waited for (that is drain's),
    /// only answers are; where run has waited for them in vain, and no publish waits for its own, that time counts.
    /// Tells how many entries stay pending with this client's consumers; what was given back does not count. Every
    /// later call answers `closed`.
    Result<uint64_t> close(Duration timeout = seconds(5));

  private:
    explicit Client(std::shared_ptr<native::Hub> hub);
    Status run_handler(const SourceOptions& source, Handler handler);
    std::shared_ptr<native::Hub> hub_;
};

}  // namespace millrace
