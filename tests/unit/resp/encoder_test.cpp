#include "resp/encoder.hpp"

#include <gtest/gtest.h>

#include <string>

#include "base/allocation.hpp"

namespace millrace::resp {
namespace {

TEST(Encoder, WritesAnArrayOfBulkStrings) {
    Output output;
    Encoder encoder(output);
    encoder.command(3).text("XACK").text("orders").id({1526919030474, 0});
    encoder.command(2).text("ECHO").integer(-5);
    EXPECT_TRUE(encoder.ok());
    EXPECT_EQ(output.pending(),
              "*3\r\n$4\r\nXACK\r\n$6\r\norders\r\n$15\r\n1526919030474-0\r\n"
              "*2\r\n$4\r\nECHO\r\n$2\r\n-5\r\n");
}

TEST(Encoder, TakesAnyBytesAndSizes) {
    Output output;
    Encoder encoder(output);
    std::string expected = "*200\r\n";
    encoder.command(200);
    for (size_t size = 0; size < 200; ++size) {
        std::string value(size, '\0');
        for (size_t i = 0; i < size; ++i) value[i] = static_cast<char>(i);
        encoder.text(value);
        expected += "$" + std::to_string(size) + "\r\n" + value + "\r\n";
    }
    EXPECT_TRUE(encoder.ok());
    EXPECT_EQ(output.pending(), expected);
}

TEST(Encoder, RefusedMemoryCutsTheWholeCommandBack) {
    Output output;
    Encoder encoder(output);
    encoder.command(1).text("PING");
    const std::string before(output.pending());
    {
        test::Scarcity scarcity(2);
        encoder.command(3).text("SET").text(std::string(1000, 'k'));
        EXPECT_TRUE(encoder.ok()) << "the first growths are granted";
        encoder.text(std::string(1'000'000, 'v')).integer(1);
        EXPECT_FALSE(encoder.ok());
        EXPECT_TRUE(scarcity.struck());
    }
    EXPECT_EQ(output.pending(), before);
    encoder.text("stray");
    EXPECT_EQ(output.pending(), before) << "what is left of a cut command writes nothing";
    encoder.command(1).text("QUIT");
    EXPECT_TRUE(encoder.ok());
    EXPECT_EQ(output.pending(), before + "*1\r\n$4\r\nQUIT\r\n");
}

}  // namespace
}  // namespace millrace::resp
