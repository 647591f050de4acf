#include "connection.hpp"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <string>
#include <system_error>

#include "socket_io.hpp"

namespace millrace::native {
namespace {

// A turn serves every lane: one that floods us must not keep the acks of the others waiting.
constexpr int reads_per_turn_max = 16;
constexpr size_t pieces_per_write_max = 64;

Address unix_address(const std::string& path) {
    Address address;
    sockaddr_un name{};
    name.sun_family = AF_UNIX;
    // The length was checked when the client was created.
    std::memcpy(name.sun_path, path.data(), std::min(path.size(), sizeof name.sun_path - 1));
    std::memcpy(&address.storage, &name, sizeof name);
    address.size = sizeof name;
    return address;
}

int open_socket(int family) {
#ifdef __linux__
    return socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
#else
    const int descriptor = socket(family, SOCK_STREAM, 0);
    if (descriptor < 0) return descriptor;
    fcntl(descriptor, F_SETFD, FD_CLOEXEC);
    fcntl(descriptor, F_SETFL, O_NONBLOCK);
    return descriptor;
#endif
}

void tune(int descriptor, int family) {
    const int on = 1;
    setsockopt(descriptor, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
    if (family != AF_UNIX) setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
#ifdef SO_NOSIGPIPE
    setsockopt(descriptor, SOL_SOCKET, SO_NOSIGPIPE, &on, sizeof on);
#endif
}

}  // namespace

Connection::Connection(const Connect& request, Poller& poller, Resolver& resolver, const TlsContext* tls)
    : poller_(poller),
      resolver_(resolver),
      tls_(request.tls ? tls : nullptr),
      id_(request.conn),
      endpoint_(request.endpoint),
      deadline_(request.deadline),
      attempt_deadline_(request.deadline) {}

Connection::~Connection() {
    abandon();
}

std::optional<Instant> Connection::timeout() const {
    if (state_ == State::connected) return std::nullopt;
    return std::min(deadline_, attempt_deadline_);
}

Connection::Step Connection::step(Instant now) {
    if (state_ == State::connected) return Step::unchanged;
    // A plain port waits for the end of a line, and TLS's hello need not have one: it says nothing for ever.
    const DisconnectReason silence = state_ == State::resolving  ? DisconnectReason::dns
                                     : state_ == State::securing ? DisconnectReason::tls_failed
                                                                 : DisconnectReason::timeout;
    if (now >= deadline_) return fail(silence);
    if (state_ == State::resolving) {
        if (!endpoint_.unix_path.empty()) {
            addresses_.push_back(unix_address(endpoint_.unix_path));
        } else {
            std::optional<Addresses> found = resolver_.resolve(endpoint_.host, endpoint_.port);
            if (!found) return Step::unchanged;
            resolver_.forget(endpoint_.host, endpoint_.port);
            addresses_ = *std::move(found);
        }
        return try_next_address(now);
    }
    const Step step = state_ == State::securing ? secure(now) : finish_connect(now);
    if (step != Step::unchanged || now < attempt_deadline_) return step;
    reason_ = silence;
    return try_next_address(now);
}

Connection::Step Connection::finish_connect(Instant now) {
    pollfd state{descriptor_, POLLOUT, 0};
    if (::poll(&state, 1, 0) != 1) return Step::unchanged;
    int error = 0;
    socklen_t size = sizeof error;
    getsockopt(descriptor_, SOL_SOCKET, SO_ERROR, &error, &size);
    if (error != 0) {
        take_error("connect", error);
        return try_next_address(now);
    }
    if (tls_ == nullptr) return establish();
    session_.emplace(*tls_, endpoint_.host, descriptor_);
    state_ = State::securing;
    return secure(now);
}

Connection::Step Connection::secure(Instant now) {
    switch (session_->handshake()) {
        case TlsSession::Step::done:
            return establish();
        case TlsSession::Step::want_read:
            watch({true, false});
            return Step::unchanged;
        case TlsSession::Step::want_write:
            watch({false, true});
            return Step::unchanged;
        case TlsSession::Step::failed:
            break;
    }
    reason_ = session_->reason();
    // Addresses of one name are one deployment: where a certificate is refused, the others' is the same.
    const bool lost = reason_ < DisconnectReason::tls_expired;
    return lost ? try_next_address(now) : fail(reason_);
}

Connection::Step Connection::establish() {
    state_ = State::connected;
    watch_as_wished();
    return Step::connected;
}

Connection::Step Connection::try_next_address(Instant now) {
    while (address_next_ < addresses_.size()) {
        // An address that swallows packets must leave time for the ones after it.
        const auto left = static_cast<int64_t>(addresses_.size() - address_next_);
        attempt_deadline_ = now + Duration{(deadline_ - now).us / left};
        if (begin(addresses_[address_next_++])) {
            state_ = State::connecting;
            return Step::unchanged;
        }
    }
    return fail(reason_);
}

bool Connection::begin(const Address& address) {
    abandon();
    trouble_.clear();
    const int family = address.storage.ss_family;
    descriptor_ = open_socket(family);
    if (descriptor_ < 0) {
        take_error("socket", errno);
        return false;
    }
    tune(descriptor_, family);
    const auto* name = reinterpret_cast<const sockaddr*>(&address.storage);
    if (::connect(descriptor_, name, address.size) != 0 && errno != EINPROGRESS && errno != EINTR) {
        take_error("connect", errno);
        abandon();
        return false;
    }
    // Connected at once or not, the poller tells of it: one path for both.
    interest_ = {false, true};
    if (const Status added = poller_.add(descriptor_, static_cast<uint64_t>(id_), interest_); !added) {
        ::close(descriptor_);
        descriptor_ = -1;
        reason_ = DisconnectReason::reset;
        trouble_ = added.error().message;
        return false;
    }
    return true;
}

/// No descriptor left, no permission, a path that is none: all of these are told as a reset, which they are not.
void Connection::take_error(const char* call, int error) {
    reason_ = reason_of(error);
    if (reason_ != DisconnectReason::reset || error == ECONNRESET || error == ECONNABORTED) return;
    trouble_ = std::string(call) + ": " + std::system_category().message(error);
}

Connection::Step Connection::read(Machine& machine, Instant now) {
    if (session_) return read_secured(machine, now);
    for (int reads = 0; reads < reads_per_turn_max; ++reads) {
        const std::span<std::byte> room = machine.input_room(id_);
        // Dead to the machine, or memory was refused. Left open, the socket would be ready for ever.
        if (room.empty()) return fail(DisconnectReason::dropped);
        const ssize_t count = recv(descriptor_, room.data(), room.size(), 0);
        if (count < 0) {
            if (would_block(errno)) return Step::unchanged;
            if (errno == EINTR) continue;
            return fail(reason_of(errno));
        }
        if (count == 0) return fail(DisconnectReason::closed);
        heard_ = true;
        machine.handle_input(id_, static_cast<size_t>(count), now);
        // A room that was not filled has emptied the socket; the poller tells of what comes later.
        if (static_cast<size_t>(count) < room.size()) return Step::unchanged;
    }
    return Step::unchanged;
}

Connection::Step Connection::read_secured(Machine& machine, Instant now) {
    read_blocked_ = false;
    // What the session has taken off the socket already no poller tells of again: at most a record, of 16 KiB.
    for (int reads = 0; reads < reads_per_turn_max || session_->has_pending(); ++reads) {
        const std::span<std::byte> room = machine.input_room(id_);
        if (room.empty()) return fail(DisconnectReason::dropped);
        const TlsSession::Moved moved = session_->read(room);
        if (moved.step == TlsSession::Step::failed) return fail(session_->reason());
        if (moved.step != TlsSession::Step::done) {
            read_blocked_ = moved.step == TlsSession::Step::want_write;
            break;
        }
        machine.handle_input(id_, moved.count, now);
    }
    watch_as_wished();
    return Step::unchanged;
}

Connection::Step Connection::write_secured(Machine& machine) {
    while (!blocked_) {
        const std::span<const ConstBytes> pieces = machine.transmit(id_);
        if (pieces.empty()) break;
        const TlsSession::Moved moved = session_->write(pieces.front());
        if (moved.step == TlsSession::Step::failed) return fail(session_->reason());
        blocked_ = moved.step != TlsSession::Step::done;
        if (!blocked_) machine.advance_transmit(id_, moved.count);
    }
    watch_as_wished();
    return Step::unchanged;
}

Connection::Step Connection::write(Machine& machine) {
    if (session_) return write_secured(machine);
    while (!blocked_) {
        const std::span<const ConstBytes> pieces = machine.transmit(id_);
        if (pieces.empty()) break;
        std::array<iovec, pieces_per_write_max> vector;
        const size_t count = std::min(pieces.size(), vector.size());
        size_t wanted = 0;
        for (size_t i = 0; i < count; ++i) {
            vector[i].iov_base = const_cast<std::byte*>(pieces[i].data());
            vector[i].iov_len = pieces[i].size();
            wanted += pieces[i].size();
        }
        msghdr message{};
        message.msg_iov = vector.data();
        message.msg_iovlen = count;
        const ssize_t sent = sendmsg(descriptor_, &message, send_flags);
        if (sent < 0) {
            if (errno == EINTR) continue;
            if (!would_block(errno)) return fail(reason_of(errno));
            blocked_ = true;
            break;
        }
        machine.advance_transmit(id_, static_cast<size_t>(sent));
        blocked_ = static_cast<size_t>(sent) < wanted;
    }
    watch_as_wished();
    return Step::unchanged;
}

void Connection::set_readable(bool readable) {
    readable_ = readable;
    if (state_ == State::connected) watch_as_wished();
}

Connection::Step Connection::fail(DisconnectReason reason) {
    reason_ = reason;
    const bool is_ended_by_peer = reason == DisconnectReason::closed || reason == DisconnectReason::reset;
    if (state_ == State::connected && !heard_ && is_ended_by_peer && tls_ == nullptr && endpoint_.unix_path.empty()) {
        trouble_ = "the server ended it before it said anything, as one does that wants TLS (rediss://)";
    }
    abandon();
    return Step::failed;
}

void Connection::abandon() {
    session_.reset();  // says goodbye on the socket, so before that is closed
    if (descriptor_ < 0) return;
    poller_.remove(descriptor_);
    ::close(descriptor_);
    descriptor_ = -1;
}

void Connection::watch_as_wished() {
    watch({readable_, blocked_ || read_blocked_});
}

void Connection::watch(Interest interest) {
    if (interest == interest_) return;
    interest_ = interest;
    poller_.change(descriptor_, static_cast<uint64_t>(id_), interest);
}

}  // namespace millrace::native
