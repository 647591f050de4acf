// What a server answers, as bytes: small functions that are put together, so that a test shows a reply's shape.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace millrace::test {

using Items = std::vector<std::string>;

[[nodiscard]] std::string ok();
[[nodiscard]] std::string status(std::string_view text);
[[nodiscard]] std::string error(std::string_view text);
[[nodiscard]] std::string integer(int64_t number);
[[nodiscard]] std::string bulk(std::string_view text);
/// `*-1`, `$-1`, `_`.
[[nodiscard]] std::string null_array();
[[nodiscard]] std::string null_bulk();
[[nodiscard]] std::string null();
[[nodiscard]] std::string array(const Items& items);
/// Key, value, key, value …
[[nodiscard]] std::string map(const Items& items);
[[nodiscard]] std::string push(const Items& items);
[[nodiscard]] std::string verbatim(std::string_view text);

/// An entry with the one field `f`, whose value is `v` unless said otherwise.
[[nodiscard]] std::string entry(std::string_view id, std::string_view value = "v");
/// A pending entry that was deleted from its stream: `[id, nil]`.
[[nodiscard]] std::string deleted(std::string_view id);
[[nodiscard]] std::string entries(std::initializer_list<std::string_view> ids);

/// The reply to a read of one stream: a map, as in RESP3.
[[nodiscard]] std::string stream(std::string_view key, std::initializer_list<std::string_view> ids);
/// The same of entries that are bytes already.
[[nodiscard]] std::string stream_of(std::string_view key, const Items& entries);
/// In RESP2: an array of pairs.
[[nodiscard]] std::string stream2(std::string_view key, std::initializer_list<std::string_view> ids);

/// A row of XPENDING's extended form.
[[nodiscard]] std::string pending(std::string_view id, std::string_view consumer, int64_t idle_ms, int64_t deliveries);

/// The answer to XINFO GROUPS of a stream with the group `g`, and that to XPENDING's summary.
[[nodiscard]] std::string groups(std::string_view last_delivered);
[[nodiscard]] std::string pending_summary(int64_t count, std::string_view first = {}, std::string_view last = {});

/// The answer to HELLO.
[[nodiscard]] std::string hello(int64_t protocol, int64_t client_id, std::string_view version = "7.0.15");
/// The answer to INFO server.
[[nodiscard]] std::string info(std::string_view version, std::string_view run_id = "run-a");
/// As servers before 6.0 say it, with the arguments quoted.
[[nodiscard]] std::string unknown_command(std::string_view name);

}  // namespace millrace::test
