#include "wakeup.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <system_error>

#ifdef __linux__
#include <sys/eventfd.h>
#endif

namespace millrace::native {

Result<std::shared_ptr<Wakeup>> Wakeup::create() {
#ifdef __linux__
    const int descriptor = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (descriptor < 0) return Error(Code::connection, "eventfd: " + std::system_category().message(errno));
    return std::make_shared<Wakeup>(descriptor, descriptor);
#else
    std::array<int, 2> ends{};
    if (pipe(ends.data()) != 0) return Error(Code::connection, "pipe: " + std::system_category().message(errno));
    for (const int end : ends) {
        fcntl(end, F_SETFD, FD_CLOEXEC);
        fcntl(end, F_SETFL, O_NONBLOCK);
    }
    return std::make_shared<Wakeup>(ends[0], ends[1]);
#endif
}

Wakeup::~Wakeup() {
    ::close(read_end_);
    if (write_end_ != read_end_) ::close(write_end_);
}

void Wakeup::signal() const noexcept {
    const int kept = errno;
    const uint64_t one = 1;
    // A full pipe or counter means that a wake-up is pending already.
    [[maybe_unused]] const ssize_t written = ::write(write_end_, &one, sizeof one);
    errno = kept;
}

void Wakeup::drain() const noexcept {
    std::array<uint64_t, 64> bytes{};
    // An eventfd is emptied by one read and then answers EAGAIN; so does a pipe, after as many as it takes.
    while (::read(read_end_, bytes.data(), sizeof bytes) == static_cast<ssize_t>(sizeof bytes)) {
    }
}

}  // namespace millrace::native
