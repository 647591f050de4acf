// Servers that crash for real: a restart from the append-only file, a failover to a replica behind one address, and a
// restart that gives ids of old connections to new ones. Entries are confirmed before each fault; none is lost.

#include <algorithm>

#include "base/text.hpp"
#include "cases/expect.hpp"
#include "cases/table.hpp"

namespace millrace::harness {

namespace {

constexpr int entries_a_round = 1000;
constexpr int batch_size = 100;

const Json busy = {{"batch_size", batch_size},   {"flush_interval", "20ms"}, {"retry_delay", "50ms"},
                   {"max_retry_delay", "200ms"}, {"block", "500ms"},         {"read_slack", "1s"}};

// Publishes `count` entries, of which at least the last fifth waits unread while the agent is made to hold what it has.
Task<> fill(World& world, Agent& agent, const Start& start, int count) {
    for (int done = 0; done < count;) {
        const int chunk = std::min(500, count - done);
        if (done >= count * 4 / 5) agent.hold();
        world.publish(start.streams.front(), chunk);
        done += chunk;
        co_await world.news_or(world.now());
    }
}

// What it held goes on, and the fault comes a moment later: into the middle of the work.
Task<> let_work(World& world, Agent& agent) {
    agent.ack_as_they_come();
    const auto held = agent.unacked();
    if (!held.empty()) agent.ack(held);
    const Duration moment(world.random().between(0, 30'000));
    co_await world.pause(moment);
}

// Everything that was published comes, and is acked. What comes twice is counted by the figures.
Task<> expect_complete(World& world, Agent& agent, const Start& start, const std::string& after) {
    const size_t published = world.history().published.size();
    std::set<std::string> seen;
    size_t looked = 0;
    const auto all_came = [&] {
        const auto& batches = agent.batches();
        for (; looked < batches.size(); ++looked) {
            for (const auto& entry : batches[looked]->entries) seen.insert(entry.key.id);
        }
        return seen.size() >= published;
    };
    const bool came = co_await world.comes_true(all_came, 30s);
    world.expect(came, "RET-1",
                 "30 s " + after + ", " + std::to_string(seen.size()) + " of " + std::to_string(published) +
                     " entries were handed over; " + agent.last_error());
    const auto rest = agent.unacked();
    if (!rest.empty()) agent.ack(rest);
    co_await expect_none_pending(world, start, "ACK-6");
    expect_all_delivered(world, "REC-6");
    world.figure("lost", static_cast<double>(published - std::min(published, seen.size())));
}

Task<> restart(World& world) {
    OwnServer& server = world.own_server({"--appendonly", "yes", "--appendfsync", "always"});
    const Start start = world.consume("orders", busy);
    Agent& agent = world.spawn();
    co_await agent.ready(start);
    for (int fault = 0; fault < 2; ++fault) {
        co_await fill(world, agent, start, entries_a_round * world.rounds());
        co_await let_work(world, agent);
        world.server_down(server);
        co_await world.pause(300ms);
        server.restart();
        world.publish(start.streams.front(), 10);
        co_await expect_complete(world, agent, start, "after the server's restart");
    }
}

Task<> failover(World& world) {
    OwnServer& primary = world.own_server({});
    const Url primary_url = primary.url();
    OwnServer& replica = world.own_server({"--replicaof", "127.0.0.1", std::to_string(primary_url.port)});
    const auto linked = [&] {
        return world.command({"INFO", "replication"}).text.find("master_link_status:up") != std::string::npos;
    };
    const bool follows = co_await world.comes_true(linked, 15s);
    world.require(follows, "server", "the replica does not follow its primary within 15 s");
    world.use(primary);
    Proxy& proxy = world.proxy({primary_url, replica.url()});
    const Start start = world.consume_through(proxy, "orders", busy);
    Agent& agent = world.spawn();
    co_await agent.ready(start);
    co_await fill(world, agent, start, entries_a_round * world.rounds());
    const Reply confirmed = world.command({"WAIT", "1", "4000"});
    world.require(confirmed.integer == 1, "server", "the replica did not confirm what was published");
    co_await let_work(world, agent);

    world.failover(primary, replica);
    const auto moment = std::chrono::milliseconds(world.random().between(100, 600));
    co_await world.pause(moment);  // the replica is the only one there, and read-only
    world.expect(agent.alive(), "RET-3", "the agent ended when its primary did");
    world.command({"REPLICAOF", "NO", "ONE"});
    world.publish(start.streams.front(), 10);
    co_await expect_complete(world, agent, start, "after the failover");
}

// The id of the connection whose read blocks at the server.
std::optional<int64_t> blocked_id(World& world) {
    for (const auto& line : split(world.command({"CLIENT", "LIST"}).text, "\n")) {
        if (line.find("cmd=xreadgroup") == std::string::npos) continue;
        for (const auto& word : split(line, " ")) {
            if (word.starts_with("id=")) return parse_integer(std::string_view(word).substr(3));
        }
    }
    return std::nullopt;
}

// A restarted server counts its connections anew: CLIENT KILL of the id that the old lane had would hit a new one.
Task<> old_ids(World& world) {
    OwnServer& server = world.own_server({"--appendonly", "yes", "--appendfsync", "always"});
    const auto use_up_ids_to = [&](int64_t last) {
        do {
            world.use(server);  // connects anew
        } while (world.command({"CLIENT", "ID"}).integer < last);
    };
    use_up_ids_to(30);  // more than are used up by a restart
    Proxy& proxy = world.proxy();
    const Start start = world.consume_through(
        proxy, "orders", {{"batch_size", 5}, {"flush_interval", "20ms"}, {"retry_delay", "50ms"}, {"block", "1s"}});
    Agent& agent = world.spawn();
    co_await agent.ready(start);
    size_t expected = 0;
    // The id goes to the lane that connects first, then to the one that connects next.
    for (const int64_t before : {1, 2}) {
        const auto blocked = [&] { return blocked_id(world).has_value(); };
        const bool blocks = co_await world.comes_true(blocked, 5s);
        world.require(blocks, "BAT-1", "no read blocks at the server within 5 s");
        const int64_t old_id = *blocked_id(world);
        proxy.listen(false);
        world.server_down(server);
        server.restart();
        use_up_ids_to(old_id - before);
        const size_t connections = proxy.accepted().size();
        proxy.listen(true);
        world.publish(start.streams.front(), 5);
        expected += 5;
        const bool came = co_await agent.delivered(expected, 10s);
        world.require(came, "RET-1",
                      "10 s after the restart " + std::to_string(agent.delivered_count()) + " of " +
                          std::to_string(expected) + " came");
        const auto lanes = [&] { return proxy.accepted().size() >= connections + 2; };
        co_await world.comes_true(lanes, 2s);
        co_await world.pause(500ms);
        size_t closed = 0;
        const auto links = proxy.links();
        for (size_t i = connections; i < links.size(); ++i) closed += links[i].open_to_server ? 0U : 1U;
        world.expect(closed == 0, "REC-6",
                     "after a restart of the server, which gave the id of an old connection to a new one, " +
                         std::to_string(closed) + " new connections were closed: it killed its own");
    }
    co_await expect_none_pending(world, start, "ACK-6");
    expect_none_twice(world, "REC-1");
}

}  // namespace

std::vector<Case> failover_cases() {
    constexpr auto streams = CaseClass::Streams;
    constexpr auto need = ServerNeed::Streams;
    return {
        {"failover/1-restart",
         "SIGKILL of a server with appendonly and appendfsync always under load, twice: 0 lost",
         {"RET-1", "REC-6", "ACK-6"},
         {"streams", "concurrent", "config"},
         streams,
         need,
         Timing::None,
         restart,
         true},
        {"failover/2-replica",
         "SIGKILL of a primary under load; its replica takes over behind the same address: 0 lost",
         {"RET-3", "REC-6"},
         {"streams", "concurrent", "config"},
         streams,
         need,
         Timing::None,
         failover,
         true},
        {"failover/3-old-ids",
         "A restarted server gives the id of an old connection to a new lane, which is not killed",
         {"REC-6"},
         {"streams", "config"},
         streams,
         need,
         Timing::None,
         old_ids},
    };
}

}  // namespace millrace::harness
