// Texts of our tables that only documents show.
#pragma once

#include <string_view>

namespace millrace {

/// Left out of WebAssembly, where it would be downloaded for nothing.
constexpr std::string_view documented(std::string_view text) {
#ifdef __EMSCRIPTEN__
    text = {};
#endif
    return text;
}

}  // namespace millrace
