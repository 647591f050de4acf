#include "event/utf8.hpp"

#include <cstddef>

namespace millrace {
namespace {

constexpr bool between(unsigned char byte, unsigned char low, unsigned char high) {
    return byte >= low && byte <= high;
}

// The length of the well-formed sequence at the front; 0 where there is none. Source: Unicode 15, table 3-7.
size_t sequence_size(const unsigned char* bytes, size_t size) {
    const unsigned char first = bytes[0];
    if (first < 0x80) return 1;
    if (between(first, 0xc2, 0xdf)) return size >= 2 && between(bytes[1], 0x80, 0xbf) ? 2 : 0;
    if (between(first, 0xe0, 0xef)) {
        const unsigned char low = first == 0xe0 ? 0xa0 : 0x80;
        const unsigned char high = first == 0xed ? 0x9f : 0xbf;
        return size >= 3 && between(bytes[1], low, high) && between(bytes[2], 0x80, 0xbf) ? 3 : 0;
    }
    if (between(first, 0xf0, 0xf4)) {
        const unsigned char low = first == 0xf0 ? 0x90 : 0x80;
        const unsigned char high = first == 0xf4 ? 0x8f : 0xbf;
        return size >= 4 && between(bytes[1], low, high) && between(bytes[2], 0x80, 0xbf) &&
                       between(bytes[3], 0x80, 0xbf)
                   ? 4
                   : 0;
    }
    return 0;
}

}  // namespace

bool is_utf8(std::string_view bytes) {
    const auto* at = reinterpret_cast<const unsigned char*>(bytes.data());
    const unsigned char* const end = at + bytes.size();
    while (at != end) {
        const size_t size = sequence_size(at, static_cast<size_t>(end - at));
        if (size == 0) return false;
        at += size;
    }
    return true;
}

}  // namespace millrace
