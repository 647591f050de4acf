// The notations of values, exact at their edges.
#include "config/values.hpp"

#include <gtest/gtest.h>

#include <random>
#include <string>

#include "millrace/config.hpp"

namespace millrace {
namespace {

TEST(Duration, IsReadInEveryNotation) {
    const struct {
        std::string_view text;
        Duration duration;
    } cases[] = {
        {"500ms", milliseconds(500)},
        {"5s", seconds(5)},
        {"2m", seconds(120)},
        {"1h", seconds(3600)},
        {"1h30m", seconds(5400)},
        {"1m30s", seconds(90)},
        {"1h1m1s1ms", Duration{3'661'001'000}},
        {"1s500ms", milliseconds(1500)},
        {"1h5ms", Duration{3'600'005'000}},
        {"5000", seconds(5)},
        {"0", Duration{0}},
        {"0s", Duration{0}},
        {"007ms", milliseconds(7)},
        {"2562047788h", Duration{2562047788LL * 3'600'000'000}},
    };
    for (const auto& each : cases) {
        const Result<Duration> parsed = parse_duration(each.text);
        ASSERT_TRUE(parsed.ok()) << each.text << ": " << parsed.error().message;
        EXPECT_EQ(parsed->us, each.duration.us) << each.text;
    }
}

TEST(Duration, RefusesEverythingElse) {
    for (const std::string_view text : {"",
                                        "-5s",
                                        "-1",
                                        "+5s",
                                        "5x",
                                        "s",
                                        "ms",
                                        "5 s",
                                        " 5s",
                                        "5s ",
                                        "1.5s",
                                        "5S",
                                        "5sec",
                                        "1m1h",
                                        "1s1s",
                                        "1ms1s",
                                        "1h30",
                                        "30 1h",
                                        "1d",
                                        "9223372036854775807",
                                        "9223372036854775808s",
                                        "2562047789h",
                                        "2562047788h3600s",
                                        "1e3",
                                        "5s5",
                                        "0x5"}) {
        const Result<Duration> parsed = parse_duration(text);
        ASSERT_FALSE(parsed.ok()) << text;
        EXPECT_EQ(parsed.error().code, Code::bad_config);
        EXPECT_NE(parsed.error().message.find("1h30m"), std::string::npos) << parsed.error().message;
    }
}

TEST(Duration, NamesTheValueThatIsWrong) {
    EXPECT_NE(parse_duration("5 fortnights").error().message.find("\"5 fortnights\""), std::string::npos);
}

TEST(Duration, TakesAnyText) {
    constexpr std::string_view letters = "0123456789hms -.\xff";
    std::mt19937 random(3600);
    size_t good = 0;
    for (int round = 0; round < 50'000; ++round) {
        std::string text;
        for (size_t size = random() % 12; size > 0; --size) text += letters[random() % letters.size()];
        const Result<Duration> parsed = parse_duration(text);
        if (!parsed.ok()) continue;
        ++good;
        ASSERT_GE(parsed->us, 0) << text;
    }
    EXPECT_GT(good, 500U);
}

TEST(Whole, IsExact) {
    EXPECT_EQ(parse_whole("0"), 0);
    EXPECT_EQ(parse_whole("-3"), -3);
    EXPECT_EQ(parse_whole("9223372036854775807"), INT64_MAX);
    for (const std::string_view text :
         {"", "-", "+1", "--1", "1.0", "1e1", " 1", "9223372036854775808", "0x1", "1_000"}) {
        EXPECT_EQ(parse_whole(text), std::nullopt) << text;
    }
}

TEST(Bytes, AreWholeOrInPowersOf1024) {
    EXPECT_EQ(parse_bytes("0"), 0);
    EXPECT_EQ(parse_bytes("1500"), 1500);
    EXPECT_EQ(parse_bytes("2KiB"), 2048);
    EXPECT_EQ(parse_bytes("64MiB"), 64 << 20);
    EXPECT_EQ(parse_bytes("2GiB"), 2LL << 30);
    for (const std::string_view text :
         {"", "KiB", "1kb", "1KB", "1MB", "1 MiB", "-1", "1.5MiB", "8589934592GiB", "1KiB1"}) {
        EXPECT_EQ(parse_bytes(text), std::nullopt) << text;
    }
}

TEST(Fraction, IsExactToTheMillionth) {
    EXPECT_EQ(parse_fraction_ppm("0"), 0);
    EXPECT_EQ(parse_fraction_ppm("1"), 1'000'000);
    EXPECT_EQ(parse_fraction_ppm("0.25"), 250'000);
    EXPECT_EQ(parse_fraction_ppm("0.000001"), 1);
    EXPECT_EQ(parse_fraction_ppm("1.000000"), 1'000'000);
    EXPECT_EQ(parse_fraction_ppm("2.5"), 2'500'000);
    for (const std::string_view text : {"", ".5", "1.", "-0.5", "0.0000001", "0,5", "1e-1", "0.5x", "0.x",
                                        "9223372036854775807", "9223372036854.9"}) {
        EXPECT_EQ(parse_fraction_ppm(text), std::nullopt) << text;
    }
}

}  // namespace
}  // namespace millrace
