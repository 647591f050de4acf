// Small text questions that several parts ask: patterns, nearest names, splitting, printable excerpts.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"

namespace millrace::harness {

std::vector<std::string> split(std::string_view text, std::string_view separators);
std::string join(const std::vector<std::string>& parts, std::string_view separator);
bool matches_glob(std::string_view pattern, std::string_view text);

// The candidate with the smallest edit distance, if it is near enough to be what was meant.
std::optional<std::string> nearest(std::string_view word, const std::vector<std::string>& candidates);

// One line, control characters escaped, cut at `length_max`: for messages that quote what a peer sent.
std::string excerpt(std::string_view text, size_t length_max = 120);

bool is_utf8(std::string_view bytes);
// The same, with U+FFFD for each byte that is of no character: for reports, which quote whatever an agent wrote.
std::string to_utf8(std::string_view bytes);
// One word of a command line for sh.
std::string shell_word(std::string_view text);
std::string base64_encode(std::string_view bytes);
std::optional<std::string> base64_decode(std::string_view text);
std::string sha256_hex(std::string_view bytes);

std::optional<int64_t> parse_integer(std::string_view text);
std::string format_ms(Duration d);
// "300ms", "2s", "5m": what cases write into configurations.
std::optional<Duration> parse_duration(std::string_view text);
std::string lower(std::string_view text);

}  // namespace millrace::harness
