// One machine and its sockets: does what the machine asks, and tells it what happened. Knows no lock, no thread and no
// handler: its user calls it from one thread at a time, wait() alone without the user's lock.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "connection.hpp"
#include "millrace/machine.hpp"
#include "poller.hpp"
#include "resolver.hpp"
#include "tls.hpp"
#include "wakeup.hpp"

namespace millrace::native {

class Engine {
  public:
    [[nodiscard]] static Result<std::unique_ptr<Engine>> create(const ClientConfig& config, PollerKind kind);

    [[nodiscard]] Machine& machine() { return machine_; }
    [[nodiscard]] const Wakeup& wakeup() const { return *wakeup_; }
    [[nodiscard]] int fd() const { return poller_->fd(); }
    /// When the loop must turn even if no descriptor is ready.
    [[nodiscard]] std::optional<Instant> timeout() const;

    /// Opens and closes sockets as the machine asks.
    void act(Instant now);
    /// Sends what the machine has to send, last of all in a turn. False where a connection was lost by it: then the
    /// machine has something to say again, which no descriptor tells of.
    bool flush(Instant now);
    /// The only call that waits, and the only one that may run beside commands to the machine.
    void wait(std::optional<Duration> timeout, std::span<pollfd> also);
    /// Tells the machine what wait() saw, and the time.
    void absorb(Instant now);
    /// Adds what the system said of connections that could not be made.
    void take_notes(std::vector<Log>& to);
    /// Closes every socket, without a word to the machine.
    void drop_all() { connections_.clear(); }

  private:
    Engine(Machine machine, std::unique_ptr<Poller> poller, std::shared_ptr<Wakeup> wakeup,
           std::unique_ptr<TlsContext> tls);
    [[nodiscard]] Connection* find(ConnId conn);
    /// Tells the machine of a step's outcome; a failed connection is gone afterwards.
    void settle(Connection& connection, Connection::Step step, Instant now);
    void do_action(const Action& action, Instant now);
    void tell_wall_clock(Instant now);

    Machine machine_;
    std::unique_ptr<TlsContext> tls_;  ///< null: without TLS
    std::unique_ptr<Poller> poller_;
    std::shared_ptr<Wakeup> wakeup_;
    Resolver resolver_;
    std::vector<std::unique_ptr<Connection>> connections_;  ///< a handful: searched from the front
    std::span<const Readiness> ready_;
    std::vector<Log> notes_;
    Instant wall_told_at_{};
};

/// What a Client can't do with this configuration: bad_config for TLS over a unix socket, or a unix path that is too
/// long.
[[nodiscard]] Status check_reachable(const ClientConfig& config);

}  // namespace millrace::native
