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
#include "support/fake_server.hpp"

namespace millrace::test {

struct RedisClient : FakeClient {
    std::string consumer;
    size_t count = 0;
};

class FakeRedis final : public FakeServer<RedisClient> {
  public:
    struct Pending {
        std::string consumer;
        Instant since{};
        uint32_t count = 0;
    };

    void handle_time(Instant now);

    /// While there is one, it is the answer to whatever is about the stream.
    std::string refusal;

    EntryId add();
    void remove(EntryId id) { entries_.erase(id); }

    [[nodiscard]] const std::map<EntryId, Pending>& pending() const { return pending_; }
    [[nodiscard]] bool has(EntryId id) const { return entries_.count(id) > 0; }

  private:
    [[nodiscard]] std::string execute(RedisClient& client, int64_t id, const Words& words) override;
    [[nodiscard]] std::string read(RedisClient& client, const Words& words);
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
    std::vector<int64_t> waiting_;  // blocked, first come first served
    EntryId last_delivered_;
    bool has_group_ = false;
    uint64_t next_ms_ = 1;
};

}  // namespace millrace::test
