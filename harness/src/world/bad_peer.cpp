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

#include "server/local_server.hpp"

namespace millrace::harness {

TcpBadPeer::TcpBadPeer(Kind kind) : kind_(Kind::Closed), port_(free_port()) {
    become(kind);
}

Url TcpBadPeer::url() const {
    Url url;
    url.host = "127.0.0.1";
    url.port = port_;
    return url;
}

void TcpBadPeer::become(Kind kind) {
    kind_ = kind;
    connections_.clear();
    if (kind == Kind::Closed) {
        listener_.close();
        return;
    }
    if (listener_.open()) return;
    listener_ = FileDescriptor(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    const int yes = 1;
    ::setsockopt(listener_.value(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(static_cast<uint16_t>(port_));
    if (::bind(listener_.value(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
        ::listen(listener_.value(), 64) != 0) {
        throw std::runtime_error("cannot listen on port " + std::to_string(port_) + ": " + std::strerror(errno));
    }
}

void TcpBadPeer::add_poll(std::vector<pollfd>& fds) const {
    if (listener_.open()) fds.push_back({listener_.value(), POLLIN, 0});
    for (const auto& connection : connections_) fds.push_back({connection.value(), POLLIN, 0});
}

void TcpBadPeer::pump() {
    while (listener_.open()) {
        FileDescriptor fd(::accept4(listener_.value(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
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
