#include "support/fake_server.hpp"

#include <cstdlib>

namespace millrace::test {

int64_t number(std::string_view text) {
    return std::strtoll(std::string(text).c_str(), nullptr, 10);
}

std::optional<Words> take_command(std::string& input) {
    size_t at = 0;
    const auto line = [&]() -> std::optional<int64_t> {
        const size_t end = input.find("\r\n", at);
        if (end == std::string::npos) return std::nullopt;
        const int64_t value = number(std::string_view(input).substr(at + 1, end - at - 1));
        at = end + 2;
        return value;
    };
    const std::optional<int64_t> count = line();
    if (!count.has_value()) return std::nullopt;
    Words words;
    for (int64_t i = 0; i < *count; ++i) {
        const std::optional<int64_t> size = line();
        if (!size.has_value() || input.size() < at + static_cast<size_t>(*size) + 2) return std::nullopt;
        words.push_back(input.substr(at, static_cast<size_t>(*size)));
        at += static_cast<size_t>(*size) + 2;
    }
    input.erase(0, at);
    return words;
}

}  // namespace millrace::test
