// One publish and its entries, and the queue of those that are not answered. Owns their memory, which is used again:
// in steady state a publish allocates nothing. Decides nothing, and sends nothing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "base/buffer.hpp"
#include "base/ring.hpp"
#include "millrace/config.hpp"
#include "millrace/event.hpp"

namespace millrace {

struct Line;

/// What a command to append uses beyond XADD's first version, so that a refusal can be told from a wrong content.
struct Form {
    enum class Trim : uint8_t { none, length, age };
    Trim trim = Trim::none;
    bool message = false;  ///< Pub/Sub's
    bool idmp = false;
    bool acked = false;
    bool script = false;
    int64_t oldest_ms = 0;  ///< of Trim::age

    /// Whether an entry that goes twice is written once.
    [[nodiscard]] bool once(const PublishConfig& options) const { return options.idempotent && (idmp || script); }
    [[nodiscard]] bool is_plain() const { return trim != Trim::age && !idmp && !acked && !script; }
};

/// One entry of a publish.
struct Item {
    enum class State : uint8_t { queued, sent, waiting, done };
    State state = State::queued;
    bool was_sent = false;    ///< before: a reply was lost
    bool may_double = false;  ///< sent in a form, or known to a window, that does not tell a repeat
    uint32_t first = 0;       ///< where its arguments begin among the job's
    uint32_t size = 0;        ///< of them, in bytes
    uint32_t field_count = 0;
    uint32_t failures = 0;
    uint64_t order = 0;   ///< of all entries of the producer
    uint64_t number = 0;  ///< among the idempotent ones of its stream; 0: not sent yet, or none of them
    Instant first_sent{};
    Instant due{};  ///< while waiting
    Form form;      ///< that it was sent in last
};

/// One publish.
struct Job {
    uint64_t number = 0;  ///< of all publishes of the producer
    Ticket ticket{};
    Instant begun{};
    Line* line = nullptr;
    PublishConfig options;
    Output fields;  ///< names and values of all entries, encoded as arguments of a command
    Buffer<Item> items;
    uint64_t bytes = 0;  ///< with which it counts in the queue
    size_t next = 0;     ///< before it nothing is queued
    size_t done = 0;
    std::vector<PublishResult> results;
    bool is_multi = false;            ///< MULTI was taken: what follows it is executed by EXEC or not at all
    std::optional<Error> part_error;  ///< why a command inside MULTI was refused

    [[nodiscard]] bool is_done() const { return done == items.size(); }
    [[nodiscard]] std::string_view arguments(const Item& item) const {
        return fields.pending().substr(item.first, item.size);
    }
    [[nodiscard]] bool is_queued() const {
        for (const Item& item : items) {
            if (item.state == Item::State::queued) return true;
        }
        return false;
    }
    /// As new, with its memory.
    void reset() {
        fields.clear();
        items.clear();
        items.shrink_above(items_kept);
        bytes = next = done = 0;
        is_multi = false;
        part_error.reset();
    }
    [[nodiscard]] size_t memory() const {
        return fields.capacity() + items.capacity() * sizeof(Item) + results.capacity() * sizeof(PublishResult);
    }

  private:
    static constexpr size_t items_kept = 256;
};

/// Jobs by their numbers, which follow each other. One that was told leaves a hole until it is the first.
class JobQueue {
  public:
    [[nodiscard]] bool empty() const { return slots_.empty(); }
    [[nodiscard]] uint64_t first() const { return first_; }
    [[nodiscard]] uint64_t end() const { return first_ + slots_.size(); }
    /// Null: it was told, or there is none of this number.
    [[nodiscard]] Job* find(uint64_t number) const {
        return number >= first_ && number < end() ? slots_[static_cast<size_t>(number - first_)].get() : nullptr;
    }
    [[nodiscard]] std::unique_ptr<Job> fresh() {
        if (spare_.empty()) return std::make_unique<Job>();
        std::unique_ptr<Job> job = std::move(spare_.back());
        spare_.pop_back();
        spare_bytes_ -= job->memory();
        return job;
    }
    Job& push(std::unique_ptr<Job> job) {
        job->number = end();
        slots_.push(std::move(job));
        return *slots_[slots_.size() - 1];
    }
    /// Out of the queue; its results are read until recycle.
    void tell(const Job& job) {
        told_.push(std::move(slots_[static_cast<size_t>(job.number - first_)]));
        while (!slots_.empty() && slots_.front() == nullptr) {
            (void)slots_.pop();
            ++first_;
        }
    }
    /// The one told first was read.
    void recycle() { spare(told_.pop()); }
    void spare(std::unique_ptr<Job> job) {
        job->reset();
        const size_t size = job->memory();
        if (size > spare_job_max || spare_bytes_ + size > spare_bytes_max) return;
        spare_bytes_ += size;
        spare_.push_back(std::move(job));
    }

  private:
    // Some thousands of small publishes, and no large one.
    static constexpr size_t spare_bytes_max = 4U << 20;
    static constexpr size_t spare_job_max = 64U << 10;

    Ring<std::unique_ptr<Job>> slots_;
    Ring<std::unique_ptr<Job>> told_;
    std::vector<std::unique_ptr<Job>> spare_;
    uint64_t first_ = 1;
    size_t spare_bytes_ = 0;
};

}  // namespace millrace
