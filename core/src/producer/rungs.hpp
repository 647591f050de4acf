// How an entry can be appended here: which of XADD's newer options, or the script, does what was asked (PUB-2, PUB-3).
// A version says what may be there, the first refusal says what is not (DET-6), and then the next rung is taken. Knows
// the server's clock for MINID. Sends nothing.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "command/server_error.hpp"
#include "producer/job.hpp"
#include "resp/tree.hpp"
#include "session/context.hpp"
#include "session/handshake.hpp"

namespace millrace {

class Rungs {
  public:
    explicit Rungs(Context& context) : context_(context) {}

    /// To be called with each new connection. What was refused stays so until the server is another one.
    void handle_ready(const Greeting& greeting);
    void handle_lost();

    /// The best form, none while the server's time is needed and not known.
    [[nodiscard]] std::optional<Form> choose(const PublishConfig& options, Instant now);

    /// Whether the error refuses what the form uses, and not the entry. The form is not chosen again, and the same
    /// entry can go by another one.
    [[nodiscard]] bool step_down(const Form& form, const resp::Reply& reply);
    /// The script can't do its work here.
    void refuse_script(const Error& error);
    /// IDMP can't be used, or not be set up.
    void refuse_idmp(const Error& error);

    // ---- the server's time, for MINID
    /// When to ask TIME: before the first use, and from time to time, because clocks are set.
    [[nodiscard]] bool must_ask_time(Instant now) const {
        return wants_time_ && time_ && minid_ && now >= ask_time_at_;
    }
    void handle_time_asked(Instant now);
    void ask_time_later(Instant now);
    void handle_time(const resp::Reply& reply, Instant now);
    /// When to ask again, where publishes wait for it.
    [[nodiscard]] std::optional<Instant> next_timeout() const;

  private:
    void tell(std::string_view what, const Error& error, bool is_lost);

    Context& context_;
    std::string version_;  // of the server that the rungs are of
    bool idmp_ = true;
    bool acked_ = true;
    bool minid_ = true;
    bool script_ = true;
    bool time_ = true;
    bool wants_time_ = false;
    Instant ask_time_at_{};
    std::optional<Instant> time_at_;  // when the server's time was this:
    int64_t time_ms_ = 0;
};

}  // namespace millrace
