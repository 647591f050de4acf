#include "proxy/link.hpp"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <limits>
#include <utility>

namespace millrace::harness {

namespace {

constexpr size_t read_bytes = size_t{64} << 10U;
// A longer request is passed on before it is whole: its first arguments have told what it is.
constexpr size_t request_bytes_max = size_t{64} << 10U;
// With so much waiting the other side is no longer read.
constexpr uint64_t waiting_bytes_max = uint64_t{4} << 20U;

// Closing a socket with unread bytes sends a reset, which takes from the peer what it has not read yet.
void close_gently(FileDescriptor& fd) {
    if (!fd.open()) return;
    ::shutdown(fd.value(), SHUT_WR);
    char buffer[read_bytes];
    while (::recv(fd.value(), buffer, sizeof buffer, MSG_DONTWAIT) > 0) {
    }
    fd.close();
}

// Bytes read; 0 when the peer has ended, -1 when there is nothing now.
ssize_t read_some(const FileDescriptor& fd, char* buffer) {
    for (;;) {
        const ssize_t got = ::recv(fd.value(), buffer, read_bytes, MSG_DONTWAIT);
        if (got >= 0) return got;
        if (errno == EINTR) continue;
        return errno == EAGAIN || errno == EWOULDBLOCK ? -1 : 0;
    }
}

// SUBSCRIBE and its kin are confirmed once a channel, or by pushes: no reply of theirs is counted.
bool is_confirmed_by_messages(std::string_view words) {
    return words.ends_with("SUBSCRIBE");
}

}  // namespace

void FaultPlan::clear() {
    commands_.clear();
    cuts.clear();
    pace = {};
    half_open = false;
    black_hole = false;
}

std::optional<CommandFault> FaultPlan::meet(const std::string& words) {
    ++seen_[words];
    std::optional<CommandFault> struck;
    for (auto& [fault, met] : commands_) {
        if (!means_command(fault.command, words)) continue;
        ++met;
        if (!struck && (fault.nth == 0 || fault.nth == met)) struck = fault;
    }
    return struck;
}

uint64_t FaultPlan::end_of(size_t link, Direction direction) const {
    uint64_t end = std::numeric_limits<uint64_t>::max();
    for (const auto& cut : cuts) {
        if (cut.direction == direction && (!cut.link || *cut.link == link)) end = std::min(end, cut.byte);
    }
    return end;
}

void FaultPlan::tell(std::string_view what) {
    ++strikes_;
    if (on_strike_) on_strike_(what);
}

Link::Link(FaultPlan& plan, size_t number, FileDescriptor client, std::vector<Upstream> upstreams)
    : plan_(plan), number_(number), client_(std::move(client)), upstreams_(std::move(upstreams)) {
    const int yes = 1;
    ::setsockopt(client_.value(), IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    if (plan_.black_hole) {
        silent_ = true;
    } else {
        connect_next();
    }
}

// --- connecting

void Link::connect_next() {
    server_.close();
    while (next_upstream_ < upstreams_.size()) {
        const Upstream& upstream = upstreams_[next_upstream_++];
        addrinfo hints{};
        hints.ai_family = AF_UNSPEC;
        hints.ai_socktype = SOCK_STREAM;
        hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV;
        addrinfo* found = nullptr;
        if (::getaddrinfo(upstream.host.c_str(), std::to_string(upstream.port).c_str(), &hints, &found) != 0) continue;
        server_ = FileDescriptor(::socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
        const int yes = 1;
        if (server_.open()) ::setsockopt(server_.value(), IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
        const int result = server_.open() ? ::connect(server_.value(), found->ai_addr, found->ai_addrlen) : -1;
        const bool under_way = result == 0 || errno == EINPROGRESS;
        ::freeaddrinfo(found);
        connecting_ = server_.open() && under_way;
        if (connecting_) return;
        server_.close();
    }
    connecting_ = false;
    client_.close();  // nobody accepts
}

void Link::check_connected() {
    pollfd writable{server_.value(), POLLOUT, 0};
    if (::poll(&writable, 1, 0) <= 0) return;
    int error = 0;
    socklen_t length = sizeof error;
    ::getsockopt(server_.value(), SOL_SOCKET, SO_ERROR, &error, &length);
    if (error != 0) return connect_next();
    connecting_ = false;
    sockaddr_storage address{};
    length = sizeof address;
    if (::getsockname(server_.value(), reinterpret_cast<sockaddr*>(&address), &length) != 0) return;
    server_port_ = ntohs(address.ss_family == AF_INET6 ? reinterpret_cast<sockaddr_in6*>(&address)->sin6_port
                                                       : reinterpret_cast<sockaddr_in*>(&address)->sin_port);
}

// --- polling

void Link::add_poll(std::vector<pollfd>& fds) const {
    if (client_.open() && !client_ended_) {
        const bool reads = silent_ || up_.waiting() < waiting_bytes_max;
        const auto events = static_cast<short>((reads ? POLLIN : 0) | (down_.full() ? POLLOUT : 0));
        if (events != 0) fds.push_back({client_.value(), events, 0});
    }
    if (server_.open() && connecting_) {
        fds.push_back({server_.value(), POLLOUT, 0});
    } else if (server_.open() && !server_ended_) {
        const bool reads = silent_ || down_.waiting() < waiting_bytes_max;
        const auto events = static_cast<short>((reads ? POLLIN : 0) | (up_.full() ? POLLOUT : 0));
        if (events != 0) fds.push_back({server_.value(), events, 0});
    }
}

std::optional<Instant> Link::wake_at() const {
    if (silent_) return std::nullopt;
    std::optional<Instant> wake;
    if (server_.open() && !connecting_) wake = up_.wake_at(plan_.end_of(number_, Direction::Up));
    if (client_.open()) {
        const auto down = down_.wake_at(plan_.end_of(number_, Direction::Down));
        if (down && (!wake || *down < *wake)) wake = down;
    }
    return wake;
}

void Link::pump(Instant now) {
    if (plan_.black_hole) silent_ = true;
    if (connecting_) check_connected();
    if (client_.open() && !client_ended_) read_client(now);
    if (server_.open() && !server_ended_ && !connecting_) read_server(now);
    if (!silent_) write_both(now);
}

void Link::write_both(Instant now) {
    const uint64_t up_end = plan_.end_of(number_, Direction::Up);
    const uint64_t down_end = plan_.end_of(number_, Direction::Down);
    if (server_.open() && !connecting_ && !up_.write(server_.value(), plan_.pace, up_end, now)) server_ended_ = true;
    if (client_.open() && !down_.write(client_.value(), plan_.pace, down_end, now)) client_ended_ = true;
    if (up_.passed() >= up_end || down_.passed() >= down_end) {
        if (connecting_) return;
        plan_.tell("connection " + std::to_string(number_ + 1) + " cut after " + std::to_string(up_.passed()) +
                   " bytes up and " + std::to_string(down_.passed()) + " down");
        return end(Told::Both);
    }
    // The end of one side reaches the other once all that came before it has.
    if (client_ended_ && up_.waiting() == 0) end(plan_.half_open ? Told::Client : Told::Both);
    if (server_ended_ && down_.waiting() == 0) end(plan_.half_open ? Told::Server : Told::Both);
}

// --- ends

void Link::end(Told told) {
    silent_ = true;
    up_.clear();
    down_.clear();
    if (told == Told::Both || told == Told::Client || client_ended_) close_gently(client_);
    if (told == Told::Both || told == Told::Server || server_ended_ || connecting_) close_gently(server_);
    connecting_ = false;
}

void Link::release() {
    down_.release();
}

LinkSeen Link::seen() const {
    return {up_.passed(), down_.passed(), server_port_, client_.open(), server_.open() && !connecting_};
}

// --- from the client to the server

void Link::read_client(Instant now) {
    char buffer[read_bytes];
    while (client_.open() && (silent_ || up_.waiting() < waiting_bytes_max)) {
        const ssize_t got = read_some(client_, buffer);
        if (got < 0) return;
        if (got == 0) {
            client_ended_ = true;
            if (silent_) client_.close();
            return;
        }
        if (!silent_) take_from_client({buffer, static_cast<size_t>(got)}, now);
    }
}

void Link::take_from_client(std::string_view bytes, Instant now) {
    while (!bytes.empty()) {
        const size_t taken = requests_.feed(bytes);
        const std::string_view piece = bytes.substr(0, taken);
        bytes.remove_prefix(taken);
        if (requests_.broken()) {  // not for us to judge
            up_.push(std::exchange(request_, {}), plan_.pace, now);
            up_.push(piece, plan_.pace, now);
            continue;
        }
        if (passes_) {
            if (*passes_) up_.push(piece, plan_.pace, now);
        } else {
            request_ += piece;
            if (requests_.ended() || request_.size() > request_bytes_max) pass_request(now, requests_.ended());
        }
        if (requests_.ended()) passes_.reset();
    }
}

// It is known what the request is: what becomes of it?
void Link::pass_request(Instant now, bool whole) {
    Owed owed;
    owed.words = command_words(parse_request(request_));
    owed.fault = plan_.meet(owed.words);
    const bool passes = !owed.fault || owed.fault->what != CommandFault::What::Answer;
    if (passes) up_.push(request_, plan_.pace, now);
    request_.clear();
    if (!whole) passes_ = passes;
    if (!passes || !is_confirmed_by_messages(owed.words)) owed_.push_back(std::move(owed));
    answer_due(now);
}

// --- and back

void Link::read_server(Instant now) {
    char buffer[read_bytes];
    while (server_.open() && (silent_ || down_.waiting() < waiting_bytes_max)) {
        const ssize_t got = read_some(server_, buffer);
        if (got < 0) return;
        if (got == 0) {
            server_ended_ = true;
            if (silent_) server_.close();
            return;
        }
        if (!silent_) take_from_server({buffer, static_cast<size_t>(got)}, now);
    }
}

void Link::take_from_server(std::string_view bytes, Instant now) {
    while (!bytes.empty() && !silent_) {
        const size_t taken = replies_.feed(bytes);
        take_reply_piece(bytes.substr(0, taken), now);
        bytes.remove_prefix(taken);
        answer_due(now);
    }
}

void Link::take_reply_piece(std::string_view piece, Instant now) {
    const bool is_answer = replies_.type() != '>' && !replies_.broken() && !owed_.empty();
    if (!is_answer) return down_.push(piece, plan_.pace, now);
    Owed& owed = owed_.front();
    const bool is_lost = owed.fault && owed.fault->what == CommandFault::What::LoseReply;
    if (owed.fault && owed.fault->what == CommandFault::What::HoldReply) {
        plan_.tell("reply to " + owed.words + " held");
        owed.fault.reset();
        down_.hold();
    }
    if (!is_lost) down_.push(piece, plan_.pace, now);
    if (!replies_.ended()) return;
    const Owed answered = std::move(owed);
    owed_.pop_front();
    if (!is_lost) return;
    plan_.tell("reply to " + answered.words + " lost");
    end(answered.fault->told);
}

// Answers of ours are due when all replies before them have come.
void Link::answer_due(Instant now) {
    while (!silent_ && replies_.between() && !owed_.empty()) {
        const auto& fault = owed_.front().fault;
        if (!fault || fault->what != CommandFault::What::Answer) return;
        plan_.tell(owed_.front().words + " answered for the server");
        down_.push(fault->bytes, plan_.pace, now);
        owed_.pop_front();
    }
}

}  // namespace millrace::harness
