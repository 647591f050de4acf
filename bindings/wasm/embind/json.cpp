#include "json.hpp"

namespace millrace::wasm {
namespace {

constexpr bool between(unsigned byte, unsigned low, unsigned high) {
    return byte >= low && byte <= high;
}

// The length of the well-formed sequence at the front; 0 where there is none. Source: Unicode 15, table 3-7.
size_t sequence_size(std::string_view text) {
    const auto at = [&](size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U; };
    const auto follows = [&](size_t i) { return between(at(i), 0x80, 0xbf); };
    const unsigned first = at(0);
    if (first < 0x80) return 1;
    if (between(first, 0xc2, 0xdf)) return follows(1) ? 2 : 0;
    if (between(first, 0xe0, 0xef)) {
        const bool fits = between(at(1), first == 0xe0 ? 0xa0 : 0x80, first == 0xed ? 0x9f : 0xbf);
        return fits && follows(2) ? 3 : 0;
    }
    if (between(first, 0xf0, 0xf4)) {
        const bool fits = between(at(1), first == 0xf0 ? 0x90 : 0x80, first == 0xf4 ? 0x8f : 0xbf);
        return fits && follows(2) && follows(3) ? 4 : 0;
    }
    return 0;
}

bool is_utf8(std::string_view text) {
    while (!text.empty()) {
        const size_t size = sequence_size(text);
        if (size == 0) return false;
        text.remove_prefix(size);
    }
    return true;
}

void write_base64(Block& block, std::string_view bytes) {
    constexpr std::string_view alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (; !bytes.empty(); bytes.remove_prefix(bytes.size() < 3 ? bytes.size() : 3)) {
        uint32_t bits = 0;
        for (size_t i = 0; i < 3; ++i)
            bits = bits << 8 | (i < bytes.size() ? static_cast<unsigned char>(bytes[i]) : 0U);
        char* const out = block.extend(4);
        if (out == nullptr) return;
        for (size_t i = 0; i < 4; ++i) out[i] = i > bytes.size() ? '=' : alphabet[bits >> (18 - 6 * i) & 63];
    }
}

}  // namespace

void JsonWriter::separate() {
    if (!is_first_) block_.text(",");
    is_first_ = false;
}

void JsonWriter::open(char bracket) {
    separate();
    block_.bytes(&bracket, 1);
    is_first_ = true;
}

void JsonWriter::close(char bracket) {
    block_.bytes(&bracket, 1);
    is_first_ = false;
}

void JsonWriter::key(std::string_view name) {
    separate();
    quoted(name, true);
    block_.text(":");
    is_first_ = true;  // its value follows without a comma
}

// Clean text is known to be UTF-8.
void JsonWriter::quoted(std::string_view text, bool is_clean) {
    block_.text("\"");
    while (!text.empty()) {
        const size_t size = is_clean ? 1 : sequence_size(text);
        const char first = text[0];
        if (size == 0) {
            block_.text("?");
        } else if (first == '"' || first == '\\') {
            const char escaped[2] = {'\\', first};
            block_.bytes(escaped, 2);
        } else if (static_cast<unsigned char>(first) < 0x20) {
            constexpr std::string_view digits = "0123456789abcdef";
            const char escaped[6] = {
                '\\', 'u', '0', '0', digits[static_cast<size_t>(first) >> 4], digits[static_cast<size_t>(first) & 15]};
            block_.bytes(escaped, 6);
        } else {
            block_.bytes(text.data(), size);
        }
        text.remove_prefix(size == 0 ? 1 : size);
    }
    block_.text("\"");
}

void JsonWriter::text(std::string_view text) {
    separate();
    quoted(text, false);
}

void JsonWriter::bytes(std::string_view bytes) {
    separate();
    if (is_utf8(bytes)) return quoted(bytes, true);
    block_.text("{\"b64\":\"");
    write_base64(block_, bytes);
    block_.text("\"}");
}

void JsonWriter::number(uint64_t value) {
    separate();
    char digits[20];
    size_t start = sizeof digits;
    do {
        digits[--start] = static_cast<char>('0' + value % 10);
        value /= 10;
    } while (value != 0);
    block_.bytes(digits + start, sizeof digits - start);
}

void JsonWriter::boolean(bool value) {
    separate();
    block_.text(value ? "true" : "false");
}

void JsonWriter::id(EntryId id) {
    separate();
    quoted(id.text(), true);
}

void JsonWriter::error(const Error& error) {
    begin_object();
    text("code", name(error.code));
    text("message", error.message);
    boolean("retryable", error.retryable);
    end_object();
}

}  // namespace millrace::wasm
