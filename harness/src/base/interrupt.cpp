#include "base/interrupt.hpp"

#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <atomic>
#include <thread>

#include "base/clock.hpp"
#include "base/process.hpp"
#include "base/temp_dir.hpp"

namespace millrace::harness {

namespace {

std::atomic<bool> stop_asked{false};
std::atomic<int> stop_fd{-1};

void watch(sigset_t signals) {
    Instant first;
    for (;;) {
        int signal = 0;
        if (sigwait(&signals, &signal) != 0) continue;
        if (stop_asked.exchange(true)) {
            // Wrappers send the same Ctrl-C to the process and to its group: that is one.
            if (steady_now() - first < 1s) continue;
            end_children();
            TempDir::remove_all();
            ::_exit(130);
        }
        first = steady_now();
        const uint64_t one = 1;
        [[maybe_unused]] const auto written = ::write(stop_fd.load(), &one, sizeof one);
    }
}

}  // namespace

void install_interrupt_handling() {
    ::signal(SIGPIPE, SIG_IGN);
    ::signal(SIGXFSZ, SIG_IGN);  // a file at its size limit is an error of write, as a full disk is
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    // Who starts us by nohup wants us to outlive the terminal; a blocked signal would come although it is ignored.
    struct sigaction hangup {};
    const bool is_ignored = ::sigaction(SIGHUP, nullptr, &hangup) == 0 && hangup.sa_handler == SIG_IGN;
    if (!is_ignored) sigaddset(&signals, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &signals, nullptr);
    stop_fd = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    std::thread(watch, signals).detach();
}

bool interrupted() {
    return stop_asked.load();
}
int interrupt_fd() {
    return stop_fd.load();
}

}  // namespace millrace::harness
