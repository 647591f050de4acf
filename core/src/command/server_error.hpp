// What a server's error reply means: one table from its text to a code, whether a retry can help, and a class for the
// engine to switch on. Texts differ between versions, so they are matched loosely. It does not decide what to do next.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "millrace/error.hpp"

namespace millrace {

/// Finer than Code: one value per answer that the engine treats in its own way.
enum class ErrorClass : uint8_t {
    other,              ///< none of the below: the server refused the content of the command
    unknown_command,    ///< or an unknown subcommand
    syntax,             ///< one of three shapes in which a server refuses a newer option (DET-6)
    invalid_stream_id,  ///< another one of them
    wrong_arguments,    ///< wrong number of arguments
    no_proto,           ///< HELLO: this protocol is not spoken here
    no_auth,            ///< a password is asked for, and none was given
    wrong_pass,
    auth_unwanted,  ///< a password was given, and the server has none
    denied,         ///< protected mode; comes unasked, then the server closes
    no_permission,
    busy_group,  ///< the group exists
    no_group,    ///< the group or its key does not exist
    no_key,      ///< the key does not exist, and is not made by this command
    wrong_type,
    loading,
    busy,
    master_down,
    cluster_down,
    try_again,
    read_only,
    unblocked,
    no_replicas,
    misconf,
    max_clients,
    oom,
    exec_abort,
    cross_slot,
    moved,
    ask,
    no_script,
    script,          ///< a script failed for a reason of its own
    protocol_error,  ///< the server could not parse what it was sent, and closes
};

struct ServerError {
    Code code;
    bool retryable;  ///< RET-2; of `oom`: it may succeed later, whether it is tried is `on_oom`'s (REC-8: groups are)
    ErrorClass what;
};

/// How a row of the table is recognised. Case never matters.
enum class ErrorMatch : uint8_t {
    word,      ///< the first word of the text
    contains,  ///< anywhere in it
};

struct ErrorRow {
    ErrorMatch match;
    std::string_view text;
    ErrorClass what;
    Code code;
    bool retryable;
};

/// In the order in which they are tried.
[[nodiscard]] std::span<const ErrorRow> error_rows();

/// `text` is the line of an error reply, with or without its `-`. Errors that a script passes on are unwrapped. Never
/// fails: what no row knows is ErrorClass::other.
[[nodiscard]] ServerError classify(std::string_view text);

/// The same as an Error. Its message is the server's text: control characters escaped, at most 200 bytes, and without
/// the arguments that servers from 5.0 quote for an unknown command, for they hold the password where HELLO or AUTH is
/// unknown (CFG-4).
[[nodiscard]] Error to_error(std::string_view text);

}  // namespace millrace
