// A server of one stream `s` and one group `g`, as far as a consumer of ours can see it: pending entries with their
// owners, idle times and counts, blocked reads, and clients that outlive their sockets. Another consumer of the group
// does what the test says. In virtual time, RESP3, as the version has it. For tests in which nobody writes down what
// the server answers.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>
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

    explicit FakeRedis(std::string version = "7.0.15") : version_(std::move(version)) {}
    void handle_time(Instant now);

    /// While there is one, it is the answer to whatever is about the stream.
    std::string refusal;
    /// Whether scripts are refused.
    bool without_scripts = false;

    EntryId add(std::string value = "v");
    void remove(EntryId id) { entries_.erase(id); }
    /// Everything is gone, the group as well; a block ends as the version has it.
    void flush();
    /// The other consumer takes the entry if it has been idle for so long; whether it did.
    bool take(EntryId id, Duration idle_min);
    /// The other consumer acks the entry if it has it.
    void ack(EntryId id);
    /// Somebody deletes what leases names.
    void drop_leases();

    [[nodiscard]] const std::map<EntryId, Pending>& pending() const { return pending_; }
    [[nodiscard]] bool has(EntryId id) const { return entries_.count(id) > 0; }
    /// How often the dead stream has the entry.
    [[nodiscard]] size_t dead(EntryId id) const { return dead_.count(id); }

  private:
    [[nodiscard]] bool is_from(int major, int minor) const;
    [[nodiscard]] std::string missing() const;
    [[nodiscard]] std::string inspect(const Words& words) const;
    [[nodiscard]] std::string run_script(const Words& words);
    [[nodiscard]] std::string bury(const std::string& consumer, EntryId id);
    [[nodiscard]] std::string release(const Words& words);
    [[nodiscard]] std::string mark_seen(const Words& words);
    [[nodiscard]] std::string delete_consumer(const std::string& consumer) const;
    [[nodiscard]] int64_t acknowledge(const Words& words, size_t first, bool deletes = false);
    [[nodiscard]] bool has_key(const std::string& key) const;
    [[nodiscard]] std::string execute(RedisClient& client, int64_t id, const Words& words) override;
    [[nodiscard]] std::string read(RedisClient& client, const Words& words);
    [[nodiscard]] std::string read_new(const std::string& consumer, size_t count);
    [[nodiscard]] std::string read_own(const std::string& consumer, size_t count, EntryId after);
    [[nodiscard]] std::string show_pending(const Words& words) const;
    [[nodiscard]] std::string show_rows(const Words& words, Duration idle_min) const;
    [[nodiscard]] std::string claim(const Words& words);
    [[nodiscard]] std::string autoclaim(const Words& words);
    void serve_blocked();

    const std::string version_;
    Instant now_{};
    std::map<EntryId, std::string> entries_;
    std::map<EntryId, Pending> pending_;
    std::multiset<EntryId> dead_;
    /// What leases a name, and what was seen.
    struct Text {
        std::string value;
        Instant until{};
    };
    std::map<std::string, Text> texts_;
    std::set<std::string> scripts_;  // whose source has come
    std::vector<int64_t> waiting_;   // blocked, first come first served
    EntryId last_delivered_;
    EntryId last_added_;
    bool has_group_ = false;
    bool has_key_ = false;
    uint64_t next_ms_ = 1;
};

}  // namespace millrace::test
