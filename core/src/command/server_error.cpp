#include "command/server_error.hpp"

#include <array>
#include <cstddef>
#include <string>

namespace millrace {
namespace {

using enum ErrorMatch;
using What = ErrorClass;

// First words come first: what follows them may quote the caller's own text. Sources: the replies of Redis 3.2 to 8.6
// and Valkey 8.1 and 9 as seen on the wire, and server.c, acl.c, script.c and eval.c of Redis.
constexpr std::array rows{
    ErrorRow{word, "LOADING", What::loading, Code::server_busy, true},
    ErrorRow{word, "BUSY", What::busy, Code::server_busy, true},
    ErrorRow{word, "MASTERDOWN", What::master_down, Code::server_busy, true},
    ErrorRow{word, "CLUSTERDOWN", What::cluster_down, Code::server_busy, true},
    ErrorRow{word, "TRYAGAIN", What::try_again, Code::server_busy, true},
    ErrorRow{word, "READONLY", What::read_only, Code::server_busy, true},
    ErrorRow{word, "UNBLOCKED", What::unblocked, Code::server_busy, true},
    ErrorRow{word, "NOREPLICAS", What::no_replicas, Code::server_busy, true},
    ErrorRow{word, "MISCONF", What::misconf, Code::server_busy, true},
    ErrorRow{word, "OOM", What::oom, Code::oom, true},
    ErrorRow{word, "NOAUTH", What::no_auth, Code::auth, false},
    ErrorRow{word, "WRONGPASS", What::wrong_pass, Code::auth, false},
    ErrorRow{word, "DENIED", What::denied, Code::auth, false},
    ErrorRow{word, "NOPERM", What::no_permission, Code::no_permission, false},
    ErrorRow{word, "NOPROTO", What::no_proto, Code::unsupported, false},
    ErrorRow{word, "NOGROUP", What::no_group, Code::no_group, false},
    ErrorRow{word, "BUSYGROUP", What::busy_group, Code::bad_argument, false},
    ErrorRow{word, "WRONGTYPE", What::wrong_type, Code::wrong_type, false},
    ErrorRow{word, "EXECABORT", What::exec_abort, Code::script, false},
    ErrorRow{word, "CROSSSLOT", What::cross_slot, Code::bad_argument, false},
    ErrorRow{word, "MOVED", What::moved, Code::unsupported, false},
    ErrorRow{word, "ASK", What::ask, Code::unsupported, false},
    // The same call never succeeds without the script being loaded first, which is the engine's answer to this class.
    ErrorRow{word, "NOSCRIPT", What::no_script, Code::script, false},
    // An unknown command quotes its arguments from 5.0 on, so it goes before what those might say.
    ErrorRow{contains, "unknown command", What::unknown_command, Code::unsupported, false},
    ErrorRow{contains, "unknown redis command", What::unknown_command, Code::unsupported, false},  // in a script
    ErrorRow{contains, "unknown subcommand", What::unknown_command, Code::unsupported, false},
    ErrorRow{contains, "subcommand or wrong number of arguments", What::unknown_command, Code::unsupported, false},
    ErrorRow{contains, "max number of clients", What::max_clients, Code::server_busy, true},
    ErrorRow{contains, "invalid password", What::wrong_pass, Code::auth, false},           // up to 5.0
    ErrorRow{contains, "invalid username-password", What::wrong_pass, Code::auth, false},  // proxies
    ErrorRow{contains, "no password is set", What::auth_unwanted, Code::auth, false},      // up to 5.0
    ErrorRow{contains, "without any password configured", What::auth_unwanted, Code::auth, false},
    ErrorRow{contains, "operation not permitted", What::no_auth, Code::auth,
             false},  // before NOAUTH had a word of its own
    ErrorRow{contains, "no permissions", What::no_permission, Code::no_permission, false},
    ErrorRow{contains, "user executing the script can't", What::no_permission, Code::no_permission, false},
    ErrorRow{contains, "acl failure in script", What::no_permission, Code::no_permission, false},
    ErrorRow{contains, "syntax error", What::syntax, Code::unsupported, false},
    ErrorRow{contains, "invalid stream id", What::invalid_stream_id, Code::unsupported, false},
    ErrorRow{contains, "wrong number of arguments", What::wrong_arguments, Code::unsupported, false},
    // XGROUP without MKSTREAM. It speaks of a key that is missing, not of a group.
    ErrorRow{contains, "requires the key to exist", What::no_key, Code::bad_argument, false},
    ErrorRow{contains, "protocol error", What::protocol_error, Code::protocol, false},
    ErrorRow{contains, "error running script", What::script, Code::script, false},
    ErrorRow{contains, "error compiling script", What::script, Code::script, false},
    ErrorRow{contains, "user_script", What::script, Code::script, false},
};

constexpr char lower(char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
}

bool starts_with_folded(std::string_view text, std::string_view start) {
    if (text.size() < start.size()) return false;
    for (size_t i = 0; i < start.size(); ++i) {
        if (lower(text[i]) != lower(start[i])) return false;
    }
    return true;
}

size_t find_folded(std::string_view text, std::string_view part) {
    for (size_t at = 0; at + part.size() <= text.size(); ++at) {
        if (starts_with_folded(text.substr(at), part)) return at;
    }
    return std::string_view::npos;
}

bool matches(const ErrorRow& row, std::string_view text) {
    if (row.match == contains) return find_folded(text, row.text) != std::string_view::npos;
    if (!starts_with_folded(text, row.text)) return false;
    return text.size() == row.text.size() || text[row.text.size()] == ' ' || text[row.text.size()] == ':';
}

std::string_view without_mark(std::string_view text) {
    while (!text.empty() && (text.front() == '-' || text.front() == ' ')) text.remove_prefix(1);
    return text;
}

// Up to 6.2 an error raised by a command in a script is wrapped, once or twice: `ERR Error running script (call to
// f_0a…):
// @user_script:1: @user_script: 1: -OOM command …`, the inner mark not always there. What follows the last line number
// is the error itself; empty when there is none.
std::string_view script_cause(std::string_view text) {
    constexpr std::string_view mark = "@user_script:";
    const size_t at = text.rfind(mark);
    if (at == std::string_view::npos) return {};
    text.remove_prefix(at + mark.size());
    const size_t colon = text.find(':');
    if (colon == std::string_view::npos) return {};
    for (const char c : text.substr(0, colon)) {
        if (c != ' ' && (c < '0' || c > '9')) return {};
    }
    return without_mark(text.substr(colon + 1));
}

const ErrorRow* find_row(std::string_view text) {
    for (const ErrorRow& row : rows) {
        if (matches(row, text)) return &row;
    }
    return nullptr;
}

}  // namespace

std::span<const ErrorRow> error_rows() {
    return rows;
}

ServerError classify(std::string_view text) {
    // The line is bounded at 64 KiB (SEC-2); what tells errors apart is in its beginning.
    constexpr size_t looked_at = 1024;
    text = without_mark(text.substr(0, looked_at));
    if (const std::string_view cause = script_cause(text); starts_with_folded(text, "ERR ") && !cause.empty()) {
        // Only first words and fixed phrases of the server count here; else the script failed by itself.
        if (const ErrorRow* row = find_row(cause)) return {row->code, row->retryable, row->what};
    }
    if (const ErrorRow* row = find_row(text)) return {row->code, row->retryable, row->what};
    return {Code::bad_argument, false, ErrorClass::other};
}

Error to_error(std::string_view text) {
    constexpr size_t message_max = 200;
    constexpr std::string_view hex = "0123456789abcdef";
    const ServerError known = classify(text);
    text = without_mark(text);
    // `ERR unknown command `HELLO`, with args beginning with: `3`, `AUTH`, `default`, `{the password}`` (5.0 and
    // later).
    text = text.substr(0, find_folded(text, ", with args beginning with"));
    std::string message;
    for (const char c : text) {
        if (message.size() + 4 > message_max) {
            message.resize(message_max - 3);
            message += "...";
            break;
        }
        const auto byte = static_cast<unsigned char>(c);
        if (byte >= ' ' && byte < 0x7f) {
            message += c;
        } else {
            message += "\\x";
            message += hex[byte >> 4];
            message += hex[byte & 15];
        }
    }
    if (message.empty()) message = "the server refused without saying why";
    return {known.code, std::move(message), known.retryable};
}

}  // namespace millrace
