// An agent as a case sees it: commands, awaited answers, what it handed over so far. Everything it says is recorded in
// the history the moment it arrives, whether a case asks for it or not.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "agent/protocol.hpp"
#include "history/history.hpp"
#include "world/driver.hpp"
#include "world/task.hpp"

namespace millrace::harness {

class World;

// What `start` asks for. Built by World::consume and World::tail, so that names carry the prefix of the run.
struct Start {
    std::string url;
    std::vector<std::string> streams;
    std::string pattern;  // in place of streams
    std::string group;    // empty: a tail
    std::string consumer;
    std::string from;
    Json config = Json::object();
};

class Agent {
  public:
    Agent(World& world, size_t index, std::string label);

    // Hello, then start, then ready, within the run's start_limit or this, whichever is longer. The case is over if it
    // does not get ready: the verdict quotes its last error.
    Task<> ready(Start start, Duration within = {});
    // Hello alone; then start() without waiting, for cases that look at how it fails.
    Task<> hello();
    void start(const Start& start);

    // From here on batches are not acked as they come.
    void hold() { hold_ = true; }
    void ack_as_they_come() { hold_ = false; }
    // From here on what comes is counted and acked, and not recorded: for more than a history holds.
    void skim() { skims_ = true; }

    // Waits until it handed over `count` entries altogether, or the time is up. True if it did.
    Task<bool> delivered(size_t count, Duration within);
    // The next event of this kind that was not returned yet; null when the time is up or the agent is gone.
    Task<const Json*> next(std::string_view kind, Duration within);
    // The answer to a request.
    Task<const Json*> answer(int64_t request, Duration within);
    Task<bool> gone(Duration within);

    // Each returns the number that the answer will carry.
    int64_t send(Json request);
    int64_t ack(const std::vector<EntryKey>& entries);
    int64_t nack(const std::vector<EntryKey>& entries, Duration delay);
    // To others of the group.
    int64_t release(const std::vector<EntryKey>& entries);
    int64_t reject(const std::vector<EntryKey>& entries, const std::string& error);
    int64_t publish(const std::string& stream, const std::vector<Fields>& entries, Json options = Json::object());
    void close_input();
    void kill();
    // SIGSTOP and SIGCONT.
    void freeze();
    void thaw();

    [[nodiscard]] const std::vector<const Batch*>& batches() const { return batches_; }
    [[nodiscard]] size_t delivered_count() const { return delivered_; }
    // Handed over and neither acked nor nacked by us, in order.
    [[nodiscard]] std::vector<EntryKey> unacked() const;
    [[nodiscard]] const std::deque<Json>& events() const { return events_; }
    [[nodiscard]] bool alive() const;
    [[nodiscard]] const std::string& consumer() const { return consumer_; }
    [[nodiscard]] AgentPort& port() { return *port_; }
    [[nodiscard]] const AgentPort& port() const { return *port_; }
    [[nodiscard]] size_t index() const { return index_; }
    [[nodiscard]] bool killed() const { return killed_; }
    // The last error event in words, for verdicts.
    [[nodiscard]] std::string last_error() const;

  private:
    friend class World;
    AgentLife& life();
    void on_line(std::string_view line);
    void on_batch(const Json& event);
    void on_skimmed(const Json& event);
    void on_acked(const Json& event);
    void on_told(const Json& event, std::vector<Notice>& list);
    int64_t settle(Settlement::Kind kind, const std::vector<EntryKey>& entries, Json request);

    World& world_;
    size_t index_;
    std::string label_;
    std::string stream_;
    std::string consumer_;
    std::unique_ptr<AgentPort> port_;
    std::deque<Json> events_;
    std::map<std::string, size_t> cursors_;         // by kind: how far next() has looked
    std::map<int64_t, std::vector<size_t>> asked_;  // request -> settlements
    std::set<EntryKey> unacked_;
    std::vector<const Batch*> batches_;  // of the history, which keeps them where they are
    size_t delivered_ = 0;
    int64_t last_request_ = 0;
    bool hold_ = false;
    bool skims_ = false;
    bool killed_ = false;
};

}  // namespace millrace::harness
