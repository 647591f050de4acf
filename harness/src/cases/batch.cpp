// What a batch carries: order, bytes, and what is held at most.

#include "base/text.hpp"
#include "cases/table.hpp"

namespace millrace::harness {

namespace {

Task<> thousand_in_order(World& world) {
    const Start start = world.consume("orders", {{"batch_size", 7}, {"flush_interval", "50ms"}});
    Agent& agent = world.spawn();
    co_await agent.ready(start);

    // In portions of uneven size, so that batches end at every place of a reply.
    int published = 0;
    while (published < 1000) {
        const int count = static_cast<int>(std::min<int64_t>(world.random().between(1, 60), 1000 - published));
        world.publish(start.streams.front(), count);
        published += count;
        co_await world.news_or(world.now() + 2ms);
    }
    const bool all = co_await agent.delivered(1000, 20s);
    world.expect(all, "BAT-2", "1000 published, " + std::to_string(agent.delivered_count()) + " handed over");
}

Task<> bytes_kept(World& world) {
    const Start start = world.consume("orders", {{"batch_size", 10}, {"flush_interval", "100ms"}});
    Agent& agent = world.spawn();
    co_await agent.ready(start);

    std::string all_bytes;
    for (int i = 0; i < 256; ++i) all_bytes += static_cast<char>(i);
    std::string large;
    while (large.size() < size_t{1} << 20U) large += static_cast<char>(world.random().next());
    const std::vector<Fields> entries = {
        {{"b", "2"}, {"a", "1"}, {"b", "3"}, {"b", "2"}},  // order and repeats
        {{"", ""}},
        {{"text", "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80 \"quoted\"\\\r\n\t"}},
        {{"bytes", all_bytes}, {all_bytes, "a name of bytes"}},
        {{"zero", std::string("a\0b", 3)}},
        {{"long", std::string(5000, 'x')}},
        {{"large", large}},
        {{"$5", "*3\r\n"}, {"{\"b64\":\"AA==\"}", "{\"sha256\":\"no\",\"len\":1}"}},
    };
    world.publish(start.streams.front(), entries);
    const bool all = co_await agent.delivered(entries.size(), 10s);
    world.expect(all, "PUB-5",
                 std::to_string(entries.size()) + " entries of all kinds of bytes published, " +
                     std::to_string(agent.delivered_count()) + " handed over");
    // The checker compares the fields of every delivery with what was published.
}

Task<> held_within_prefetch(World& world) {
    const Start start = world.consume("orders", {{"batch_size", 5}, {"prefetch", 10}, {"flush_interval", "100ms"}});
    Agent& agent = world.spawn();
    agent.hold();
    co_await agent.ready(start);

    world.publish(start.streams.front(), 40);
    const bool came = co_await agent.delivered(10, 5s);
    world.require(came, "BAT-1", "prefetch 10: " + std::to_string(agent.delivered_count()) + " handed over");
    co_await world.pause(500ms);  // long enough for one that does not stop
    const auto pending = world.pending(start.streams.front(), start.group);
    world.expect(pending.size() <= 10, "BP-1",
                 std::to_string(pending.size()) + " entries are pending with prefetch 10");

    // Reading goes on by itself as acks make room.
    agent.ack_as_they_come();
    const auto held = agent.unacked();
    agent.ack(held);
    const bool all = co_await agent.delivered(40, 5s);
    world.expect(all, "BP-1", "after the acks " + std::to_string(agent.delivered_count()) + " of 40 were handed over");
}

}  // namespace

std::vector<Case> batch_cases() {
    return {
        {"batch/1-order",
         "1000 entries in portions of every size come in the order of the stream",
         {"BAT-2"},
         {"streams"},
         CaseClass::Streams,
         ServerNeed::Streams,
         Timing::None,
         thousand_in_order},
        {"batch/2-bytes",
         "Bytes, order and repeats of fields are kept, up to 1 MiB",
         {"PUB-5"},
         {"streams"},
         CaseClass::Streams,
         ServerNeed::Streams,
         Timing::None,
         bytes_kept},
        {"batch/3-prefetch",
         "No more than prefetch is held; acks make room",
         {"BP-1"},
         {"streams", "concurrent", "config"},
         CaseClass::Streams,
         ServerNeed::Streams,
         Timing::None,
         held_within_prefetch},
    };
}

}  // namespace millrace::harness
