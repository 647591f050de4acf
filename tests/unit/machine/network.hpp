// A network that is not well, between a machine and a server that is made up: connections are cut anywhere, bytes come
// in pieces, and the server goes on with an old socket for a while. Whoever uses it settles after each call.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "base/prng.hpp"
#include "millrace/machine.hpp"

namespace millrace::test {

/// `Server` has connect, disconnect, receive and take_output.
template <class Server>
class Network {
  public:
    /// How what was written arrives at the server: in any pieces, or as a whole.
    enum class Writes : uint8_t { in_pieces, whole };
    Network(Machine& machine, Server& server, Prng& chance, Writes writes = Writes::in_pieces)
        : machine_(machine), server_(server), chance_(chance), writes_(writes) {}

    [[nodiscard]] bool empty() const { return wires_.empty(); }

    /// Any of the connections.
    void cut(Instant now) {
        const auto at = wires_.begin() + static_cast<std::ptrdiff_t>(chance_.below(wires_.size()));
        Wire wire = std::move(*at);
        wires_.erase(at);
        if (wire.client != 0) ghosts_.push_back(wire);
        machine_.handle_disconnected(wire.conn, DisconnectReason::reset, now);
    }
    /// What was under way on old sockets is executed, or a part of it, and the server notices that nobody is there.
    void bury() {
        for (const Wire& ghost : std::exchange(ghosts_, {})) {
            if (chance_.below(2) == 0) {
                const size_t size = chance_.below(ghost.to_server.size() + 1);
                server_.receive(ghost.client, std::string_view(ghost.to_server).substr(0, size));
            }
            server_.disconnect(ghost.client);
        }
    }
    /// Some bytes arrive at one end or the other of any connection.
    void carry(Instant now) { carry(chance_.below(wires_.size()), false, now); }
    /// All of them do.
    template <class Settle>
    void carry_all(Instant now, Settle&& settle) {
        for (size_t i = 0; i < wires_.size(); ++i) {
            carry(i, true, now);
            settle();
        }
    }

    /// What the machine wants of its host.
    void serve() {
        while (std::optional<Action> action = machine_.poll_action()) {
            if (const auto* connect = std::get_if<Connect>(&*action)) {
                wires_.push_back({connect->conn, 0, {}, {}});
            } else if (const auto* close = std::get_if<Close>(&*action)) {
                const auto at = find(close->conn);
                ASSERT_NE(at, wires_.end());
                if (at->client != 0) ghosts_.push_back(*at);
                wires_.erase(at);
            }
        }
        while (const std::optional<ConnId> conn = machine_.poll_writable()) {
            const auto at = find(*conn);
            ASSERT_NE(at, wires_.end());
            for (const ConstBytes bytes : machine_.transmit(*conn)) at->to_server.append(as_text(bytes));
            machine_.advance_transmit(*conn, as_text(machine_.transmit(*conn)[0]).size());
        }
    }

  private:
    struct Wire {
        ConnId conn{};
        int64_t client = 0;  // 0: not connected yet
        std::string to_server;
        std::string to_client;
    };

    [[nodiscard]] auto find(ConnId conn) {
        return std::find_if(wires_.begin(), wires_.end(), [&](const Wire& wire) { return wire.conn == conn; });
    }

    void carry(size_t at, bool everything, Instant now) {
        Wire& wire = wires_[at];
        if (wire.client == 0) {
            bury();  // what has arrived at a server is read before it greets another
            wire.client = server_.connect();
            return machine_.handle_connected(wire.conn, now);
        }
        if (everything || chance_.below(2) == 0) {
            const bool is_whole = everything || writes_ == Writes::whole;
            const size_t size = is_whole ? wire.to_server.size() : chance_.below(wire.to_server.size() + 1);
            server_.receive(wire.client, std::string_view(wire.to_server).substr(0, size));
            wire.to_server.erase(0, size);
        }
        wire.to_client += server_.take_output(wire.client);
        const size_t size = everything ? wire.to_client.size() : chance_.below(wire.to_client.size() + 1);
        const std::span<std::byte> room = machine_.input_room(wire.conn, size);
        if (size == 0 || room.size() < size) return;
        std::copy_n(wire.to_client.begin(), size, reinterpret_cast<char*>(room.data()));
        wire.to_client.erase(0, size);
        machine_.handle_input(wire.conn, size, now);
    }

    Machine& machine_;
    Server& server_;
    Prng& chance_;
    const Writes writes_;
    std::vector<Wire> wires_;
    std::vector<Wire> ghosts_;
};

}  // namespace millrace::test
