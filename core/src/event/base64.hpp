// Base64 as in RFC 4648, section 4: with padding, without line breaks.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

namespace millrace {

constexpr size_t base64_size(size_t bytes) {
    return (bytes + 2) / 3 * 4;
}

/// Writes base64_size(bytes.size()) characters; answers where it ended.
char* base64_encode(std::string_view bytes, char* out);

/// How many bytes the text decodes to. None when it is not canonical: a foreign character, wrong padding, or bits that
/// the padding hides.
[[nodiscard]] std::optional<size_t> base64_decoded_size(std::string_view text);

/// `text` is one whose base64_decoded_size is known, `out` has that much room and may be the text's own bytes. Answers
/// where it ended.
char* base64_decode(std::string_view text, char* out);

}  // namespace millrace
