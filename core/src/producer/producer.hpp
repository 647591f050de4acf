// Publishing (PUB-1): entries are pipelined on a lane of their own, each has its own result, and only what failed is
// tried again. Without Streams the same entries go out as Pub/Sub messages.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/buffer.hpp"
#include "millrace/machine.hpp"
#include "session/context.hpp"
#include "session/lanes.hpp"
#include "session/request.hpp"

namespace millrace {

class Producer final : private ReplyHandler {
  public:
    Producer(Context& context, Lanes& lanes) : context_(context), lanes_(lanes) {}
    Producer(const Producer&) = delete;
    Producer& operator=(const Producer&) = delete;
    ~Producer();

    [[nodiscard]] Result<Ticket> publish(const Publish& publish, Instant now);
    void advance(Instant now);
    void handle_lane_lost(Lane& lane);
    [[nodiscard]] std::optional<Instant> next_timeout() const;
    [[nodiscard]] bool idle() const { return jobs_.empty(); }
    /// Ends what is not confirmed: with maybe_written where it was sent (PUB-2).
    void give_up(const Error& error);

  private:
    enum What : uint32_t { one, begin, part, exec };
    enum class Prepared : uint8_t { yes, unsayable, no_memory };

    struct Item {
        enum class State : uint8_t { queued, sent, waiting, done };
        State state = State::queued;
        uint32_t first_slice = 0;
        uint32_t field_count = 0;
        uint32_t failures = 0;
        uint64_t order = 0;     // of all items of the producer
        bool was_sent = false;  // before: a reply was lost
        Instant due{};          // while waiting
    };
    struct Job {
        Ticket ticket{};
        Instant begun{};
        std::string stream;
        bool atomic = false;
        Buffer<char> bytes;
        Buffer<Segment::Slice> slices;
        Buffer<Item> items;
        size_t next = 0;  // before it nothing is queued
        size_t done = 0;
        std::vector<PublishResult> results;
        std::optional<Error> part_error;  // why a command inside MULTI was refused

        [[nodiscard]] std::string_view text(const Item& item, uint32_t slice) const {
            const Segment::Slice& at = slices[item.first_slice + slice];
            return {bytes.data() + at.offset, at.size};
        }
        [[nodiscard]] bool is_queued() const {
            for (const Item& item : items) {
                if (item.state == Item::State::queued) return true;
            }
            return false;
        }
    };

    void handle_reply(const Request& request, const resp::Reply& reply, Instant now) override;
    void handle_lost(const Request& request, Instant now) override;

    [[nodiscard]] bool send_item(Lane& lane, size_t job, size_t item, Instant now);
    [[nodiscard]] bool send_atomic(Lane& lane, size_t job, Instant now);
    [[nodiscard]] Prepared prepare(const Job& job, const Item& item);
    [[nodiscard]] bool write_item(Lane& lane, const Job& job, const Item& item, const Request& request, Instant now);
    [[nodiscard]] bool end_unsayable(Job& job);
    void requeue_due(Instant now);
    void wait(Item& item, Instant due);
    void take_result(Job& job, size_t item, const resp::Reply& reply, Instant now);
    void take_exec(Job& job, const resp::Reply& reply, Instant now);
    void succeed(Job& job, size_t item, const resp::Reply& reply);
    void take_part(Job& job, size_t item, const resp::Reply& reply);
    void end(Job& job, size_t item, std::optional<Error> error);
    [[nodiscard]] Job* find(uint64_t ticket);
    void say_done();
    [[nodiscard]] uint64_t tag(size_t job, size_t item) const {
        return static_cast<uint64_t>(jobs_[job]->ticket) << 24 | item;
    }

    Context& context_;
    Lanes& lanes_;
    std::vector<std::unique_ptr<Job>> jobs_;  // in the order of their tickets
    size_t next_job_ = 0;                     // before it nothing is queued
    uint64_t next_order_ = 1;
    uint64_t queued_bytes_ = 0;
    std::map<std::string, uint64_t> last_written_;  // the highest order that went in, by stream; while jobs are open
    size_t finished_ = 0;                           // jobs whose results are not told yet
    size_t waiting_ = 0;                            // items in that state
    Buffer<Field> fields_;                          // of the message under way
    Buffer<char> payload_;
    size_t payload_size_ = 0;
};

}  // namespace millrace
