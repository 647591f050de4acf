// The world that a case plays in: a server, agents, faults and time. It records the history as it goes and collects
// what was found. A case does everything through it, and waits only by it, so that it also plays in virtual time.
#pragma once

#include <coroutine>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/random.hpp"
#include "checker/finding.hpp"
#include "history/history.hpp"
#include "world/agent.hpp"
#include "world/driver.hpp"
#include "world/task.hpp"

namespace millrace::harness {

// Ends a case early: what it needs is not there, or going on would prove nothing more.
struct CaseOver {};
struct CaseUnsupported {
    std::string why;
};

// An entry of a dead stream.
struct DeadLetter {
    std::string id;
    Fields fields;
    // Of the fields named so, the last, because the dlq_ fields come after the entry's own; empty without.
    [[nodiscard]] std::string field(std::string_view name) const;
    // The entry's own fields.
    [[nodiscard]] Fields own() const;
};
// Where the dead of a stream lie: in the same slot (DLQ-3).
std::string dead_stream_of(const std::string& stream);

class World {
  public:
    struct Setup {
        std::string agent_command;
        Hello agent;
        Url url;
        ServerFacts facts;
        std::string prefix;  // of this case
        std::optional<std::string> server_executable;
        uint64_t seed = 1;
        int rounds = 3;
        Json config = Json::object();  // under every case's own
        bool alone = false;            // nobody else uses the server meanwhile
        Duration time_limit = 60s;
        Duration start_limit = 10s;  // for an agent's hello, and for its ready after that
    };

    World(Driver& driver, Setup setup);
    ~World();

    // Runs a story to its end; throws what it threw. The time limit is a violation, not an exception.
    void play(Task<> story);

    // --- time
    [[nodiscard]] Instant now() const { return driver_.now(); }
    struct Wake {
        World& world;
        Instant deadline;
        [[nodiscard]] bool await_ready() const { return false; }
        void await_suspend(std::coroutine_handle<> handle) const;
        void await_resume() const {}
    };
    // Until something was heard of an agent, or the instant. (until: the instant, whatever is heard.)
    Wake news_or(Instant deadline) { return Wake{*this, deadline}; }
    Task<> until(Instant instant);
    Task<> pause(Duration duration);
    // Until the condition holds, or the time is up; looks whenever something was heard, and every few milliseconds.
    Task<bool> comes_true(const std::function<bool()>& condition, Duration within);

    // --- the server
    [[nodiscard]] const ServerFacts& facts() const { return setup_.facts; }
    [[nodiscard]] std::string stream(const std::string& name) const { return setup_.prefix + name; }
    Reply command(const Command& command) { return database().command(command); }
    Database& database();
    // One MULTI with an XADD for each; recorded once confirmed. Returns the keys in order.
    std::vector<EntryKey> publish(const std::string& stream, const std::vector<Fields>& entries);
    std::vector<EntryKey> publish(const std::string& stream, int count);
    // Entries that somebody else published and the server confirmed.
    void record_published(const std::string& stream, const std::string& id, const Fields& fields, Instant sent);
    // XPENDING in full, recorded.
    std::vector<PendingEntry> pending(const std::string& stream, const std::string& group);
    void delete_entry(const EntryKey& key);
    // The server forgets the group, or the whole key with all its entries.
    void destroy_group(const std::string& stream, const std::string& group);
    void delete_key(const std::string& stream);
    // The entries of the dead stream, oldest first. `origins` are what they say of theirs.
    std::vector<DeadLetter> dead_letters(const std::string& stream);
    // For the history: what an operator or an agent has put back into `stream`.
    void record_redriven(const std::string& stream, const DeadLetter& letter, const std::string& new_id);
    // From here on `url()` and `database()` are this server, a new one of the same kind; needs a local: server.
    OwnServer& own_server(const std::vector<std::string>& arguments);
    void server_down(OwnServer& server);
    // The server goes, and another one of `./dev servers` comes on its port; `unsupported` where it is not at hand.
    void upgrade(OwnServer& server, const std::string& name);
    // The harness's own commands, and agents' from now on, go to this one of several own servers.
    void use(OwnServer& server);
    // SIGKILL of one; from here on the harness's commands go to the other, which may know less.
    void failover(OwnServer& from, OwnServer& to);
    [[nodiscard]] const Url& url() const { return setup_.url; }
    BadPeer& bad_peer(BadPeer::Kind kind);
    // In front of the server of the case, or of these.
    Proxy& proxy();
    Proxy& proxy(const std::vector<Url>& upstreams);
    void remove(Proxy& proxy);
    // A fault for the history; proxies tell theirs by themselves.
    void record_fault(const std::string& what);
    // A user of the server's ACL with these rules, removed at the end; `unsupported` where we may not make one.
    Url acl_user(const std::vector<std::string>& rules);

    // --- agents
    Start consume(const std::string& stream, Json config = Json::object());
    // Every stream whose name matches; `pattern` comes behind the prefix of the case. What becomes of each in the end
    // is looked at where watch() names it.
    Start consume_pattern(const std::string& pattern, Json config = Json::object());
    void watch(const std::string& stream, const Start& start) { watched_.emplace(stream, start.group); }
    // The same by way of a proxy.
    Start consume_through(const Proxy& proxy, const std::string& stream, Json config = Json::object());
    Start tail(const std::string& stream, const std::string& from, Json config = Json::object());
    Agent& spawn();
    // Kills connections of the agent at the server; returns how many.
    int cut_connections(Agent& agent);
    [[nodiscard]] bool agent_can(std::string_view capability) const {
        return setup_.agent.capabilities.contains(capability);
    }
    [[nodiscard]] const Setup& setup() const { return setup_; }
    Random& random() { return random_; }
    [[nodiscard]] int rounds() const { return setup_.rounds; }

    // --- findings
    bool expect(bool condition, const std::string& spec, const std::string& otherwise);
    // The same, and the case is over if it does not hold.
    void require(bool condition, const std::string& spec, const std::string& otherwise);
    void non_strict(const std::string& spec, const std::string& what);
    void figure(const std::string& name, double value);
    void figure_max(const std::string& name, double value);
    void note(const std::string& text) { notes_.push_back(text); }
    [[noreturn]] void unsupported(const std::string& why) const { throw CaseUnsupported{why}; }

    // After the story: the server's state into the history, agents ended, generic findings are the checker's.
    void close();

    [[nodiscard]] History& history() { return history_; }
    [[nodiscard]] const std::vector<Finding>& findings() const { return findings_; }
    [[nodiscard]] const Json& figures() const { return figures_; }
    [[nodiscard]] const std::vector<std::string>& notes() const { return notes_; }
    [[nodiscard]] std::string agent_errors() const;
    [[nodiscard]] const std::deque<Agent>& agents() const { return agents_; }

  private:
    friend class Agent;
    void end(Agent& agent);
    void look_at_end();
    void look_at_exits();
    void remove_users();

    Driver& driver_;
    Setup setup_;
    Random random_;
    std::unique_ptr<Database> database_;
    std::vector<std::unique_ptr<OwnServer>> own_servers_;
    std::vector<std::unique_ptr<BadPeer>> bad_peers_;
    std::vector<std::unique_ptr<Proxy>> proxies_;
    std::deque<Agent> agents_;
    History history_;
    std::vector<Finding> findings_;
    Json figures_ = Json::object();
    std::vector<std::string> notes_;
    std::set<std::pair<std::string, std::string>> watched_;  // stream, group
    std::coroutine_handle<> sleeper_;
    Instant wake_at_;
    std::vector<std::string> acl_users_;
    int consumer_count_ = 0;
};

// `count` small entries that can be told apart: [["n","0"]], [["n","1"]], …
std::vector<Fields> numbered(int first, int count);
std::vector<EntryKey> keys_of(const Batch& batch);

}  // namespace millrace::harness
