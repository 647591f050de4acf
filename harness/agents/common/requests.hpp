// What requests of protocol 1 say, and what is wrong with them.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "values.hpp"

namespace millrace::agent {

using EntryKey = std::pair<std::string, std::string>;  ///< stream and id
using FieldTexts = std::vector<std::pair<std::string, std::string>>;

/// Thrown by what reads a request; it becomes its answer, an `error`.
struct BadRequest {
    std::string code;
    std::string message;
    bool retryable = false;
};
[[noreturn]] void bad(std::string message);

[[nodiscard]] const Json& member(const Json& request, const char* key);
[[nodiscard]] std::string text_of(const Json& json, const char* what);
/// `entries` of an ack, nack or reject.
[[nodiscard]] std::vector<EntryKey> keys_of(const Json& request);
[[nodiscard]] std::optional<std::chrono::milliseconds> milliseconds_of(const Json& request, const char* key);
/// `entries` of a publish.
[[nodiscard]] std::vector<FieldTexts> entries_of(const Json& request);
/// `options` of a publish, as a document of configuration keys, of which only those of publishing are allowed.
[[nodiscard]] std::optional<std::string> options_of(const Json& request);
/// `count` of a request for dead letters.
[[nodiscard]] uint32_t count_of(const Json& request);

}  // namespace millrace::agent
