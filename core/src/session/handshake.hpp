// The first replies of a connection: HELLO or AUTH, the database, and what the server is (DET-1 to 3). Knows nothing of
// retries, lanes or sources; it is fed replies and writes the next command, so it is tested as a list of both.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/buffer.hpp"
#include "command/answer.hpp"
#include "command/server_info.hpp"
#include "millrace/config.hpp"
#include "millrace/error.hpp"
#include "resp/tree.hpp"

namespace millrace {

/// What a connection learned of its server.
struct Greeting {
    uint8_t protocol = 2;
    ServerInfo server;
    std::optional<int64_t> client_id;
    bool streams = false;        ///< the evidence of DET-3 says that Streams are there
    bool version_known = false;  ///< by INFO or HELLO
    std::string refusal;         ///< why INFO told nothing; empty where it did
};

/// For people: what the server calls its version, or `unknown`.
[[nodiscard]] inline std::string server_version(const Greeting& greeting) {
    return greeting.server.version_text.empty() ? "unknown" : greeting.server.version_text;
}

/// What a deployment with this greeting can do, and what is asked of it (DET-3).
[[nodiscard]] inline bool uses_streams(const ClientConfig& config, const Greeting& greeting) {
    return config.mode == Mode::automatic ? greeting.streams : config.mode == Mode::streams;
}

/// An old connection of ours that may still take entries, and the run of the server that knows it by this id (REC-6).
struct Orphan {
    int64_t client_id = 0;
    std::string run_id;
};

class Handshake {
  public:
    /// What should the lane do next?
    enum class Next : uint8_t { await_reply, done, failed };

    Handshake(const ClientConfig& config, std::optional<Orphan> orphan) : config_(config), orphan_(std::move(orphan)) {}

    /// Writes the first command.
    [[nodiscard]] Next begin(Output& out);
    /// What the reply to the last command must look like.
    [[nodiscard]] Answer answer() const;
    [[nodiscard]] Next handle_reply(const resp::Reply& reply, Output& out);

    [[nodiscard]] const Greeting& greeting() const { return greeting_; }
    /// After failed. `retryable` tells whether connecting again can help (RET-1).
    [[nodiscard]] const Error& error() const { return error_; }

  private:
    enum class Step : uint8_t { hello, auth, set_name, select, client_id, info, command_info, xlen, kill };

    [[nodiscard]] Next send(Step step, Output& out);
    [[nodiscard]] Next fail(Error error);
    [[nodiscard]] Next after_hello(const resp::Reply& reply, Output& out);
    [[nodiscard]] Next after_auth(const resp::Reply& reply, Output& out);
    [[nodiscard]] Next after_info(const resp::Reply& reply, Output& out);
    [[nodiscard]] Next after_command_info(const resp::Reply& reply, Output& out);
    [[nodiscard]] Next authenticated(Output& out);
    [[nodiscard]] Next selected(Output& out);
    [[nodiscard]] Next detected(Output& out);
    void learn_hello(const resp::Reply& map);

    const ClientConfig& config_;
    std::optional<Orphan> orphan_;
    Step step_ = Step::hello;
    Greeting greeting_;
    Error error_;
};

}  // namespace millrace
