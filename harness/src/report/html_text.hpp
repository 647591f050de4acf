// Text into HTML.
#pragma once

#include <string>
#include <string_view>

namespace millrace::harness {

std::string html(std::string_view bytes);

}  // namespace millrace::harness
