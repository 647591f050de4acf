// Owns one child process in a process group of its own: it is ended with its owner, and by the kernel if the harness
// itself is killed. What has left its group is ended with the run. Knows nothing of what the child speaks.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/file_descriptor.hpp"

namespace millrace::harness {

// How a process ended.
struct Exit {
    bool by_signal = false;
    int code = 0;  // exit status, or the number of the signal
};
std::string describe(const Exit& exit);

class Process {
  public:
    struct Options {
        std::vector<std::string> argv;
        bool pipes = false;       // stdin, stdout and stderr as non-blocking pipes
        std::string output_path;  // else stdout and stderr go here (empty: /dev/null)
    };

    // Throws std::runtime_error with one line. The calling thread must outlive the child: the kernel ends a child whose
    // parent thread is gone (PR_SET_PDEATHSIG).
    explicit Process(const Options& options);
    ~Process();
    Process(const Process&) = delete;
    Process& operator=(const Process&) = delete;

    [[nodiscard]] pid_t pid() const { return pid_; }
    FileDescriptor& input() { return input_; }
    FileDescriptor& output() { return output_; }
    FileDescriptor& errors() { return errors_; }
    [[nodiscard]] const FileDescriptor& input() const { return input_; }
    [[nodiscard]] const FileDescriptor& output() const { return output_; }
    [[nodiscard]] const FileDescriptor& errors() const { return errors_; }

    // The exit, once there is one; never blocks.
    std::optional<Exit> poll_exit();
    // Sends a signal to the whole group.
    void signal(int number) const;
    // SIGKILL and wait: when it returns, the group's leader is gone.
    void kill_now();
    // SIGTERM, then SIGKILL after `grace`.
    void stop(Duration grace);

    // User and system time of every process of the group so far.
    [[nodiscard]] Duration cpu_time() const;
    // Resident memory of every process of the group now.
    [[nodiscard]] int64_t resident_kib() const;
    // Local ports of the group's TCP sockets, from /proc.
    [[nodiscard]] std::vector<int> tcp_ports() const;

  private:
    pid_t pid_ = -1;
    void reap_group() const;

    std::optional<Exit> exit_;
    FileDescriptor input_, output_, errors_;
};

// From now on what a child leaves behind becomes a child of this process, also in a session of its own.
void adopt_orphans();
// Ends whatever is a child of this process, and what becomes one by that; when it returns, they are gone.
void end_children();

}  // namespace millrace::harness
