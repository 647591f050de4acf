#include "command/server_info.hpp"

#include <algorithm>
#include <array>
#include <cstddef>

#include "base/format.hpp"

namespace millrace {
namespace {

// A version or run id longer than this is no version and no run id: Redis' run id has 40 characters.
constexpr size_t text_max = 64;

// What every Valkey tells as its redis_version: the release that it was forked from.
constexpr Version valkey_compatible{7, 2, 4};

constexpr bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

// The number at the front, which it takes off the text.
std::optional<uint32_t> take_number(std::string_view& text) {
    constexpr uint64_t number_max = 1'000'000;
    size_t digits = 0;
    while (digits < text.size() && is_digit(text[digits])) ++digits;
    const std::optional<uint64_t> number = parse_u64(text.substr(0, digits));
    if (!number || *number > number_max) return std::nullopt;
    text.remove_prefix(digits);
    return static_cast<uint32_t>(*number);
}

// Binary text is shown to nobody and compared with nothing.
bool is_printable(std::string_view text) {
    if (text.empty() || text.size() > text_max) return false;
    for (const char c : text) {
        if (c <= ' ' || c > '~') return false;
    }
    return true;
}

}  // namespace

std::string_view name(Flavor flavor) {
    constexpr std::array<std::string_view, 3> names{"unknown", "redis", "valkey"};
    return names[static_cast<size_t>(flavor)];
}

std::optional<Version> parse_version(std::string_view text) {
    uint32_t numbers[3] = {};
    for (size_t i = 0; i < 3; ++i) {
        if (i > 0) {
            // `7.` and `7.x` are version 7: only a dot with a digit after it goes on.
            if (text.size() < 2 || text[0] != '.' || !is_digit(text[1])) break;
            text.remove_prefix(1);
        }
        const std::optional<uint32_t> number = take_number(text);
        if (!number) return std::nullopt;
        numbers[i] = *number;
    }
    return Version{numbers[0], numbers[1], numbers[2]};
}

ServerInfo parse_server_info(std::string_view text) {
    ServerInfo found;
    std::string_view redis_text;
    std::string_view valkey_text;
    bool named_valkey = false;
    while (!text.empty()) {
        const size_t end = std::min(text.find('\n'), text.size());
        std::string_view line = text.substr(0, end);
        text.remove_prefix(std::min(end + 1, text.size()));
        if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
        const size_t colon = line.find(':');
        if (colon == std::string_view::npos) continue;
        const std::string_view field = line.substr(0, colon);
        const std::string_view value = line.substr(colon + 1);
        if (!is_printable(value)) continue;
        if (field == "redis_version") redis_text = value;
        if (field == "valkey_version") valkey_text = value;
        if (field == "server_name") named_valkey = value == "valkey";
        if (field == "run_id") found.run_id = value;
    }
    found.version = parse_version(redis_text);
    found.valkey_version = parse_version(valkey_text);
    if (found.valkey_version || named_valkey) {
        found.flavor = Flavor::valkey;
        if (!found.version) found.version = valkey_compatible;
    } else if (found.version) {
        found.flavor = Flavor::redis;
    }
    found.version_text = found.valkey_version ? valkey_text : found.version ? redis_text : std::string_view();
    return found;
}

}  // namespace millrace
