// Dead letters on request: listed, and put back into their streams (DLQ-2). One request after the other, and of a
// redrive one letter after the other, so that they keep their order. Knows nothing of sources: an operator's tool has
// none.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/ring.hpp"
#include "command/key_names.hpp"
#include "millrace/config.hpp"
#include "millrace/event.hpp"
#include "millrace/machine.hpp"
#include "session/context.hpp"
#include "session/lanes.hpp"
#include "session/script_call.hpp"

namespace millrace {

class Redrive final : private ReplyHandler {
  public:
    Redrive(Context& context, Lanes& lanes) : context_(context), lanes_(lanes) {}
    Redrive(const Redrive&) = delete;
    Redrive& operator=(const Redrive&) = delete;
    ~Redrive();

    [[nodiscard]] Result<Ticket> list(const DeadQuery& query);
    [[nodiscard]] Result<Ticket> redrive(std::string_view stream, std::span<const EntryId> dead_ids);
    void advance(Instant now);
    [[nodiscard]] std::optional<Instant> next_timeout() const { return wait_until_; }
    /// What is not answered yet is answered with the error.
    void give_up(const Error& error);

  private:
    /// What should be sent next?
    enum Step : uint32_t {
        look,    // XRANGE of a page, for a list
        call,    // the script
        read,    // without it: XRANGE of the letter,
        write,   // XADD to its stream,
        remove,  // XDEL from the dead stream
    };
    struct Job {
        Ticket ticket{};
        bool is_list = false;
        std::string stream;
        DeadQuery query;
        std::vector<EntryId> ids;
        DeadListed listed{};
        Redriven redriven{};
    };
    class Sink final : public resp::EntrySink {
      public:
        explicit Sink(Redrive& owner) : owner_(owner) {}
        void handle_stream(std::string_view) override {}
        void handle_entry(const EntryRecord& record) override { owner_.take(record); }
        void handle_deleted(EntryId) override {}
        void handle_too_large(EntryId id, uint64_t) override { owner_.take_too_large(id); }

      private:
        Redrive& owner_;
    };

    void handle_reply(const Request& request, const resp::Reply& reply, Instant now) override;
    void handle_lost(const Request& request, Instant now) override;

    [[nodiscard]] Result<Ticket> add(Job job);
    [[nodiscard]] bool send(Lane& lane, Instant now);
    [[nodiscard]] bool write_entry(const Request& request, Lane& lane, Instant now);
    [[nodiscard]] Step first_step() const;
    void take(const EntryRecord& record);
    void take_too_large(EntryId id);
    void after_call(const resp::Reply& reply, Instant now);
    void after_read();
    void after_error(const resp::Reply& reply, Instant now);
    /// Tries again after a delay, or gives this letter (or the list) up.
    void fail(Error error, Instant now);
    void end_letter(EntryId id, std::optional<Error> error);
    void end_job();
    void forget_read();

    Context& context_;
    Lanes& lanes_;
    Sink sink_{*this};
    Ring<Job> jobs_;
    // of the first job
    bool is_begun_ = false;
    bool is_out_ = false;  // a reply is owed
    uint64_t job_ = 0;     // its number: replies to what was asked for another concern nobody
    KeyName dead_;
    Step step_ = look;
    size_t next_ = 0;  // of its ids
    uint32_t failures_ = 0;
    bool is_uncertain_ = false;  // something was sent for this letter whose answer was lost
    EntryId written_;            // its new id, once XADD has answered
    ScriptCall script_{ScriptId::redrive};
    std::optional<EntryRecord> read_;
    bool is_too_large_ = false;
    bool may_script_ = true;  // false once the server has refused scripts
    std::optional<Instant> wait_until_;
};

}  // namespace millrace
