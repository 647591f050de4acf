#include "values.hpp"

#include <openssl/evp.h>
#include <openssl/sha.h>

#include <array>
#include <cstdint>

namespace millrace::agent {
namespace {

const unsigned char* raw(std::string_view bytes) {
    return reinterpret_cast<const unsigned char*>(bytes.data());
}

std::string base64(std::string_view bytes) {
    std::string text(4 * ((bytes.size() + 2) / 3) + 1, '\0');
    const int size =
        EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()), raw(bytes), static_cast<int>(bytes.size()));
    text.resize(static_cast<size_t>(size));
    return text;
}

std::optional<std::string> from_base64(const std::string& text) {
    if (text.empty()) return std::string();
    if (text.size() % 4 != 0) return std::nullopt;
    std::string bytes(text.size() / 4 * 3, '\0');
    const int size =
        EVP_DecodeBlock(reinterpret_cast<unsigned char*>(bytes.data()), raw(text), static_cast<int>(text.size()));
    if (size < 0) return std::nullopt;
    // EVP_DecodeBlock counts the padding as bytes.
    const size_t padding = text.ends_with("==") ? 2 : text.ends_with('=') ? 1 : 0;
    bytes.resize(static_cast<size_t>(size) - padding);
    return bytes;
}

std::string sha256(std::string_view bytes) {
    std::array<unsigned char, SHA256_DIGEST_LENGTH> digest{};
    SHA256(raw(bytes), bytes.size(), digest.data());
    constexpr std::string_view digits = "0123456789abcdef";
    std::string text;
    for (const unsigned char byte : digest) {
        text += digits[byte >> 4];
        text += digits[byte & 15];
    }
    return text;
}

}  // namespace

bool is_utf8(std::string_view bytes) {
    // Table 3-7 of the Unicode standard: the first continuation byte has a narrower range after these lead bytes.
    size_t i = 0;
    while (i < bytes.size()) {
        const auto lead = static_cast<uint8_t>(bytes[i++]);
        if (lead < 0x80) continue;
        if (lead < 0xC2 || lead > 0xF4) return false;
        const size_t more = lead < 0xE0 ? 1 : lead < 0xF0 ? 2 : 3;
        uint8_t low = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
        uint8_t high = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
        for (size_t k = 0; k < more; ++k) {
            if (i == bytes.size()) return false;
            const auto next = static_cast<uint8_t>(bytes[i++]);
            if (next < low || next > high) return false;
            low = 0x80;
            high = 0xBF;
        }
    }
    return true;
}

Json value_to_json(std::string_view bytes) {
    if (bytes.size() > value_bytes_max) return {{"sha256", sha256(bytes)}, {"len", bytes.size()}};
    if (is_utf8(bytes)) return bytes;
    return {{"b64", base64(bytes)}};
}

std::string printable(std::string_view text) {
    if (is_utf8(text)) return std::string(text);
    std::string clean;
    for (const char each : text) clean += static_cast<unsigned char>(each) < 0x80 ? each : '?';
    return clean;
}

std::optional<std::string> value_from_json(const Json& json) {
    if (json.is_string()) return json.get<std::string>();
    if (json.is_object() && json.size() == 1 && json.contains("b64") && json["b64"].is_string()) {
        return from_base64(json["b64"].get<std::string>());
    }
    return std::nullopt;
}

}  // namespace millrace::agent
