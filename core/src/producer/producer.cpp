#include "producer/producer.hpp"

#include <algorithm>
#include <string>
#include <utility>

namespace millrace {

namespace {

// A tag is the job and 24 bits of position.
constexpr size_t items_max = 1U << 24;

uint64_t bytes_of(const PublishEntry& entry) {
    uint64_t bytes = 0;
    for (const Field& field : entry.fields) bytes += field.name.size() + field.value.size();
    return bytes;
}

/// What a field's two arguments take on the wire beside their bytes: `$`, digits, and twice an end of line.
constexpr uint64_t field_overhead = 2 * (1 + 10 + 2 + 2);

/// With what an entry counts in the queue beside its bytes: it takes as much of the memory here, and more, so that
/// without it small ones would know no bound (BP-2).
constexpr uint64_t entry_overhead = 128;

}  // namespace

Producer::~Producer() {
    for (const std::unique_ptr<Lane>& lane : lanes_) lane->disown(this);
}

Status Producer::check_options(const PublishConfig& options, size_t entries) {
    if (options != checked_) {
        if (Status valid = validate(options); !valid.ok()) return valid;
        checked_ = options;
    }
    if (!options.idempotent || !options.atomic || entries <= options.idempotent_count) return {};
    return Error(Code::bad_argument, "publish: " + std::to_string(entries) +
                                         " entries in one idempotent transaction; idempotent_count is " +
                                         std::to_string(options.idempotent_count));
}

Status Producer::check(const Publish& publish, Sizes& sizes) {
    if (publish.stream.empty()) return Error(Code::bad_argument, "publish: no stream is named");
    if (publish.entries.empty()) return Error(Code::bad_argument, "publish: no entries");
    if (publish.entries.size() > items_max) return Error(Code::bad_argument, "publish: more than 16,777,216 entries");
    sizes.queued = entry_overhead * publish.entries.size();
    for (const PublishEntry& entry : publish.entries) {
        if (entry.fields.empty()) return Error(Code::bad_argument, "publish: an entry needs at least one field");
        const uint64_t size = bytes_of(entry);
        if (size > context_.config.max_message_bytes) {
            return Error(Code::too_large, "publish: an entry of " + std::to_string(size) +
                                              " bytes; max_message_bytes is " +
                                              std::to_string(context_.config.max_message_bytes));
        }
        sizes.queued += size;
        sizes.encoded += size + field_overhead * entry.fields.size();
    }
    // Positions among them have 32 bits.
    if (sizes.encoded > UINT32_MAX)
        return Error(Code::too_large, "publish: more than 4 GiB at once; publish the entries one after the other");
    // What is alone too large for the queue goes when nothing else is there: else it could never go (BP-2).
    if (!publish.has_waited && queued_bytes_ > 0 &&
        queued_bytes_ + sizes.queued > context_.config.publish_queue_bytes) {
        return Error(Code::would_block, "publish: " + std::to_string(queued_bytes_) + " bytes are waiting already");
    }
    return {};
}

bool Producer::store(const Publish& publish, uint64_t encoded, Job& job) {
    if (!job.fields.reserve(static_cast<size_t>(encoded))) return false;
    if (!job.items.reserve(publish.entries.size())) return false;
    resp::Encoder encoder(job.fields);
    for (const PublishEntry& entry : publish.entries) {
        Item item;
        item.first = static_cast<uint32_t>(job.fields.size());
        item.field_count = static_cast<uint32_t>(entry.fields.size());
        for (const Field& field : entry.fields) encoder.text(field.name).text(field.value);
        item.size = static_cast<uint32_t>(job.fields.size()) - item.first;
        if (!encoder.ok() || !job.items.push(item)) return false;
    }
    return true;
}

Result<Ticket> Producer::publish(const Publish& publish, Instant now) {
    const PublishConfig options = publish.options.value_or(PublishConfig{});
    if (Status valid = check_options(options, publish.entries.size()); !valid.ok()) return valid.error();
    Sizes sizes;
    if (Status valid = check(publish, sizes); !valid.ok()) return valid.error();
    std::unique_ptr<Job> made = jobs_.fresh();
    made->bytes = sizes.queued;
    if (!store(publish, sizes.encoded, *made)) {
        jobs_.spare(std::move(made));
        return Error(Code::out_of_memory, "publish: no memory for " + std::to_string(sizes.encoded) + " bytes");
    }
    Job& job = jobs_.push(std::move(made));
    job.line = &lines_.at(publish.stream);
    ++job.line->jobs;
    job.options = options;
    job.begun = now;
    job.ticket = Ticket{context_.next_ticket++};
    job.results.resize(publish.entries.size());
    for (PublishResult& result : job.results) {  // field by field: the id keeps its memory
        result.id.clear();
        result.error.reset();
        result.maybe_duplicate = result.maybe_written = result.reordered = false;
    }
    for (Item& item : job.items) item.order = next_order_++;
    queued_bytes_ += sizes.queued;
    return job.ticket;
}

void Producer::advance(Instant now) {
    if (jobs_.empty()) return;
    Lane& lane = lanes_.publish();
    lane.open(now);
    if (waiting_ > 0 && now >= due_) requeue_due(now);
    if (!lane.ready()) return;
    // Here too, because a time that is due must be asked for even where nothing can be sent: else it stays due.
    if (rungs_.must_ask_time(now) && !ask_time(lane, now)) return;
    for (; next_job_ < jobs_.end(); ++next_job_) {
        Job* const job = jobs_.find(next_job_);
        if (job != nullptr && !send_job(*job, lane, now)) return;
    }
}

/// Items whose wait is over. A time that has passed is no timer any more.
void Producer::requeue_due(Instant now) {
    std::optional<Instant> next;
    for (uint64_t number = jobs_.first(); number < jobs_.end(); ++number) {
        Job* const job = jobs_.find(number);
        if (job == nullptr) continue;
        for (size_t i = 0; i < job->items.size(); ++i) {
            const Item& item = job->items[i];
            if (item.state != Item::State::waiting) continue;
            if (item.due > now) {
                next = std::min(next.value_or(item.due), item.due);
                continue;
            }
            --waiting_;
            queue_again(*job, i);
        }
    }
    if (next.has_value()) due_ = *next;
}

void Producer::queue_again(Job& job, size_t index) {
    job.items[index].state = Item::State::queued;
    job.next = std::min(job.next, index);
    next_job_ = std::min(next_job_, job.number);
}

void Producer::wait(Item& item, Instant due) {
    item.state = Item::State::waiting;
    item.due = due;
    ++item.failures;
    due_ = waiting_++ > 0 ? std::min(due_, due) : due;
}

std::optional<Instant> Producer::next_timeout() const {
    std::optional<Instant> next;
    if (jobs_.empty()) return next;
    next = rungs_.next_timeout();
    if (waiting_ > 0) next = std::min(next.value_or(due_), due_);
    return next;
}

void Producer::handle_lane_ready(const Lane& lane) {
    if (lane.role() == LaneRole::publish) rungs_.handle_ready(lane.greeting());
}

void Producer::handle_lane_lost(const Lane& lane) {
    if (lane.role() != LaneRole::publish) return;
    next_job_ = jobs_.first();
    rungs_.handle_lost();
    script_is_there_ = false;
    for (const auto& [name, line] : lines_) {
        line->idmp = Line::Idmp::unknown;
        line->out = 0;
    }
}

void Producer::give_up(const Error& error) {
    for (uint64_t number = jobs_.first(); number < jobs_.end(); ++number) {
        Job* const job = jobs_.find(number);
        if (job == nullptr) continue;
        for (size_t i = 0; i < job->items.size(); ++i) {
            Item& item = job->items[i];
            item.was_sent = item.was_sent || item.state == Item::State::sent;  // unanswered, and so it stays
            end(*job, i, error);
        }
        tell_if_done(*job);
    }
}

}  // namespace millrace
