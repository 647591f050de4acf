// A small but whole life of a consumer behind a proxy of its own, and many such lives at once: the matrices of faults
// (each byte, each command, each error) are made of them. What the fault is, is the case's business.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "world/task.hpp"
#include "world/world.hpp"

namespace millrace::harness {

// It recovers what is pending, gets new entries, gives one back, acks all, and ends. Nothing of that may be missing in
// the end, whatever happens on the way.
class Trial {
  public:
    struct Plan {
        std::string name;                             // of the fault, for findings
        std::string spec;                             // the line that is missed where it does not end well
        std::function<void(Proxy&)> fault = nullptr;  // on before the agent starts
        Duration heal_after{0};                       // since the first strike; 0: never healed
        // An error that no retry can change: the agent may end its work by saying so. What it leaves behind is another
        // one's to do.
        bool may_stop = false;
        // Where the agent can, it also takes over what another consumer has left, and buries an entry that is poison.
        bool takes_over = false;
        Json config = Json::object();
        Duration limit = std::chrono::seconds(30);  // of the whole life
    };

    Trial(World& world, Plan plan);

    void begin();
    // Does what there is to do now. False once it is over.
    bool go_on();
    // Of its proxy, once it is over: connections, commands, and how often a fault struck.
    [[nodiscard]] const std::vector<LinkSeen>& links() const { return links_; }
    [[nodiscard]] const std::map<std::string, uint64_t>& commands() const { return commands_; }
    [[nodiscard]] uint64_t strikes() const { return strikes_; }
    [[nodiscard]] const std::string& name() const { return plan_.name; }
    // Whether its agent ended its work with an error.
    [[nodiscard]] bool stopped() const { return stopped_; }
    // An error event of this code was said, by the first agent.
    [[nodiscard]] bool said(std::string_view code) const;

  private:
    enum class Phase { Early, Late, Settling, Closing, Over };

    void spawn();
    void leave_to_take_over();
    void heal_when_due();
    void settle();
    void look_at_batches();
    void replace_when_stopped();
    void give_up();
    void end();
    [[nodiscard]] bool none_pending();
    [[nodiscard]] bool poison_is_buried();

    World& world_;
    Plan plan_;
    Phase phase_ = Phase::Early;
    Proxy* proxy_ = nullptr;
    Start start_;
    Agent* agent_ = nullptr;
    Agent* first_ = nullptr;
    std::set<EntryKey> missing_;
    std::optional<EntryKey> to_nack_;
    std::optional<EntryKey> poison_;
    bool poison_came_ = false;
    size_t batches_seen_ = 0;
    bool stopped_ = false;
    std::vector<LinkSeen> links_;
    std::map<std::string, uint64_t> commands_;
    uint64_t strikes_ = 0;
    std::optional<Instant> struck_, healed_;
    Instant deadline_;
    Instant look_at_;
};

// Plays them, at most `at_once` at a time; when it returns all are over.
Task<> play(World& world, std::vector<Trial>& trials, size_t at_once = 16);

}  // namespace millrace::harness
