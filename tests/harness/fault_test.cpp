// How faults are written, and which words a command is known by.

#include "proxy/fault.hpp"

#include <gtest/gtest.h>

#include <stdexcept>

namespace millrace::harness {
namespace {

Faults parsed(const std::string& spec) {
    Faults faults;
    add_fault(faults, spec);
    return faults;
}

std::string refusal(const std::string& spec) {
    try {
        parsed(spec);
    } catch (const std::runtime_error& error) {
        return error.what();
    }
    return "accepted";
}

TEST(FaultSpec, Paces) {
    EXPECT_EQ(parsed("delay:250").pace.delay, Duration(250ms));
    EXPECT_EQ(parsed("split:1").pace.split, 1U);
    EXPECT_EQ(parsed("throttle:1000").pace.bytes_per_second, 1000U);
    EXPECT_TRUE(parsed("halfopen").half_open);
    EXPECT_TRUE(parsed("blackhole").black_hole);
}

TEST(FaultSpec, Cuts) {
    const Faults up = parsed("cut:up@0");
    ASSERT_EQ(up.cuts.size(), 1U);
    EXPECT_EQ(up.cuts[0].direction, Direction::Up);
    EXPECT_EQ(up.cuts[0].byte, 0U);
    EXPECT_FALSE(up.cuts[0].link.has_value());
    EXPECT_EQ(parsed("cut:down@1234").cuts[0].byte, 1234U);
    EXPECT_EQ(parsed("cut:down@1234").cuts[0].direction, Direction::Down);
}

TEST(FaultSpec, Replies) {
    const Faults every = parsed(R"(reply:xack=-LOADING wait\r\n)");
    ASSERT_EQ(every.commands.size(), 1U);
    EXPECT_EQ(every.commands[0].command, "XACK");
    EXPECT_EQ(every.commands[0].nth, 0U);
    EXPECT_EQ(every.commands[0].bytes, "-LOADING wait\r\n");
    const Faults third = parsed(R"(reply:CLIENT ID#3=:\x37\15\012)");
    EXPECT_EQ(third.commands[0].command, "CLIENT ID");
    EXPECT_EQ(third.commands[0].nth, 3U);
    EXPECT_EQ(third.commands[0].bytes, ":7\r\n");
    EXPECT_EQ(parsed(R"(reply:GET=a=b\\\"\0\xffz)").commands[0].bytes, std::string("a=b\\\"\0\xffz", 8));
}

TEST(FaultSpec, SeveralAddUp) {
    Faults faults;
    for (const char* spec : {"delay:5", "split:7", "cut:up@9", "reply:PING=x", "cut:down@3"}) add_fault(faults, spec);
    EXPECT_EQ(faults.pace.delay, Duration(5ms));
    EXPECT_EQ(faults.pace.split, 7U);
    EXPECT_EQ(faults.cuts.size(), 2U);
    EXPECT_EQ(faults.commands.size(), 1U);
}

TEST(FaultSpec, RefusalsNameWhatIsWrong) {
    const std::pair<const char*, const char*> wrong[] = {
        {"dealy:5", "did you mean delay?"},
        {"", "there is no fault ''"},
        {"delay", "it is delay:<ms>"},
        {"delay:", "'' is no whole number of milliseconds"},
        {"delay:-1", "'-1' is no whole number of milliseconds from 0 on"},
        {"delay:1.5", "'1.5'"},
        {"delay:9223372036854775807", "more than a day"},
        {"split:0", "'0' is no whole number of bytes from 1 on"},
        {"throttle:0", "bytes a second from 1 on"},
        {"cut:left@3", "'left' is neither up"},
        {"cut:up", "no byte is named"},
        {"cut:up@x", "'x' is no whole number"},
        {"halfopen:1", "halfopen takes no argument"},
        {"blackhole:", "blackhole takes no argument"},
        {"reply:XACK", "no bytes are given"},
        {"reply:=x", "no command is named"},
        {"reply:XACK#0=x", "'0' is no whole number of commands from 1 on"},
        {"reply:XACK#x=x", "'x'"},
        {"reply:XACK=", "the reply is empty"},
        {R"(reply:XACK=a\)", "end with a backslash"},
        {R"(reply:XACK=\q)", "'\\q' is no escape"},
        {R"(reply:XACK=\x)", "is no escape"},
        {R"(reply:XACK=\777)", "more than a byte"},
    };
    for (const auto& [spec, why] : wrong) {
        const std::string said = refusal(spec);
        EXPECT_NE(said.find(why), std::string::npos) << spec << ": " << said;
        EXPECT_EQ(said.find('\n'), std::string::npos) << said;
        EXPECT_TRUE(said.starts_with("--fault=")) << said;
    }
}

TEST(CommandWords, TellUsesApart) {
    EXPECT_EQ(command_words({"xack", "s", "g", "1-1"}), "XACK");
    EXPECT_EQ(command_words({"client", "kill", "ID", "3"}), "CLIENT KILL");
    EXPECT_EQ(command_words({"XGROUP"}), "XGROUP");
    EXPECT_EQ(command_words({"XREADGROUP", "GROUP", "g", "c", "STREAMS", "s", ">"}), "XREADGROUP >");
    EXPECT_EQ(command_words({"XREADGROUP", "GROUP", "g", "c", "STREAMS", "s", "0-0"}), "XREADGROUP ID");
    EXPECT_EQ(command_words({}), "");
}

TEST(CommandWords, AreMeantByNameOrInFull) {
    EXPECT_TRUE(means_command("CLIENT", "CLIENT KILL"));
    EXPECT_TRUE(means_command("CLIENT KILL", "CLIENT KILL"));
    EXPECT_FALSE(means_command("CLIENT ID", "CLIENT KILL"));
    EXPECT_FALSE(means_command("XREAD", "XREADGROUP >"));
    EXPECT_TRUE(means_command("XREADGROUP", "XREADGROUP >"));
}

}  // namespace
}  // namespace millrace::harness
