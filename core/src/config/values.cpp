#include "config/values.hpp"

#include <string>

#include "config/assign.hpp"
#include "millrace/config.hpp"

namespace millrace {

Result<Duration> parse_duration(std::string_view text) {
    const std::optional<int64_t> us = parse_duration_us(text);
    if (us) return Duration{*us};
    constexpr std::string_view allowed = "500ms, 5s, 2m, 1h30m or whole milliseconds, none of them negative";
    return refused_value("duration", shown(text), allowed);
}

}  // namespace millrace
