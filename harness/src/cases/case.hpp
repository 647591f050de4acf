// A row of the table of cases: what the case needs, and which lines of the specification it stands for; the story says
// the rest.
#pragma once

#include <string_view>
#include <vector>

#include "world/task.hpp"
#include "world/world.hpp"

namespace millrace::harness {

enum class CaseClass { Streams, PubSub, Tail, Publish, Config, Security, Observe, Sink };
std::string_view name_of(CaseClass case_class);

// What a case asks of the server under test.
enum class ServerNeed {
    Any,
    Streams,    // Redis 5+ and Valkey
    NoStreams,  // older
};

// A case that judges time plays alone, after all others.
enum class Timing { None, Judged };

// A long case whose subject does not differ by server plays on one of a run's: on Redis 7 if it is there.
enum class Spread { EveryServer, OneServer };

struct Case {
    std::string_view id;  // area/number-name
    std::string_view title;
    std::vector<std::string_view> spec;
    std::vector<std::string_view> needs;  // capabilities
    CaseClass case_class = CaseClass::Streams;
    ServerNeed server = ServerNeed::Streams;
    Timing timing = Timing::None;
    Task<> (*story)(World&) = nullptr;
    // More time for cases that play --rounds.
    bool by_rounds = false;
    Spread spread = Spread::EveryServer;
};

}  // namespace millrace::harness
