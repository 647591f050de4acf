// The machine's clock goes on while the computer sleeps. A process whose boot time runs ahead of its monotonic one has
// been woken up, as far as it can tell; Linux makes one by a time namespace, where it lets us.
#include "clock.hpp"

#include <gtest/gtest.h>

#ifdef __linux__
#include <fcntl.h>
#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#include <string_view>

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x00000080
#endif

namespace millrace::native {
namespace {

constexpr int not_allowed = 77;

/// How a child ends that was born after 1,000 s of sleep.
int child_after_sleep(int (*run)()) {
    const pid_t child = fork();
    if (child == 0) {
        if (unshare(CLONE_NEWTIME) != 0 && unshare(CLONE_NEWUSER | CLONE_NEWTIME) != 0) _exit(not_allowed);
        const int offsets = open("/proc/self/timens_offsets", O_WRONLY | O_CLOEXEC);
        constexpr std::string_view slept = "boottime 1000 0";
        if (offsets < 0 || write(offsets, slept.data(), slept.size()) < 0) _exit(not_allowed);
        const pid_t grandchild = fork();
        if (grandchild == 0) _exit(run());
        int status = 0;
        if (grandchild < 0 || waitpid(grandchild, &status, 0) < 0) _exit(not_allowed);
        _exit(WEXITSTATUS(status));
    }
    int status = 0;
    if (child < 0 || waitpid(child, &status, 0) < 0) return not_allowed;
    return WEXITSTATUS(status);
}

Instant before_sleep;

TEST(Clock, GoesOnWhileTheComputerSleeps) {
    before_sleep = monotonic_now();
    const int ended = child_after_sleep([] { return monotonic_now() - before_sleep >= seconds(1000) ? 0 : 1; });
    if (ended == not_allowed) GTEST_SKIP() << "no time namespaces here";
    EXPECT_EQ(ended, 0);
}

}  // namespace
}  // namespace millrace::native
#endif
