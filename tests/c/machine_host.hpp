// A host for machines of the C ABI, for the tests: sockets of this thread, and poll. IPv4 on loopback alone.
#pragma once

#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "owned.hpp"

namespace millrace::testing {

inline int64_t now_us() {
    return std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now().time_since_epoch())
        .count();
}

class MachineHost {
  public:
    explicit MachineHost(const OwnedConfig& config) {
        const std::array<uint8_t, 16> seed = {1, 2, 3};
        mr_error error = MR_ERROR_INIT;
        EXPECT_EQ(mr_machine_new(config.get(), seed.data(), now_us(), 1'700'000'000'000'000, &machine_, &error), MR_OK)
            << error.message;
    }
    MachineHost(const MachineHost&) = delete;
    MachineHost& operator=(const MachineHost&) = delete;
    ~MachineHost() {
        for (const auto& [conn, fd] : sockets_) ::close(fd);
        mr_machine_free(machine_);
    }
    [[nodiscard]] mr_machine* get() const { return machine_; }

    /// Turns until an event of this kind was told, within 10 s; what it borrows lives until the next call.
    mr_event wait_for(uint32_t kind) {
        const int64_t deadline = now_us() + 10'000'000;
        while (now_us() < deadline) {
            mr_event event = MR_EVENT_INIT;
            do {
                act();
                EXPECT_EQ(mr_machine_poll_event(machine_, &event), MR_OK);
                if (event.kind == kind) return event;
            } while (event.kind != MR_EVENT_NONE);
            send();
            wait();
        }
        ADD_FAILURE() << "no event " << kind;
        return MR_EVENT_INIT;
    }

  private:
    void act() {
        mr_action action = MR_ACTION_INIT;
        while (mr_machine_poll_action(machine_, &action) == MR_OK && action.kind != MR_ACTION_NONE) {
            if (action.kind == MR_ACTION_CLOSE && sockets_.count(action.conn) > 0) {
                ::close(sockets_[action.conn]);
                sockets_.erase(action.conn);
            }
            if (action.kind == MR_ACTION_CONNECT) connect(action);
        }
    }
    void connect(const mr_action& action) {
        sockaddr_in address = {};
        address.sin_family = AF_INET;
        address.sin_port = htons(static_cast<uint16_t>(action.port));
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
            ::close(fd);
            mr_machine_handle_disconnected(machine_, action.conn, MR_DISCONNECT_REFUSED, now_us());
            return;
        }
        sockets_[action.conn] = fd;
        EXPECT_EQ(mr_machine_handle_connected(machine_, action.conn, now_us()), MR_OK);
    }
    void send() {
        while (const uint32_t conn = mr_machine_poll_writable(machine_)) {
            std::array<mr_str, 4> chunks;
            while (const size_t count = mr_machine_transmit(machine_, conn, chunks.data(), chunks.size())) {
                size_t sent = 0;
                for (size_t i = 0; i < count; ++i) {
                    sent += static_cast<size_t>(::send(sockets_[conn], chunks[i].data, chunks[i].size, MSG_NOSIGNAL));
                }
                ASSERT_EQ(mr_machine_advance_transmit(machine_, conn, sent), MR_OK);
            }
        }
    }
    void wait() {
        std::vector<pollfd> fds;
        std::vector<uint32_t> conns;
        for (const auto& [conn, fd] : sockets_) {
            fds.push_back({fd, POLLIN, 0});
            conns.push_back(conn);
        }
        const int64_t left = std::clamp<int64_t>(mr_machine_timeout_at(machine_) - now_us(), 0, 100'000);
        ::poll(fds.data(), fds.size(), static_cast<int>((left + 999) / 1000));
        for (size_t i = 0; i < fds.size(); ++i) {
            if (fds[i].revents == 0) continue;
            size_t room = 0;
            char* const bytes = mr_machine_input_room(machine_, conns[i], 0, &room);
            ASSERT_NE(bytes, nullptr);
            const ssize_t count = ::recv(fds[i].fd, bytes, room, 0);
            ASSERT_GT(count, 0);
            ASSERT_EQ(mr_machine_handle_input(machine_, conns[i], static_cast<size_t>(count), now_us()), MR_OK);
        }
        if (now_us() >= mr_machine_timeout_at(machine_)) mr_machine_handle_timeout(machine_, now_us());
    }

    mr_machine* machine_ = nullptr;
    std::map<uint32_t, int> sockets_;
};

}  // namespace millrace::testing
