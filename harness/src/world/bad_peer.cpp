#include "world/bad_peer.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <string>

namespace millrace::harness {

namespace {

std::runtime_error trouble(const std::string& what) {
    return std::runtime_error("a bad peer cannot " + what + ": " + std::strerror(errno));
}

sockaddr_in loopback(int port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(static_cast<uint16_t>(port));
    return address;
}

// A socket that holds the port and refuses connections until it listens. Port 0: whichever is free.
FileDescriptor bound_to(int port) {
    FileDescriptor fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    const int yes = 1;
    ::setsockopt(fd.value(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    const sockaddr_in address = loopback(port);
    if (::bind(fd.value(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
        throw trouble("bind port " + std::to_string(port));
    return fd;
}

int port_of(const FileDescriptor& fd) {
    sockaddr_in address{};
    socklen_t size = sizeof address;
    if (::getsockname(fd.value(), reinterpret_cast<sockaddr*>(&address), &size) != 0) throw trouble("tell its port");
    return ntohs(address.sin_port);
}

}  // namespace

// The port is held from here on, also while closed: another process would answer there otherwise.
TcpBadPeer::TcpBadPeer(Kind kind) : kind_(Kind::Closed), socket_(bound_to(0)), port_(port_of(socket_)) {
    become(kind);
}

Url TcpBadPeer::url() const {
    Url url;
    url.host = "127.0.0.1";
    url.port = port_;
    return url;
}

void TcpBadPeer::become(Kind kind) {
    connections_.clear();
    if (kind == Kind::Closed && listens()) {
        socket_.close();
        socket_ = bound_to(port_);
    }
    if (kind != Kind::Closed && !listens() && ::listen(socket_.value(), 64) != 0)
        throw trouble("listen on port " + std::to_string(port_));
    kind_ = kind;
}

void TcpBadPeer::add_poll(std::vector<pollfd>& fds) const {
    if (listens()) fds.push_back({socket_.value(), POLLIN, 0});
    for (const auto& connection : connections_) fds.push_back({connection.value(), POLLIN, 0});
}

void TcpBadPeer::pump() {
    while (listens()) {
        FileDescriptor fd(::accept4(socket_.value(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
        if (!fd.open()) break;
        accepted_.push_back(steady_now());
        if (kind_ != Kind::HangUp) connections_.push_back(std::move(fd));
    }
    std::erase_if(connections_, [this](const FileDescriptor& fd) { return !serve(fd.value()); });
}

bool TcpBadPeer::serve(int fd) {
    char buffer[4096];
    for (;;) {
        const ssize_t got = ::read(fd, buffer, sizeof buffer);
        if (got == 0) return false;
        if (got < 0) return errno == EAGAIN || errno == EWOULDBLOCK;
        std::string answer;
        if (kind_ == Kind::Garbage)
            answer = "HTTP/1.1 400 Bad Request\r\nServer: none\r\n\r\n<html>\x01\xff</html>\r\n";
        // One line without an end: 1 MiB for each request is far past the 64 KiB of SEC-2.
        if (kind_ == Kind::EndlessLine) answer = "+" + std::string(size_t{1} << 20U, 'x');
        [[maybe_unused]] const auto written = ::send(fd, answer.data(), answer.size(), MSG_NOSIGNAL);
    }
}

}  // namespace millrace::harness
