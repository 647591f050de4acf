// An agent as a child process that is spoken to in lines. Moves bytes and keeps stderr; what the lines mean is not
// known here.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/process.hpp"

struct pollfd;

namespace millrace::harness {

class AgentProcess {
  public:
    // `command` is run by /bin/sh -c, which it takes the place of.
    explicit AgentProcess(const std::string& command);

    // Queues a line (the newline is added) and writes what the pipe takes.
    void send(std::string_view line);
    void close_input();

    // For a poll loop: the descriptors to watch; then pump(), which calls back for each whole line.
    void add_poll(std::vector<pollfd>& fds) const;
    // Reads and writes what is possible without blocking, at most a MiB of each; true when a line came or the process
    // ended.
    bool pump(const std::function<void(std::string_view)>& on_line);

    [[nodiscard]] const std::optional<Exit>& exit() const { return exit_; }
    // The last 64 KiB.
    [[nodiscard]] const std::string& errors() const { return errors_; }
    Process& process() { return process_; }
    [[nodiscard]] const Process& process() const { return process_; }

  private:
    bool read_output(const std::function<void(std::string_view)>& on_line);
    void read_errors();
    void flush_input();

    Process process_;
    std::string outgoing_;
    std::string incoming_;
    std::string errors_;
    std::optional<Exit> exit_;
    bool close_input_asked_ = false;
};

// Where the executable of this process lies.
std::filesystem::path own_folder();
// The command line behind a word of --agent: `native` and its like are files beside the harness's own. Throws where one
// of them is missing, and says what builds it. Any other word is a command line as it is.
std::string agent_command(const std::string& agent, const std::filesystem::path& folder = own_folder());

}  // namespace millrace::harness
