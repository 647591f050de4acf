// One socket of the machine, from a Connect to its end, with TLS or without. Owns the descriptor, its place in the
// poller and the order in which addresses are tried; refuses to know what the bytes mean.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "millrace/machine.hpp"
#include "poller.hpp"
#include "resolver.hpp"
#include "tls.hpp"

namespace millrace::native {

class Connection {
  public:
    /// What became of a step: nothing yet or nothing new; just connected; or it has failed, for reason().
    enum class Step : uint8_t { unchanged, connected, failed };

    /// `tls` is what a Connect with TLS is secured by; it outlives this.
    Connection(const Connect& request, Poller& poller, Resolver& resolver, const TlsContext* tls);
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;
    ~Connection();

    [[nodiscard]] ConnId id() const { return id_; }
    [[nodiscard]] DisconnectReason reason() const { return reason_; }
    /// What the system said of the last address, where the reason has no word for it, or what is likely; else empty.
    [[nodiscard]] const std::string& trouble() const { return trouble_; }
    [[nodiscard]] const Endpoint& endpoint() const { return endpoint_; }
    /// When step() must be called even if no descriptor is ready: an address or the whole Connect is given up then.
    /// None once connected.
    [[nodiscard]] std::optional<Instant> timeout() const;

    /// Goes on connecting: resolved, ready, secured, or too late.
    [[nodiscard]] Step step(Instant now);
    /// The poller says that the socket can be read: fills the machine's rooms, for a bounded time.
    [[nodiscard]] Step read(Machine& machine, Instant now);
    /// Sends what the machine has for this connection, as far as the socket takes it.
    [[nodiscard]] Step write(Machine& machine);
    [[nodiscard]] bool connected() const { return state_ == State::connected; }
    /// The poller says that the socket takes bytes again.
    void unblock() { blocked_ = false; }
    /// Whether a read waits for the socket to take bytes, as TLS may.
    [[nodiscard]] bool read_blocked() const { return read_blocked_; }
    void set_readable(bool readable);

  private:
    enum class State : uint8_t { resolving, connecting, securing, connected };

    [[nodiscard]] Step try_next_address(Instant now);
    [[nodiscard]] bool begin(const Address& address);
    [[nodiscard]] Step finish_connect(Instant now);
    [[nodiscard]] Step secure(Instant now);
    [[nodiscard]] Step establish();
    [[nodiscard]] Step read_secured(Machine& machine, Instant now);
    [[nodiscard]] Step write_secured(Machine& machine);
    [[nodiscard]] Step fail(DisconnectReason reason);
    void take_error(const char* call, int error);
    void abandon();
    void watch(Interest interest);
    void watch_as_wished();

    Poller& poller_;
    Resolver& resolver_;
    const TlsContext* tls_;  ///< null: without TLS
    std::optional<TlsSession> session_;
    ConnId id_;
    Endpoint endpoint_;
    Instant deadline_;
    State state_ = State::resolving;
    DisconnectReason reason_ = DisconnectReason::dns;
    std::string trouble_;
    int descriptor_ = -1;
    Interest interest_{false, false};
    bool heard_ = false;    ///< bytes came
    bool readable_ = true;  ///< as the machine wishes
    bool blocked_ = false;  ///< the socket took no more; write() waits for the poller
    bool read_blocked_ = false;
    Addresses addresses_;
    size_t address_next_ = 0;
    Instant attempt_deadline_{};
};

}  // namespace millrace::native
