// A server of the test's own: a free port and a unix socket in a directory of its own, dead with the test.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/reserved_port.hpp"

namespace millrace::testing {

class LocalServer {
  public:
    /// Null where no server is to be had: `redis-server` of PATH, or redis-7.0 of the cache ($MILLRACE_CACHE).
    [[nodiscard]] static std::unique_ptr<LocalServer> start(const std::vector<std::string>& options = {});
    LocalServer(const LocalServer&) = delete;
    LocalServer& operator=(const LocalServer&) = delete;
    ~LocalServer();

    [[nodiscard]] std::string url(std::string_view query = {}) const;
    [[nodiscard]] std::string unix_url(std::string_view query = {}) const;
    [[nodiscard]] uint16_t port() const { return static_cast<uint16_t>(port_.number()); }
    [[nodiscard]] pid_t pid() const { return pid_; }

    /// Sends a command over a connection of its own and flattens the reply: simple values as text, arrays as `[a b c]`.
    [[nodiscard]] std::string ask(const std::vector<std::string>& words) const;

  private:
    LocalServer(const std::string& program, const std::vector<std::string>& options);
    void launch(const std::string& program, const std::vector<std::string>& options);
    void wait_until_it_answers(const std::string& program);
    void end();

    std::string folder_;
    harness::ReservedPort port_;
    pid_t pid_ = -1;
};

}  // namespace millrace::testing

/// Skips the test, and says why, where there is no server.
#define REQUIRE_SERVER(name, ...)                                                                                    \
    const std::unique_ptr<millrace::testing::LocalServer> name = millrace::testing::LocalServer::start(__VA_ARGS__); \
    if (name == nullptr) GTEST_SKIP() << "no redis-server in PATH and no redis-7.0 in the cache: ./dev servers"
