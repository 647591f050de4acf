// The pump of the hub and what is answered by it; batches and run() are in hub_batches.cpp.
#include "hub.hpp"

#include <algorithm>
#include <system_error>
#include <utility>

#include "clock.hpp"

namespace millrace::native {
namespace {

constexpr Duration forever = seconds(365LL * 86'400);

}  // namespace

Result<std::shared_ptr<Hub>> Hub::create(const Config& config, ClientOptions options) {
    Result<std::unique_ptr<Engine>> engine = Engine::create(config.client, options.poller);
    if (!engine) return engine.error();
    return std::make_shared<Hub>(std::move(engine).value(), config, std::move(options));
}

Hub::Hub(std::unique_ptr<Engine> engine, const Config& config, ClientOptions options)
    : config_(config), options_(std::move(options)), engine_(std::move(engine)) {}

Instant deadline_after(Instant now, Duration timeout) {
    return now + std::min(timeout, forever);
}

Error Hub::closed_error() const {
    return Error(Code::closed, "the client is closed");
}

// ---- the pump

void Hub::cycle(Lock& lock, std::optional<Duration> timeout, std::span<pollfd> also, bool send_after) {
    pumping_ = true;
    pumper_ = std::this_thread::get_id();
    const uint64_t handed_before = handed_;
    Instant now = monotonic_now();
    settle(lock, now);
    const bool all_kept = engine_->flush(now);
    unsent_ = false;
    if (handed_ != handed_before || !all_kept) timeout = Duration{};
    if (const std::optional<Instant> at = engine_->timeout()) {
        const Duration left{std::max<int64_t>(0, (*at - now).us)};
        if (!timeout || left < *timeout) timeout = left;
    }
    waiting_ = true;
    lock.unlock();
    engine_->wait(timeout, also);
    lock.lock();
    waiting_ = woken_ = false;
    if (!closed_) {
        now = monotonic_now();
        engine_->absorb(now);
        settle(lock, now);
        if (!send_after || !engine_->flush(now)) unsent_ = true;
        turned_at_ = now;
    }
    pumping_ = false;
    if (followers_ > 0) turned_.notify_all();
}

void Hub::settle(Lock& lock, Instant now) {
    for (;;) {
        engine_->act(now);
        engine_->take_notes(notes_);
        for (const Log& note : std::exchange(notes_, {})) observe(lock, note);
        const std::optional<Event> event = engine_->machine().poll_event();
        if (!event) return;
        dispatch(lock, *event, now);
    }
}

void Hub::dispatch(Lock& lock, const Event& event, Instant now) {
    unseen_ = true;
    if (const auto* batch = std::get_if<BatchReady>(&event)) {
        inbox_.push_back(*batch);
        ++handed_;
        // Ready before a drain or a close, and told behind it.
        const Source* const source = find(batch->source);
        if (draining_ || closing_ || (source != nullptr && source->closing)) give_back_inbox(batch->source, now);
        return;
    }
    if (const auto* published = std::get_if<Published>(&event)) {
        answer(lock, *published);
        return;
    }
    if (const auto* failure = std::get_if<Failure>(&event); failure != nullptr && failure->closed) {
        if (failure->source) {
            end(*failure->source, failure->error);
        } else if (engine_->machine().refused()) {  // not if its credentials were replaced meanwhile
            for (Source& each : sources_) {
                each.ended_with_all = each.ended_with_all || !each.ended;
                end(each.id, failure->error);
            }
        }
    }
    if (const auto* closed = std::get_if<Closed>(&event)) {
        if (closed->source) {
            end(*closed->source, std::nullopt);
            if (Source* const source = find(*closed->source)) source->ended_with_all = false;
        } else {
            finished_ = true;
            held_at_end_ = closed->held;
        }
    }
    observe(lock, event);
}

void Hub::observe(Lock& lock, const Event& event) {
    if (!options_.on_event) return;
    lock.unlock();
    try {
        options_.on_event(event);
    } catch (...) {  // documented: an observer can't stop the loop
    }
    lock.lock();
}

void Hub::answer(Lock& lock, const Published& published) {
    ++handed_;
    const std::optional<Unanswered> waiting = unanswered_.take(published.ticket);
    if (!waiting) return;  // nobody waits any more
    if (waiting->answer) {
        waiting->answer->done = true;
        waiting->answer->results.assign(published.results.begin(), published.results.end());
    }
    if (!waiting->callback) return;
    lock.unlock();  // the results stay: only this thread polls events
    try {
        waiting->callback(published.results);
    } catch (...) {  // as an observer
    }
    lock.lock();
}

void Hub::wake() {
    unsent_ = true;
    if (waiting_ && !std::exchange(woken_, true)) engine_->wakeup().signal();
}

void Hub::tell_own_loop() {
    if (unseen_ && has_own_loop_ && !own_thread_) engine_->wakeup().signal();
}

void Hub::send_unsent(Instant now) {
    if (!unsent_ || pumping_ || own_thread_) return;
    unsent_ = !engine_->flush(now);
}

Status Hub::start() {
    const Lock lock(mutex_);
    if (closing_ || closed_) return closed_error();
    if (own_thread_) return Error(Code::bad_argument, "the client's thread is running already");
    try {
        thread_ = std::thread([this] {
            Lock mine(mutex_);
            while (!closed_) {
                if (pumping_) {  // a thread that pumped before start() ends its turn first
                    ++followers_;
                    turned_.wait(mine);
                    --followers_;
                } else {
                    cycle(mine, std::nullopt, {}, false);
                }
            }
        });
    } catch (const std::system_error& failure) {
        return Error(Code::connection, std::string("no thread to be had: ") + failure.what(), true);
    }
    own_thread_ = true;
    return {};
}

Status Hub::turn(Duration timeout, std::span<pollfd> also) {
    Lock lock(mutex_);
    if (closed_) return closed_error();
    if (pumps_here()) return Error(Code::bad_argument, "turn was called by an observer");
    if (!own_thread_ && !pumping_) {
        unseen_ = false;
        cycle(lock, timeout, also, true);
        unseen_ = false;
    } else if (!also.empty()) {
        return Error(Code::bad_argument, "another thread pumps this client: it does not wait for descriptors of yours");
    } else {
        ++followers_;
        turned_.wait_for(lock, std::chrono::microseconds(std::min(timeout, forever).us));
        --followers_;
    }
    return {};
}

std::optional<Duration> Hub::wait_max() const {
    const Lock lock(mutex_);
    if (closed_) return std::nullopt;
    if (unsent_) return Duration{};
    const std::optional<Instant> at = engine_->timeout();
    if (!at) return std::nullopt;
    return Duration{std::max<int64_t>(0, (*at - monotonic_now()).us)};
}

void Hub::stop() noexcept {
    stopped_.store(true);
    engine_->wakeup().signal();
}

void Hub::begin_drain(const Drain& how, Instant now) {
    give_back_inbox(std::nullopt, now);
    for (Publishing* const publishing : without_room_) {
        if (publishing->lacks_room()) send(*publishing);  // once, though a close comes behind a drain
    }
    (void)engine_->machine().drain(how, now);
    ++handed_;
    wake();
}

Status Hub::drain(Duration timeout) {
    const Lock lock(mutex_);
    if (closing_ || closed_) return closed_error();
    if (timeout.us < 0) return Error(Code::bad_argument, "drain: a negative timeout");
    draining_ = true;
    begin_drain({timeout, true}, monotonic_now());
    if (followers_ > 0) turned_.notify_all();
    return {};
}

Result<uint64_t> Hub::close(Duration timeout) {
    Lock lock(mutex_);
    if (closing_ || closed_) return closed_error();
    if (pumps_here()) return Error(Code::bad_argument, "close was called by an observer");
    if (timeout.us < 0) return Error(Code::bad_argument, "close: a negative timeout");
    closing_ = true;
    stop();
    const Instant now = monotonic_now();
    if (!finished_) {
        // Of what run has waited for nothing came: a program that is to end does not wait for it a second time.
        if (unanswered_.empty()) timeout.us = std::max<int64_t>(0, timeout.us - waited_.us);
        begin_drain({timeout, false}, now);
        // The machine keeps the deadline; the second is for a loop that is late.
        (void)wait_until(lock, deadline_after(now, timeout) + seconds(1), [this] { return finished_; });
    }
    shut(lock);
    return held_at_end_;
}

void Hub::abandon() {
    Lock lock(mutex_);
    if (closed_) return;
    closing_ = true;
    stop();
    if (!pumping_) (void)engine_->flush(monotonic_now());
    shut(lock);
}

void Hub::shut(Lock& lock) {
    closed_ = true;
    engine_->wakeup().signal();
    ++followers_;
    turned_.wait(lock, [this] { return !pumping_; });
    --followers_;
    turned_.notify_all();
    if (thread_.joinable()) {
        lock.unlock();
        thread_.join();
        lock.lock();
    }
    engine_->drop_all();
    for (const Unanswered& waiting : unanswered_.take_all()) {
        PublishResult unknown;
        unknown.error = closed_error();
        unknown.maybe_written = true;
        if (!waiting.callback) continue;
        lock.unlock();
        try {
            waiting.callback(std::vector<PublishResult>(waiting.count, unknown));
        } catch (...) {  // as an observer
        }
        lock.lock();
    }
}

// ---- publishing

Publish Hub::overlay(const Publish& publish) const {
    return {publish.stream, publish.entries, publish.options.value_or(config_.publish)};
}

void Hub::send(Publishing& publishing) {
    Publish publish = overlay(publishing.publish);
    publish.has_waited = draining_ || closing_;  // and only before the machine drains
    publishing.ticket = engine_->machine().publish(publish, monotonic_now());
    if (!publishing.ticket->ok()) return;
    unanswered_.add({**publishing.ticket, publish.entries.size(), {}, publishing.answer});
    wake();
}

Result<std::vector<PublishResult>> Hub::publish(const Publish& publish, Duration timeout) {
    Lock lock(mutex_);
    if (pumps_here()) return Error(Code::bad_argument, "publish was called by an observer; publish_async may be");
    if (closing_ || closed_) return closed_error();
    const Instant deadline = deadline_after(monotonic_now(), timeout);
    Publishing publishing{publish, std::make_shared<Answer>(), {}};
    send(publishing);
    while (publishing.lacks_room()) {
        const uint64_t handed_before = handed_;
        without_room_.push_back(&publishing);
        const bool in_time = wait_until(lock, deadline, [&] { return handed_ != handed_before; });
        without_room_.erase(std::find(without_room_.begin(), without_room_.end(), &publishing));
        if (!publishing.lacks_room()) break;  // a drain has sent it
        if (closing_ || closed_) return closed_error();
        if (!in_time) return publishing.ticket->error();
        send(publishing);
    }
    if (!publishing.ticket->ok()) return publishing.ticket->error();
    if (wait_until(lock, deadline, [&] { return publishing.answer->done; })) {
        return std::move(publishing.answer->results);
    }
    (void)unanswered_.take(**publishing.ticket);
    if (closed_) return closed_error();
    return Error(Code::timeout,
                 "publish to '" + std::string(publish.stream) + "': no answer in time; it may have been written");
}

Status Hub::publish_async(const Publish& publish, PublishCallback callback) {
    const Lock lock(mutex_);
    if (closing_ || closed_) return closed_error();
    const Result<Ticket> ticket = engine_->machine().publish(overlay(publish), monotonic_now());
    if (!ticket) return ticket.error();
    unanswered_.add({*ticket, publish.entries.size(), std::move(callback), nullptr});
    wake();
    return {};
}

}  // namespace millrace::native
