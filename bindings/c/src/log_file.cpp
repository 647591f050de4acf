#include "log_file.hpp"

#include <fcntl.h>
#include <pthread.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <string_view>

#include "millrace.h"
#include "millrace/log.hpp"

namespace millrace::c {

namespace {

/// While it lives this thread gets no SIGPIPE: the reader of a log that has gone must not end the program.
class WithoutSigpipe {
  public:
    WithoutSigpipe() {
        sigemptyset(&pipe_);
        sigaddset(&pipe_, SIGPIPE);
        sigset_t pending;
        sigpending(&pending);
        was_pending_ = sigismember(&pending, SIGPIPE) == 1;
        pthread_sigmask(SIG_BLOCK, &pipe_, &before_);
    }
    ~WithoutSigpipe() {
        sigset_t pending;
        sigpending(&pending);
        int taken = 0;
        if (!was_pending_ && sigismember(&pending, SIGPIPE) == 1) sigwait(&pipe_, &taken);
        pthread_sigmask(SIG_SETMASK, &before_, nullptr);
    }
    WithoutSigpipe(const WithoutSigpipe&) = delete;
    WithoutSigpipe& operator=(const WithoutSigpipe&) = delete;

  private:
    sigset_t pipe_{};
    sigset_t before_{};
    bool was_pending_ = false;
};

void write_line(int descriptor, const std::string& line) {
    const WithoutSigpipe guard;
    const std::string ended = line + '\n';
    std::string_view rest = ended;
    while (!rest.empty()) {
        const ssize_t written = ::write(descriptor, rest.data(), rest.size());
        if (written > 0) rest.remove_prefix(static_cast<size_t>(written));
        if (written <= 0 && errno != EINTR) return;
    }
}

}  // namespace

Result<std::function<void(const Event&)>> log_to_descriptor(int32_t descriptor, uint32_t level) {
    if (level > MR_LOG_ERROR) return Error(Code::bad_argument, "options: no log_level " + std::to_string(level));
    const int flags = fcntl(descriptor, F_GETFL);
    if (flags == -1 || (flags & O_ACCMODE) == O_RDONLY) {
        return Error(Code::bad_argument, "options: log_fd " + std::to_string(descriptor) + " is not open for writing");
    }
    return log_lines([descriptor](const std::string& line) { write_line(descriptor, line); },
                     static_cast<LogLevel>(level));
}

}  // namespace millrace::c
