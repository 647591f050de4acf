// Entries that are given up (DLQ-1): delivered too often, rejected, or too large. Each goes to the dead stream with
// where it came from, and only then is acked: by one script where that can be had, else step by step. Until then it is
// held, and stays pending at the server. Knows nothing of how entries are read.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/number_set.hpp"
#include "base/ring.hpp"
#include "command/key_names.hpp"
#include "consumer/acks.hpp"
#include "consumer/backoff.hpp"
#include "consumer/holdings.hpp"
#include "millrace/machine.hpp"
#include "session/lane.hpp"
#include "session/script_call.hpp"

namespace millrace {

class DeadLetters final : private ReplyHandler {
  public:
    DeadLetters(Holdings& holdings, Acks& acks);
    ~DeadLetters();

    /// On an error nothing was taken.
    [[nodiscard]] Status reject(BatchId batch, EntrySet entries, std::string_view error);
    /// Looks at an entry that came. True: it is not to be handed over, and its reference was taken. One that was
    /// redriven loses the fields that tell so.
    [[nodiscard]] bool take(EntryRecord& record);
    /// An entry whose bytes were discarded. It goes only where the server can copy it.
    void take_too_large(uint32_t stream, EntryId id, uint32_t deliveries);
    /// Writes what is due to the lane.
    void advance(Lane* lane, Instant now);
    [[nodiscard]] std::optional<Instant> next_timeout() const;
    /// What is in line goes out once more; what fails from now on stays pending.
    void stop();
    /// Whether nothing is in line, or on its way.
    [[nodiscard]] bool settled() const { return holdings_.dying == 0; }
    /// The number is that of a new stream.
    void add_stream(uint32_t stream);
    /// Whether an answer is awaited about it.
    [[nodiscard]] bool is_asking(uint32_t stream) const { return lines_[stream].out > 0; }
    /// The stream was made anew: what is answered of it concerns nobody.
    void drop_stream(uint32_t stream);
    void disown(Lane& lane) { lane.disown(this); }

  private:
    /// What should be sent next for a letter? With the script that is all; step by step it begins with `check`.
    enum Step : uint32_t {
        call,   // the script
        trace,  // XPENDING: a script whose answer was lost, was it executed?
        check,  // XPENDING: is the entry still with us?
        read,   // XRANGE: its fields
        write,  // XADD to the dead stream
        ack,    // XACK, once XADD's id has come
    };
    struct Letter {
        bool in_use = false;
        bool is_out = false;      // a reply is owed
        bool is_dropped = false;  // and concerns nobody
        bool is_wide = false;     // more fields than the script can take
        bool is_called = false;   // a script was sent whose answer was lost
        Step step = call;
        uint32_t stream = 0;
        uint32_t deliveries = 0;
        EntryId id;
        EntryId dead_id;
        Place place;
        std::string error;
        ScriptCall script{ScriptId::dead_letter};
    };
    /// Of one stream.
    struct Line {
        KeyName dead;
        Ring<uint32_t> waiting;  // letters to send for
        uint32_t out = 0;        // replies owed
        bool is_failing = false;
        Backoff backoff;
    };

    /// The one entry of the reply to XRANGE.
    class Sink final : public resp::EntrySink {
      public:
        explicit Sink(DeadLetters& owner) : owner_(owner) {}
        void handle_stream(std::string_view) override {}
        void handle_entry(const EntryRecord& record) override;
        void handle_deleted(EntryId) override {}
        void handle_too_large(EntryId, uint64_t) override { owner_.is_too_large_ = true; }

      private:
        DeadLetters& owner_;
    };

    void handle_reply(const Request& request, const resp::Reply& reply, Instant now) override;
    void handle_lost(const Request& request, Instant now) override;

    void add(uint32_t stream, EntryId id, Place place, uint32_t deliveries, std::string_view error);
    void advance_line(Line& line, Lane& lane, Instant now);
    [[nodiscard]] Line& busy_line(uint32_t stream);
    [[nodiscard]] bool send(uint32_t tag, Lane& lane, Instant now);
    [[nodiscard]] bool write_step(uint32_t tag, Lane& lane, Instant now);
    [[nodiscard]] bool write_letter(const Letter& letter, const Request& request, Lane& lane, Instant now);
    [[nodiscard]] Step first_step(const Letter& letter) const;

    void after_call(uint32_t tag, const resp::Reply& reply, Instant now);
    void after_trace(uint32_t tag, const resp::Reply& reply);
    void after_check(uint32_t tag, const resp::Reply& reply);
    void after_read(uint32_t tag, Instant now);
    void after_write(uint32_t tag, const resp::Reply& reply, Instant now);
    void after_error(uint32_t tag, std::string_view command, const resp::Reply& reply, Instant now);
    void fail(uint32_t tag, Error error, Instant now);
    void queue(uint32_t tag, Step step);
    void finish(uint32_t tag);
    void finish_deleted(uint32_t tag);
    void lose(uint32_t tag);
    void leave(uint32_t tag);
    void free(uint32_t tag);
    void forget_read();
    [[nodiscard]] const std::string& stream_of(const Letter& letter) const { return holdings_.streams[letter.stream]; }

    Holdings& holdings_;
    Acks& acks_;
    Sink sink_{*this};
    std::vector<Letter> letters_;  // at most 10 x prefetch in use
    std::vector<uint32_t> free_;
    std::vector<Line> lines_;  // one a stream
    NumberSet busy_;           // lines with letters to send for, or that wait after a failure
    bool may_script_ = true;   // false once the server has refused scripts
    /// Step by step goes one letter at a time, for its fields are kept between the steps.
    std::optional<uint32_t> stepping_;
    std::optional<EntryRecord> read_;
    bool is_too_large_ = false;
};

}  // namespace millrace
