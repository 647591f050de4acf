// A server that greets well and then answers reads with what no server sends (SEC-2). The agent says what is wrong,
// ends the connection, tries another one with backoff, and holds no more memory for it; once the server is well again,
// so is the agent.

#include <algorithm>
#include <functional>

#include "base/text.hpp"
#include "cases/expect.hpp"
#include "cases/table.hpp"

namespace millrace::harness {

namespace {

constexpr int64_t growth_kib_max = 16 * 1024;
constexpr Duration hostility = 2s;
constexpr Duration patience = 15s;  // on a machine that is busy with other things the answer takes its time
constexpr Duration attempts_apart = 50ms;

const Json impatient = {{"block", "100ms"},       {"read_slack", "1s"},         {"retry_delay", "100ms"},
                        {"flush_interval", "0"},  {"max_retry_delay", "400ms"}, {"connection_timeout", "2s"},
                        {"health_deadline", "5s"}};

// What comes in the place of each answer to a read of `stream`.
struct Hostile {
    std::string_view what;
    std::function<std::string(const std::string& stream)> wire;
};

struct Victim {
    std::string what;
    Proxy* proxy = nullptr;
    Agent* agent = nullptr;
    Start start;
    size_t attempts_before = 0;
    int64_t resident_kib = 0;
    int64_t growth_kib = 0;

    [[nodiscard]] size_t attempts() const { return proxy->accepted().size() - attempts_before; }
};

std::string repeated(std::string_view piece, size_t count) {
    std::string text;
    text.reserve(piece.size() * count);
    for (size_t i = 0; i < count; ++i) text += piece;
    return text;
}

std::string bulk(std::string_view text) {
    return "$" + std::to_string(text.size()) + "\r\n" + std::string(text) + "\r\n";
}

// As far as the list of the stream's entries.
std::string entries_of(const std::string& stream) {
    return "*1\r\n*2\r\n" + bulk(stream);
}

Hostile always(std::string_view what, std::string wire) {
    return {what, [wire = std::move(wire)](const std::string&) { return wire; }};
}

Hostile in_place_of_an_entry(std::string_view what, std::string item) {
    return {what, [item = std::move(item)](const std::string& stream) { return entries_of(stream) + "*1\r\n" + item; }};
}

// Of a typed error, which says that another connection may do better.
bool says_so(const Agent& agent) {
    const auto& events = agent.events();
    return std::any_of(events.begin(), events.end(), [](const Json& event) {
        const Json code = event.value("code", Json());
        return event["event"] == "error" && (code == "protocol" || code == "too_large") &&
               event.value("retryable", Json()) == true;
    });
}

// Nothing more is to come of it.
bool is_through(const Victim& victim) {
    return !victim.agent->alive() || (says_so(*victim.agent) && victim.attempts() > 0);
}

void judge(World& world, const Victim& victim, Duration took) {
    world.require(victim.agent->alive(), "SEC-2", victim.what + ": the agent died of it");
    world.expect(says_so(*victim.agent), "SEC-2",
                 victim.what + ": no error event of code protocol or too_large that is retryable; " +
                     victim.agent->last_error());
    world.expect(victim.growth_kib < growth_kib_max, "SEC-2",
                 victim.what + ": it cost " + std::to_string(victim.growth_kib) + " KiB of memory, at most " +
                     std::to_string(growth_kib_max) + " are due");
    const size_t attempts = victim.attempts();
    world.expect(attempts >= 1, "RET-1", victim.what + ": no other connection was tried");
    world.expect(attempts <= static_cast<size_t>(took / attempts_apart) + 1, "RET-1",
                 victim.what + ": " + std::to_string(attempts) + " attempts to connect in " + format_ms(took));
    world.figure_max("growth_kib", static_cast<double>(victim.growth_kib));
    world.figure_max("attempts", static_cast<double>(attempts));
}

// All of them at once, each with an agent and a proxy of its own.
Task<> survive(World& world, std::vector<Hostile> kinds) {
    std::vector<Victim> victims;
    for (const Hostile& kind : kinds) {
        Victim victim;
        victim.what = kind.what;
        victim.proxy = &world.proxy();
        victim.start = world.consume_through(*victim.proxy, "hostile-" + std::to_string(victims.size()), impatient);
        victim.agent = &world.spawn();
        co_await victim.agent->ready(victim.start);
        victims.push_back(victim);
    }
    const Instant begin = world.now();
    for (size_t i = 0; i < victims.size(); ++i) {
        Victim& victim = victims[i];
        victim.attempts_before = victim.proxy->accepted().size();
        victim.resident_kib = victim.agent->port().resident_kib();
        const std::string bytes = kinds[i].wire(victim.start.streams.front());
        victim.proxy->add({"XREADGROUP >", 0, CommandFault::What::Answer, bytes, Told::Both});
    }
    const auto goes_on = [&] {
        const Duration so_far = world.now() - begin;
        return so_far < hostility || (so_far < patience && !std::all_of(victims.begin(), victims.end(), is_through));
    };
    while (goes_on()) {
        co_await world.pause(10ms);
        for (Victim& victim : victims) {
            if (!victim.agent->alive()) continue;
            const int64_t growth = victim.agent->port().resident_kib() - victim.resident_kib;
            victim.growth_kib = std::max(victim.growth_kib, growth);
        }
    }
    const Duration took = world.now() - begin;
    for (const Victim& victim : victims) {
        judge(world, victim, took);
        victim.proxy->heal();
        world.publish(victim.start.streams.front(), 5);
    }
    for (const Victim& victim : victims) {
        const bool came = co_await victim.agent->delivered(5, 5s);
        world.expect(came, "SEC-2",
                     victim.what + ": once the server was well again, of 5 entries " +
                         std::to_string(victim.agent->delivered_count()) + " came");
        co_await expect_none_pending(world, victim.start, "SEC-2");
    }
}

Task<> elements(World& world) {
    std::vector<Hostile> kinds = {
        always("an array of 2^31", "*2147483648\r\n"),
        always("a map of 2^31 - 1", "%2147483647\r\n"),
        always("a set of 2^63 - 1", "~9223372036854775807\r\n"),
        {"2^31 entries", [](const std::string& stream) { return entries_of(stream) + "*2147483648\r\n"; }},
        {"2^31 - 2 fields", [](const std::string& stream) {
             return entries_of(stream) + "*1\r\n*2\r\n" + bulk("1-1") + "*2147483647\r\n";
         }}};
    co_await survive(world, std::move(kinds));
}

Task<> values(World& world) {
    const std::string flood(size_t{4} << 20U, 'x');
    std::vector<Hostile> kinds = {always("a value of 512 MiB + 1", "$536870913\r\n" + flood),
                                  always("a verbatim text of 512 MiB + 1", "=536870913\r\ntxt:" + flood),
                                  always("a value of 2^63 - 1", "$9223372036854775807\r\n" + flood),
                                  always("a value of less than nothing", "$-2\r\n" + flood),
                                  {"a stream's name of 512 MiB + 1",
                                   [&flood](const std::string&) { return "*1\r\n*2\r\n$536870913\r\n" + flood; }},
                                  {"a value that is longer than it says", [](const std::string& stream) {
                                       return entries_of(stream) + "*1\r\n*2\r\n$3\r\n1-1-and-more\r\n";
                                   }}};
    co_await survive(world, std::move(kinds));
}

Task<> depth(World& world) {
    std::vector<Hostile> kinds = {always("arrays 1,000 deep", repeated("*1\r\n", 1000)),
                                  always("maps 1,000 deep", repeated("%1\r\n+k\r\n", 1000)),
                                  always("pushes 1,000 deep", repeated(">1\r\n", 1000)),
                                  always("arrays 1,000,000 deep", repeated("*1\r\n", 1'000'000))};
    co_await survive(world, std::move(kinds));
}

Task<> lines(World& world) {
    constexpr size_t size = size_t{4} << 20U;
    std::vector<Hostile> kinds = {always("an endless status", "+" + std::string(size, 'x')),
                                  always("an endless error", "-" + std::string(size, 'x')),
                                  always("an endless integer", ":" + std::string(size, '1')),
                                  always("an endless length", "$" + std::string(size, '1')),
                                  always("an endless count", "*" + std::string(size, '1')),
                                  always("a line of returns", "+" + std::string(size, '\r')),
                                  always("zeros", std::string(size, '\0'))};
    co_await survive(world, std::move(kinds));
}

Task<> types(World& world) {
    std::vector<Hostile> kinds = {always("an integer for entries", ":7\r\n"),
                                  always("a boolean for entries", "#t\r\n"),
                                  always("a set for entries", "~1\r\n+x\r\n"),
                                  in_place_of_an_entry("a boolean for an entry", "#t\r\n"),
                                  in_place_of_an_entry("a double for an entry", ",1.5\r\n"),
                                  in_place_of_an_entry("a big number for an entry", "(12345678901234567890\r\n"),
                                  in_place_of_an_entry("a map for an entry", "%1\r\n+k\r\n+v\r\n"),
                                  in_place_of_an_entry("a verbatim text for an id", "*2\r\n=7\r\ntxt:1-1\r\n*0\r\n")};
    co_await survive(world, std::move(kinds));
}

Task<> pushes(World& world) {
    const std::string push = ">3\r\n" + bulk("message") + bulk("orders") + bulk("x");
    std::vector<Hostile> kinds = {
        in_place_of_an_entry("a push for an entry", push),
        {"a push for the entries", [push](const std::string& stream) { return entries_of(stream) + push; }},
        {"a push in the middle of an entry",
         [push](const std::string& stream) {
             return entries_of(stream) + "*1\r\n*2\r\n" + bulk("1-1") + "*2\r\n" + bulk("k") + push;
         }},
        always("a push for a stream", "*1\r\n" + push)};
    co_await survive(world, std::move(kinds));
}

// Each entry is as it should be.
Task<> entries(World& world) {
    const std::string entry = "*2\r\n" + bulk("1-1") + "*2\r\n" + bulk("k") + bulk(std::string(100, 'v'));
    std::vector<Hostile> kinds = {
        {"200,000 entries for 10",
         [&entry](const std::string& stream) { return entries_of(stream) + "*200000\r\n" + repeated(entry, 200'000); }},
        {"1,048,576 entries that do not come",
         [](const std::string& stream) { return entries_of(stream) + "*1048576\r\n"; }}};
    co_await survive(world, std::move(kinds));
}

Case hostile_case(std::string_view id, std::string_view title, Task<> (*story)(World&)) {
    return {id,           title, {"SEC-2", "RET-1"}, {"streams", "config"}, CaseClass::Security, ServerNeed::Streams,
            Timing::None, story};
}

}  // namespace

std::vector<Case> hostile_cases() {
    return {
        hostile_case("hostile/1-elements", "Replies of 2^31 elements: a typed error, bounded memory", elements),
        hostile_case("hostile/2-values", "Values of 512 MiB and a byte, and of more: a typed error, bounded memory",
                     values),
        hostile_case("hostile/3-depth", "Replies that are nested 1,000 deep: a typed error, bounded memory", depth),
        hostile_case("hostile/4-lines", "Lines without an end in an answer: a typed error, bounded memory", lines),
        hostile_case("hostile/5-types", "Types where none of them belongs: a typed error", types),
        hostile_case("hostile/6-pushes", "A push in the middle of a reply: a typed error", pushes),
        hostile_case("hostile/7-entries", "Far more entries than were asked for: a typed error, bounded memory",
                     entries),
    };
}

}  // namespace millrace::harness
