// Owns one server process of ours: started on a free loopback port in a temporary directory, ended with its owner.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/process.hpp"
#include "base/reserved_port.hpp"
#include "base/temp_dir.hpp"
#include "server/url.hpp"

namespace millrace::harness {

class LocalServer {
  public:
    // `executable` is redis-server, valkey-server or a wrapper that execs one; `arguments` come on top of "no
    // persistence". Returns once the server answers; throws std::runtime_error with one line that holds the server's
    // own last words.
    explicit LocalServer(std::string executable, std::vector<std::string> arguments = {});
    ~LocalServer();

    [[nodiscard]] Url url() const;
    // SIGKILL, as a crash would be; what was persisted stays in the directory.
    void kill();
    // The same port, directory and arguments again.
    void restart();
    // The same as another program, which may be another version: an upgrade in place.
    void become(const std::string& executable);
    void signal(int number) const;
    // Puts a folder where the snapshot would be written: saving fails from now on.
    void break_saving() const;

  private:
    void start();
    [[nodiscard]] std::string last_words() const;

    std::string executable_;
    std::vector<std::string> arguments_;
    TempDir directory_;
    ReservedPort port_;
    std::unique_ptr<Process> process_;
};

}  // namespace millrace::harness
