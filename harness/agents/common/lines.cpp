#include "lines.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <utility>

namespace millrace::agent {

bool LineReader::fill(const std::function<void(std::string_view)>& on_line, const std::function<void()>& on_too_long) {
    std::array<char, 64 * 1024> bytes;
    const ssize_t count = ::read(descriptor_, bytes.data(), bytes.size());
    if (count < 0) return errno == EINTR || errno == EAGAIN;
    if (count == 0) {
        if (!pending_.empty() && !skipping_) on_line(pending_);
        return false;
    }
    pending_.append(bytes.data(), static_cast<size_t>(count));
    size_t start = 0;
    for (size_t end = pending_.find('\n', searched_); end != std::string::npos; end = pending_.find('\n', start)) {
        if (!skipping_ && end > start) on_line(std::string_view(pending_).substr(start, end - start));
        skipping_ = false;
        start = end + 1;
    }
    pending_.erase(0, start);
    if (pending_.size() > line_bytes_max) {
        if (!skipping_) on_too_long();
        skipping_ = true;
    }
    if (skipping_) pending_.clear();
    searched_ = pending_.size();
    return true;
}

LineWriter::LineWriter(int descriptor) : descriptor_(descriptor), flags_(fcntl(descriptor, F_GETFL)) {
    if (flags_ >= 0) fcntl(descriptor_, F_SETFL, flags_ | O_NONBLOCK);
}

LineWriter::~LineWriter() {
    if (flags_ >= 0) fcntl(descriptor_, F_SETFL, flags_);
    flush();
}

void LineWriter::add(std::string line) {
    if (broken_) return;
    line += '\n';
    if (queue_.empty()) {
        queue_ = std::move(line);
    } else {
        queue_ += line;
    }
}

void LineWriter::flush() {
    while (sent_ < queue_.size()) {
        const ssize_t count = ::write(descriptor_, queue_.data() + sent_, queue_.size() - sent_);
        if (count < 0 && errno == EINTR) continue;
        if (count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
            // A reader that is always a little behind never sees the queue empty.
            if (sent_ > queue_.size() / 2) queue_.erase(0, std::exchange(sent_, 0));
            return;
        }
        if (count < 0) {
            broken_ = true;
            break;
        }
        sent_ += static_cast<size_t>(count);
    }
    queue_.clear();
    sent_ = 0;
}

}  // namespace millrace::agent
