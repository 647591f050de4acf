#include "loop.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <utility>

namespace millrace::agent {
namespace {

constexpr std::chrono::milliseconds end_timeout{5000};

int signal_pipe_write = -1;

extern "C" void on_signal(int) {
    const int kept = errno;
    [[maybe_unused]] const ssize_t written = write(signal_pipe_write, "", 1);
    errno = kept;
}

/// The read end of a pipe that becomes readable when the process is asked to end.
int watch_signals() {
    std::array<int, 2> ends{};
    if (pipe(ends.data()) != 0) return -1;
    for (const int end : ends) {
        fcntl(end, F_SETFD, FD_CLOEXEC);
        fcntl(end, F_SETFL, O_NONBLOCK);
    }
    signal_pipe_write = ends[1];
    struct sigaction action {};
    action.sa_handler = on_signal;
    sigaction(SIGTERM, &action, nullptr);
    sigaction(SIGINT, &action, nullptr);
    // A harness that is gone shows as an error of write.
    signal(SIGPIPE, SIG_IGN);
    return ends[0];
}

}  // namespace

int refuse_arguments(const char* name) {
    std::fprintf(stderr, "%s speaks agent protocol 1 on stdin and stdout, and takes no arguments\n", name);
    return 2;
}

int run(Endpoint& endpoint, LineWriter& out) {
    const int signals = watch_signals();
    if (signals < 0) {
        std::perror((endpoint.agent_name() + ": pipe").c_str());
        return 2;
    }
    LineReader in(STDIN_FILENO);
    bool is_asked_to_end = false;
    while (!endpoint.finished() && !out.broken()) {
        std::array<pollfd, 3> fds = {pollfd{STDIN_FILENO, POLLIN, 0}, pollfd{signals, POLLIN, 0},
                                     // poll passes over negative descriptors
                                     pollfd{out.pending() ? STDOUT_FILENO : -1, POLLOUT, 0}};
        endpoint.turn(fds);
        bool more = true;
        if (fds[2].revents != 0) out.flush();
        if (fds[0].revents != 0) {
            more = in.fill(
                [&endpoint](std::string_view line) {
                    if (!endpoint.finished()) endpoint.handle_line(line);
                },
                [&endpoint] { endpoint.handle_line_too_long(); });
        }
        if (fds[1].revents != 0) {
            char signal = 0;
            while (read(signals, &signal, 1) > 0) continue;
            // A second one is from somebody who will not wait.
            endpoint.drain(nullptr, std::exchange(is_asked_to_end, true) ? std::chrono::milliseconds(0) : end_timeout);
        }
        if (!more) endpoint.end(end_timeout);
    }
    return 0;
}

}  // namespace millrace::agent
