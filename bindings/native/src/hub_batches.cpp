// The hub's sources and batches: opening, taking, handling, settling.
#include <algorithm>
#include <exception>
#include <string>
#include <utility>

#include "clock.hpp"
#include "hub.hpp"

namespace millrace::native {
namespace {

// Commands of quick handlers share a write; after this long what is queued goes out before the next batch is handed
// over.
constexpr Duration coalesce_max = milliseconds(1);
constexpr Duration run_wait = seconds(3600);
constexpr size_t ended_max = 1024;

}  // namespace

SourceConfig Hub::overlay(const SourceOptions& options) const {
    SourceConfig source = config_.source;
    if (!options.streams.empty() || options.pattern) {
        source.streams = options.streams;
        source.pattern = options.pattern.value_or("");
    }
    if (options.group) source.group = *options.group;
    if (options.consumer) source.consumer = *options.consumer;
    if (options.start) source.start = *options.start;
    if (options.from) source.from = *options.from;
    if (options.cursors) source.cursors = *options.cursors;
    if (options.batch_size) source.batch_size = *options.batch_size;
    if (options.prefetch) source.prefetch = options.prefetch;
    if (options.flush_interval) source.flush_interval = options.flush_interval;
    if (options.nack_delay) source.nack_delay = options.nack_delay;
    return source;
}

Result<SourceId> Hub::open(const SourceConfig& config) {
    const Lock lock(mutex_);
    if (draining_ || closing_ || closed_ || stopped_) return closed_error();
    if (!config_.enabled) {
        return Error(Code::closed, "synchronization.notification.enable is false: nothing is opened");
    }
    Result<SourceId> source = engine_->machine().open(config, monotonic_now());
    if (source) {
        forget_oldest_ended();
        sources_.push_back({*source, false, false, std::nullopt, 0, false});
        wake();
    }
    return source;
}

Status Hub::close(SourceId source) {
    const Lock lock(mutex_);
    if (closed_) return closed_error();
    return close_source(source, monotonic_now());
}

/// What of it waits to be taken was not handed over: the machine, which thinks so, would leave it pending.
Status Hub::close_source(SourceId source, Instant now) {
    give_back_inbox(source, now);
    if (Source* const found = find(source)) found->closing = true;
    Status status = engine_->machine().close(source, now);
    wake();
    return status;
}

Status Hub::pause(SourceId source) {
    const Lock lock(mutex_);
    if (closed_) return closed_error();
    Status status = engine_->machine().pause(source, monotonic_now());
    wake();
    return status;
}

Status Hub::resume(SourceId source) {
    const Lock lock(mutex_);
    if (closed_) return closed_error();
    Status status = engine_->machine().resume(source, monotonic_now());
    wake();
    return status;
}

Status Hub::replace_credentials(std::string username, Secret password) {
    const Lock lock(mutex_);
    if (draining_ || closing_ || closed_) return closed_error();
    Status status = engine_->machine().replace_credentials(std::move(username), std::move(password), monotonic_now());
    for (Source& each : sources_) {
        if (!status || !std::exchange(each.ended_with_all, false)) continue;
        each.ended = false;
        each.error.reset();
    }
    wake();
    return status;
}

Result<Ticket> Hub::dead(const DeadQuery& query) {
    const Lock lock(mutex_);
    if (closing_ || closed_) return closed_error();
    Result<Ticket> ticket = engine_->machine().dead(query, monotonic_now());
    wake();
    return ticket;
}

Result<Ticket> Hub::redrive(std::string_view stream, std::span<const EntryId> dead_ids) {
    const Lock lock(mutex_);
    if (closing_ || closed_) return closed_error();
    Result<Ticket> ticket = engine_->machine().redrive(stream, dead_ids, monotonic_now());
    wake();
    return ticket;
}

Result<Ticket> Hub::change_group(const GroupChange& change) {
    const Lock lock(mutex_);
    if (closing_ || closed_) return closed_error();
    Result<Ticket> ticket = engine_->machine().change_group(change, monotonic_now());
    wake();
    return ticket;
}

Status Hub::ack(BatchId batch, EntrySet entries) {
    const Lock lock(mutex_);
    if (closed_) return closed_error();
    Status status = engine_->machine().ack(batch, entries, monotonic_now());
    wake();
    return status;
}

Status Hub::nack(BatchId batch, EntrySet entries, std::optional<Duration> delay) {
    const Lock lock(mutex_);
    if (closed_) return closed_error();
    Status status = engine_->machine().nack(batch, entries, delay, monotonic_now());
    wake();
    return status;
}

Status Hub::give_back(BatchId batch, EntrySet entries) {
    const Lock lock(mutex_);
    if (closed_) return closed_error();
    Status status = engine_->machine().give_back(batch, entries, monotonic_now());
    wake();
    return status;
}

Status Hub::reject(BatchId batch, EntrySet entries, std::string_view error) {
    const Lock lock(mutex_);
    if (closed_) return closed_error();
    Status status = engine_->machine().reject(batch, entries, error, monotonic_now());
    wake();
    return status;
}

void Hub::release(BatchId batch) {
    if (is_foreign()) return;  // the lock may be a thread's that is not here
    const Lock lock(mutex_);
    engine_->machine().release(batch, monotonic_now());
    wake();
}

Result<std::optional<Batch>> Hub::next(Duration timeout, std::optional<SourceId> source) {
    Lock lock(mutex_);
    if (pumps_here()) return Error(Code::bad_argument, "next was called by an observer");
    const Instant now = monotonic_now();
    if (!inbox_.empty() && !pumping_ && !own_thread_ && !closed_ && now - turned_at_ > coalesce_max) {
        cycle(lock, Duration{}, {}, false);
    }
    std::optional<Batch> batch;
    std::optional<Error> error;
    (void)wait_until(lock, deadline_after(now, timeout), [&] {
        if (draining_ || closing_ || closed_ || stopped_) error = closed_error();
        if (!error) batch = take(source);
        if (!error && !batch) error = ended(source);
        return batch.has_value() || error.has_value();
    });
    if (error) return *std::move(error);
    return batch;
}

std::optional<Batch> Hub::take(std::optional<SourceId> source) {
    const auto found = std::find_if(inbox_.begin(), inbox_.end(),
                                    [source](const BatchReady& each) { return !source || each.source == *source; });
    if (found == inbox_.end()) return std::nullopt;
    Batch batch(shared_from_this(), *found);
    inbox_.erase(found);
    return batch;
}

std::optional<Error> Hub::ended(std::optional<SourceId> source) const {
    const Source* last = nullptr;
    for (const Source& each : sources_) {
        if (source && each.id != *source) continue;
        if (!each.ended) return std::nullopt;
        if (last == nullptr || each.ended_as > last->ended_as) last = &each;
    }
    if (last == nullptr) {
        if (!source) return std::nullopt;  // nothing is open yet: another thread may open something
        return Error(Code::bad_argument, "no such source");
    }
    return last->error ? *last->error : Error(Code::closed, "the source is closed");
}

/// So that who opens sources for ever does not keep them all; why these ended was told.
void Hub::forget_oldest_ended() {
    if (sources_.size() < ended_max) return;
    const auto oldest = std::find_if(sources_.begin(), sources_.end(), [](const Source& each) { return each.ended; });
    if (oldest != sources_.end()) sources_.erase(oldest);
}

Hub::Source* Hub::find(SourceId source) {
    const auto found =
        std::find_if(sources_.begin(), sources_.end(), [source](const Source& each) { return each.id == source; });
    return found == sources_.end() ? nullptr : &*found;
}

void Hub::end(SourceId source, std::optional<Error> error) {
    Source* const found = find(source);
    if (found == nullptr || found->ended) return;
    found->ended = true;
    found->error = std::move(error);
    found->ended_as = ++ends_;
    waited_ = {};
    ++handed_;
}

// ---- run

Status Hub::run(const SourceOptions& options, const Handler& handler) {
    const Result<SourceId> source = open(options);
    if (!source) return source.error();
    for (;;) {
        Result<std::optional<Batch>> batch = next(run_wait, *source);
        if (!batch) {
            finish_run(*source);
            return stopped_ || draining_ ? Status() : Status(batch.error());
        }
        if (*batch) handle(**batch, handler);
    }
}

void Hub::handle(Batch& batch, const Handler& handler) {
    std::string failure;
    bool failed = true;
    const std::string stream(batch[0].stream());
    const std::string first = batch[0].id().text();
    const size_t count = batch.size();
    try {
        const Status status = handler(batch);
        failed = !status.ok();
        if (failed) failure = status.error().message;
    } catch (const std::exception& thrown) {
        failure = thrown.what();
    } catch (...) {
        failure = "an exception that is no std::exception";
    }
    if (batch.settled()) return;
    // Entries lost to another consumer were told by the event Lost, and a closed client by run's own end.
    (void)(failed ? batch.nack() : batch.ack());
    if (!failed) return;
    const Lock lock(mutex_);
    notes_.push_back(
        {LogLevel::warn,
         "The handler failed; its batch will be delivered again",
         {{"error", failure}, {"stream", stream}, {"first_id", first}, {"entries", std::to_string(count)}}});
    wake();
}

/// What nobody took was not handed over: it is the group's.
void Hub::give_back_inbox(std::optional<SourceId> source, Instant now) {
    Machine& machine = engine_->machine();
    const auto is_meant = [source](const BatchReady& each) { return !source || each.source == *source; };
    for (const BatchReady& each : inbox_) {
        if (!is_meant(each)) continue;
        (void)machine.give_back(each.batch, EntrySet::all(), now);
        machine.release(each.batch, now);
    }
    std::erase_if(inbox_, is_meant);
}

void Hub::finish_run(SourceId source) {
    Lock lock(mutex_);
    if (closed_) return;
    const Instant now = monotonic_now();
    if (!close_source(source, now) || pumps_here()) return;
    const bool has_ended = wait_until(lock, now + config_.client.connection_timeout, [this, source] {
        const Source* const found = find(source);
        return finished_ || found == nullptr || found->ended;  // whose end was long ago is forgotten
    });
    if (!has_ended) waited_ = monotonic_now() - now;
}

}  // namespace millrace::native
