#include "engine.hpp"

#include <sys/un.h>

#include <algorithm>
#include <string>
#include <utility>
#include <variant>

#include "clock.hpp"

namespace millrace::native {
namespace {

constexpr uint64_t wakeup_token = UINT64_MAX;  // no ConnId: those have 32 bits
constexpr Duration wall_clock_interval = seconds(1);

}  // namespace

Status check_reachable(const ClientConfig& config) {
    if (config.tls && !config.endpoint.unix_path.empty()) {
        return Error(Code::bad_config, "tls: a unix socket has no TLS; allowed: host and port");
    }
    if (config.endpoint.unix_path.size() >= sizeof(sockaddr_un::sun_path)) {
        return Error(Code::bad_config, "host: the path of the unix socket '" + config.endpoint.unix_path +
                                           "' is longer than " + std::to_string(sizeof(sockaddr_un::sun_path) - 1) +
                                           " bytes");
    }
    return {};
}

Result<std::unique_ptr<Engine>> Engine::create(const ClientConfig& config, PollerKind kind) {
    if (Status status = check_reachable(config); !status) return status.error();
    std::unique_ptr<TlsContext> tls;
    if (config.tls) {
        Result<std::unique_ptr<TlsContext>> made = TlsContext::create(*config.tls);
        if (!made) return made.error();
        tls = std::move(made).value();
    }
    Result<Seed128> seed = draw_seed();
    if (!seed) return seed.error();
    Result<Machine> machine = Machine::create(config, *seed, monotonic_now(), wall_now());
    if (!machine) return machine.error();
    Result<std::unique_ptr<Poller>> poller = make_poller(kind);
    if (!poller) return poller.error();
    Result<std::shared_ptr<Wakeup>> wakeup = Wakeup::create();
    if (!wakeup) return wakeup.error();
    if (Status status = (*poller)->add((*wakeup)->fd(), wakeup_token, {true, false}); !status) return status.error();
    return std::unique_ptr<Engine>(
        new Engine(std::move(machine).value(), std::move(poller).value(), std::move(wakeup).value(), std::move(tls)));
}

Engine::Engine(Machine machine, std::unique_ptr<Poller> poller, std::shared_ptr<Wakeup> wakeup,
               std::unique_ptr<TlsContext> tls)
    : machine_(std::move(machine)),
      tls_(std::move(tls)),
      poller_(std::move(poller)),
      wakeup_(std::move(wakeup)),
      resolver_(wakeup_),
      wall_told_at_(monotonic_now()) {}

std::optional<Instant> Engine::timeout() const {
    std::optional<Instant> first = machine_.poll_timeout();
    for (const auto& each : connections_) {
        const std::optional<Instant> at = each->timeout();
        if (at && (!first || *at < *first)) first = at;
    }
    return first;
}

void Engine::act(Instant now) {
    while (const std::optional<Action> action = machine_.poll_action()) do_action(*action, now);
}

void Engine::do_action(const Action& action, Instant now) {
    if (const auto* connect = std::get_if<Connect>(&action)) {
        if (tls_) tls_->refresh();
        connections_.push_back(std::make_unique<Connection>(*connect, *poller_, resolver_, tls_.get()));
        Connection& connection = *connections_.back();
        settle(connection, connection.step(now), now);
    } else if (const auto* close = std::get_if<Close>(&action)) {
        std::erase_if(connections_, [close](const auto& each) { return each->id() == close->conn; });
    } else if (const auto* wish = std::get_if<SetReadable>(&action)) {
        if (Connection* connection = find(wish->conn)) connection->set_readable(wish->readable);
    }
}

bool Engine::flush(Instant now) {
    const size_t count = connections_.size();
    // Each connection is asked by itself: one whose socket is full must not hold up the others.
    for (size_t i = connections_.size(); i-- > 0;) {
        Connection& connection = *connections_[i];
        if (connection.connected()) settle(connection, connection.write(machine_), now);
    }
    return connections_.size() == count;
}

void Engine::wait(std::optional<Duration> timeout, std::span<pollfd> also) {
    ready_ = poller_->wait(timeout, also);
}

void Engine::absorb(Instant now) {
    tell_wall_clock(now);
    for (const Readiness& each : std::exchange(ready_, {})) {
        if (each.token == wakeup_token) {
            wakeup_->drain();
            continue;
        }
        Connection* connection = find(static_cast<ConnId>(each.token));
        if (connection == nullptr) continue;
        if (!connection->connected()) {
            settle(*connection, connection->step(now), now);
            continue;
        }
        if (each.writable) connection->unblock();
        if (each.readable || (each.writable && connection->read_blocked())) {
            settle(*connection, connection->read(machine_, now), now);
        }
    }
    // Lookups end and addresses are given up without a descriptor of ours becoming ready.
    for (size_t i = connections_.size(); i-- > 0;) {
        Connection& connection = *connections_[i];
        if (!connection.connected()) settle(connection, connection.step(now), now);
    }
    if (const std::optional<Instant> at = machine_.poll_timeout(); at && now >= *at) machine_.handle_timeout(now);
}

Connection* Engine::find(ConnId conn) {
    for (const auto& each : connections_) {
        if (each->id() == conn) return each.get();
    }
    return nullptr;
}

void Engine::settle(Connection& connection, Connection::Step step, Instant now) {
    const ConnId conn = connection.id();
    if (step == Connection::Step::connected) machine_.handle_connected(conn, now);
    if (step != Connection::Step::failed) return;
    const DisconnectReason reason = connection.reason();
    if (!connection.trouble().empty()) {
        const Endpoint& to = connection.endpoint();
        const std::string address = to.unix_path.empty() ? to.host + ":" + std::to_string(to.port) : to.unix_path;
        notes_.push_back({LogLevel::warn,
                          "A connection could not be made",
                          {{"error", connection.trouble()}, {"address", address}}});
    }
    std::erase_if(connections_, [conn](const auto& each) { return each->id() == conn; });
    machine_.handle_disconnected(conn, reason, now);
}

void Engine::take_notes(std::vector<Log>& to) {
    for (Log& note : std::exchange(notes_, {})) to.push_back(std::move(note));
}

void Engine::tell_wall_clock(Instant now) {
    if (now - wall_told_at_ < wall_clock_interval) return;
    wall_told_at_ = now;
    machine_.handle_wall_clock(wall_now(), now);
}

}  // namespace millrace::native
