#include "producer/producer.hpp"

#include <algorithm>
#include <utility>

#include "command/server_error.hpp"
#include "event/payload.hpp"

namespace millrace {

namespace {

// A tag is the ticket and 24 bits of position.
constexpr size_t items_max = 1U << 24;
// More than this in one lane's output is held back: the queue of publishes is bounded by bytes already, and need not be
// there twice.
constexpr size_t output_max = 1U << 20;

uint64_t bytes_of(const PublishEntry& entry) {
    uint64_t bytes = 0;
    for (const Field& field : entry.fields) bytes += field.name.size() + field.value.size();
    return bytes;
}

}  // namespace

Producer::~Producer() {
    for (const std::unique_ptr<Lane>& lane : lanes_) lane->disown(this);
}

Result<Ticket> Producer::publish(const Publish& publish, Instant now) {
    if (publish.stream.empty()) return Error(Code::bad_argument, "publish: no stream is named");
    if (publish.entries.empty()) return Error(Code::bad_argument, "publish: no entries");
    if (publish.entries.size() > items_max) return Error(Code::bad_argument, "publish: more than 16,777,216 entries");
    uint64_t bytes = 0;
    for (const PublishEntry& entry : publish.entries) {
        if (entry.fields.empty()) return Error(Code::bad_argument, "publish: an entry needs at least one field");
        const uint64_t size = bytes_of(entry);
        if (size > context_.config.max_message_bytes) {
            return Error(Code::too_large, "publish: an entry of " + std::to_string(size) +
                                              " bytes; max_message_bytes is " +
                                              std::to_string(context_.config.max_message_bytes));
        }
        bytes += size;
    }
    // What is alone too large for the queue goes when nothing else is there: else it could never go (BP-2).
    if (queued_bytes_ > 0 && queued_bytes_ + bytes > context_.config.publish_queue_bytes) {
        return Error(Code::would_block, "publish: " + std::to_string(queued_bytes_) + " bytes are waiting already");
    }
    auto job = std::make_unique<Job>();
    job->begun = now;
    job->stream = std::string(publish.stream);
    job->atomic = publish.options.atomic;
    bool stored = bytes <= UINT32_MAX && job->bytes.reserve(static_cast<size_t>(bytes)) &&
                  job->items.reserve(publish.entries.size());
    for (const PublishEntry& entry : publish.entries) {
        Item item;
        item.first_slice = static_cast<uint32_t>(job->slices.size());
        item.field_count = static_cast<uint32_t>(entry.fields.size());
        item.order = next_order_++;
        for (const Field& field : entry.fields) {
            for (const std::string_view text : {field.name, field.value}) {
                const Segment::Slice slice{static_cast<uint32_t>(job->bytes.size()),
                                           static_cast<uint32_t>(text.size())};
                stored = stored && job->slices.push(slice) && job->bytes.append(text.data(), text.size());
            }
        }
        stored = stored && job->items.push(item);
    }
    if (!stored) return Error(Code::out_of_memory, "publish: no memory for " + std::to_string(bytes) + " bytes");
    job->ticket = Ticket{context_.next_ticket++};
    job->results.resize(publish.entries.size());
    queued_bytes_ += bytes;
    jobs_.push_back(std::move(job));
    return jobs_.back()->ticket;
}

void Producer::advance(Instant now) {
    say_done();
    if (jobs_.empty()) return;
    Lane& lane = lanes_.publish();
    lane.open(now);
    if (waiting_ > 0) requeue_due(now);
    if (!lane.ready()) return;
    for (; next_job_ < jobs_.size(); ++next_job_) {
        Job& job = *jobs_[next_job_];
        if (!uses_streams(context_.config, lane.greeting()) && !end_unsayable(job)) continue;
        if (job.atomic) {
            if (job.is_queued() && !send_atomic(lane, next_job_, now)) return;
            continue;
        }
        for (; job.next < job.items.size(); ++job.next) {
            if (job.items[job.next].state != Item::State::queued) continue;
            if (lane.output_size() > output_max || !send_item(lane, next_job_, job.next, now)) return;
        }
    }
    say_done();
}

/// Items whose wait is over. A time that has passed is no timer any more.
void Producer::requeue_due(Instant now) {
    for (size_t i = 0; i < jobs_.size(); ++i) {
        Job& job = *jobs_[i];
        for (size_t k = 0; k < job.items.size(); ++k) {
            Item& item = job.items[k];
            if (item.state != Item::State::waiting || item.due > now) continue;
            item.state = Item::State::queued;
            --waiting_;
            job.next = std::min(job.next, k);
            next_job_ = std::min(next_job_, i);
        }
    }
}

void Producer::wait(Item& item, Instant due) {
    item.state = Item::State::waiting;
    item.due = due;
    ++item.failures;
    ++waiting_;
}

/// In Pub/Sub an entry is a JSON object, written here before anything of its command is.
Producer::Prepared Producer::prepare(const Job& job, const Item& item) {
    fields_.clear();
    payload_.clear();
    for (uint32_t i = 0; i < item.field_count; ++i) {
        if (!fields_.push(Field{job.text(item, 2 * i), job.text(item, 2 * i + 1)})) return Prepared::no_memory;
    }
    const std::optional<uint64_t> size = payload_size({fields_.data(), fields_.size()});
    if (!size.has_value()) return Prepared::unsayable;
    if (*size > UINT32_MAX || !payload_.reserve(static_cast<size_t>(*size))) return Prepared::no_memory;
    const char* const end = encode_payload({fields_.data(), fields_.size()}, payload_.data());
    payload_size_ = static_cast<size_t>(end - payload_.data());
    return Prepared::yes;
}

bool Producer::write_item(Lane& lane, const Job& job, const Item& item, const Request& request, Instant now) {
    if (uses_streams(context_.config, lane.greeting())) {
        return lane.send(request, now, [&](resp::Encoder& encoder) {
            encoder.command(3 + 2 * size_t{item.field_count}).text("XADD").text(job.stream).text("*");
            for (uint32_t i = 0; i < 2 * item.field_count; ++i) encoder.text(job.text(item, i));
        });
    }
    if (prepare(job, item) != Prepared::yes) return false;
    return lane.send(request, now, [&](resp::Encoder& encoder) {
        encoder.command(3).text("PUBLISH").text(job.stream).text({payload_.data(), payload_size_});
    });
}

bool Producer::send_item(Lane& lane, size_t at, size_t index, Instant now) {
    Job& job = *jobs_[at];
    Item& item = job.items[index];
    Request request;
    request.owner = this;
    request.what = one;
    request.tag = tag(at, index);
    if (!write_item(lane, job, item, request, now)) return false;
    item.state = Item::State::sent;
    return true;
}

/// Ends the entries of a job that Pub/Sub can't carry; true when any is left.
bool Producer::end_unsayable(Job& job) {
    for (size_t i = 0; i < job.items.size(); ++i) {
        if (job.items[i].state != Item::State::queued || prepare(job, job.items[i]) != Prepared::unsayable) continue;
        end(job, i, Error(Code::bad_argument, "publish: a field's name is no UTF-8, and Pub/Sub carries JSON"));
    }
    return job.done < job.items.size();
}

/// MULTI, the entries, EXEC: either all are tried or none. There is no rollback, so each result stands (PUB-1).
bool Producer::send_atomic(Lane& lane, size_t at, Instant now) {
    Job& job = *jobs_[at];
    Request request;
    request.owner = this;
    request.what = begin;
    request.tag = tag(at, 0);
    job.part_error.reset();
    bool sent = lane.send(request, now, [](resp::Encoder& encoder) { encoder.command(1).text("MULTI"); });
    request.what = part;
    for (size_t i = 0; i < job.items.size(); ++i) {
        request.tag = tag(at, i);
        if (job.items[i].state != Item::State::done) sent = sent && write_item(lane, job, job.items[i], request, now);
    }
    request.what = exec;
    request.tag = tag(at, 0);
    sent = sent && lane.send(request, now, [](resp::Encoder& encoder) { encoder.command(1).text("EXEC"); });
    if (!sent) {  // half a transaction is on its way: only a new connection forgets it
        lane.drop(DisconnectReason::dropped, Error(Code::out_of_memory, "no memory for a transaction", true), now);
        return false;
    }
    for (Item& item : job.items) {
        if (item.state != Item::State::done) item.state = Item::State::sent;
    }
    return true;
}

Producer::Job* Producer::find(uint64_t ticket) {
    const auto at = std::lower_bound(
        jobs_.begin(), jobs_.end(), ticket,
        [](const std::unique_ptr<Job>& job, uint64_t wanted) { return static_cast<uint64_t>(job->ticket) < wanted; });
    return at != jobs_.end() && static_cast<uint64_t>((*at)->ticket) == ticket ? at->get() : nullptr;
}

void Producer::handle_reply(const Request& request, const resp::Reply& reply, Instant now) {
    Job* const job = find(request.tag >> 24);
    if (job == nullptr) return;
    const size_t item = request.tag & (items_max - 1);
    switch (static_cast<What>(request.what)) {
        case one:
            return take_result(*job, item, reply, now);
        case begin:
        case part:
            return take_part(*job, item, reply);
        case exec:
            return take_exec(*job, reply, now);
    }
}

void Producer::take_result(Job& job, size_t index, const resp::Reply& reply, Instant now) {
    Item& item = job.items[index];
    if (!reply.is_error()) return succeed(job, index, reply);
    const ServerError what = classify(reply.text());
    // on_oom is `fail`: whether memory comes back is for the application to say.
    if (what.retryable && what.what != ErrorClass::oom && item.failures < context_.config.max_retries) {
        wait(item, now + context_.retry_delay(item.failures));
        return;
    }
    end(job, index, to_error(reply.text()));
}

/// Inside a transaction every command is answered by QUEUED. Where MULTI itself was refused they are executed one by
/// one, and what they answer stands.
void Producer::take_part(Job& job, size_t index, const resp::Reply& reply) {
    if (reply.is_error()) {
        if (!job.part_error.has_value()) job.part_error = to_error(reply.text());
    } else if (reply.type() != resp::Type::status) {
        succeed(job, index, reply);
    }
}

void Producer::take_exec(Job& job, const resp::Reply& reply, Instant now) {
    if (reply.is_error() || reply.size() != job.items.size() - job.done) {
        Error error = reply.is_error() ? to_error(reply.text()) : Error(Code::protocol, "EXEC answered something else");
        if (job.part_error.has_value()) error = *job.part_error;  // EXECABORT only says that there was one
        const Item& sample = job.items[job.items.size() - 1];
        const bool again = error.retryable && error.code != Code::oom && sample.failures < context_.config.max_retries;
        const Instant due =
            again ? now + context_.retry_delay(sample.failures) : now;  // one for all: it is one command
        for (size_t i = 0; i < job.items.size(); ++i) {
            if (!again) {
                end(job, i, error);
                continue;
            }
            if (job.items[i].state != Item::State::done) wait(job.items[i], due);
        }
        return;
    }
    size_t index = 0;
    for (const resp::Reply& result : reply) {
        while (job.items[index].state == Item::State::done) ++index;  // ended before the transaction began
        if (result.is_error()) {
            end(job, index, to_error(result.text()));
        } else {
            succeed(job, index, result);
        }
        ++index;
    }
}

void Producer::succeed(Job& job, size_t index, const resp::Reply& reply) {
    const Item& item = job.items[index];
    PublishResult& result = job.results[index];
    result.id = std::string(reply.text());  // PUBLISH answers a number, which is no text
    result.maybe_duplicate = item.was_sent;
    uint64_t& last = last_written_[job.stream];
    result.reordered = item.order < last;
    last = std::max(last, item.order);
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
    ++job.done;
    if (job.done == job.items.size()) ++finished_;
}

/// Order holds over a lost connection: everything that has no answer goes out again, the sample first.
void Producer::handle_lost(const Request& request, Instant) {
    if (request.what == begin || request.what == part) return;
    Job* const job = find(request.tag >> 24);
    if (job == nullptr) return;
    const size_t index = request.tag & (items_max - 1);
    for (size_t i = 0; i < job->items.size(); ++i) {
        Item& item = job->items[i];
        if ((i != index && request.what == one) || item.state != Item::State::sent) continue;
        item.state = Item::State::queued;
        item.was_sent = true;
        job->next = 0;
    }
}

void Producer::handle_lane_lost(Lane& lane) {
    if (lane.role() == LaneRole::publish) next_job_ = 0;
}

/// In one pass over the jobs, and only when there is something to say: tens of thousands may be waiting.
void Producer::say_done() {
    if (finished_ == 0) return;
    finished_ = 0;
    size_t kept = 0;
    size_t next = next_job_;
    for (size_t i = 0; i < jobs_.size(); ++i) {
        Job& job = *jobs_[i];
        if (job.done < job.items.size()) {
            if (kept != i) jobs_[kept] = std::move(jobs_[i]);
            ++kept;
            continue;
        }
        queued_bytes_ -= job.bytes.size();
        context_.registers.publish.observe(context_.now - job.begun);
        context_.emit(Published{job.ticket, std::move(job.results)});
        if (i < next_job_) --next;
    }
    jobs_.resize(kept);
    next_job_ = next;
    if (jobs_.empty()) last_written_.clear();
}

void Producer::give_up(const Error& error) {
    for (const std::unique_ptr<Job>& job : jobs_) {
        for (size_t i = 0; i < job->items.size(); ++i) {
            Item& item = job->items[i];
            item.was_sent = item.was_sent || item.state == Item::State::sent;  // unanswered, and so it stays
            end(*job, i, error);
        }
    }
    say_done();
}

std::optional<Instant> Producer::next_timeout() const {
    std::optional<Instant> next;
    if (waiting_ == 0) return next;
    for (const std::unique_ptr<Job>& job : jobs_) {
        for (const Item& item : job->items) {
            if (item.state != Item::State::waiting) continue;
            if (!next.has_value() || item.due < *next) next = item.due;
        }
    }
    return next;
}

}  // namespace millrace
