// Views of bytes. Text and binary values are the same thing to Redis, and so they are here.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

namespace millrace {

using ConstBytes = std::span<const std::byte>;

inline ConstBytes as_bytes(std::string_view text) {
    return {reinterpret_cast<const std::byte*>(text.data()), text.size()};
}
inline std::string_view as_text(ConstBytes bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace millrace
