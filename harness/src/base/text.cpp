#include "base/text.hpp"

#include <fnmatch.h>
#include <openssl/evp.h>

#include <algorithm>
#include <charconv>
#include <cstdio>

namespace millrace::harness {

std::vector<std::string> split(std::string_view text, std::string_view separators) {
    std::vector<std::string> parts;
    size_t from = 0;
    while (from <= text.size()) {
        const size_t to = std::min(text.find_first_of(separators, from), text.size());
        if (to > from) parts.emplace_back(text.substr(from, to - from));
        from = to + 1;
    }
    return parts;
}

std::string join(const std::vector<std::string>& parts, std::string_view separator) {
    std::string text;
    for (const auto& part : parts) {
        if (!text.empty()) text += separator;
        text += part;
    }
    return text;
}

bool matches_glob(std::string_view pattern, std::string_view text) {
    return ::fnmatch(std::string(pattern).c_str(), std::string(text).c_str(), 0) == 0;
}

namespace {

size_t edit_distance(std::string_view a, std::string_view b) {
    std::vector<size_t> row(b.size() + 1);
    for (size_t j = 0; j <= b.size(); ++j) row[j] = j;
    for (size_t i = 1; i <= a.size(); ++i) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= b.size(); ++j) {
            const size_t above = row[j];
            row[j] = std::min({above + 1, row[j - 1] + 1, diagonal + (a[i - 1] == b[j - 1] ? 0U : 1U)});
            diagonal = above;
        }
    }
    return row[b.size()];
}

}  // namespace

std::optional<std::string> nearest(std::string_view word, const std::vector<std::string>& candidates) {
    const std::string* best = nullptr;
    size_t best_distance = std::max<size_t>(2, word.size() / 2);
    for (const auto& candidate : candidates) {
        const size_t distance = edit_distance(word, candidate);
        if (distance <= best_distance) {
            if (best != nullptr && distance == best_distance) continue;
            best = &candidate;
            best_distance = distance;
        }
    }
    if (best == nullptr) return std::nullopt;
    return *best;
}

std::string excerpt(std::string_view text, size_t length_max) {
    std::string out;
    std::string end;
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        const bool within_a_character = (byte & 0xc0U) == 0x80U;
        if (out.size() >= length_max && !within_a_character) {
            end = "…";
            break;
        }
        if (byte >= 0x20 && byte != 0x7f) {
            out += c;
        } else {
            char escaped[8];
            std::snprintf(escaped, sizeof escaped, "\\x%02x", static_cast<unsigned>(byte));
            out += escaped;
        }
    }
    return is_utf8(out) ? out + end : "(binary) " + base64_encode(text.substr(0, length_max));
}

namespace {

// How many bytes the character at the front has; 0 where they are no UTF-8.
size_t character_size(std::string_view bytes) {
    const auto c = static_cast<unsigned char>(bytes.front());
    if (c < 0x80) return 1;
    size_t size = 0;
    uint32_t code = 0;
    if (c >= 0xc2 && c <= 0xdf) {
        size = 2;
        code = c & 0x1fU;
    } else if (c >= 0xe0 && c <= 0xef) {
        size = 3;
        code = c & 0x0fU;
    } else if (c >= 0xf0 && c <= 0xf4) {
        size = 4;
        code = c & 0x07U;
    }
    if (size == 0 || size > bytes.size()) return 0;
    for (size_t k = 1; k < size; ++k) {
        const auto next = static_cast<unsigned char>(bytes[k]);
        if ((next & 0xc0U) != 0x80U) return 0;
        code = (code << 6U) | (next & 0x3fU);
    }
    const bool overlong = (size == 3 && code < 0x800) || (size == 4 && code < 0x10000);
    const bool surrogate = code >= 0xd800 && code <= 0xdfff;
    return overlong || surrogate || code > 0x10ffff ? 0 : size;
}

}  // namespace

bool is_utf8(std::string_view bytes) {
    while (!bytes.empty()) {
        const size_t size = character_size(bytes);
        if (size == 0) return false;
        bytes.remove_prefix(size);
    }
    return true;
}

std::string to_utf8(std::string_view bytes) {
    std::string text;
    while (!bytes.empty()) {
        const size_t size = character_size(bytes);
        text += size == 0 ? std::string_view("\xef\xbf\xbd") : bytes.substr(0, size);
        bytes.remove_prefix(std::max<size_t>(1, size));
    }
    return text;
}

std::string shell_word(std::string_view text) {
    constexpr std::string_view plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789@%+=:,./_-";
    if (!text.empty() && text.find_first_not_of(plain) == std::string_view::npos) return std::string(text);
    std::string word = "'";
    for (const char c : text) word += c == '\'' ? std::string("'\\''") : std::string(1, c);
    return word + '\'';
}

std::string base64_encode(std::string_view bytes) {
    if (bytes.empty()) return {};
    std::string out(4 * ((bytes.size() + 2) / 3) + 1, '\0');
    const int length =
        EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()),
                        reinterpret_cast<const unsigned char*>(bytes.data()), static_cast<int>(bytes.size()));
    out.resize(static_cast<size_t>(length));
    return out;
}

std::optional<std::string> base64_decode(std::string_view text) {
    if (text.empty()) return std::string();
    if (text.size() % 4 != 0) return std::nullopt;
    std::string out(text.size() / 4 * 3, '\0');
    const int length =
        EVP_DecodeBlock(reinterpret_cast<unsigned char*>(out.data()),
                        reinterpret_cast<const unsigned char*>(text.data()), static_cast<int>(text.size()));
    if (length < 0) return std::nullopt;
    size_t padding = 0;
    while (padding < 2 && text[text.size() - 1 - padding] == '=') ++padding;
    out.resize(static_cast<size_t>(length) - padding);
    return out;
}

std::string sha256_hex(std::string_view bytes) {
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned int length = 0;
    EVP_Digest(bytes.data(), bytes.size(), digest, &length, EVP_sha256(), nullptr);
    std::string hex;
    for (unsigned int i = 0; i < length; ++i) {
        char pair[3];
        std::snprintf(pair, sizeof pair, "%02x", static_cast<unsigned>(digest[i]));
        hex += pair;
    }
    return hex;
}

std::optional<int64_t> parse_integer(std::string_view text) {
    int64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size() || text.empty()) return std::nullopt;
    return value;
}

std::string format_ms(Duration d) {
    char text[48];
    if (d < 10ms && d > -10ms) {
        std::snprintf(text, sizeof text, "%.1f ms", to_ms(d));
    } else if (d < 10s) {
        std::snprintf(text, sizeof text, "%.0f ms", to_ms(d));
    } else {
        std::snprintf(text, sizeof text, "%.1f s", to_ms(d) / 1000.0);
    }
    return text;
}

std::optional<Duration> parse_duration(std::string_view text) {
    const size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
    const auto number = parse_integer(text.substr(0, digits));
    const std::string_view unit = text.substr(digits);
    if (!number) return std::nullopt;
    if (unit == "ms") return Duration(std::chrono::milliseconds(*number));
    if (unit == "s") return Duration(std::chrono::seconds(*number));
    if (unit == "m") return Duration(std::chrono::minutes(*number));
    return std::nullopt;
}

std::string lower(std::string_view text) {
    std::string out(text);
    for (char& c : out) {
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    }
    return out;
}

}  // namespace millrace::harness
