// What a producer makes of answers, and of those that were lost.
#include <algorithm>
#include <utility>

#include "command/server_error.hpp"
#include "producer/producer.hpp"
#include "resp/field.hpp"

namespace millrace {

namespace {

constexpr uint64_t position_mask = (1U << 24) - 1;

bool is_absent(const resp::Reply& reply) {
    return reply.is_error() && reply.text().find("no such key") != std::string_view::npos;
}

}  // namespace

void Producer::handle_reply(const Request& request, const resp::Reply& reply, Instant now) {
    const auto what = static_cast<What>(request.what);
    if (what == time) return rungs_.handle_time(reply, now);
    if (what == window_asked || what == window_raised) {
        Line* const line = lines_.find(request.tag);
        if (line == nullptr) return;
        return what == window_asked ? take_window(*line, reply, now) : take_raised(*line, reply);
    }
    Job* const job = find(request.tag);
    if (job == nullptr) return;
    const size_t index = request.tag & position_mask;
    switch (what) {
        case one:
            leave_out(*job, job->items[index]);
            take_result(*job, index, reply, now);
            break;
        case begin:
            job->is_multi = !reply.is_error();
            take_part(*job, index, reply, now);
            break;
        case part:
            take_part(*job, index, reply, now);
            break;
        case exec:
            for (Item& item : job->items) leave_out(*job, item);
            take_exec(*job, reply, now);
            break;
        case time:
        case window_asked:
        case window_raised:
            return;
    }
    tell_if_done(*job);
}

/// The answer to an entry has come.
void Producer::leave_out(Job& job, Item& item) {
    if (item.state != Item::State::sent || !item.form.once(job.options)) return;
    Line& line = *job.line;
    if (line.out > 0) --line.out;
    if (line.out == 0 && line.idmp == Line::Idmp::alone) line.idmp = Line::Idmp::unknown;  // now there is a stream
}

bool Producer::may_retry(const Job& job, const Item& item, const Error& error) const {
    // Whether memory comes back is for the application to say.
    if (error.code == Code::oom && job.options.on_oom == OnOom::fail) return false;
    return error.retryable && item.failures < context_.config.max_retries;
}

/// Whether the entry was not refused, but the form in which it was sent: it goes again by another one.
bool Producer::goes_otherwise(Job& job, Item& item, const resp::Reply& reply) {
    if (item.form.script && classify(reply.text()).what == ErrorClass::no_script) {
        script_is_there_ = false;  // the server has forgotten it
        return true;
    }
    if (!rungs_.step_down(item.form, reply)) return false;
    // What one form remembers the next does not know.
    if (item.form.once(job.options)) forget_window(nullptr);
    return true;
}

void Producer::take_result(Job& job, size_t index, const resp::Reply& reply, Instant now) {
    Item& item = job.items[index];
    if (!reply.is_error()) return succeed(job, index, reply, now);
    if (goes_otherwise(job, item, reply)) return queue_again(job, index);
    Error error = to_error(reply.text());
    if (may_retry(job, item, error)) return wait(item, now + context_.retry_delay(item.failures));
    end(job, index, std::move(error));
}

/// Inside a transaction every command is answered by QUEUED. Where MULTI itself was refused they are executed one by
/// one, and what they answer stands.
void Producer::take_part(Job& job, size_t index, const resp::Reply& reply, Instant now) {
    if (reply.is_error()) {
        if (!job.part_error.has_value()) job.part_error = to_error(reply.text());
    } else if (reply.type() != resp::Type::status) {
        leave_out(job, job.items[index]);
        succeed(job, index, reply, now);
    }
}

void Producer::take_exec(Job& job, const resp::Reply& reply, Instant now) {
    if (reply.is_error() || reply.size() != job.items.size() - job.done) {
        Error error = reply.is_error() ? to_error(reply.text()) : Error(Code::protocol, "EXEC answered something else");
        if (job.part_error.has_value()) error = *job.part_error;  // EXECABORT only says that there was one
        return refuse_all(job, error, now);
    }
    size_t index = 0;
    for (const resp::Reply& result : reply) {
        while (job.items[index].state == Item::State::done) ++index;  // ended before the transaction began
        Item& item = job.items[index];
        if (!result.is_error()) {
            succeed(job, index, result, now);
        } else if (goes_otherwise(job, item, result)) {
            queue_again(job, index);
        } else {
            end(job, index, to_error(result.text()));
        }
        ++index;
    }
}

/// Of a transaction that was not executed. One wait for all: it is one command.
void Producer::refuse_all(Job& job, const Error& error, Instant now) {
    size_t first = 0;
    while (first < job.items.size() && job.items[first].state == Item::State::done) ++first;
    if (first == job.items.size()) return;  // MULTI was refused, and each went in by itself
    const uint32_t failures = job.items[first].failures;
    const bool again = may_retry(job, job.items[first], error);
    const Instant due = again ? now + context_.retry_delay(failures) : now;
    for (size_t i = first; i < job.items.size(); ++i) {
        if (job.items[i].state == Item::State::done) continue;
        if (again) {
            wait(job.items[i], due);
        } else {
            end(job, i, error);
        }
    }
}

void Producer::succeed(Job& job, size_t index, const resp::Reply& reply, Instant now) {
    const Item& item = job.items[index];
    PublishResult& result = job.results[index];
    const bool behind_failed = item.form.script && reply.is_aggregate();  // {id, error}
    const std::string_view id = behind_failed ? reply[0].text() : reply.text();
    result.id.assign(id.data(), id.size());  // PUBLISH answers a number, which is no text
    if (behind_failed) {
        if (job.options.idempotent) forget_window(nullptr);
        rungs_.refuse_script(to_error(reply[1].text()));
    }
    const bool too_late = now - item.first_sent >= job.options.idempotent_window;
    result.maybe_duplicate = item.was_sent && (item.may_double || too_late);
    result.reordered = item.order < job.line->last_written;
    job.line->last_written = std::max(job.line->last_written, item.order);
    end(job, index, std::nullopt);
}

void Producer::end(Job& job, size_t index, std::optional<Error> error) {
    Item& item = job.items[index];
    if (item.state == Item::State::done) return;
    PublishResult& result = job.results[index];
    result.maybe_written = error.has_value() && item.was_sent;
    result.error = std::move(error);
    if (item.state == Item::State::waiting) --waiting_;
    item.state = Item::State::done;
    if (item.number != 0) job.line->window.settle(item.number);
    ++job.done;
}

void Producer::tell_if_done(Job& job) {
    if (!job.is_done() || jobs_.find(job.number) == nullptr) return;
    if (job.line->atomic_job == job.number) job.line->atomic_job = 0;
    --job.line->jobs;
    queued_bytes_ -= job.bytes;
    context_.registers.publish.observe(context_.now - job.begun);
    context_.emit(Published{job.ticket, {job.results.data(), job.results.size()}});
    jobs_.tell(job);
}

/// Order holds over a lost connection: everything that has no answer goes out again, the oldest first.
void Producer::handle_lost(const Request& request, Instant now) {
    const auto what = static_cast<What>(request.what);
    if (what != one && what != exec) return;
    Job* const job = find(request.tag);
    if (job == nullptr) return;
    if (what == exec && job->is_multi && job->part_error.has_value()) {
        // A refusal behind MULTI is EXEC's, whatever became of it: a replica's READONLY ends the connection before.
        refuse_all(*job, *job->part_error, now);
        return tell_if_done(*job);
    }
    const size_t index = request.tag & position_mask;
    const size_t first = what == exec ? 0 : index;
    const size_t behind = what == exec ? job->items.size() : index + 1;
    for (size_t i = first; i < behind; ++i) {
        Item& item = job->items[i];
        if (item.state != Item::State::sent) continue;
        item.was_sent = true;
        queue_again(*job, i);
    }
}

/// What was sent and has no answer may not be known to a window any more: of this line, or of all.
void Producer::forget_window(const Line* line) {
    for (uint64_t number = jobs_.first(); number < jobs_.end(); ++number) {
        Job* const job = jobs_.find(number);
        if (job == nullptr || (line != nullptr && job->line != line)) continue;
        for (Item& item : job->items) {
            if (item.was_sent) item.may_double = true;
        }
    }
}

void Producer::take_window(Line& line, const resp::Reply& reply, Instant) {
    line.idmp = Line::Idmp::alone;
    if (reply.is_error()) {
        if (is_absent(reply) || classify(reply.text()).retryable) return;
        if (classify(reply.text()).what == ErrorClass::wrong_type) return;  // XADD will tell
        forget_window(nullptr);
        return rungs_.refuse_idmp(to_error(reply.text()));
    }
    constexpr int64_t seconds_max = INT64_MAX / 1'000'000;
    line.idmp_ms = std::clamp<int64_t>(resp::field(reply, "idmp-duration").integer(), 0, seconds_max) * 1000;
    line.idmp_count = resp::field(reply, "idmp-maxsize").integer();
    line.idmp = Line::Idmp::known;
    if (line.idmp_count > 0) return;
    forget_window(nullptr);
    rungs_.refuse_idmp(Error(Code::unsupported, "XINFO STREAM tells of no IDMP window"));
}

void Producer::take_raised(Line& line, const resp::Reply& reply) {
    line.idmp = Line::Idmp::known;
    if (!reply.is_error()) return;
    line.idmp = Line::Idmp::alone;
    if (is_absent(reply) || classify(reply.text()).retryable) return;
    rungs_.refuse_idmp(to_error(reply.text()));
}

}  // namespace millrace
