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
#include "support/fake_server.hpp"

namespace millrace::test {

struct StreamsClient : FakeClient {
    Words read;
};

class FakeStreams final : public FakeServer<StreamsClient> {
  public:
    struct Stream {
        std::map<EntryId, std::string> entries;
        EntryId last;
        uint64_t added = 0;
        EntryId deleted;  // the largest
    };

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
    [[nodiscard]] std::string execute(StreamsClient& client, int64_t id, const Words& words) override;
    /// Empty where there is nothing.
    [[nodiscard]] std::string read(const Words& words) const;
    [[nodiscard]] std::string describe(const std::string& key) const;
    [[nodiscard]] std::string read_back(const Words& words) const;
    void serve_blocked();

    Instant now_{};
    std::map<std::string, Stream> streams_;
};

}  // namespace millrace::test
