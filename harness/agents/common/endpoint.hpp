// The harness's counterpart in protocol 1: lines in, events out. What a client has to do with it is its subclass's.
#pragma once

#include <poll.h>

#include <chrono>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "lines.hpp"
#include "requests.hpp"

namespace millrace::agent {

class Endpoint {
  public:
    Endpoint(LineWriter& out, std::string name, std::string version)
        : out_(out), name_(std::move(name)), version_(std::move(version)) {}
    Endpoint(const Endpoint&) = delete;
    Endpoint& operator=(const Endpoint&) = delete;
    virtual ~Endpoint() = default;

    /// A line of the harness. Whatever is wrong with it becomes one `error` event.
    void handle_line(std::string_view line);
    void handle_line_too_long();
    /// Hands over what has come, then waits for the client or for one of `fds`.
    virtual void turn(std::span<pollfd> fds) = 0;
    /// Begins to drain; `drained` follows, once what the harness holds is settled, or at the timeout. A second word can
    /// only shorten the wait.
    virtual void drain(const Json& re, std::chrono::milliseconds timeout) = 0;
    /// The harness has gone: nothing will be settled any more. Ends the client and says `drained`.
    virtual void end(std::chrono::milliseconds timeout) = 0;
    [[nodiscard]] bool finished() const { return finished_; }
    [[nodiscard]] const std::string& agent_name() const { return name_; }

  protected:
    /// Any but `hello` and `drain`, which are the same for all; throws BadRequest, also for an op that it does not
    /// know.
    virtual void handle_request(const std::string& op, const Json& request) = 0;
    void say(const Json& event);
    /// The last event. `re` is the request's that asked for it, if one did.
    void say_drained(const Json& re, uint64_t held);
    [[nodiscard]] const LineWriter& out() const { return out_; }

  private:
    void dispatch(const Json& request);
    void say_refused(const Json& re, const BadRequest& why);

    LineWriter& out_;
    std::string name_;
    std::string version_;
    bool finished_ = false;
};

[[nodiscard]] Json error_event(std::string_view code, std::string_view message, bool retryable);

}  // namespace millrace::agent
