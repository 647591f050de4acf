#include "proxy/flow.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

namespace millrace::harness {

namespace {

// Pieces that follow each other at once are read together; after this long a reader has mostly had the last one.
constexpr Duration between_pieces = 150us;
constexpr uint64_t pieces_per_second = 50;  // of a throttled flow

}  // namespace

void Flow::push(std::string_view bytes, const Pace& pace, Instant now) {
    if (bytes.empty()) return;
    waiting_ += bytes.size();
    const Instant due = now + pace.delay;
    if (!chunks_.empty() && chunks_.back().due >= due) {
        chunks_.back().bytes += bytes;
    } else {
        chunks_.push_back({due, std::string(bytes)});
    }
}

void Flow::clear() {
    chunks_.clear();
    offset_ = 0;
    waiting_ = 0;
}

uint64_t Flow::allowed(uint64_t end) const {
    const uint64_t last = held_from_ ? std::min(end, *held_from_) : end;
    return last > passed_ ? last - passed_ : 0;
}

bool Flow::write(int fd, const Pace& pace, uint64_t end, Instant now) {
    full_ = false;
    while (!chunks_.empty()) {
        Chunk& chunk = chunks_.front();
        uint64_t size = std::min<uint64_t>(chunk.bytes.size() - offset_, allowed(end));
        if (size == 0 || chunk.due > now || next_at_ > now) return true;
        if (pace.split > 0) size = std::min<uint64_t>(size, pace.split);
        if (pace.bytes_per_second > 0) {
            size = std::min(size, std::max<uint64_t>(1, pace.bytes_per_second / pieces_per_second));
        }
        const ssize_t sent = ::send(fd, chunk.bytes.data() + offset_, size, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent < 0 && errno == EINTR) continue;
        if (sent < 0) {
            full_ = errno == EAGAIN || errno == EWOULDBLOCK;
            return full_;
        }
        const auto done = static_cast<uint64_t>(sent);
        offset_ += done;
        passed_ += done;
        waiting_ -= done;
        if (offset_ == chunk.bytes.size()) {
            chunks_.pop_front();
            offset_ = 0;
        }
        if (pace.split > 0) next_at_ = now + between_pieces;
        if (pace.bytes_per_second > 0) next_at_ = now + Duration(done * 1'000'000 / pace.bytes_per_second);
    }
    return true;
}

std::optional<Instant> Flow::wake_at(uint64_t end) const {
    if (chunks_.empty() || full_ || allowed(end) == 0) return std::nullopt;
    return std::max(chunks_.front().due, next_at_);
}

}  // namespace millrace::harness
