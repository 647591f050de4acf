#include "consumer/names.hpp"

#include <algorithm>

namespace millrace {

namespace {

constexpr std::string_view generated_start = "consumer-";
constexpr std::string_view hex_digits = "0123456789abcdef";
constexpr size_t random_digits = 8;

bool is_number(std::string_view text) {
    const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
    return !text.empty() && text.front() != '0' && std::all_of(text.begin(), text.end(), is_digit);
}

}  // namespace

std::string generated_name(WallTime now, Prng& prng) {
    std::string text(generated_start);
    text += std::to_string(now.unix_us / 1000) + "-";
    uint64_t random = prng.next();
    for (size_t i = 0; i < random_digits; ++i, random >>= 4) text += hex_digits[random & 15U];
    return text;
}

bool is_generated_name(std::string_view name) {
    if (!name.starts_with(generated_start)) return false;
    name.remove_prefix(generated_start.size());
    const size_t dash = name.find('-');
    if (dash == std::string_view::npos || !is_number(name.substr(0, dash))) return false;
    const std::string_view random = name.substr(dash + 1);
    return random.size() == random_digits && random.find_first_not_of(hex_digits) == std::string_view::npos;
}

std::string leased_name(std::string_view base, uint32_t n) {
    return std::string(base).append("-").append(std::to_string(n));
}

bool is_leased_name(std::string_view base, std::string_view name) {
    return name.size() > base.size() && name.starts_with(base) && name[base.size()] == '-' &&
           is_number(name.substr(base.size() + 1));
}

}  // namespace millrace
