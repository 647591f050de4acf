#include "host.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <utility>
#include <vector>

namespace millrace::replay {

Host::~Host() {
    for (const auto& [conn, socket] : sockets_) close(socket.descriptor);
}

Instant Host::clock() {
    const auto since = std::chrono::steady_clock::now().time_since_epoch();
    return {std::chrono::duration_cast<std::chrono::microseconds>(since).count()};
}

Instant Host::now() const {
    return {(clock() - start_).us};
}

void Host::run(const std::function<void(const Event&)>& on_event, const std::function<bool()>& done) {
    const Instant deadline = now() + seconds(20);
    for (;;) {
        while (const std::optional<Event> event = machine_.poll_event()) on_event(*event);
        while (const std::optional<Action> action = machine_.poll_action()) act(*action);
        write();
        if (done()) return;
        if (now() > deadline) throw std::runtime_error("the story did not go on within 20 seconds");
        const std::optional<Instant> at = machine_.poll_timeout();
        const int64_t left = at ? (*at - now()).us / 1000 + 1 : 100;
        wait(static_cast<int>(std::clamp<int64_t>(left, 0, 100)));
        if (at && now() >= *at) machine_.handle_timeout(now());
    }
}

void Host::act(const Action& action) {
    if (const auto* wish = std::get_if<Connect>(&action)) {
        connect(*wish);
    } else if (const auto* end = std::get_if<Close>(&action)) {
        const auto found = sockets_.find(static_cast<uint32_t>(end->conn));
        if (found == sockets_.end()) return;
        close(found->second.descriptor);
        sockets_.erase(found);
    }
}

void Host::connect(const Connect& wish) {
    Socket socket;
    socket.descriptor = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    socket.role = wish.role;
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(wish.endpoint.port);
    inet_pton(AF_INET, wish.endpoint.host.c_str(), &address.sin_addr);
    const int result = ::connect(socket.descriptor, reinterpret_cast<const sockaddr*>(&address), sizeof address);
    sockets_[static_cast<uint32_t>(wish.conn)] = socket;
    if (result != 0 && errno != EINPROGRESS) lose(wish.conn, DisconnectReason::refused);
}

void Host::write() {
    while (const std::optional<ConnId> conn = machine_.poll_writable()) {
        const auto found = sockets_.find(static_cast<uint32_t>(*conn));
        if (found == sockets_.end() || !found->second.connected) return;
        // In pieces of any size, as a busy socket would take them.
        while (true) {
            const std::span<const ConstBytes> pieces = machine_.transmit(*conn);
            if (pieces.empty()) break;
            const size_t size = std::min<size_t>(pieces[0].size(), 1 + pieces_.below(4000));
            const ssize_t sent = send(found->second.descriptor, pieces[0].data(), size, MSG_NOSIGNAL);
            if (sent < 0) return;
            machine_.advance_transmit(*conn, static_cast<size_t>(sent));
        }
    }
}

void Host::wait(int milliseconds_max) {
    std::vector<pollfd> descriptors;
    std::vector<uint32_t> conns;
    for (const auto& [conn, socket] : sockets_) {
        descriptors.push_back({socket.descriptor, static_cast<short>(socket.connected ? POLLIN : POLLOUT), 0});
        conns.push_back(conn);
    }
    poll(descriptors.data(), descriptors.size(), milliseconds_max);
    for (size_t i = 0; i < descriptors.size(); ++i) {
        const auto found = sockets_.find(conns[i]);
        if (descriptors[i].revents == 0 || found == sockets_.end()) continue;
        Socket& socket = found->second;
        if (socket.connected) {
            read(ConnId{conns[i]}, socket);
        } else if ((descriptors[i].revents & (POLLERR | POLLHUP)) != 0) {
            lose(ConnId{conns[i]}, DisconnectReason::refused);
        } else {
            socket.connected = true;
            machine_.handle_connected(ConnId{conns[i]}, now());
        }
    }
}

void Host::read(ConnId conn, Socket& socket) {
    const size_t piece = 1 + static_cast<size_t>(pieces_.below(3000));
    const std::span<std::byte> room = machine_.input_room(conn, piece);
    if (room.empty()) throw std::runtime_error("no room for input");
    const ssize_t size = recv(socket.descriptor, room.data(), std::min(room.size(), piece), 0);
    if (size > 0) {
        machine_.handle_input(conn, static_cast<size_t>(size), now());
    } else if (size == 0 || (errno != EAGAIN && errno != EINTR)) {
        lose(conn, size == 0 ? DisconnectReason::closed : DisconnectReason::reset);
    }
}

void Host::lose(ConnId conn, DisconnectReason reason) {
    const auto found = sockets_.find(static_cast<uint32_t>(conn));
    close(found->second.descriptor);
    sockets_.erase(found);
    machine_.handle_disconnected(conn, reason, now());
}

void Host::cut(LaneRole role) {
    for (const auto& [conn, socket] : sockets_) {
        if (socket.role != role) continue;
        lose(ConnId{conn}, DisconnectReason::reset);
        return;
    }
    throw std::runtime_error("no connection of that role to cut");
}

}  // namespace millrace::replay
