#include "event/base64.hpp"

#include <cstdint>

namespace millrace {
namespace {

constexpr std::string_view alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

// The six bits of a character; 64 for one that is not in the alphabet.
constexpr uint32_t bits_of(char c) {
    if (c >= 'A' && c <= 'Z') return static_cast<uint32_t>(c - 'A');
    if (c >= 'a' && c <= 'z') return static_cast<uint32_t>(c - 'a') + 26;
    if (c >= '0' && c <= '9') return static_cast<uint32_t>(c - '0') + 52;
    if (c == '+') return 62;
    if (c == '/') return 63;
    return 64;
}

constexpr uint32_t byte_at(std::string_view bytes, size_t index) {
    return index < bytes.size() ? static_cast<unsigned char>(bytes[index]) : 0;
}

}  // namespace

char* base64_encode(std::string_view bytes, char* out) {
    for (size_t at = 0; at < bytes.size(); at += 3) {
        const size_t count = bytes.size() - at;
        const uint32_t group = byte_at(bytes, at) << 16 | byte_at(bytes, at + 1) << 8 | byte_at(bytes, at + 2);
        *out++ = alphabet[group >> 18];
        *out++ = alphabet[group >> 12 & 63];
        *out++ = count > 1 ? alphabet[group >> 6 & 63] : '=';
        *out++ = count > 2 ? alphabet[group & 63] : '=';
    }
    return out;
}

std::optional<size_t> base64_decoded_size(std::string_view text) {
    if (text.size() % 4 != 0) return std::nullopt;
    if (text.empty()) return 0;
    const size_t padding = text.ends_with("==") ? 2 : text.ends_with("=") ? 1 : 0;
    const std::string_view digits = text.substr(0, text.size() - padding);
    for (const char c : digits) {
        if (bits_of(c) == 64) return std::nullopt;
    }
    // The last character's bits that reach into no byte are 0 in the one text that encodes these bytes.
    const uint32_t unused = padding == 2 ? 15 : padding == 1 ? 3 : 0;
    if ((bits_of(digits.back()) & unused) != 0) return std::nullopt;
    return text.size() / 4 * 3 - padding;
}

char* base64_decode(std::string_view text, char* out) {
    uint32_t held = 0;
    unsigned held_bits = 0;
    for (const char c : text) {
        if (c == '=') break;
        held = held << 6 | bits_of(c);
        held_bits += 6;
        if (held_bits < 8) continue;
        held_bits -= 8;
        *out++ = static_cast<char>(held >> held_bits & 0xff);
    }
    return out;
}

}  // namespace millrace
