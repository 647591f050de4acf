// What was seen is known to all of a group, and after any crash: `dedupe: redis` (DUP-3). And where the server refuses
// that, entries are worked on all the same, and it is told.

#include <array>

#include "base/text.hpp"
#include "cases/duplicates.hpp"
#include "cases/expect.hpp"
#include "cases/pending.hpp"
#include "cases/table.hpp"
#include "cases/trial.hpp"

namespace millrace::harness {

namespace {

// Whether the agent told an error of this code, and how often.
int errors_of(const Agent& agent, std::string_view code) {
    int count = 0;
    for (const Json& event : agent.events()) {
        if (event.value("event", "") == "error" && event.value("code", Json()) == code) ++count;
    }
    return count;
}

// Of a consumer that is killed, what it acked is known, and what it only held is not.
Task<> survives(World& world) {
    const Start start = world.consume("orders", deduping("redis"));
    Agent& first = world.spawn();
    co_await first.ready(start);
    const auto done = world.publish(start.streams.front(), {with_id("a", "1")});
    const bool came = co_await gets(world, first, done, 5s);
    world.require(came, "BAT-1", "1 published, none handed over");
    co_await expect_none_pending(world, start, "ACK-3");
    first.hold();
    const auto held = world.publish(start.streams.front(), {with_id("b", "2")});
    const bool taken = co_await gets(world, first, held, 5s);
    world.require(taken, "BAT-1", "1 more published, not handed over");
    first.kill();
    Agent& second = world.spawn();
    co_await second.ready(start);
    const auto more = world.publish(start.streams.front(), {with_id("a", "3"), with_id("c", "4")});
    const std::vector<EntryKey> fresh = {held[0], more[1]};
    const bool goes_on = co_await gets(world, second, fresh, 5s);
    world.expect(goes_on, "DUP-2", "after a crash what was not acked, or is new, is not handed over");
    const std::vector<EntryKey> copies = {more[0]};
    co_await expect_unseen(world, start, copies);
}

// Each id is worked on once, whichever of the two gets which of its copies.
Task<> shared(World& world) {
    const Start start = world.consume("orders", deduping("redis"));
    Start other = start;
    other.consumer += "-other";
    Agent& one = world.spawn();
    Agent& two = world.spawn();
    co_await one.ready(start);
    co_await two.ready(other);
    constexpr int ids = 50;
    std::vector<EntryKey> copies;
    for (int round = 0; round < 3; ++round) {
        std::vector<Fields> entries;
        for (int i = 0; i < ids; ++i) entries.push_back(with_id("id-" + std::to_string(i), std::to_string(round)));
        const auto keys = world.publish(start.streams.front(), entries);
        if (round == 0) {
            const bool came = co_await world.comes_true(
                [&] { return one.delivered_count() + two.delivered_count() == size_t{ids}; }, 10s);
            world.require(came, "BAT-1", std::to_string(ids) + " published, not all handed over");
            co_await expect_none_pending(world, start, "ACK-3");
        } else {
            copies.insert(copies.end(), keys.begin(), keys.end());
        }
    }
    co_await expect_unseen(world, start, copies);
    world.figure("duplicates", static_cast<double>(copies.size()));
}

Task<> window_of(World& world, const char* how) {
    Json config = deduping(how);
    config["dedupe_window"] = "500ms";
    const Start start = world.consume("orders", config);
    Agent& agent = world.spawn();
    co_await agent.ready(start);
    const auto first = world.publish(start.streams.front(), {with_id("a", "1")});
    const bool came = co_await gets(world, agent, first, 5s);
    world.require(came, "BAT-1", "1 published, none handed over");
    co_await world.pause(1s);
    const auto later = world.publish(start.streams.front(), {with_id("a", "2")});
    const bool again = co_await gets(world, agent, later, 5s);
    world.expect(again, "DUP-1", "past dedupe_window the id counts as seen");
    co_await expect_none_pending(world, start, "ACK-3");
}

Task<> window(World& world) {
    co_await window_of(world, "memory");
}

// Here it is the server's: its keys end by themselves.
Task<> shared_window(World& world) {
    co_await window_of(world, "redis");
}

Task<> with_deletion(World& world) {
    Json config = deduping("redis");
    config["delete_acked"] = true;
    const Start start = world.consume("orders", config);
    Agent& agent = world.spawn();
    co_await agent.ready(start);
    const auto first = world.publish(start.streams.front(), {with_id("a", "1"), with_id("b", "2")});
    const bool came = co_await gets(world, agent, first, 5s);
    world.require(came, "BAT-1", "2 published, " + std::to_string(agent.delivered_count()) + " handed over");
    co_await expect_none_pending(world, start, "ACK-3");
    const Reply left = world.command({"XLEN", start.streams.front()});
    world.expect(left.integer == 0, "ACK-5", std::to_string(left.integer) + " of 2 acked entries are still there");
    const auto copies = world.publish(start.streams.front(), {with_id("b", "3"), with_id("a", "4")});
    co_await expect_unseen(world, start, copies);
}

// The ack goes through where the mark does not, and that is told.
Task<> out_of_memory(World& world) {
    world.own_server({});
    const Start start = world.consume("orders", deduping("redis"));
    Agent& agent = world.spawn();
    agent.hold();
    co_await agent.ready(start);
    const auto first = world.publish(start.streams.front(), {with_id("a", "1"), with_id("b", "2")});
    const bool came = co_await gets(world, agent, first, 5s);
    world.require(came, "BAT-1", "2 published, " + std::to_string(agent.delivered_count()) + " handed over");
    world.record_fault("OOM on");
    world.command({"CONFIG", "SET", "maxmemory", "1"});
    const int64_t request = agent.ack(first);
    const Json* said = co_await agent.answer(request, 5s);
    world.require(said != nullptr, "DUP-3", "under OOM an ack is not answered");
    for (const EntryKey& key : first) {
        world.expect(code_of(said, key) == "ok", "DUP-3", "under OOM an ack ends as '" + code_of(said, key) + "'");
    }
    co_await expect_none_pending(world, start, "DUP-3");
    const bool told = co_await world.comes_true([&] { return errors_of(agent, "oom") > 0; }, 5s);
    world.expect(told, "DUP-3", "no event of code oom says that ids are unmarked");
    world.command({"CONFIG", "SET", "maxmemory", "0"});
    world.record_fault("OOM off");
    agent.ack_as_they_come();
    const auto second = world.publish(start.streams.front(), {with_id("a", "3"), with_id("c", "4")});
    const bool again = co_await gets(world, agent, second, 5s);
    world.expect(again, "DUP-3", "after OOM an unmarked id, or a new one, is not handed over");
    co_await expect_none_pending(world, start, "ACK-3");
    const auto copies = world.publish(start.streams.front(), {with_id("c", "5"), with_id("a", "6")});
    co_await expect_unseen(world, start, copies);
}

// Who may not ask, or not call scripts, does without: one event says so, and each entry is worked on.
Task<> not_allowed(World& world) {
    for (const char* const rule : {"-mget", "-@scripting"}) {
        Start start = world.consume(std::string("orders") + rule, deduping("redis"));
        start.url = world.acl_user({"~*", "+@all", rule}).text();
        Agent& agent = world.spawn();
        co_await agent.ready(start);
        std::vector<EntryKey> all;
        for (int i = 0; i < 3; ++i) {
            const auto keys = world.publish(start.streams.front(), {with_id("a", "1"), with_id("b", "2")});
            all.insert(all.end(), keys.begin(), keys.end());
        }
        const auto settled = [&] { return world.pending(start.streams.front(), start.group).empty(); };
        const std::vector<EntryKey> first = {all[0], all[1]};
        const bool came = co_await gets(world, agent, first, 5s);
        world.expect(came, "DUP-3", std::string(rule) + ": entries are not handed over");
        const bool acked = co_await world.comes_true(settled, 5s);
        world.expect(acked, "DUP-3", std::string(rule) + ": entries are not acked");
        // The server knows of an ack before the agent has told of it: what is handed over later comes behind all that.
        const auto later = world.publish(start.streams.front(), {with_id("c", "3")});
        const bool goes_on = co_await gets(world, agent, later, 5s);
        world.expect(goes_on, "DUP-3", std::string(rule) + ": a later entry is not handed over");
        const int told = errors_of(agent, "no_permission");
        world.expect(told == 1, "RET-1", std::string(rule) + ": told " + std::to_string(told) + " times, not once");
    }
}

// Question and mark are commands like others: their replies go lost, and they are refused, and nothing is lost by it.
Task<> faults(World& world) {
    constexpr std::array errors{"LOADING Redis is loading the dataset in memory",
                                "MASTERDOWN Link with MASTER is down",
                                "BUSY Redis is busy running a script.",
                                "READONLY You can't write against a read only replica.",
                                "MISCONF Redis is configured to save RDB snapshots",
                                "OOM command not allowed when used memory > 'maxmemory'.",
                                "NOPERM this user has no permissions to run this command",
                                "ERR unknown command, with args beginning with: ",
                                "ERR syntax error",
                                "CROSSSLOT Keys in request don't hash to the same slot",
                                "MOVED 3999 127.0.0.1:6381",
                                "NOSCRIPT No matching script.",
                                "ERR something that no table knows"};
    const Json config = {{"dedupe", "redis"}};
    std::vector<Trial> trials;
    for (const std::string command : {"MGET", "EVALSHA"}) {
        for (const std::string error : errors) {
            const CommandFault fault{command, 0, CommandFault::What::Answer, "-" + error + "\r\n", Told::Both};
            trials.emplace_back(world, Trial::Plan{.name = command + " answered with " + excerpt(error),
                                                   .spec = "RET-2",
                                                   .fault = [fault](Proxy& proxy) { proxy.add(fault); },
                                                   .heal_after = 400ms,
                                                   .config = config});
        }
        for (const Told told : {Told::Both, Told::Client, Told::Nobody}) {
            const CommandFault fault{command, 1, CommandFault::What::LoseReply, "", told};
            trials.emplace_back(world, Trial::Plan{.name = "the reply to " + command + " lost",
                                                   .spec = "ACK-6",
                                                   .fault = [fault](Proxy& proxy) { proxy.add(fault); },
                                                   .config = config});
        }
    }
    co_await play(world, trials);
    double struck = 0;
    for (const Trial& trial : trials) struck += trial.strikes() > 0 ? 1 : 0;
    world.expect(struck == static_cast<double>(trials.size()), "DUP-3",
                 "the server is not asked, or not told, in each life");
    world.figure("lives", static_cast<double>(trials.size()));
}

}  // namespace

std::vector<Case> shared_dedupe_cases() {
    constexpr auto streams = CaseClass::Streams;
    constexpr auto need = ServerNeed::Streams;
    constexpr auto untimed = Timing::None;
    return {
        {"dedupe/4-redis",
         "With dedupe redis an id that was acked is known after a crash; one that was only held is not",
         {"DUP-2", "DUP-3"},
         {"streams", "dedupe", "config"},
         streams,
         need,
         untimed,
         survives},
        {"dedupe/5-window",
         "Past its window an id is new",
         {"DUP-1"},
         {"streams", "dedupe", "config"},
         streams,
         need,
         untimed,
         window},
        {"dedupe/6-shared",
         "With dedupe redis consumers of one group work on an id once",
         {"DUP-3"},
         {"streams", "dedupe", "config"},
         streams,
         need,
         untimed,
         shared},
        {"dedupe/7-shared-window",
         "With dedupe redis an id is new past its window",
         {"DUP-1", "DUP-3"},
         {"streams", "dedupe", "config"},
         streams,
         need,
         untimed,
         shared_window},
        {"dedupe/8-deleted",
         "With dedupe redis and delete_acked an entry goes with its ack, and its id is known",
         {"DUP-3", "ACK-5"},
         {"streams", "dedupe", "config"},
         streams,
         need,
         untimed,
         with_deletion},
        {"dedupe/9-oom",
         "Under OOM entries are acked all the same, and an event says that their ids are unmarked",
         {"DUP-3", "RET-2"},
         {"streams", "dedupe", "concurrent", "config"},
         streams,
         need,
         untimed,
         out_of_memory},
        {"dedupe/10-not-allowed",
         "Who may not ask for ids, or mark them, works on entries all the same and says so once",
         {"DUP-3", "RET-1"},
         {"streams", "dedupe", "config"},
         streams,
         need,
         untimed,
         not_allowed},
        {"dedupe/11-faults",
         "The question for ids and their mark lose replies and are refused: nothing is lost by it",
         {"DUP-3", "RET-2", "ACK-6"},
         {"streams", "dedupe", "concurrent", "config"},
         streams,
         need,
         untimed,
         faults},
    };
}

}  // namespace millrace::harness
