// Publishing (PUB-1 to 3): entries are pipelined on a lane of their own, each has its own result, and only what failed
// is tried again. Without Streams the same entries go out as Pub/Sub messages.
//
// Everything goes out in the order in which it was published. Where the next publish must wait (for the answer to a
// transaction of the same stream, for room in the window of the idempotent ones, for what the server's window or time
// is), what is behind it waits too. producer_sends.cpp has what is sent, producer_replies.cpp what is made of answers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/buffer.hpp"
#include "millrace/machine.hpp"
#include "producer/job.hpp"
#include "producer/line.hpp"
#include "producer/rungs.hpp"
#include "session/context.hpp"
#include "session/lanes.hpp"

namespace millrace {

class Producer final : private ReplyHandler {
  public:
    Producer(Context& context, Lanes& lanes) : context_(context), lanes_(lanes), rungs_(context) {}
    Producer(const Producer&) = delete;
    Producer& operator=(const Producer&) = delete;
    ~Producer();

    [[nodiscard]] Result<Ticket> publish(const Publish& publish, Instant now);
    void advance(Instant now);
    void handle_lane_ready(const Lane& lane);
    void handle_lane_lost(const Lane& lane);
    [[nodiscard]] std::optional<Instant> next_timeout() const;
    [[nodiscard]] bool idle() const { return jobs_.empty(); }
    /// Ends what is not confirmed: with maybe_written where it was sent (PUB-2).
    void give_up(const Error& error);
    /// The results of the Published that was polled first are not read any more.
    void recycle() { jobs_.recycle(); }

  private:
    /// Tags are a job's number and 24 bits of position; of asked and raised a line's id.
    enum What : uint32_t { one, begin, part, exec, time, window_asked, window_raised };
    enum class Prepared : uint8_t { yes, unsayable, no_memory };

    void handle_reply(const Request& request, const resp::Reply& reply, Instant now) override;
    void handle_lost(const Request& request, Instant now) override;

    // ---- taking
    struct Sizes {
        uint64_t queued = 0;   ///< with which a publish counts
        uint64_t encoded = 0;  ///< that its names and values take as arguments, at most
    };
    [[nodiscard]] Status check(const Publish& publish, Sizes& sizes);
    [[nodiscard]] Status check_options(const PublishConfig& options, size_t entries);
    [[nodiscard]] bool store(const Publish& publish, uint64_t encoded, Job& job);

    // ---- sending: each is false where it must be tried again later
    [[nodiscard]] bool send_job(Job& job, Lane& lane, Instant now);
    [[nodiscard]] bool send_item(Job& job, size_t item, const Form& form, Lane& lane, Instant now);
    [[nodiscard]] bool send_atomic(Job& job, const Form& form, Lane& lane, Instant now);
    [[nodiscard]] bool end_too_wide(Job& job, size_t item, const Form& form);
    [[nodiscard]] bool ask_time(Lane& lane, Instant now);
    void ask_window(Line& line, Lane& lane, Instant now);
    [[nodiscard]] bool window_is_open(Job& job, Lane& lane, Instant now);
    [[nodiscard]] bool write(Job& job, Item& item, const Form& form, const Request& request, Lane& lane, Instant now);
    [[nodiscard]] bool write_script(const Job& job, const Item& item, const Request& request, Lane& lane, Instant now);
    void mark_sent(Job& job, Item& item, const Form& form, Instant now);
    void encode_append(resp::Encoder& encoder, const Job& job, const Item& item, const Form& form) const;
    [[nodiscard]] Prepared prepare(const Job& job, const Item& item);
    [[nodiscard]] bool end_unsayable(Job& job);
    [[nodiscard]] std::string_view producer_id();

    // ---- answers
    void take_result(Job& job, size_t item, const resp::Reply& reply, Instant now);
    void take_part(Job& job, size_t item, const resp::Reply& reply, Instant now);
    void take_exec(Job& job, const resp::Reply& reply, Instant now);
    void refuse_all(Job& job, const Error& error, Instant now);
    void take_window(Line& line, const resp::Reply& reply, Instant now);
    void take_raised(Line& line, const resp::Reply& reply);
    [[nodiscard]] bool goes_otherwise(Job& job, Item& item, const resp::Reply& reply);
    [[nodiscard]] bool may_retry(const Job& job, const Item& item, const Error& error) const;
    void succeed(Job& job, size_t item, const resp::Reply& reply, Instant now);
    void end(Job& job, size_t item, std::optional<Error> error);
    void tell_if_done(Job& job);
    void leave_out(Job& job, Item& item);
    void queue_again(Job& job, size_t item);
    void wait(Item& item, Instant due);
    void requeue_due(Instant now);
    void forget_window(const Line* line);
    [[nodiscard]] Job* find(uint64_t tag) const { return jobs_.find(tag >> 24); }
    [[nodiscard]] static uint64_t tag(const Job& job, size_t item) { return job.number << 24 | item; }

    Context& context_;
    Lanes& lanes_;
    Rungs rungs_;
    JobQueue jobs_;
    Lines lines_;
    uint64_t next_job_ = 1;  // before it nothing is queued
    uint64_t next_order_ = 1;
    uint64_t queued_bytes_ = 0;
    size_t waiting_ = 0;            // items in that state
    Instant due_{};                 // of the first of them
    PublishConfig checked_;         // options that were found valid
    std::string producer_id_;       // for windows; empty until it is used
    bool script_is_there_ = false;  // the server was sent its source, on this connection
    Buffer<Field> fields_;          // of the message under way
    Buffer<char> payload_;
    size_t payload_size_ = 0;
};

}  // namespace millrace
