// A connection ends after each byte of an undisturbed life in turn, a fresh run for each; and one whose bytes come one
// at a time.

#include <algorithm>

#include "cases/table.hpp"
#include "cases/trial.hpp"

namespace millrace::harness {

namespace {

std::string position(size_t link, Direction direction, uint64_t byte) {
    return "connection " + std::to_string(link + 1) + " cut after " + std::to_string(byte) +
           (direction == Direction::Up ? " bytes to the server" : " bytes to the client");
}

// Every byte at 100 rounds, every tenth at 10; which ones, the seed says.
uint64_t step_of(const World& world) {
    return static_cast<uint64_t>(std::clamp(100 / world.rounds(), 1, 100));
}

// What a life without faults passes over each of its connections: on a busy machine one asks more than another, and a
// place counts that each of them reaches.
Task<std::vector<LinkSeen>> undisturbed_links(World& world) {
    std::vector<Trial> lives;
    for (int i = 0; i < 5; ++i) lives.emplace_back(world, Trial::Plan{.name = "undisturbed", .spec = "REC-1"});
    co_await play(world, lives);
    std::vector<LinkSeen> shortest = lives.front().links();
    for (const Trial& life : lives) {
        shortest.resize(std::min(shortest.size(), life.links().size()));
        for (size_t link = 0; link < shortest.size(); ++link) {
            shortest[link].up = std::min(shortest[link].up, life.links()[link].up);
            shortest[link].down = std::min(shortest[link].down, life.links()[link].down);
        }
    }
    co_return shortest;
}

Task<> each_byte(World& world) {
    const std::vector<LinkSeen> links = co_await undisturbed_links(world);
    const uint64_t step = step_of(world);
    std::vector<Trial> trials;
    for (size_t link = 0; link < links.size(); ++link) {
        for (const auto direction : {Direction::Up, Direction::Down}) {
            const uint64_t bytes = direction == Direction::Up ? links[link].up : links[link].down;
            const auto offset = static_cast<uint64_t>(world.random().between(0, static_cast<int64_t>(step) - 1));
            for (uint64_t byte = offset; byte <= bytes; byte += step) {
                trials.emplace_back(
                    world,
                    Trial::Plan{.name = position(link, direction, byte), .spec = "REC-6", .fault = [=](Proxy& proxy) {
                                    proxy.add(CutAt{direction, byte, link});
                                }});
            }
        }
    }
    co_await play(world, trials);
    const auto cut = std::count_if(trials.begin(), trials.end(), [](const Trial& t) { return t.strikes() > 0; });
    // A life is never the same to the byte: some end before theirs comes.
    world.expect(static_cast<size_t>(cut) * 10 >= trials.size() * 9, "harness",
                 "only " + std::to_string(cut) + " of " + std::to_string(trials.size()) + " lives were cut");
    world.figure("positions", static_cast<double>(trials.size()));
    world.figure("cut", static_cast<double>(cut));
}

// Nothing is lost here but time: no deadline may end a connection that a busy machine has slowed down even more.
Task<> one_at_a_time(World& world) {
    const Json config = {{"connection_timeout", "10s"}, {"read_slack", "10s"}, {"health_deadline", "20s"}};
    std::vector<Trial> trials;
    trials.emplace_back(world, Trial::Plan{.name = "all bytes one at a time",
                                           .spec = "REC-1",
                                           .fault = [](Proxy& proxy) { proxy.pace({.split = 1}); },
                                           .config = config,
                                           .limit = 60s});
    co_await play(world, trials);
}

}  // namespace

std::vector<Case> cut_cases() {
    constexpr auto streams = CaseClass::Streams;
    constexpr auto need = ServerNeed::Streams;
    return {
        {"cut/1-each-byte",
         "A connection is cut after each byte of a recovery, in each direction, a fresh run for each: 0 lost",
         {"REC-6", "REC-1", "RET-1"},
         {"streams", "concurrent", "config"},
         streams,
         need,
         Timing::None,
         each_byte,
         true,
         Spread::OneServer},
        {"cut/2-one-at-a-time",
         "A whole life whose bytes come one at a time, in both directions",
         {"REC-1", "BAT-1"},
         {"streams", "concurrent", "config"},
         streams,
         need,
         Timing::None,
         one_at_a_time},
    };
}

}  // namespace millrace::harness
