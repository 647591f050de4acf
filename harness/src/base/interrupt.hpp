// Owns what happens on Ctrl-C, SIGTERM and SIGHUP (but under nohup): the first one asks everybody to stop (worlds
// unwind, agents and servers are ended by their owners), one more, a second later or more, ends the process groups at
// once. Knows nothing of what those processes are.
#pragma once

#include <sys/types.h>

#include <exception>

namespace millrace::harness {

struct Interrupted : std::exception {
    [[nodiscard]] const char* what() const noexcept override { return "interrupted"; }
};

// Call first thing in main, before any thread: the signals are blocked everywhere and waited for in one thread.
void install_interrupt_handling();
[[nodiscard]] bool interrupted();
// Readable from the first signal on; -1 where install_interrupt_handling was not called (unit tests).
[[nodiscard]] int interrupt_fd();

// Process groups that a second signal ends.
void remember_group(pid_t group);
void forget_group(pid_t group);

}  // namespace millrace::harness
