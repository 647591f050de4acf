// A server of streams as a tail sees it: entries that come, are trimmed and deleted, keys that are made anew, reads
// that block, and what XINFO STREAM tells. In virtual time, RESP3. For tests in which nobody writes down what the
// server answers.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "millrace/entry.hpp"
#include "millrace/time.hpp"

namespace millrace::test {

class FakeStreams {
  public:
    struct Stream {
        std::map<EntryId, std::string> entries;
        EntryId last;
        uint64_t added = 0;
        EntryId deleted;  // the largest
    };

    [[nodiscard]] int64_t connect();
    void disconnect(int64_t client) { clients_.erase(client); }
    [[nodiscard]] bool knows(int64_t client) const { return clients_.count(client) > 0; }
    /// Bytes arrive; whole commands are executed, unless the client is blocked.
    void receive(int64_t client, std::string_view bytes);
    [[nodiscard]] std::string take_output(int64_t client);
    void handle_time(Instant now);

    /// While there is one, it is the answer to whatever is about streams.
    std::string refusal;
    bool counts = true;  ///< from 7.0: tells how many entries were ever added

    void add(const std::string& key, EntryId id, const std::string& value);
    void trim(const std::string& key, size_t most);
    void remove(const std::string& key, EntryId id);
    void drop(const std::string& key) { streams_.erase(key); }
    [[nodiscard]] const Stream* find(const std::string& key) const;

  private:
    using Words = std::vector<std::string>;
    struct Client {
        std::string input;
        std::string output;
        bool blocked = false;
        Instant until{};
        Words read;
    };

    void run(Client& client, int64_t id);
    [[nodiscard]] std::string execute(Client& client, int64_t id, const Words& words);
    /// Empty where there is nothing.
    [[nodiscard]] std::string read(const Words& words) const;
    [[nodiscard]] std::string describe(const std::string& key) const;
    [[nodiscard]] std::string read_back(const Words& words) const;
    void serve_blocked();

    Instant now_{};
    std::map<std::string, Stream> streams_;
    std::map<int64_t, Client> clients_;
    int64_t next_client_ = 1;
};

}  // namespace millrace::test
