// A server of one stream `s` and one group `g`, as far as a consumer of ours can see it: pending entries with their
// owners, idle times and counts, blocked reads, and clients that outlive their sockets. In virtual time, RESP3. For
// tests in which nobody writes down what the server answers.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "millrace/entry.hpp"
#include "millrace/time.hpp"

namespace millrace::test {

class FakeRedis {
  public:
    struct Pending {
        std::string consumer;
        Instant since{};
        uint32_t count = 0;
    };

    [[nodiscard]] int64_t connect();
    /// The server notices that the client is gone.
    void disconnect(int64_t client) { clients_.erase(client); }
    [[nodiscard]] bool knows(int64_t client) const { return clients_.count(client) > 0; }
    /// Bytes arrive; whole commands are executed, unless the client is blocked.
    void receive(int64_t client, std::string_view bytes);
    /// What the client has been answered and has not taken yet.
    [[nodiscard]] std::string take_output(int64_t client);
    void handle_time(Instant now);

    /// While there is one, it is the answer to whatever is about the stream.
    std::string refusal;

    EntryId add();
    void remove(EntryId id) { entries_.erase(id); }

    [[nodiscard]] const std::map<EntryId, Pending>& pending() const { return pending_; }
    [[nodiscard]] bool has(EntryId id) const { return entries_.count(id) > 0; }

  private:
    struct Client {
        std::string input;
        std::string output;
        bool blocked = false;
        Instant until{};
        std::string consumer;
        size_t count = 0;
    };
    using Words = std::vector<std::string>;

    void run(Client& client, int64_t id);
    [[nodiscard]] std::string execute(Client& client, int64_t id, const Words& words);
    [[nodiscard]] std::string read(Client& client, const Words& words);
    [[nodiscard]] std::string read_new(const std::string& consumer, size_t count);
    [[nodiscard]] std::string read_own(const std::string& consumer, size_t count, EntryId after);
    [[nodiscard]] std::string show_pending(const Words& words) const;
    [[nodiscard]] std::string show_rows(const Words& words, Duration idle_min) const;
    [[nodiscard]] std::string claim(const Words& words);
    [[nodiscard]] std::string autoclaim(const Words& words);
    void serve_blocked();

    Instant now_{};
    std::map<EntryId, std::string> entries_;
    std::map<EntryId, Pending> pending_;
    std::map<int64_t, Client> clients_;
    std::vector<int64_t> waiting_;  // blocked, first come first served
    EntryId last_delivered_;
    bool has_group_ = false;
    uint64_t next_ms_ = 1;
    int64_t next_client_ = 1;
};

}  // namespace millrace::test
