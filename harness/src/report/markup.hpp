// Text into HTML and XML: whatever an agent wrote, the result is well-formed.
#pragma once

#include <string>
#include <string_view>

namespace millrace::harness {

std::string html(std::string_view bytes);
// Control characters, which XML 1.0 has no way to say, become spaces; U+FFFE and U+FFFF become U+FFFD.
std::string xml(std::string_view bytes);

}  // namespace millrace::harness
