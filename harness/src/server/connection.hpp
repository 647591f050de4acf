// The harness's own connection to a server, on libhiredis: a second opinion on the wire, sharing nothing with the code
// under test. Every wait has an end. Owns the socket; knows nothing of streams.
#pragma once

#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "server/reply.hpp"
#include "server/tls_tunnel.hpp"
#include "server/url.hpp"

struct redisContext;

namespace millrace::harness {

using Command = std::vector<std::string>;

// The connection failed: refused, timed out, garbage, wrong password. One line. A reply that is an error is no
// ServerError.
struct ServerError : std::runtime_error {
    using std::runtime_error::runtime_error;
};

class Connection {
  public:
    explicit Connection(Url url, Duration timeout = 5s);
    ~Connection();
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;

    // After a lost connection the next command connects anew; the one that lost it throws.
    Reply command(const Command& command);
    std::vector<Reply> pipeline(const std::vector<Command>& commands);

    [[nodiscard]] const Url& url() const { return url_; }
    // How often each command was sent, in lower case: to tell the harness's own calls from an agent's.
    [[nodiscard]] const std::map<std::string, int64_t>& calls() const { return calls_; }

  private:
    void connect();
    void open_socket();
    void close();
    Reply read_reply();
    [[noreturn]] void fail();

    Url url_;
    Duration timeout_;
    redisContext* context_ = nullptr;
    std::unique_ptr<TlsTunnel> tunnel_;
    std::map<std::string, int64_t> calls_;
};

}  // namespace millrace::harness
