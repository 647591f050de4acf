// Our Lua scripts, as one table, and the commands that call them. What must happen at once or not at all is in one of
// them: MULTI does not do, because EXEC goes on behind a command that failed. What to do about an answer is the
// caller's.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "resp/encoder.hpp"

namespace millrace {

enum class ScriptId : uint8_t {
    dead_letter,
    redrive,
    ack_delete,
    delete_consumer,
    mark_seen,
    renew_lease,
    free_lease,
    release,
    append,
};

struct Script {
    ScriptId id;
    std::string_view name;
    std::string_view source;     ///< Lua 5.1, as Redis 5.0 to 8 and Valkey run it
    std::string_view sha1;       ///< 40 hexadecimal digits
    std::string_view keys;       ///< what KEYS holds, in words
    std::string_view arguments;  ///< what ARGV holds
    std::string_view answer;
};

/// In the order of ScriptId.
[[nodiscard]] std::span<const Script> scripts();
[[nodiscard]] const Script& script(ScriptId id);

/// DLQ-4: KEYS and ARGV of one call together. Past 7,999 every server refuses, and one build of 6.0.16 crashes just
/// before.
inline constexpr size_t script_arguments_max = 1000;

/// Entries of more fields than these do not fit into one call inside a script: Lua's stack ends at 8,000 values.
inline constexpr uint32_t script_fields_max = 3900;

/// The fields that a dead letter has behind its own, in this order; a redriven entry has the first and the third.
inline constexpr std::string_view dlq_fields[] = {"dlq_origin_id", "dlq_stream",     "dlq_group",
                                                  "dlq_consumer",  "dlq_deliveries", "dlq_error"};

namespace command {

/// How a script is named: by its hash, or, after NOSCRIPT, by its source, which the server then keeps.
enum class ScriptForm : uint8_t { hash, source };

/// The head of EVALSHA or EVAL; exactly so many keys, then arguments, must follow.
inline void script_head(resp::Encoder& encoder, ScriptId id, ScriptForm form, size_t keys, size_t arguments) {
    const bool by_hash = form == ScriptForm::hash;
    encoder.command(3 + keys + arguments).text(by_hash ? "EVALSHA" : "EVAL");
    encoder.text(by_hash ? script(id).sha1 : script(id).source).integer(static_cast<int64_t>(keys));
}

}  // namespace command
}  // namespace millrace
