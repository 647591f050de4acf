// Protocol 1 over millrace::Client: requests in, answers and events out. One source, one thread.
//
// Nothing is acked but what the harness acks; in Pub/Sub mode and for tails, where there is nothing to ack, a batch is
// let go as soon as it is handed over. While the harness does not read its end of stdout, no batch is taken from the
// client (lines.hpp).
#pragma once

#include <poll.h>

#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "held_batches.hpp"
#include "lines.hpp"
#include "millrace/client.hpp"
#include "values.hpp"

namespace millrace::agent {

class Agent {
  public:
    explicit Agent(LineWriter& out) : out_(out) {}

    /// A line of the harness. Whatever is wrong with it becomes one `error` event.
    void handle_line(std::string_view line);
    void handle_line_too_long();
    /// Hands over what has come, then waits for the client or for one of `fds`.
    void turn(std::span<pollfd> fds);
    /// Begins to drain; `drained` follows, once what the harness holds is settled, or at the timeout. A second word can
    /// only shorten the wait.
    void drain(const Json& re, Duration timeout);
    /// The harness has gone: nothing will be settled any more. Ends the client and says `drained`.
    void end(Duration timeout);
    [[nodiscard]] bool finished() const { return finished_; }

  private:
    void handle_request(const Json& request);
    void start(const Json& request);
    void tell_health(const Json& re);
    void settle(const Json& request);
    void publish(const Json& request);
    void ask_dead(const Json& request);
    void redrive(const Json& request);
    [[nodiscard]] std::string stream_of(const Json& request);
    void set_paused(const Json& request, bool paused);

    [[nodiscard]] Config configuration(const Json& request) const;
    [[nodiscard]] Client& client();
    void on_event(const Event& event);
    void hand_over();
    void say_drained(uint64_t held);
    void say(const Json& event);
    void refuse(const Json& re, const Error& error);

    LineWriter& out_;
    std::optional<Client> client_;
    std::optional<SourceId> source_;
    std::string only_stream_;
    Config config_;  ///< its keys of publishing
    Json start_re_;
    Json drain_re_;
    bool ready_ = false;
    bool ended_ = false;  ///< the source hands over nothing any more
    bool keep_ = true;    ///< whether batches are held until the harness settles them
    bool finished_ = false;
    HeldBatches held_;
    std::map<Ticket, Json> asked_;  ///< requests about dead letters, by what the answer carries
};

}  // namespace millrace::agent
