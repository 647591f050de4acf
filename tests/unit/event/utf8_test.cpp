// Well-formed UTF-8, by the boundaries of Unicode's table 3-7.
#include "event/utf8.hpp"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace millrace {
namespace {

using namespace std::string_view_literals;

TEST(Utf8, AcceptsTheFirstAndLastOfEveryRange) {
    for (const std::string_view text :
         {""sv, "\0"sv, "\x7f"sv, "\xc2\x80"sv, "\xdf\xbf"sv, "\xe0\xa0\x80"sv, "\xec\xbf\xbf"sv, "\xed\x80\x80"sv,
          "\xed\x9f\xbf"sv, "\xee\x80\x80"sv, "\xef\xbf\xbf"sv, "\xf0\x90\x80\x80"sv, "\xf3\xbf\xbf\xbf"sv,
          "\xf4\x8f\xbf\xbf"sv, "a\xc3\xa9z"sv}) {
        EXPECT_TRUE(is_utf8(text)) << testing::PrintToString(text);
    }
}

TEST(Utf8, RefusesOverlongSurrogatesTooHighAndTornOnes) {
    for (const std::string_view text : {"\x80"sv,
                                        "\xbf"sv,
                                        "\xc0\x80"sv,
                                        "\xc1\xbf"sv,
                                        "\xc2"sv,
                                        "\xc2\x7f"sv,
                                        "\xc2\xc0"sv,
                                        "\xe0\x9f\xbf"sv,
                                        "\xe1\x80"sv,
                                        "\xe1\x80\x7f"sv,
                                        "\xed\xa0\x80"sv,
                                        "\xed\xbf\xbf"sv,
                                        "\xf0\x8f\xbf\xbf"sv,
                                        "\xf1\x80\x80"sv,
                                        "\xf1\x80\x80\x7f"sv,
                                        "\xf1\x80\x7f\x80"sv,
                                        "\xf4\x90\x80\x80"sv,
                                        "\xf5\x80\x80\x80"sv,
                                        "\xff"sv,
                                        "ok\xff"sv}) {
        EXPECT_FALSE(is_utf8(text)) << testing::PrintToString(text);
    }
}

}  // namespace
}  // namespace millrace
