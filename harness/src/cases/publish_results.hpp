// What cases of publishing ask of an agent and look at on the server, said once.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "world/task.hpp"
#include "world/world.hpp"

namespace millrace::harness {

// What an agent says of one entry.
struct EntryResult {
    std::string id;
    std::string error;  // its code
    std::set<std::string> flags;
};

// The results of a published event, one for each entry. The case is over where it is no such event, and unsupported
// where the agent says that it does not know the options.
std::vector<EntryResult> results_of(World& world, const Json* said, size_t entries);

// An agent that publishes: started on a stream of its own, because an agent publishes once it is started.
Task<> ready_to_publish(World& world, Agent& agent, Json config = Json::object());
Task<> ready_to_publish_through(World& world, Agent& agent, const Proxy& proxy, Json config = Json::object());

// Publishes and waits for the results.
Task<std::vector<EntryResult>> publish_all(World& world, Agent& agent, std::string stream, std::vector<Fields> entries,
                                           Json options, Duration within = 10s);
// None of them failed, or has a flag.
void expect_all_went_in(World& world, const std::vector<EntryResult>& results);

struct OnServer {
    std::string id;
    Fields fields;
};
// The whole stream.
std::vector<OnServer> entries_of(World& world, const std::string& stream);
// The numbers of entries that `numbered` made, in the stream's order.
std::vector<int> numbers_of(World& world, const std::string& stream);

}  // namespace millrace::harness
