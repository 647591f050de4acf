// Where values end: whole, byte by byte, and split at each point.

#include "proxy/resp_scanner.hpp"

#include <gtest/gtest.h>

namespace millrace::harness {
namespace {

const std::string values[] = {
    "+OK\r\n",
    "-ERR no\r\n",
    ":42\r\n",
    "$5\r\nhe\r\no\r\n",
    "$0\r\n\r\n",
    "$-1\r\n",
    "*-1\r\n",
    "*0\r\n",
    "_\r\n",
    "#t\r\n",
    ",1.5\r\n",
    "(12345678901234567890\r\n",
    "=7\r\ntxt:a\nb\r\n",
    "!3\r\nERR\r\n",
    "*2\r\n*1\r\n$1\r\na\r\n*2\r\n:1\r\n*0\r\n",
    "%2\r\n+a\r\n:1\r\n+b\r\n~2\r\n:1\r\n:2\r\n",
    ">3\r\n+message\r\n$1\r\nc\r\n$1\r\nm\r\n",
    "|1\r\n+ttl\r\n:3\r\n*1\r\n:7\r\n",
    "*2\r\n|1\r\n+a\r\n+b\r\n:1\r\n:2\r\n",
    "*1\r\n*1\r\n*1\r\n$-1\r\n",
};

TEST(RespScanner, EndsEachValueWhereItEnds) {
    for (const auto& value : values) {
        RespScanner scanner;
        EXPECT_TRUE(scanner.between());
        EXPECT_EQ(scanner.feed(value + "+next\r\n"), value.size()) << value;
        EXPECT_TRUE(scanner.ended()) << value;
        EXPECT_EQ(scanner.type(), value.front());
        EXPECT_FALSE(scanner.broken()) << value;
        EXPECT_EQ(scanner.feed("+next\r\n"), 7U) << "after " << value;
        EXPECT_TRUE(scanner.ended());
    }
}

TEST(RespScanner, ByteByByte) {
    for (const auto& value : values) {
        RespScanner scanner;
        for (size_t i = 0; i < value.size(); ++i) {
            EXPECT_FALSE(i > 0 && scanner.ended()) << value << " at " << i;
            EXPECT_EQ(scanner.feed(value.substr(i, 1)), 1U);
        }
        EXPECT_TRUE(scanner.ended()) << value;
    }
}

TEST(RespScanner, SplitAtEachPoint) {
    for (const auto& value : values) {
        for (size_t at = 1; at < value.size(); ++at) {
            RespScanner scanner;
            EXPECT_EQ(scanner.feed(value.substr(0, at)), at);
            EXPECT_FALSE(scanner.ended()) << value << " at " << at;
            EXPECT_FALSE(scanner.between());
            EXPECT_EQ(scanner.feed(value.substr(at)), value.size() - at);
            EXPECT_TRUE(scanner.ended()) << value << " at " << at;
        }
    }
}

TEST(RespScanner, WhatIsNoRespIsBrokenForGood) {
    for (const std::string garbage : {"HTTP/1.1 400\r\n", "\r\n", "*x\r\n", "$-2\r\n", "PING\r\n"}) {
        RespScanner scanner;
        scanner.feed(garbage);
        EXPECT_TRUE(scanner.broken()) << garbage;
        EXPECT_EQ(scanner.feed("+OK\r\n"), 5U);
        EXPECT_FALSE(scanner.ended()) << garbage;
    }
    RespScanner endless;
    endless.feed("+" + std::string(100'000, 'x'));
    EXPECT_TRUE(endless.broken());
}

TEST(ParseRequest, GivesTheArgumentsThatCameWhole) {
    const std::string request = "*3\r\n$4\r\nXACK\r\n$0\r\n\r\n$2\r\n\r\n\r\n";
    EXPECT_EQ(parse_request(request), (std::vector<std::string>{"XACK", "", "\r\n"}));
    EXPECT_EQ(parse_request(request.substr(0, request.size() - 5)), (std::vector<std::string>{"XACK", ""}));
    EXPECT_TRUE(parse_request("PING\r\n").empty());
    EXPECT_TRUE(parse_request("*2\r\n:1\r\n").empty());
}

}  // namespace
}  // namespace millrace::harness
