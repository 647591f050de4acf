// What a server says about itself in INFO: its kind, version and run id. It parses text, and decides nothing by it.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace millrace {

enum class Flavor : uint8_t { unknown, redis, valkey };

[[nodiscard]] std::string_view name(Flavor flavor);

struct Version {
    uint32_t major = 0;
    uint32_t minor = 0;
    uint32_t patch = 0;
    friend constexpr auto operator<=>(Version, Version) = default;
};

/// `6.2.5`, `7.0`, `8`, with anything after the numbers (`7.0.0-rc1`). None when it does not begin with a number, or
/// one is above 1,000,000.
[[nodiscard]] std::optional<Version> parse_version(std::string_view text);

struct ServerInfo {
    Flavor flavor = Flavor::unknown;
    /// What decides about Streams and capabilities: redis_version, which in Valkey tells what it is compatible with
    /// (DET-2).
    std::optional<Version> version;
    std::optional<Version> valkey_version;
    std::string version_text;  ///< for people: valkey_version in Valkey, else redis_version; empty when there is none
    std::string run_id;        ///< new at each start of the server; empty when unknown
};

/// The text of `INFO` or `INFO server`. What is missing, truncated or binary is left unset; nothing fails.
[[nodiscard]] ServerInfo parse_server_info(std::string_view text);

}  // namespace millrace
