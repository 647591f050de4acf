// Memory that is refused is a typed error, or another try; never an end of the process, and nothing is lost by it.
#include <gtest/gtest.h>

#include "base/allocation.hpp"
#include "support/scripted_host.hpp"

namespace millrace::test {
namespace {

constexpr const char* dropped = " dropped: out_of_memory (";

TEST(RefusedMemory, ForAnAckLeavesEverythingHeld) {
    bool failed = false;
    bool went = false;
    for (uint64_t granted = 0; granted < 8; ++granted) {
        ScriptedHost host;
        consume(host);
        host.reply("read", stream("s", {"1-0", "2-0", "3-0", "4-0", "5-0"}));
        host.forget();
        Status status;
        {
            const Scarcity scarcity(granted);
            status = host.machine.ack(host.batch(1), EntrySet::all(), host.now());
        }
        host.settle();
        if (status.ok()) {
            went = true;
            continue;
        }
        failed = true;
        EXPECT_EQ(status.error().code, Code::out_of_memory);
        EXPECT_EQ(host.story(), "");
        EXPECT_TRUE(host.ack(1).ok());
        EXPECT_EQ(host.story(),
                  lines({"read: XACK s g 1-0 2-0 3-0 4-0 5-0", "read: XREADGROUP GROUP g c COUNT 5 STREAMS s >"}));
    }
    EXPECT_TRUE(failed && went);
}

TEST(RefusedMemory, ForAnEntryLeavesItPendingAndRecoveryBringsIt) {
    ScriptedHost host;
    consume(host);
    const std::string reply = stream("s", {"1-0"});
    const std::span<std::byte> room = host.machine.input_room(host.conn("read"), reply.size());
    std::copy(reply.begin(), reply.end(), reinterpret_cast<char*>(room.data()));
    {
        const Scarcity scarcity(2);  // for the segment, and not for the held table
        host.machine.handle_input(host.conn("read"), reply.size(), host.now());
        EXPECT_TRUE(scarcity.struck());
    }
    host.settle();
    EXPECT_EQ(host.story(),
              lines({"failure: out_of_memory (no memory to hold entry 1-0; it stays pending) retryable"}));
    EXPECT_EQ(host.fire(), 100);
    EXPECT_EQ(host.story(), lines({"read: XPENDING s g 0-1 + 20 c"}));
    host.reply("read", array({pending("1-0", "c", 100, 1)}));
    host.reply("read", stream("s", {"1-0"}));
    host.reply("read", array({}));
    EXPECT_NE(host.story().find("batch 1 by recovery: 1-0(x2)\n"), std::string::npos);
}

TEST(RefusedMemory, ForATailsEntryIsReadAgainAndInOrder) {
    bool struck = false;
    for (uint64_t granted = 0; granted < 12; ++granted) {
        ScriptedHost host;
        host.open(tail_of("0"));
        host.greet("read");
        host.forget();
        const std::string reply = stream("s", {"1-0", "2-0", "3-0"});
        const std::span<std::byte> room = host.machine.input_room(host.conn("read"), reply.size());
        std::copy(reply.begin(), reply.end(), reinterpret_cast<char*>(room.data()));
        {
            const Scarcity scarcity(granted);
            host.machine.handle_input(host.conn("read"), reply.size(), host.now());
            struck = struck || scarcity.struck();
        }
        host.settle();
        std::string story = host.story();
        for (int i = 0; i < 4 && story.find("XREAD COUNT") == std::string::npos; ++i) {
            host.fire();
            if (host.lives("read")) host.greet("read");
            story += host.story();
        }
        // Whatever had come is told, and the next read begins behind it.
        for (const char* id : {"1-0", "2-0", "3-0"}) {
            const bool told = story.find(std::string(" ") + id + "\n") != std::string::npos ||
                              story.find(std::string(" ") + id + " ") != std::string::npos;
            const bool skipped = !told && story.find(std::string("STREAMS s ") + id) != std::string::npos;
            EXPECT_FALSE(skipped) << granted << "\n" << story;
        }
        EXPECT_NE(story.find("XREAD COUNT"), std::string::npos) << granted << "\n" << story;
    }
    EXPECT_TRUE(struck);
}

TEST(RefusedMemory, ForAMessageIsTold) {
    ClientConfig config;
    config.mode = Mode::pubsub;
    ScriptedHost host(config);
    host.open(source_of());
    host.greet("read");
    host.greet("push");
    host.reply("push", push({bulk("subscribe"), bulk("s"), integer(1)}));
    host.forget();
    const std::string message = push({bulk("message"), bulk("s"), bulk(std::string(3000, 'x'))});
    const std::span<std::byte> room = host.machine.input_room(host.conn("push"), message.size());
    std::copy(message.begin(), message.end(), reinterpret_cast<char*>(room.data()));
    bool told = false;
    {
        const Scarcity scarcity(2);
        host.machine.handle_input(host.conn("push"), message.size(), host.now());
        EXPECT_TRUE(scarcity.struck());
    }
    host.settle();
    const std::string story = host.story();
    told = story.find("out_of_memory") != std::string::npos;
    EXPECT_TRUE(told) << story;
}

TEST(RefusedMemory, ForAPublishTakesNothingOfIt) {
    bool failed = false;
    bool went = false;
    const std::vector<Field> fields{{"f", "v"}, {"g", "w"}};
    const std::vector<PublishEntry> entries{{fields}, {fields}};
    Publish what;
    what.stream = "s";
    what.entries = entries;
    for (uint64_t granted = 0; granted < 8; ++granted) {
        ScriptedHost host;
        Result<Ticket> ticket = Error(Code::ok, "");
        {
            const Scarcity scarcity(granted);
            ticket = host.machine.publish(what, host.now());
        }
        host.settle();
        went = went || ticket.ok();
        if (ticket.ok()) continue;
        failed = true;
        EXPECT_EQ(ticket.error().code, Code::out_of_memory);
        EXPECT_EQ(host.story(), "");
        EXPECT_TRUE(host.publish(what).ok());
    }
    EXPECT_TRUE(failed && went);
}

/// Whoever can't write a command, and does not try again by itself at the next turn, gives the connection up.
TEST(RefusedMemory, ForACommandTriesOnANewConnection) {
    const auto refused_in = [](ScriptedHost& host, const std::string& lane, std::string_view bytes) {
        const std::span<std::byte> room = host.machine.input_room(host.conn(lane), bytes.size());
        std::copy(bytes.begin(), bytes.end(), reinterpret_cast<char*>(room.data()));
        host.forget();
        {
            const Scarcity scarcity(0);
            host.machine.handle_input(host.conn(lane), bytes.size(), host.now());
        }
        host.settle();
        return host.story();
    };
    ClientConfig config;
    config.client_name = std::string(500, 'n');
    config.mode = Mode::pubsub;
    {
        ScriptedHost host(config);  // of the handshake
        host.open(source_of());
        host.forget();
        {
            const Scarcity scarcity(0);
            host.machine.handle_connected(host.conn("read"), host.now());
        }
        host.settle();
        EXPECT_EQ(host.story().find("disconnected read dropped: out_of_memory (no memory for the first command"), 0U);
        EXPECT_EQ(host.fire(), 100);
    }
    {
        ScriptedHost host(config);  // SUBSCRIBE
        host.open(source_of({std::string(5000, 's')}));
        host.greet("read");
        host.connected("push");
        host.reply("push", hello(3, 7));
        EXPECT_NE(refused_in(host, "push", info("7.0.15")).find("disconnected push" + std::string(dropped)),
                  std::string::npos);
    }
    {
        ScriptedHost host;  // MULTI … EXEC
        ASSERT_TRUE(host.publish("s", {std::string(9000, 'x')}, true).ok());
        host.connected("publish");
        host.reply("publish", hello(3, 7));
        EXPECT_NE(refused_in(host, "publish", info("7.0.15")).find("disconnected publish" + std::string(dropped)),
                  std::string::npos);
        host.fire();
        host.greet("publish");
        const std::string story = host.story();
        EXPECT_NE(story.find("publish: MULTI\n"), std::string::npos) << story;
    }
}

TEST(Logs, AreDroppedAndCountedWhileTheHostPollsNothing) {
    ScriptedHost host;
    consume_again(host);
    Items gone;
    Items shown;
    for (int i = 1; i <= 20; ++i) {
        gone.push_back(deleted(std::to_string(i) + "-0"));
        shown.push_back(pending(std::to_string(i) + "-0", "c", 1, 1));
    }
    // Pages of deleted entries, each of which is a line of the log, and no event is polled.
    Machine& machine = host.machine;
    const auto feed = [&](const std::string& bytes) {
        const std::span<std::byte> room = machine.input_room(host.conn("read"), bytes.size());
        ASSERT_GE(room.size(), bytes.size());
        std::copy(bytes.begin(), bytes.end(), reinterpret_cast<char*>(room.data()));
        machine.handle_input(host.conn("read"), bytes.size(), host.now());
    };
    for (int round = 0; round < 250; ++round) {
        feed(array(shown));
        feed(stream_of("s", gone));
        feed(integer(20));  // of the XACK, which stands before the next XPENDING
    }
    size_t waiting = 0;
    while (machine.poll_event().has_value()) ++waiting;
    EXPECT_EQ(waiting, 4096U);
    feed(array(shown));
    feed(stream_of("s", gone));
    host.settle();
    EXPECT_NE(host.story().find("messages_dropped_before=904"), std::string::npos);
}

}  // namespace
}  // namespace millrace::test
