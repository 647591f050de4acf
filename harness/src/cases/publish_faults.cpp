// Publishing under faults: order, what was written twice and says so, and what is written once whatever happens.

#include <algorithm>
#include <map>

#include "cases/publish_results.hpp"
#include "cases/table.hpp"

namespace millrace::harness {

namespace {

const Json quick = {{"retry_delay", "50ms"}, {"max_retry_delay", "100ms"}, {"health_deadline", "3s"}};
constexpr const char* loading = "-LOADING Redis is loading the dataset in memory\r\n";

// Each connection is cut after a number of bytes of its own, in a direction of its own.
void cut_at_random(World& world, Proxy& proxy, size_t links) {
    for (size_t i = 0; i < links; ++i) {
        CutAt cut;
        cut.direction = world.random().between(0, 1) == 0 ? Direction::Up : Direction::Down;
        cut.byte =
            static_cast<uint64_t>(world.random().between(1'000, cut.direction == Direction::Up ? 60'000 : 20'000));
        cut.link = i;
        proxy.add(cut);
    }
}

struct Sent {
    std::vector<EntryResult> results;
    std::vector<int> numbers;  // on the server, in its order
    uint64_t strikes = 0;
};

// `count` numbered entries through a proxy that cuts, some hundreds a publish, and what came of it.
Task<Sent> publish_through_cuts(World& world, int count, Json options) {
    Proxy& proxy = world.proxy();
    Agent& agent = world.spawn();
    co_await ready_to_publish_through(world, agent, proxy, quick);
    const std::string stream = world.stream("orders");
    cut_at_random(world, proxy, 300);
    constexpr int a_publish = 500;
    std::vector<int64_t> requests;
    for (int first = 0; first < count; first += a_publish) {
        const auto entries = numbered(first, std::min(a_publish, count - first));
        requests.push_back(agent.publish(stream, entries, options));
    }
    Sent sent;
    for (size_t i = 0; i < requests.size(); ++i) {
        const Json* said = co_await agent.answer(requests[i], 40s);
        const int first = static_cast<int>(i) * a_publish;
        for (auto& each : results_of(world, said, static_cast<size_t>(std::min(a_publish, count - first)))) {
            sent.results.push_back(std::move(each));
        }
    }
    sent.strikes = proxy.strikes();
    world.figure("cuts", static_cast<double>(sent.strikes));
    world.expect(sent.strikes >= 3, "harness",
                 "only " + std::to_string(sent.strikes) + " connections were cut: nothing was tested");
    sent.numbers = numbers_of(world, stream);
    co_return sent;
}

Task<> once_each(World& world) {
    const Json options = {{"idempotent", true}};
    constexpr int count = 10'000;
    const Sent sent = co_await publish_through_cuts(world, count, options);
    world.expect(sent.numbers.size() == count, "PUB-2",
                 std::to_string(count) + " entries were published once, and " + std::to_string(sent.numbers.size()) +
                     " are there");
    for (size_t i = 0; i < sent.numbers.size() && i < count; ++i) {
        if (!world.expect(sent.numbers[i] == static_cast<int>(i), "PUB-2",
                          "entry " + std::to_string(sent.numbers[i]) + " stands where " + std::to_string(i) +
                              " belongs: doubled, lost or out of order")) {
            break;
        }
    }
    for (const EntryResult& result : sent.results) {
        if (!world.expect(result.error.empty() && !result.flags.contains("maybe_duplicate"), "PUB-2",
                          "a result within the window says '" + result.error + "' or maybe_duplicate")) {
            break;
        }
    }
}

Task<> at_least_once(World& world) {
    constexpr int count = 3'000;
    const Json options = Json::object();
    const Sent sent = co_await publish_through_cuts(world, count, options);
    std::map<int, int> times;
    std::map<int, size_t> first_at;
    for (size_t i = 0; i < sent.numbers.size(); ++i) {
        ++times[sent.numbers[i]];
        first_at.try_emplace(sent.numbers[i], i);
    }
    int doubled = 0;
    size_t before = 0;
    for (int number = 0; number < count; ++number) {
        if (!world.expect(times[number] > 0, "PUB-1",
                          "entry " + std::to_string(number) + " was confirmed and is not there"))
            break;
        doubled += times[number] > 1 ? 1 : 0;
        const EntryResult& result = sent.results[static_cast<size_t>(number)];
        world.expect(times[number] == 1 || result.flags.contains("maybe_duplicate"), "PUB-2",
                     "entry " + std::to_string(number) + " is there " + std::to_string(times[number]) +
                         " times, and its result does not say maybe_duplicate");
        world.expect(first_at[number] >= before, "PUB-1",
                     "entry " + std::to_string(number) + " went in before the one published before it");
        before = first_at[number];
    }
    world.figure("doubled", doubled);
}

Task<> past_the_window(World& world) {
    Proxy& proxy = world.proxy();
    Agent& agent = world.spawn();
    co_await ready_to_publish_through(world, agent, proxy, quick);
    const std::string stream = world.stream("orders");
    const auto one = numbered(0, 1);
    const Json options = {{"idempotent", true}, {"idempotent_window", "3s"}};
    const auto warm = co_await publish_all(world, agent, stream, one, options);
    expect_all_went_in(world, warm);
    for (const bool late : {false, true}) {
        proxy.black_hole(true);
        const auto entry = numbered(late ? 2 : 1, 1);
        const int64_t request = agent.publish(stream, entry, options);
        const Duration silence = late ? 3600ms : 50ms;
        co_await world.pause(silence);
        proxy.cut(Told::Both);
        proxy.black_hole(false);
        const Json* said = co_await agent.answer(request, 10s);
        const auto results = results_of(world, said, 1);
        world.expect(results[0].error.empty(), "PUB-2", "an entry whose answer was lost ends as " + results[0].error);
        world.expect(results[0].flags.contains("maybe_duplicate") == late, "PUB-2",
                     late ? "sent again past the window, and not said to be maybe_duplicate"
                          : "sent again within the window, and said to be maybe_duplicate");
    }
}

// A refusal of one entry: what went through stays before it, and its result says so.
Task<> reordered(World& world) {
    const Json plain = Json::object();
    Proxy& proxy = world.proxy();
    Agent& agent = world.spawn();
    co_await ready_to_publish_through(world, agent, proxy, quick);
    const std::string stream = world.stream("orders");
    proxy.add(CommandFault{"XADD", 2, CommandFault::What::Answer, loading, Told::Both});
    const auto entries = numbered(0, 4);
    const auto results = co_await publish_all(world, agent, stream, entries, plain);
    world.expect(proxy.strikes() == 1, "harness", "no XADD was refused: nothing was tested");
    const std::vector<int> expected = {0, 2, 3, 1};
    world.expect(numbers_of(world, stream) == expected, "PUB-1",
                 "only the entry that was refused is written again, behind the others");
    for (size_t i = 0; i < results.size(); ++i) {
        world.expect(results[i].error.empty(), "PUB-1", "entry " + std::to_string(i) + " failed: " + results[i].error);
        world.expect(results[i].flags.contains("reordered") == (i == 1), "PUB-1",
                     "entry " + std::to_string(i) + (i == 1 ? " is not" : " is") + " said to be reordered");
        world.expect(!results[i].flags.contains("maybe_duplicate"), "PUB-2",
                     "entry " + std::to_string(i) + " was refused or written, and is said to be maybe_duplicate");
    }
    // With one in flight the retry is awaited, and order holds.
    proxy.add(CommandFault{"XADD", 1, CommandFault::What::Answer, loading, Told::Both});
    for (int i = 4; i < 7; ++i) {
        const auto one = numbered(i, 1);
        const auto result = co_await publish_all(world, agent, stream, one, plain);
        expect_all_went_in(world, result);
    }
    const std::vector<int> all = {0, 2, 3, 1, 4, 5, 6};
    world.expect(numbers_of(world, stream) == all, "PUB-1", "one in flight, and the order does not hold");
}

// Lost transactions come again as a whole and in order.
Task<> transactions(World& world) {
    Proxy& proxy = world.proxy();
    Agent& agent = world.spawn();
    co_await ready_to_publish_through(world, agent, proxy, quick);
    const std::string stream = world.stream("orders");
    const Json options = {{"atomic", true}};
    int first = 0;
    for (int round = 0; round < 4; ++round) {
        proxy.add(CommandFault{"EXEC", 1, CommandFault::What::LoseReply, "", Told::Both});
        std::vector<int64_t> requests;
        for (int i = 0; i < 3; ++i, first += 5) {
            const auto entries = numbered(first, 5);
            requests.push_back(agent.publish(stream, entries, options));
        }
        for (size_t i = 0; i < requests.size(); ++i) {
            const Json* said = co_await agent.answer(requests[i], 10s);
            for (const EntryResult& result : results_of(world, said, 5)) {
                world.expect(result.error.empty(), "PUB-1", "a transaction was lost, and ends as " + result.error);
                world.expect(i > 0 || result.flags.contains("maybe_duplicate"), "PUB-2",
                             "a transaction whose answer was lost is not said to be maybe_duplicate");
            }
        }
    }
    world.expect(proxy.strikes() == 4, "harness", "no answer to EXEC was lost: nothing was tested");
    // Each transaction is whole, and in order; the first of each round is there twice.
    std::vector<int> expected;
    for (int number = 0; number < first; ++number) {
        expected.push_back(number);
        if (number % 15 == 4) {
            for (int again = number - 4; again <= number; ++again) expected.push_back(again);
        }
    }
    world.expect(numbers_of(world, stream) == expected, "PUB-1",
                 "transactions are torn, or out of order, over a lost connection");
}

Task<> out_of_memory(World& world) {
    world.own_server({});
    Agent& agent = world.spawn();
    const Json patient = {{"retry_delay", "100ms"}, {"max_retries", 50}};
    co_await ready_to_publish(world, agent, patient);
    const std::string stream = world.stream("orders");
    const auto one = numbered(0, 1);
    for (const bool idempotent : {false, true}) {
        world.command({"CONFIG", "SET", "maxmemory", "1"});
        const Json fail = {{"on_oom", "fail"}, {"idempotent", idempotent}};
        const auto failed = co_await publish_all(world, agent, stream, one, fail);
        world.expect(failed[0].error == "oom", "RET-2",
                     "on_oom is fail, and the result is '" + failed[0].error + "', not oom");
        const Json retry = {{"on_oom", "retry"}, {"idempotent", idempotent}};
        const int64_t request = agent.publish(stream, one, retry);
        co_await world.pause(250ms);
        world.command({"CONFIG", "SET", "maxmemory", "0"});
        const Json* said = co_await agent.answer(request, 10s);
        expect_all_went_in(world, results_of(world, said, 1));
    }
    world.expect(entries_of(world, stream).size() == 2, "RET-2",
                 "two entries were confirmed, and " + std::to_string(entries_of(world, stream).size()) + " are there");
}

// A server that stays busy: tried as often as was said, and then told.
Task<> retries_are_counted(World& world) {
    Proxy& proxy = world.proxy();
    Agent& agent = world.spawn();
    Json twice = quick;
    twice["max_retries"] = 2;
    co_await ready_to_publish_through(world, agent, proxy, twice);
    proxy.add({"XADD", 0, CommandFault::What::Answer, loading, Told::Both});
    const auto results = co_await publish_all(world, agent, world.stream("orders"), numbered(0, 1), Json::object());
    world.expect(results.front().error == "server_busy", "RET-1",
                 "a publish that is always answered by LOADING ends as '" + results.front().error + "'");
    world.expect(proxy.seen("XADD") == 3, "RET-1",
                 "with max_retries 2 it was tried " + std::to_string(proxy.seen("XADD")) + " times, not 3");
}

}  // namespace

std::vector<Case> publish_fault_cases() {
    constexpr auto publish = CaseClass::Publish;
    constexpr auto need = ServerNeed::Streams;
    return {
        {"publish/5-reordered",
         "One entry is refused for now: it is tried again, comes behind the others, and says so",
         {"PUB-1"},
         {"publish", "config"},
         publish,
         need,
         Timing::None,
         reordered},
        {"publish/6-transactions",
         "The answers to EXEC get lost: each transaction comes again as a whole, in order, and says so",
         {"PUB-1", "PUB-2"},
         {"publish", "config"},
         publish,
         need,
         Timing::None,
         transactions},
        {"publish/7-at-least-once",
         "3,000 entries through connections that are cut at random: none lost, in order, each doubled one marked",
         {"PUB-1", "PUB-2"},
         {"publish", "config"},
         publish,
         need,
         Timing::None,
         at_least_once},
        {"publish/8-idempotent",
         "10,000 entries through connections that are cut at random: each is there exactly once, in order",
         {"PUB-2", "PUB-1"},
         {"publish", "config"},
         publish,
         need,
         Timing::None,
         once_each},
        {"publish/9-window",
         "A repeat past idempotent_window is said to be maybe_duplicate, one within it is not",
         {"PUB-2"},
         {"publish", "config"},
         publish,
         need,
         Timing::None,
         past_the_window},
        {"publish/10-on-oom",
         "Out of memory: on_oom fail fails, on_oom retry waits for it",
         {"RET-2", "PUB-1"},
         {"publish", "config"},
         publish,
         need,
         Timing::None,
         out_of_memory},
        {"publish/16-retries",
         "A publish that is refused for now is tried again max_retries times, and then told",
         {"RET-1"},
         {"publish", "config"},
         publish,
         need,
         Timing::None,
         retries_are_counted},
    };
}

}  // namespace millrace::harness
