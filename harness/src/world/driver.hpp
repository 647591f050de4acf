// What a World stands on. One driver exists in real time (processes, sockets, a poll loop); the simulation brings
// another in virtual time. Everything that takes time or touches a machine is behind this face, so that no case can
// reach past it.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/process.hpp"
#include "proxy/proxy.hpp"
#include "server/connection.hpp"
#include "server/target.hpp"

namespace millrace::harness {

// One running agent.
class AgentPort {
  public:
    virtual ~AgentPort() = default;
    virtual void send(std::string_view line) = 0;
    virtual void close_input() = 0;
    // SIGKILL: gone when it returns.
    virtual void kill() = 0;
    [[nodiscard]] virtual std::optional<Exit> exit() const = 0;
    [[nodiscard]] virtual std::string errors() const = 0;
    [[nodiscard]] virtual Duration cpu_time() const = 0;
    // Resident memory now, of all its processes.
    [[nodiscard]] virtual int64_t resident_kib() const = 0;
    // SIGSTOP and SIGCONT.
    virtual void freeze() = 0;
    virtual void thaw() = 0;
    [[nodiscard]] virtual std::vector<int> ports() const = 0;
};

// A connection of the harness to a server.
class Database {
  public:
    virtual ~Database() = default;
    virtual Reply command(const Command& command) = 0;
    virtual std::vector<Reply> pipeline(const std::vector<Command>& commands) = 0;
    [[nodiscard]] virtual int64_t calls(const std::string& command) const = 0;
};

// A server that a case started for itself.
class OwnServer {
  public:
    virtual ~OwnServer() = default;
    [[nodiscard]] virtual Url url() const = 0;
    virtual void kill() = 0;
    virtual void restart() = 0;
    // Killed, and on the same port another program, with the same arguments.
    virtual void become(const std::string& executable) = 0;
    // SIGSTOP and SIGCONT: its sockets stay open, and nothing answers.
    virtual void freeze() = 0;
    virtual void thaw() = 0;
    // From now on it can't write its snapshots, which makes it refuse writes (MISCONF) where it is told to save.
    virtual void break_saving() = 0;
};

// A peer that accepts connections and is no server.
class BadPeer {
  public:
    enum class Kind { Closed, Silent, Garbage, EndlessLine, HangUp };
    virtual ~BadPeer() = default;
    [[nodiscard]] virtual Url url() const = 0;
    // When each connection was accepted.
    [[nodiscard]] virtual const std::vector<Instant>& accepted() const = 0;
    virtual void become(Kind kind) = 0;
};

class Driver {
  public:
    virtual ~Driver() = default;
    [[nodiscard]] virtual Instant now() const = 0;
    // Unix milliseconds of an instant, to read an agent's own clock by.
    [[nodiscard]] virtual int64_t unix_ms(Instant at) const = 0;
    // Moves time on until something was told to a callback, or the deadline. Throws Interrupted.
    virtual void advance(Instant deadline) = 0;

    virtual std::unique_ptr<AgentPort> spawn(const std::string& command,
                                             std::function<void(std::string_view)> on_line) = 0;
    virtual std::unique_ptr<Database> connect(const Url& url) = 0;
    virtual std::unique_ptr<OwnServer> start_server(const std::string& executable,
                                                    const std::vector<std::string>& arguments) = 0;
    virtual std::unique_ptr<BadPeer> listen(BadPeer::Kind kind) = 0;
    virtual std::unique_ptr<Proxy> proxy(const std::vector<Url>& upstreams,
                                         std::function<void(std::string_view)> on_strike) = 0;
};

}  // namespace millrace::harness
