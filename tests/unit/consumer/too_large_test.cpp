// BP-3: an entry past max_message_bytes is told and becomes a dead letter, by the script alone, for its bytes are not
// here; what is before and behind it is delivered.
#include <gtest/gtest.h>

#include <sstream>

#include "support/scripted_host.hpp"

namespace millrace::test {
namespace {

const std::string large(2000, 'v');
const std::string sweep = "read: XAUTOCLAIM s g c 60000 0-0 COUNT 19 JUSTID";         // one is held
const std::string sweep_of_all = "read: XAUTOCLAIM s g c 60000 0-0 COUNT 20 JUSTID";  // none is
const std::string next_read = "read: XREADGROUP GROUP g c COUNT 5 BLOCK 2000 STREAMS s >";

struct TooLarge : ::testing::TestWithParam<ScriptedHost::Cut> {
    TooLarge() : host(limited()) { host.cut = GetParam(); }
    static ClientConfig limited() {
        ClientConfig config;
        config.max_message_bytes = 1024;
        return config;
    }
    /// The story, line by line: commands are answered in their order, the letter by `letter`. The letter's line is left
    /// out and counted, for its lane depends on how much of the reply has come.
    std::string play(const std::string& letter) {
        std::istringstream in(host.story());
        std::string kept;
        for (std::string line; std::getline(in, line);) {
            const std::string lane = line.substr(0, line.find(':'));
            if (line.find(": EVALSHA ") != std::string::npos) {
                EXPECT_NE(line.find(" 2 s {s}:dead g c "), std::string::npos) << line;
                EXPECT_TRUE(line.ends_with(" 1 \"larger than max_message_bytes\"")) << line;
                ++letters;
                host.reply(lane, letter);
                continue;
            }
            if (line.find(": XCLAIM ") != std::string::npos) host.reply(lane, array({}));
            if (line.find(": XPENDING s g ") != std::string::npos) host.reply(lane, array({}));
            kept += line + "\n";
        }
        return kept;
    }
    ScriptedHost host;
    int letters = 0;
};

const std::string written = array({bulk("done"), bulk("9-0")});

TEST_P(TooLarge, IsToldAndTheRestIsDelivered) {
    consume(host);
    host.reply("read", stream_of("s", {entry("1-0"), entry("2-0", large), entry("3-0")}));
    EXPECT_EQ(play(written), lines({"too large: s/2-0 (2001)", next_read}));
    EXPECT_EQ(letters, 1);
    EXPECT_EQ(host.story(), lines({"dead s/2-0(x1) in {s}:dead/9-0: larger than max_message_bytes"}));
    host.wait(1999);
    host.forget();
    host.wait(1);
    EXPECT_EQ(host.story(), lines({"batch 1 by flush: 1-0 3-0"}));
    ASSERT_TRUE(host.ack(1).ok());
    EXPECT_EQ(host.story(), lines({"control: XACK s g 1-0 3-0"}));
}

// Its count is given back, since nobody was handed it; the next page begins behind it.
TEST_P(TooLarge, AtTheHeadOfThePelRecoveryGoesOnBehindIt) {
    consume_again(host);
    host.reply("read", array({pending("1-0", "c", 9000, 1), pending("2-0", "c", 9000, 1)}));
    EXPECT_EQ(host.story(), lines({"read: XREADGROUP GROUP g c COUNT 2 STREAMS s 0-0"}));
    host.reply("read", stream_of("s", {entry("1-0", large), entry("2-0")}));
    EXPECT_EQ(play(written), lines({"too large: s/1-0 (2001)", "read: XCLAIM s g c 0 1-0 RETRYCOUNT 1 JUSTID",
                                    "read: XPENDING s g 2-1 + 19 c"}));
    EXPECT_EQ(letters, 1);
    EXPECT_EQ(host.story(), lines({"dead s/1-0(x1) in {s}:dead/9-0: larger than max_message_bytes",
                                   "batch 1 by recovery: 2-0(x2)", sweep, next_read}));
}

TEST_P(TooLarge, AloneItIsNoEndlessLoop) {
    consume_again(host);
    host.reply("read", array({pending("1-0", "c", 9000, 1)}));
    host.forget();
    host.reply("read", stream_of("s", {entry("1-0", large)}));
    EXPECT_EQ(play(error("OOM command not allowed")),
              lines({"too large: s/1-0 (2001)", "read: XCLAIM s g c 0 1-0 RETRYCOUNT 1 JUSTID",
                     "read: XPENDING s g 1-1 + 20 c"}));
    EXPECT_EQ(letters, 1);
    EXPECT_EQ(host.story(), lines({"dead failed s/1-0 to {s}:dead: oom (EVALSHA: OOM command not allowed) retryable",
                                   sweep_of_all, next_read}));
    host.wait(100);
    EXPECT_EQ(play(written), "");
    EXPECT_EQ(letters, 2);
    EXPECT_EQ(host.story(), lines({"dead s/1-0(x1) in {s}:dead/9-0: larger than max_message_bytes"}));
}

TEST_P(TooLarge, WithoutScriptsItStaysPending) {
    consume(host);
    host.reply("read", stream_of("s", {entry("1-0", large)}));
    (void)play(error("NOPERM this user has no permissions to run the 'evalsha' command"));
    const std::string story = host.story();
    EXPECT_NE(story.find("XPENDING s g 1-0 + 1 c"), std::string::npos) << story;
    const std::string lane = story.find("\ncontrol: XPENDING") != std::string::npos ? "control" : "read";
    host.reply(lane, array({pending("1-0", "c", 5, 1)}));
    host.forget();
    host.reply(lane, array({entry("1-0", large)}));
    EXPECT_EQ(host.story(), lines({"dead failed s/1-0 to {s}:dead: too_large (larger than max_message_bytes; without "
                                   "scripts it can't be copied)"}));
    host.wait(1000);
    EXPECT_EQ(host.story(), "");
}

/// DRN-1: it is no more than the others to stay pending with a consumer that has left.
TEST_P(TooLarge, ThatComesWhileItsSourceEndsBecomesADeadLetterToo) {
    const SourceId source = consume(host);
    ASSERT_TRUE(host.close(source).ok());
    host.reply("control", integer(1));
    host.forget();
    host.reply("read", stream_of("s", {entry("1-0"), entry("2-0", large)}));
    const std::string story = play(written);
    EXPECT_NE(story.find("too large: s/2-0 (2001)\n"), std::string::npos) << story;
    EXPECT_NE(story.find(": XCLAIM s g c 0 1-0 IDLE 60000 JUSTID\n"), std::string::npos) << story;
    EXPECT_EQ(letters, 1);
    EXPECT_EQ(host.story(),
              lines({"dead s/2-0(x1) in {s}:dead/9-0: larger than max_message_bytes", "closed source, 0 held"}));
}

TEST_P(TooLarge, ATailPassesOverIt) {
    host.open(tail_of("0"));
    host.greet("read");
    host.forget();
    host.reply("read", stream_of("s", {entry("1-0"), entry("2-0", large)}));
    const std::string story = host.story();  // in pieces 1-0 is handed over first
    EXPECT_NE(story.find("too large: s/2-0 (2001)\n"), std::string::npos) << story;
    EXPECT_NE(story.find("batch 1 by flush: 1-0\n"), std::string::npos) << story;
    EXPECT_NE(story.find("\nread: XREAD COUNT 5 BLOCK 2000 STREAMS s 2-0\n"), std::string::npos) << story;
}

TEST_P(TooLarge, AmongTheLastOfATailItIsToldWithItsStream) {
    host.open(tail_of("last:2", {"r", "s"}));
    host.greet("read");
    host.reply("read", array({}));
    host.reply("read", array({entry("2-0", large), entry("1-1")}));
    host.forget();
    host.reply("read", stream_of("s", {entry("1-1"), entry("2-0", large)}));
    const std::string story = host.story();
    EXPECT_NE(story.find("too large: s/2-0 (2001)\n"), std::string::npos) << story;
    EXPECT_NE(story.find("batch 1 by flush: 1-1\n"), std::string::npos) << story;
    // It is not read again to prove what stands behind it.
    EXPECT_NE(story.find("\nread: XREAD COUNT 5 BLOCK 2000 STREAMS r s 0-0 2-0\n"), std::string::npos) << story;
}

INSTANTIATE_TEST_SUITE_P(Cut, TooLarge,
                         ::testing::Values(ScriptedHost::Cut::whole, ScriptedHost::Cut::byte_by_byte,
                                           ScriptedHost::Cut::in_three),
                         [](const auto& cut) {
                             return cut.param == ScriptedHost::Cut::whole          ? "Whole"
                                    : cut.param == ScriptedHost::Cut::byte_by_byte ? "ByteByByte"
                                                                                   : "InThree";
                         });

}  // namespace
}  // namespace millrace::test
