// millrace-agent: the loop over stdin, stdout, the signals that end it, and the client. Exits 0 at the end of stdin,
// after `drain`, SIGTERM or SIGINT (which drain); 2 for arguments, of which it takes none.
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <utility>

#include "agent.hpp"
#include "lines.hpp"

namespace {

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

int main(int argc, char**) {
    if (argc > 1) {
        std::fputs("millrace-agent speaks agent protocol 1 on stdin and stdout, and takes no arguments\n", stderr);
        return 2;
    }
    const int signals = watch_signals();
    if (signals < 0) {
        std::perror("millrace-agent: pipe");
        return 2;
    }
    millrace::agent::LineReader in(STDIN_FILENO);
    millrace::agent::LineWriter out(STDOUT_FILENO);
    millrace::agent::Agent agent(out);
    constexpr millrace::Duration end_timeout = millrace::seconds(5);
    bool is_asked_to_end = false;
    while (!agent.finished() && !out.broken()) {
        std::array<pollfd, 3> fds = {pollfd{STDIN_FILENO, POLLIN, 0}, pollfd{signals, POLLIN, 0},
                                     // poll passes over negative descriptors
                                     pollfd{out.pending() ? STDOUT_FILENO : -1, POLLOUT, 0}};
        agent.turn(fds);
        bool more = true;
        if (fds[2].revents != 0) out.flush();
        if (fds[0].revents != 0) {
            more = in.fill(
                [&agent](std::string_view line) {
                    if (!agent.finished()) agent.handle_line(line);
                },
                [&agent] { agent.handle_line_too_long(); });
        }
        if (fds[1].revents != 0) {
            char signal = 0;
            while (read(signals, &signal, 1) > 0) continue;
            // A second one is from somebody who will not wait.
            agent.drain(nullptr, std::exchange(is_asked_to_end, true) ? millrace::Duration{} : end_timeout);
        }
        if (!more) agent.end(end_timeout);
    }
    return 0;
}
