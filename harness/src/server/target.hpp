// A server under test: from the text of --server to a place that can be played on, what it can do by the harness's own
// probe, and the prefix under which all keys of the run lie. Removes those keys, and looks that none is left.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "server/connection.hpp"
#include "server/local_server.hpp"

namespace millrace::harness {

struct ServerFacts {
    std::string product = "redis";
    std::string version;  // empty where INFO is refused
    int major = 0;
    int compatible_major = 0;  // of redis_version, which on Valkey says what it is compatible with
    bool streams = false;
    bool hello = false;
    bool acl = false;
};

class Target {
  public:
    // Parses `spec`, starts what is to be started, connects and probes. Throws std::runtime_error with one line.
    // A local server that could not be had is no error: see absent().
    Target(std::string spec, const std::string& run_id);

    [[nodiscard]] const std::string& name() const { return name_; }
    // Why there is no such server here, in the words of whoever tried to fetch it.
    [[nodiscard]] const std::optional<std::string>& absent() const { return absent_; }
    [[nodiscard]] const Url& url() const { return url_; }
    [[nodiscard]] const ServerFacts& facts() const { return facts_; }
    [[nodiscard]] const std::string& prefix() const { return prefix_; }
    // The executable, where the harness started this server itself and may so start another one of its kind.
    [[nodiscard]] const std::optional<std::string>& executable() const { return executable_; }

    // Removes every key of the run (`prefix…` and `{prefix…`); returns those that are there all the same.
    std::vector<std::string> remove_keys();

  private:
    void start_local(const std::string& name);
    void probe();

    std::string name_;
    std::string prefix_;
    std::optional<std::string> absent_;
    std::optional<std::string> executable_;
    std::unique_ptr<LocalServer> local_;
    Url url_;
    ServerFacts facts_;
};

// Facts by asking, for servers that a case starts too.
ServerFacts probe_server(Connection& connection, const std::string& prefix);

// The specs of a run that names none: $MILLRACE_SERVERS, else the distribution's own Redis.
std::vector<std::string> default_server_specs();

// The folder of `./dev servers`: $MILLRACE_CACHE, else .cache above the executable or the working directory.
std::optional<std::string> cached_server(const std::string& name, std::optional<std::string>& absent);

}  // namespace millrace::harness
