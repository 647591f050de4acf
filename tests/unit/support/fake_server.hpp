// What the servers of tests share in which nobody writes down what a server answers: their clients, and commands that
// come in any pieces. What a client has sent behind a read that blocks waits for its end.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "millrace/time.hpp"

namespace millrace::test {

using Words = std::vector<std::string>;

/// Takes a whole command off the front.
[[nodiscard]] std::optional<Words> take_command(std::string& input);
[[nodiscard]] int64_t number(std::string_view text);

struct FakeClient {
    std::string input;
    std::string output;
    bool blocked = false;
    Instant until{};  ///< where it is blocked
};

template <class Client>
class FakeServer {
  public:
    FakeServer() = default;
    virtual ~FakeServer() = default;
    FakeServer(const FakeServer&) = delete;
    FakeServer& operator=(const FakeServer&) = delete;

    [[nodiscard]] int64_t connect() {
        const int64_t id = next_client_++;
        clients_[id];
        return id;
    }
    /// The server notices that the client is gone.
    void disconnect(int64_t client) { clients_.erase(client); }
    [[nodiscard]] bool knows(int64_t client) const { return clients_.count(client) > 0; }
    /// Bytes arrive; whole commands are executed, unless the client is blocked.
    void receive(int64_t client, std::string_view bytes) {
        const auto found = clients_.find(client);
        if (found == clients_.end()) return;
        found->second.input.append(bytes);
        run(found->second, client);
    }
    /// What the client has been answered and has not taken yet.
    [[nodiscard]] std::string take_output(int64_t client) {
        const auto found = clients_.find(client);
        return found == clients_.end() ? std::string() : std::exchange(found->second.output, {});
    }

  protected:
    [[nodiscard]] virtual std::string execute(Client& client, int64_t id, const Words& words) = 0;
    void run(Client& client, int64_t id) {
        while (!client.blocked) {
            const std::optional<Words> words = take_command(client.input);
            if (!words.has_value()) return;
            client.output += execute(client, id, *words);
        }
    }

    std::map<int64_t, Client> clients_;

  private:
    int64_t next_client_ = 1;
};

}  // namespace millrace::test
