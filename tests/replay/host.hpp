// A host for a traced machine: plain sockets and poll(2), in real time. It reads and writes in small uneven pieces on
// purpose, so that a recorded trace holds replies cut anywhere and writes that end halfway.
#pragma once

#include <functional>
#include <map>
#include <stdexcept>
#include <string>

#include "base/prng.hpp"
#include "traced_machine.hpp"

namespace millrace::replay {

class Host {
  public:
    Host(TracedMachine machine, Instant start) : machine_(std::move(machine)), start_(start) {}
    Host(const Host&) = delete;
    Host& operator=(const Host&) = delete;
    ~Host();

    [[nodiscard]] TracedMachine& machine() { return machine_; }
    /// Microseconds since `start`.
    [[nodiscard]] static Instant clock();
    [[nodiscard]] Instant now() const;

    /// Pumps until `done` says so; each event goes to `on_event`. Throws after 20 seconds.
    void run(const std::function<void(const Event&)>& on_event, const std::function<bool()>& done);
    /// Ends the connection of that role as a network would: without a word to the machine before it is over.
    void cut(LaneRole role);

  private:
    struct Socket {
        int descriptor = -1;
        LaneRole role = LaneRole::read;
        bool connected = false;
    };

    void act(const Action& action);
    void connect(const Connect& connect);
    void write();
    void wait(int milliseconds_max);
    void read(ConnId conn, Socket& socket);
    void lose(ConnId conn, DisconnectReason reason);

    TracedMachine machine_;
    Instant start_;
    std::map<uint32_t, Socket> sockets_;
    Prng pieces_{Seed128{1, 1}};
};

}  // namespace millrace::replay
