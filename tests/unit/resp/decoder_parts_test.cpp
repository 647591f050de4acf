// Replies of which a part is left out: messages that are too large, and what XINFO STREAM shows of entries.
#include <gtest/gtest.h>

#include "resp/wire.hpp"

namespace millrace::resp {
namespace {

using test::bulk;
using test::decode;
using test::Transcript;

// The connection goes on, and the size is told (PS-1, BP-3).
TEST(DecoderParts, AMessageThatIsTooLargeIsLeftOut) {
    Limits limits;
    limits.bulk_bytes = 20;
    const std::string large(21, 'v');
    const std::string head = bulk("message") + bulk("a channel of its own");
    const Transcript expected{R"(["message", "a channel of its own", left out 21])",
                              R"(["message", "a channel of its own", "01234567890123456789"])"};
    const std::string two = "3\r\n" + head + bulk(large) + "X3\r\n" + head + bulk("01234567890123456789") + "+next\r\n";
    const auto with = [&two](char type) {
        std::string wire = type + two;
        wire[wire.find('X')] = type;
        return wire;
    };
    EXPECT_EQ(decode(with('*'), {Shape::message}, limits),
              (Transcript{"reply " + expected[0], "reply " + expected[1], "reply +next"}));
    EXPECT_EQ(decode(with('>'), {Shape::tree}, limits),
              (Transcript{"push >" + expected[0], "push >" + expected[1], "reply +next"}));
    EXPECT_EQ(decode("*2\r\n" + bulk("x") + "*1\r\n" + bulk(large), {Shape::message}, limits).back(),
              "failed too_large: a value of 21 bytes, more than max_message_bytes");
}

// XINFO STREAM shows the first and the last entry whole, however large.
TEST(DecoderParts, AnOutlineLeavesOutWhatEntriesHold) {
    Limits limits;
    limits.bulk_bytes = 60;
    limits.elements = 10;
    const std::string large(300, 'v');
    const std::string last = "*2\r\n" + bulk("2-1") + "*4\r\n" + bulk("k") + bulk(large) + bulk(large) + bulk("");
    std::string many = "*2\r\n" + bulk("1-1") + "*40\r\n";
    for (int i = 0; i < 20; ++i) many += bulk("k") + ":1\r\n";
    EXPECT_EQ(decode("%2\r\n" + bulk("first-entry") + many + bulk("last-entry") + last + "+next\r\n",
                     {Shape::outline, Shape::tree}, limits),
              (Transcript{R"(reply %["first-entry", ["1-1", []], "last-entry", ["2-1", []]])", "reply +next"}));
    EXPECT_EQ(decode("*2\r\n" + bulk("last-entry") + last, Shape::outline, limits),
              (Transcript{R"(reply ["last-entry", ["2-1", []]])"}));
    EXPECT_EQ(decode("*2\r\n" + bulk("first-entry") + "*-1\r\n", Shape::outline, limits),
              (Transcript{R"(reply ["first-entry", nil])"}));
    EXPECT_EQ(decode("-ERR no such key\r\n", Shape::outline, limits), (Transcript{"reply -ERR no such key"}));
    EXPECT_EQ(decode("*11\r\n", Shape::outline, limits),
              (Transcript{"failed too_large: a reply of 11 elements, more than max_elements"}));
}

}  // namespace
}  // namespace millrace::resp
