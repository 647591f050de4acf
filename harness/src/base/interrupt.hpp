// Owns what happens on Ctrl-C, SIGTERM and SIGHUP (but under nohup): the first one asks everybody to stop (worlds
// unwind, agents and servers are ended by their owners), one more, a second later or more, ends all processes and
// removes all folders at once. Knows nothing of what those are.
#pragma once

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

}  // namespace millrace::harness
