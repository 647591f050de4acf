// Replies that get lost after the server has executed the command: nothing is lost with them, nothing acked comes
// again, and no delivery is counted that did not happen.

#include <array>
#include <optional>

#include "base/text.hpp"
#include "cases/expect.hpp"
#include "cases/table.hpp"

namespace millrace::harness {

namespace {

// Who learns that the connection is gone along with the reply.
constexpr std::array told_in_turn{Told::Both, Told::Nobody, Told::Client, Told::Server};

const Json quick = {
    {"batch_size", 5},  {"flush_interval", "20ms"}, {"retry_delay", "50ms"},  {"max_retry_delay", "200ms"},
    {"block", "200ms"}, {"read_slack", "500ms"},    {"health_deadline", "1s"}};

CommandFault lose(const std::string& command, Told told, uint64_t nth = 1) {
    return {command, nth, CommandFault::What::LoseReply, "", told};
}

// The group exists, and `count` entries are pending for the consumer that will start.
std::vector<EntryKey> leave_pending(World& world, const Start& start, int count) {
    const std::string& stream = start.streams.front();
    world.command({"XGROUP", "CREATE", stream, start.group, "0", "MKSTREAM"});
    auto keys = world.publish(stream, count);
    const std::string all = std::to_string(count);
    world.command({"XREADGROUP", "GROUP", start.group, start.consumer, "COUNT", all, "STREAMS", stream, ">"});
    return keys;
}

void expect_counts(World& world, const Start& start, size_t entries, int64_t deliveries, const std::string& when) {
    const auto pending = pending_by_id(world, start);
    world.expect(pending.size() == entries, "REC-1",
                 std::to_string(pending.size()) + " of " + std::to_string(entries) + " entries are pending " + when);
    for (const auto& [id, entry] : pending) {
        world.expect(entry.deliveries == deliveries, "REC-1",
                     "entry " + id + " counts " + std::to_string(entry.deliveries) + " deliveries at the server " +
                         when + ", and it was delivered " + std::to_string(deliveries) +
                         " times: that makes poison of it");
    }
}

// What was delivered often only by the server's count is no poison.
void expect_none_dead(World& world, const Start& start) {
    const Reply dead = world.command({"EXISTS", "{" + start.streams.front() + "}:dead"});
    world.expect(dead.integer == 0, "DLQ-1", "a healthy entry was dead-lettered");
}

Task<> new_entries(World& world) {
    Proxy& proxy = world.proxy();
    const Start start = world.consume_through(proxy, "orders", quick);
    Agent& agent = world.spawn();
    co_await agent.ready(start);
    size_t expected = 0;
    size_t taken_unseen = 0;
    for (const Told told : told_in_turn) {
        proxy.add(lose("XREADGROUP >", told));
        // The read that is out now was sent before: the next one loses its reply.
        const uint64_t reads = proxy.seen("XREADGROUP >");
        const uint64_t strikes = proxy.strikes();
        const auto asked = [&] { return proxy.seen("XREADGROUP >") > reads; };
        const bool reads_on = co_await world.comes_true(asked, 5s);
        world.require(reads_on, "BAT-1", "no further read within 5 s");
        world.publish(start.streams.front(), 3);
        expected += 3;
        const auto struck = [&] { return proxy.strikes() > strikes; };
        const bool lost = co_await world.comes_true(struck, 5s);
        world.require(lost, "BAT-1", "a read was out, and nothing answered it");
        taken_unseen += world.pending(start.streams.front(), start.group).size();
        const bool came = co_await agent.delivered(expected, 10s);
        world.require(came, "REC-6",
                      "10 s after the reply of a read was lost " + std::to_string(agent.delivered_count()) + " of " +
                          std::to_string(expected) + " entries were handed over");
    }
    world.expect(taken_unseen > 0, "harness", "no reply that was lost held an entry: nothing was tested");
    co_await expect_none_pending(world, start, "ACK-6");
    expect_all_delivered(world, "REC-6");
    expect_none_twice(world, "REC-1");
    world.figure("taken_unseen", static_cast<double>(taken_unseen));
}

Task<> sixteen_pages(World& world) {
    Proxy& proxy = world.proxy();
    const Start start = world.consume_through(proxy, "orders", quick);
    leave_pending(world, start, 7);
    proxy.add(lose("XREADGROUP ID", Told::Both, 0));
    Agent& agent = world.spawn();
    agent.hold();
    co_await agent.hello();
    agent.start(start);
    const auto often = [&] { return proxy.strikes() >= 16; };
    const bool lost = co_await world.comes_true(often, 20s);
    world.require(
        lost, "RET-1",
        "only " + std::to_string(proxy.strikes()) + " reads of its own entries within 20 s, each without a reply");
    proxy.heal();
    const bool came = co_await agent.delivered(7, 10s);
    world.require(came, "REC-1",
                  "after 16 lost replies of 0 " + std::to_string(agent.delivered_count()) + " of 7 pending came");
    for (const auto* batch : agent.batches()) {
        for (const auto& entry : batch->entries) {
            world.expect(entry.deliveries.value_or(2) == 2, "REC-1",
                         "entry " + entry.key.id + " says deliveries " + std::to_string(entry.deliveries.value_or(0)) +
                             " after lost replies of 0: it is the second");
        }
    }
    expect_counts(world, start, 7, 2, "after 16 lost replies of 0");
    expect_none_dead(world, start);
    const auto held = agent.unacked();
    agent.ack(held);
    co_await expect_none_pending(world, start, "ACK-6");
}

// What is held is read again by every recovery, and delivered by none.
Task<> sixteen_reconnects(World& world) {
    Proxy& proxy = world.proxy();
    const Start start = world.consume_through(proxy, "orders", quick);
    Agent& agent = world.spawn();
    agent.hold();
    co_await agent.ready(start);
    world.publish(start.streams.front(), 5);
    const bool came = co_await agent.delivered(5, 5s);
    world.require(came, "BAT-1", "5 published, " + std::to_string(agent.delivered_count()) + " handed over");
    for (int round = 0; round < 16; ++round) {
        const uint64_t before = proxy.seen("XREADGROUP >");
        world.record_fault("all connections cut");
        proxy.cut(told_in_turn[static_cast<size_t>(round) % 3 == 2 ? 2 : 0]);
        const auto back = [&] { return proxy.seen("XREADGROUP >") > before; };
        const bool reads = co_await world.comes_true(back, 10s);
        world.require(reads, "RET-1", "10 s after its connections were cut the agent reads nothing new");
    }
    co_await world.pause(200ms);
    expect_counts(world, start, 5, 1, "after 16 reconnects of a consumer that holds it");
    world.expect(agent.delivered_count() == 5, "REC-1", "held entries came again after a reconnect");
    expect_none_dead(world, start);
    const auto held = agent.unacked();
    const auto request = agent.ack(held);
    const Json* said = co_await agent.answer(request, 5s);
    world.require(said != nullptr, "ACK-6", "no answer to an ack within 5 s");
    co_await expect_none_pending(world, start, "ACK-6");
}

Task<> acks(World& world) {
    Proxy& proxy = world.proxy();
    const Start start = world.consume_through(proxy, "orders", quick);
    Agent& agent = world.spawn();
    agent.hold();
    co_await agent.ready(start);
    size_t expected = 0;
    for (const Told told : told_in_turn) {
        world.publish(start.streams.front(), 5);
        expected += 5;
        const bool came = co_await agent.delivered(expected, 10s);
        world.require(came, "RET-1",
                      std::to_string(agent.delivered_count()) + " of " + std::to_string(expected) + " handed over");
        const uint64_t strikes = proxy.strikes();
        proxy.add(lose("XACK", told));
        const auto held = agent.unacked();
        const auto request = agent.ack(held);
        const Json* said = co_await agent.answer(request, 10s);
        world.require(said != nullptr, "ACK-6", "10 s after the reply to XACK was lost the ack is not answered");
        world.expect(proxy.strikes() > strikes, "harness", "no reply to XACK was lost");
        for (const auto& result : parse_acked(*said)) {
            world.expect(result.code == "ok", "ACK-6",
                         "the ack of " + result.key.id + ", whose reply was lost, ends as '" + result.code + "'");
        }
    }
    co_await expect_none_pending(world, start, "ACK-6");
    co_await world.pause(300ms);
    world.expect(agent.delivered_count() == expected, "REC-1", "acked entries came again");
}

// Which of the proxy's connections a read blocks on.
std::optional<size_t> link_that_blocks(World& world, const Proxy& proxy) {
    const auto links = proxy.links();
    for (const auto& line : split(world.command({"CLIENT", "LIST"}).text, "\n")) {
        if (line.find(" flags=b ") == std::string::npos) continue;
        for (size_t i = 0; i < links.size(); ++i) {
            const std::string port = ":" + std::to_string(links[i].port) + " ";
            if (links[i].open_to_server && line.find(port) < line.find(" name=")) return i;
        }
    }
    return std::nullopt;
}

// An ack is on its way on one connection, slowly, as the other, on which the read blocks, goes. The page of recovery
// that is read on a new one holds the entry still; it comes when the ack has been answered. True if it was so.
Task<bool> one_late_page(World& world, Proxy& proxy, Agent& agent) {
    constexpr Duration slow = 500ms;
    const auto blocks = [&] { return link_that_blocks(world, proxy).has_value(); };
    const bool is_blocked = co_await world.comes_true(blocks, 5s);
    if (!is_blocked) world.unsupported("no read of it blocks at the server");
    const auto reader = link_that_blocks(world, proxy);
    if (!reader) co_return false;
    const uint64_t acks = proxy.seen("XACK");
    const uint64_t pages = proxy.seen("XREADGROUP ID");
    proxy.pace({slow, 0, 0});
    const Instant asked = world.now();
    const auto held = agent.unacked();
    const auto request = agent.ack(held);
    const auto is_sent = [&] { return proxy.seen("XACK") > acks; };
    co_await world.comes_true(is_sent, 2s);
    proxy.pace({});
    proxy.add({"XREADGROUP ID", 1, CommandFault::What::HoldReply, "", Told::Both});
    proxy.add(CutAt{Direction::Down, proxy.links()[*reader].down, *reader});
    const auto is_read = [&] { return proxy.seen("XREADGROUP ID") > pages; };
    const bool read = co_await world.comes_true(is_read, 5s);
    world.require(read, "REC-1", "5 s after the connection of its read was cut the agent reads no page of its entries");
    const bool before_the_ack = world.now() - asked < slow - 50ms;
    const Json* said = co_await agent.answer(request, 2s);
    const bool is_late = said != nullptr && before_the_ack && proxy.seen("XACK") == acks + 1;
    proxy.release();
    said = co_await agent.answer(request, 5s);
    world.require(said != nullptr, "ACK-6", "no answer to an ack within 5 s");
    co_return is_late;
}

Task<> acked_during_page(World& world) {
    Proxy& proxy = world.proxy();
    Json config = quick;
    config.update({{"block", "5s"}, {"read_slack", "5s"}, {"health_deadline", "10s"}});  // the page may take its time
    const Start start = world.consume_through(proxy, "orders", config);
    Agent& agent = world.spawn();
    agent.hold();
    co_await agent.ready(start);
    size_t late = 0;
    for (int round = 0; round < 3; ++round) {
        const size_t before = agent.delivered_count();
        world.publish(start.streams.front(), 5);
        const bool came = co_await agent.delivered(before + 5, 5s);
        world.require(came, "BAT-1",
                      "5 published, " + std::to_string(agent.delivered_count() - before) + " handed over");
        const bool is_late = co_await one_late_page(world, proxy, agent);
        late += is_late ? 1U : 0U;
        co_await world.pause(100ms);
        world.expect(agent.delivered_count() == before + 5, "REC-1",
                     "an entry that was acked while the page was on its way came again");
    }
    co_await expect_none_pending(world, start, "ACK-6");
    world.figure("late_pages", static_cast<double>(late));
    if (late == 0) world.unsupported("its acks go before the page, or wait behind it: there was nothing to see");
}

}  // namespace

std::vector<Case> lost_reply_cases() {
    constexpr auto streams = CaseClass::Streams;
    constexpr auto need = ServerNeed::Streams;
    return {
        {"lost-reply/1-new-entries",
         "The reply of a read of new entries is lost: they come by recovery, once",
         {"REC-6", "REC-1"},
         {"streams", "config"},
         streams,
         need,
         Timing::None,
         new_entries},
        {"lost-reply/2-sixteen-pages",
         "16 replies of recovery are lost: delivered twice, and counted twice",
         {"REC-1", "DLQ-1"},
         {"streams", "concurrent", "config"},
         streams,
         need,
         Timing::None,
         sixteen_pages},
        {"lost-reply/3-sixteen-reconnects",
         "16 reconnects of a consumer that holds healthy entries: counted once, delivered once",
         {"REC-1", "DLQ-1"},
         {"streams", "concurrent", "config"},
         streams,
         need,
         Timing::None,
         sixteen_reconnects},
        {"lost-reply/4-xack",
         "The reply of XACK is lost: it is sent again, and nothing acked comes again",
         {"ACK-6", "REC-1"},
         {"streams", "concurrent", "config"},
         streams,
         need,
         Timing::None,
         acks},
        {"lost-reply/5-acked-during-page",
         "An ack is answered while a page of recovery is on its way: the entry is not delivered again",
         {"REC-1"},
         {"streams", "concurrent", "config"},
         streams,
         need,
         Timing::None,
         acked_during_page},
    };
}

}  // namespace millrace::harness
