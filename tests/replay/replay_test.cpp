// The replay itself: it repeats what it is given, notices a difference, and refuses what is no trace.
#include <gtest/gtest.h>

#include <string>

#include "replay.hpp"
#include "traced_machine.hpp"

namespace millrace::replay {
namespace {

std::string short_trace() {
    std::string trace;
    auto machine = TracedMachine::create("redis://localhost?retry_delay=5ms", {1, UINT64_MAX}, {1}, {2}, trace);
    EXPECT_TRUE(machine.ok());
    TracedMachine& m = machine.value();
    static_cast<void>(m.open("redis://localhost?stream=a%22b&group=g&consumer=c", {10}));
    while (m.poll_event()) continue;
    const std::optional<Action> action = m.poll_action();
    EXPECT_TRUE(action && std::holds_alternative<Connect>(*action));
    const ConnId conn = std::get<Connect>(*action).conn;
    m.handle_connected(conn, {20});
    while (const std::optional<ConnId> writable = m.poll_writable()) {
        m.advance_transmit(*writable, m.transmit(*writable)[0].size());
    }
    const std::string reply("-ERR unknown \x01\"\\command\r\n");
    const std::span<std::byte> room = m.input_room(conn, 100);
    for (size_t i = 0; i < reply.size(); ++i) room[i] = static_cast<std::byte>(reply[i]);
    m.handle_input(conn, reply.size(), {30});
    const Field fields[] = {{"k", std::string_view("\0\xff\r\n", 4)}, {"", ""}};
    const PublishEntry entries[] = {{fields}, {std::span<const Field>(fields).first(1)}};
    static_cast<void>(m.publish({"s", entries, PublishConfig{.atomic = true}}, {35}));
    const uint32_t indices[] = {0, 2};
    static_cast<void>(m.ack(BatchId{65536}, EntrySet::of(indices), {36}));
    static_cast<void>(m.nack(BatchId{65536}, EntrySet::all(), std::nullopt, {37}));
    static_cast<void>(m.nack(BatchId{65536}, EntrySet::all(), milliseconds(5), {38}));
    m.release(BatchId{65536}, {38});
    static_cast<void>(m.pause(SourceId{9}, {39}));
    static_cast<void>(m.resume(SourceId{9}, {39}));
    m.handle_wall_clock({3}, {39});
    m.handle_disconnected(conn, DisconnectReason::reset, {40});
    static_cast<void>(m.poll_timeout());
    m.handle_timeout({50'000});
    static_cast<void>(m.close(SourceId{1}, {60'000}));
    static_cast<void>(m.drain({seconds(1), true}, {70'000}));
    while (m.poll_event()) continue;
    while (m.poll_action()) continue;
    static_cast<void>(m.finished());
    return trace;
}

TEST(Replay, RepeatsEveryKindOfCall) {
    const std::string trace = short_trace();
    const Result<std::string> again = replay(trace);
    ASSERT_TRUE(again.ok()) << again.error().message;
    EXPECT_EQ(first_difference(trace, *again), "");
    EXPECT_EQ(*again, trace);
    for (const char* verb :
         {"create",  "open",   "close",     "drain",        "publish",   "ack",      "nack",    "release",
          "pause",   "resume", "connected", "disconnected", "room",      "input",    "timeout", "wall",
          "action?", "event?", "writable?", "timeout?",     "finished?", "transmit", "sent"}) {
        EXPECT_NE(trace.find("\n" + std::string(verb)), std::string::npos) << verb;
    }
}

TEST(Replay, NoticesAnInputThatWasChanged) {
    std::string trace = short_trace();
    const size_t at = trace.find("unknown ");
    ASSERT_NE(at, std::string::npos);
    trace.replace(at, 7, "another");
    const Result<std::string> again = replay(trace);
    ASSERT_TRUE(again.ok());
    EXPECT_NE(first_difference(trace, *again), "");
}

TEST(Replay, NoticesASeedThatWasChanged) {
    std::string trace;
    auto machine = TracedMachine::create("redis://localhost", {1, 1}, {}, {}, trace);
    static_cast<void>(machine->open("redis://localhost?stream=a&group=g", {10}));
    trace.replace(trace.find("= source 1"), 10, "= source 2");
    EXPECT_EQ(first_difference(trace, *replay(trace)), "line 5\n  recorded: = source 2\n  replayed: = source 1");
}

TEST(Replay, RecordsMisuse) {
    std::string trace;
    EXPECT_FALSE(TracedMachine::create("redis://localhost?nonsense=1", {}, {}, {}, trace).ok());
    EXPECT_NE(trace.find("= error bad_config final "), std::string::npos) << trace;
    EXPECT_EQ(replay(trace).value(), trace);
}

TEST(Replay, RefusesWhatIsNoTrace) {
    const std::string head(trace_head);
    EXPECT_FALSE(replay("").ok());
    EXPECT_FALSE(replay("millrace-trace 2\n").ok());
    const std::string create = head + "create 0 0 1 1 \"redis://localhost\"\n";
    EXPECT_TRUE(replay(create).ok());
    for (const char* line : {"", "nonsense", "open", "open 1", "open x \"redis://localhost\"", "open 1 \"redis://local",
                             "open 1 redis", "timeout 1 2", "timeout 18446744073709551616", "disconnected 1 1 tired",
                             "publish 1 plain \"s\" 1 \"k\"", "publish 1 neither \"s\" 0", "ack 1 1 1 x"}) {
        const Result<std::string> again = replay(create + line + "\n");
        ASSERT_FALSE(again.ok()) << line;
        EXPECT_EQ(again.error().message.substr(0, 17), "line 3 is no call") << line;
    }
    EXPECT_FALSE(replay(head + "timeout 1\n").ok()) << "before a machine is created";
}

}  // namespace
}  // namespace millrace::replay
