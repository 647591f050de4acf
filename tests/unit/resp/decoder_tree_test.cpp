// Replies that arrive as trees: every type of RESP2 and RESP3, literal bytes in, a transcript out (wire.hpp).
#include <gtest/gtest.h>

#include <ostream>
#include <string>

#include "resp/wire.hpp"

namespace millrace::resp {
namespace {

using test::bulk;
using test::decode;
using test::Transcript;

struct Case {
    const char* what;
    std::string_view wire;
    Transcript expected;
};
void PrintTo(const Case& test, std::ostream* out) {
    *out << test.what;
}

class DecoderTree : public testing::TestWithParam<Case> {};

TEST_P(DecoderTree, ReadsTheReply) {
    EXPECT_EQ(decode(GetParam().wire), GetParam().expected);
}

INSTANTIATE_TEST_SUITE_P(
    Resp2, DecoderTree,
    testing::Values(
        Case{"Status", "+OK\r\n", {"reply +OK"}},  //
        Case{"EmptyStatus", "+\r\n", {"reply +"}},
        Case{"Error", "-ERR unknown command `FOO`\r\n", {"reply -ERR unknown command `FOO`"}},
        Case{"Integer", ":-42\r\n", {"reply -42"}},
        Case{"LargestInteger", ":9223372036854775807\r\n", {"reply 9223372036854775807"}},
        Case{"Text", "$5\r\nhello\r\n", {"reply \"hello\""}},
        Case{"TextWithLineEnds", "$6\r\na\r\nb\r\n\r\n", {"reply \"a\r\nb\r\n\""}},
        Case{"EmptyText", "$0\r\n\r\n", {"reply \"\""}},  //
        Case{"NilText", "$-1\r\n", {"reply nil"}},        //
        Case{"NilArray", "*-1\r\n", {"reply nil"}},       //
        Case{"EmptyArray", "*0\r\n", {"reply []"}},
        Case{"Nested", "*3\r\n:1\r\n*2\r\n$1\r\na\r\n*0\r\n*1\r\n*1\r\n+x\r\n", {"reply [1, [\"a\", []], [[+x]]]"}},
        Case{"NilsInside", "*3\r\n$-1\r\n*-1\r\n:0\r\n", {"reply [nil, nil, 0]"}},
        Case{
            "ErrorInside", "*2\r\n-NOSCRIPT No matching script\r\n:1\r\n", {"reply [-NOSCRIPT No matching script, 1]"}},
        Case{"UnknownCommandInfo", "*1\r\n*-1\r\n", {"reply [nil]"}},
        Case{"ManyReplies",
             "+A\r\n:1\r\n$1\r\nx\r\n*1\r\n:2\r\n-E\r\n",
             {"reply +A", "reply 1", "reply \"x\"", "reply [2]", "reply -E"}}),
    [](const auto& test) { return std::string(test.param.what); });

INSTANTIATE_TEST_SUITE_P(
    Resp3, DecoderTree,
    testing::Values(Case{"Nil", "_\r\n", {"reply nil"}},  //
                    Case{"Booleans", "*2\r\n#t\r\n#f\r\n", {"reply [#true, #false]"}},
                    Case{"Real", ",3.25\r\n", {"reply ,3.25"}},  //
                    Case{"Infinity", ",inf\r\n", {"reply ,inf"}},
                    Case{"NegativeInfinity", ",-inf\r\n", {"reply ,-inf"}},
                    Case{"BigNumber",
                         "(3492890328409238509324850943850943825024385\r\n",
                         {"reply (3492890328409238509324850943850943825024385"}},
                    Case{"Verbatim",
                         "=34\r\ntxt:# Server\r\nredis_version:7.0.15\r\n",
                         {"reply =# Server\r\nredis_version:7.0.15"}},
                    Case{"EmptyVerbatim", "=4\r\ntxt:\r\n", {"reply ="}},
                    Case{"Map", "%2\r\n+a\r\n:1\r\n+b\r\n*1\r\n_\r\n", {"reply %[+a, 1, +b, [nil]]"}},
                    Case{"EmptyMap", "%0\r\n", {"reply %[]"}}, Case{"Set", "~2\r\n:1\r\n:2\r\n", {"reply ~[1, 2]"}},
                    Case{"MapInMap", "%1\r\n%1\r\n:1\r\n:2\r\n%0\r\n", {"reply %[%[1, 2], %[]]"}},
                    Case{"Push", ">2\r\n+message\r\n$2\r\nhi\r\n", {"push >[+message, \"hi\"]"}},
                    Case{"EmptyPush", ">0\r\n", {"push >[]"}},
                    Case{"PushesBetweenReplies",
                         ">1\r\n+p\r\n+OK\r\n>1\r\n+q\r\n>1\r\n+r\r\n:1\r\n",
                         {"push >[+p]", "reply +OK", "push >[+q]", "push >[+r]", "reply 1"}},
                    Case{"PushInsideAReplyIsAnElement", "*2\r\n>1\r\n:1\r\n:2\r\n", {"reply [>[1], 2]"}}),
    [](const auto& test) { return std::string(test.param.what); });

INSTANTIATE_TEST_SUITE_P(Unfinished, DecoderTree,
                         testing::Values(Case{"Type", "*", {"needs more"}},                 //
                                         Case{"Line", "+O", {"needs more"}},                //
                                         Case{"LineEnd", "+OK\r", {"needs more"}},          //
                                         Case{"Header", "$1", {"needs more"}},              //
                                         Case{"Body", "$10\r\nhello", {"needs more"}},      //
                                         Case{"BodyEnd", "$5\r\nhello\r", {"needs more"}},  //
                                         Case{"Array", "*2\r\n:1\r\n", {"needs more"}},     //
                                         Case{"AfterAReply", "+OK\r\n*1\r\n", {"reply +OK", "needs more"}}),
                         [](const auto& test) { return std::string(test.param.what); });

INSTANTIATE_TEST_SUITE_P(
    Garbage, DecoderTree,
    testing::Values(
        Case{"Http", "HTTP/1.1 400 Bad Request\r\n", {"failed protocol: Protocol error, got \"H\" as reply type byte"}},
        Case{"Zero", {"\0\0\0", 3}, {"failed protocol: Protocol error, got \"\\x00\" as reply type byte"}},
        Case{"HighByte", "\xff\xfe", {"failed protocol: Protocol error, got \"\\xff\" as reply type byte"}},
        Case{"Newline", "\r\n", {"failed protocol: Protocol error, got \"\\r\" as reply type byte"}},
        Case{"Attribute", "|1\r\n+a\r\n+b\r\n", {"failed protocol: Protocol error, got \"|\" as reply type byte"}},
        Case{"Tls", "\x16\x03\x01\x02", {"failed protocol: Protocol error, got \"\\x16\" as reply type byte"}},
        Case{"AfterAReply",
             "+OK\r\n?\r\n",
             {"reply +OK", "failed protocol: Protocol error, got \"?\" as reply type byte"}},
        Case{"Integer", ":12a\r\n", {"failed protocol: Bad integer value"}},
        Case{"IntegerTooLarge", ":9223372036854775808\r\n", {"failed protocol: Bad integer value"}},
        Case{"BulkLength", "$x\r\n", {"failed protocol: Bad bulk string length"}},
        Case{"NegativeBulkLength", "$-2\r\n", {"failed protocol: Bulk string length out of range"}},
        Case{"ArrayLength", "*x\r\n", {"failed protocol: Bad multi-bulk length"}},
        Case{"NegativeArrayLength", "*-2\r\n", {"failed protocol: Multi-bulk length out of range"}},
        Case{"Boolean", "#x\r\n", {"failed protocol: Bad bool value"}},
        Case{"Real", ",1.2.3\r\n", {"failed protocol: Bad double value"}},
        Case{"BigNumber", "(12x\r\n", {"failed protocol: Bad bignum value"}},
        Case{"Nil", "_x\r\n", {"failed protocol: Bad nil value"}},
        Case{"LengthThatLies",
             "$3\r\nhello\r\n",
             {"failed protocol: a value goes on after the 3 bytes that were announced"}},
        Case{"VerbatimWithoutFormat",
             "=3\r\nabc\r\n",
             {"failed protocol: Verbatim string 4 bytes of content type are missing or incorrectly encoded."}}),
    [](const auto& test) { return std::string(test.param.what); });

}  // namespace
}  // namespace millrace::resp
