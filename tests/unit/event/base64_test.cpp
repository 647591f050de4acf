// Base64: the vectors of RFC 4648, every length and byte there and back, and nothing that is not canonical.
#include "event/base64.hpp"

#include <gtest/gtest.h>

#include <random>
#include <string>

namespace millrace {
namespace {

std::string encoded(std::string_view bytes) {
    std::string text(base64_size(bytes.size()), '?');
    EXPECT_EQ(base64_encode(bytes, text.data()), text.data() + text.size());
    return text;
}

std::optional<std::string> decoded(std::string_view text) {
    const std::optional<size_t> size = base64_decoded_size(text);
    if (!size) return std::nullopt;
    std::string bytes(*size, '?');
    EXPECT_EQ(base64_decode(text, bytes.data()), bytes.data() + bytes.size());
    return bytes;
}

TEST(Base64, AgreesWithTheVectorsOfRfc4648) {
    const std::pair<std::string_view, std::string_view> vectors[] = {
        {"", ""},
        {"f", "Zg=="},
        {"fo", "Zm8="},
        {"foo", "Zm9v"},
        {"foob", "Zm9vYg=="},
        {"fooba", "Zm9vYmE="},
        {"foobar", "Zm9vYmFy"},
        {"\xfb\xff", "+/8="},
    };
    for (const auto& [bytes, text] : vectors) {
        EXPECT_EQ(encoded(bytes), text);
        EXPECT_EQ(decoded(text), bytes);
    }
}

TEST(Base64, RefusesWhatIsNotCanonical) {
    for (const std::string_view text : {"Z", "Zg", "Zg=", "Zg===", "====", "Z===", "Zh==", "Zm9=", "Zg==Zg==", "Zm9v\n",
                                        "Zm-v", "Zm_v", "Zm 9v==="}) {
        EXPECT_EQ(decoded(text), std::nullopt) << text;
    }
}

TEST(Base64, GivesBackEveryLengthAndByte) {
    std::mt19937 random(4648);
    for (size_t size = 0; size < 300; ++size) {
        std::string bytes(size, '\0');
        for (char& c : bytes) c = static_cast<char>(random() % 256);
        ASSERT_EQ(decoded(encoded(bytes)), bytes) << size;
    }
}

TEST(Base64, DecodesInPlace) {
    std::string text = encoded("in place");
    const char* end = base64_decode(text, text.data());
    EXPECT_EQ(std::string_view(text.data(), static_cast<size_t>(end - text.data())), "in place");
}

}  // namespace
}  // namespace millrace
