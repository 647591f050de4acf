#include "proxy/tcp_proxy.hpp"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <utility>

#include "base/text.hpp"

namespace millrace::harness {

namespace {

FileDescriptor bound_socket(int port) {
    FileDescriptor fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    const int yes = 1;
    ::setsockopt(fd.value(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(static_cast<uint16_t>(port));
    if (::bind(fd.value(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
        throw std::runtime_error("cannot listen on port " + std::to_string(port) + ": " + std::strerror(errno));
    }
    return fd;
}

int port_of(const FileDescriptor& fd) {
    sockaddr_in address{};
    socklen_t length = sizeof address;
    ::getsockname(fd.value(), reinterpret_cast<sockaddr*>(&address), &length);
    return ntohs(address.sin_port);
}

// Names are looked up once, so that no connection waits for a name server.
Upstream resolve(const Url& url) {
    addrinfo hints{};
    hints.ai_family = AF_UNSPEC;
    hints.ai_socktype = SOCK_STREAM;
    addrinfo* found = nullptr;
    const int error = ::getaddrinfo(url.host.c_str(), nullptr, &hints, &found);
    if (error != 0) throw std::runtime_error("upstream " + url.host + ": " + ::gai_strerror(error));
    char host[NI_MAXHOST] = "";
    ::getnameinfo(found->ai_addr, found->ai_addrlen, host, sizeof host, nullptr, 0, NI_NUMERICHOST);
    ::freeaddrinfo(found);
    return {host, url.port};
}

}  // namespace

TcpProxy::TcpProxy(const std::vector<Url>& upstreams, int port, std::function<void(std::string_view)> on_strike)
    : plan_(std::move(on_strike)), reservation_(bound_socket(port)) {
    port_ = port_of(reservation_);
    use(upstreams);
    listen(true);
}

TcpProxy::~TcpProxy() = default;

Url TcpProxy::url() const {
    Url url = first_;
    url.host = "127.0.0.1";
    url.port = port_;
    return url;
}

void TcpProxy::use(const std::vector<Url>& upstreams) {
    if (upstreams.empty()) throw std::runtime_error("a proxy without an upstream");
    first_ = upstreams.front();
    upstreams_.clear();
    for (const auto& url : upstreams) upstreams_.push_back(resolve(url));
}

void TcpProxy::listen(bool listens) {
    if (!listens) return listener_.close();
    if (listener_.open()) return;
    listener_ = bound_socket(port_);
    if (::listen(listener_.value(), 128) != 0) {
        throw std::runtime_error("cannot listen on port " + std::to_string(port_) + ": " + std::strerror(errno));
    }
}

void TcpProxy::black_hole(bool swallows) {
    plan_.black_hole = swallows;
    if (swallows) cut(Told::Nobody);
}

void TcpProxy::add(const Faults& faults) {
    plan_.pace = faults.pace;
    plan_.half_open = faults.half_open;
    plan_.black_hole = faults.black_hole;
    for (const auto& cut : faults.cuts) add(cut);
    for (const auto& fault : faults.commands) add(fault);
}

void TcpProxy::release() {
    for (const auto& link : live_) {
        if (link) link->release();
    }
}

void TcpProxy::heal() {
    plan_.clear();
    release();
}

void TcpProxy::cut(Told told) {
    for (const auto& link : live_) {
        if (link) link->end(told);
    }
}

std::vector<LinkSeen> TcpProxy::links() const {
    std::vector<LinkSeen> all = seen_;
    for (size_t i = 0; i < live_.size(); ++i) {
        if (live_[i]) all[i] = live_[i]->seen();
    }
    return all;
}

void TcpProxy::add_poll(std::vector<pollfd>& fds) const {
    if (listener_.open()) fds.push_back({listener_.value(), POLLIN, 0});
    for (const auto& link : live_) {
        if (link) link->add_poll(fds);
    }
}

bool TcpProxy::pump() {
    const uint64_t strikes = plan_.strikes();
    const size_t accepted = accepted_.size();
    while (listener_.open()) {
        FileDescriptor fd(::accept4(listener_.value(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
        if (!fd.open()) break;
        accepted_.push_back(steady_now());
        live_.push_back(std::make_unique<Link>(plan_, live_.size(), std::move(fd), upstreams_));
        seen_.emplace_back();
    }
    for (size_t i = 0; i < live_.size(); ++i) {
        if (!live_[i]) continue;
        live_[i]->pump(steady_now());
        if (!live_[i]->over()) continue;
        seen_[i] = live_[i]->seen();
        live_[i].reset();
    }
    return plan_.strikes() != strikes || accepted_.size() != accepted;
}

std::optional<Instant> TcpProxy::wake_at() const {
    std::optional<Instant> wake;
    for (const auto& link : live_) {
        const auto at = link ? link->wake_at() : std::nullopt;
        if (at && (!wake || *at < *wake)) wake = at;
    }
    return wake;
}

}  // namespace millrace::harness
