// The notations of values: durations, sizes, fractions, whole numbers. Pure text to number, at compile time too, where
// the table of keys states its ranges in the same notations. No key is known here.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace millrace {

namespace value_detail {

constexpr bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

/// Takes the digits at the front off the text. None without a digit, or past int64.
constexpr std::optional<int64_t> take_digits(std::string_view& text) {
    int64_t number = 0;
    size_t count = 0;
    for (; count < text.size() && is_digit(text[count]); ++count) {
        if (__builtin_mul_overflow(number, 10, &number)) return std::nullopt;
        if (__builtin_add_overflow(number, text[count] - '0', &number)) return std::nullopt;
    }
    if (count == 0) return std::nullopt;
    text.remove_prefix(count);
    return number;
}

constexpr bool take(std::string_view& text, std::string_view start) {
    if (!text.starts_with(start)) return false;
    text.remove_prefix(start.size());
    return true;
}

constexpr std::optional<int64_t> times(int64_t number, int64_t factor) {
    int64_t product = 0;
    if (__builtin_mul_overflow(number, factor, &product)) return std::nullopt;
    return product;
}

}  // namespace value_detail

/// `0`, `42`, `-3`.
constexpr std::optional<int64_t> parse_whole(std::string_view text) {
    const bool negative = value_detail::take(text, "-");
    const std::optional<int64_t> number = value_detail::take_digits(text);
    if (!number || !text.empty()) return std::nullopt;
    return negative ? -*number : *number;
}

/// `500ms`, `5s`, `2m`, `1h30m`, each unit at most once and the larger first, or whole milliseconds. In microseconds.
constexpr std::optional<int64_t> parse_duration_us(std::string_view text) {
    struct Unit {
        std::string_view name;
        int64_t us;
    };
    // `ms` before `m`: the first that fits is taken.
    constexpr Unit units[] = {{"h", 3'600'000'000}, {"ms", 1000}, {"m", 60'000'000}, {"s", 1'000'000}};
    int64_t sum = 0;
    int64_t smallest = INT64_MAX;
    do {
        const std::optional<int64_t> number = value_detail::take_digits(text);
        if (!number) return std::nullopt;
        if (text.empty() && smallest == INT64_MAX) return value_detail::times(*number, 1000);
        const Unit* found = nullptr;
        for (const Unit& unit : units) {
            if (value_detail::take(text, unit.name)) {
                found = &unit;
                break;
            }
        }
        if (found == nullptr || found->us >= smallest) return std::nullopt;
        smallest = found->us;
        const std::optional<int64_t> part = value_detail::times(*number, found->us);
        if (!part || __builtin_add_overflow(sum, *part, &sum)) return std::nullopt;
    } while (!text.empty());
    return sum;
}

/// Whole bytes, or with `KiB`, `MiB` or `GiB`. `kb` is refused: to Redis it is 1000, to many people 1024.
constexpr std::optional<int64_t> parse_bytes(std::string_view text) {
    const std::optional<int64_t> number = value_detail::take_digits(text);
    if (!number) return std::nullopt;
    if (text.empty()) return number;
    if (text == "KiB") return value_detail::times(*number, 1LL << 10);
    if (text == "MiB") return value_detail::times(*number, 1LL << 20);
    if (text == "GiB") return value_detail::times(*number, 1LL << 30);
    return std::nullopt;
}

/// `0`, `1`, `0.25`, with at most six decimals. In parts per million.
constexpr std::optional<int64_t> parse_fraction_ppm(std::string_view text) {
    constexpr int64_t million = 1'000'000;
    const std::optional<int64_t> whole = value_detail::take_digits(text);
    if (!whole) return std::nullopt;
    std::optional<int64_t> ppm = value_detail::times(*whole, million);
    if (!ppm || text.empty()) return ppm;
    if (text.front() != '.' || text.size() < 2 || text.size() > 7) return std::nullopt;
    int64_t weight = million;
    for (const char c : text.substr(1)) {
        if (!value_detail::is_digit(c)) return std::nullopt;
        weight /= 10;
        if (__builtin_add_overflow(*ppm, weight * (c - '0'), &*ppm)) return std::nullopt;
    }
    return ppm;
}

}  // namespace millrace
