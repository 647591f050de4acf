// The table of error codes. C, TypeScript, the agent protocol and docs/errors.md take their codes from it.
#include "millrace/error.hpp"

#include <array>
#include <cstddef>

namespace millrace {
namespace {

constexpr std::array<CodeInfo, 23> table{{
    {Code::ok, "ok", Kind::environment, false, "Nothing went wrong.", "Nothing."},
    {Code::bad_config, "bad_config", Kind::misuse, false,
     "A configuration key is unknown, or its value is not allowed.",
     "Correct the key that the message names; nothing was connected."},
    {Code::bad_argument, "bad_argument", Kind::misuse, false,
     "An argument is not allowed, or the server refused the content of a command (a database number out of range, a "
     "group that exists, keys of different slots).",
     "Correct the call. The message has the server's words where it was the server that refused."},
    {Code::closed, "closed", Kind::misuse, false, "The client or the source was closed before.",
     "Open a new one. Entries that were not acked are still pending with the consumer."},
    {Code::not_held, "not_held", Kind::misuse, false,
     "The entry is not held here: it was acked before, or never delivered by this batch. Nothing was sent.",
     "Ack each delivery once."},
    {Code::lost, "lost", Kind::peer, false,
     "The entry was taken by another consumer, or its stream is gone. Nothing was sent for it.",
     "Drop what was done for it, or make the work idempotent: another consumer does it too."},
    {Code::queue_full, "queue_full", Kind::misuse, true, "As many commands or events are waiting as may wait.",
     "Poll what is there, then call again."},
    {Code::would_block, "would_block", Kind::environment, true,
     "More than publish_queue_bytes wait to be written. Nothing of this publish was taken.",
     "Call again after the next published event, or raise publish_queue_bytes."},
    {Code::too_large, "too_large", Kind::misuse, false, "A message is larger than max_message_bytes.",
     "Send less, or raise max_message_bytes on both sides."},
    {Code::unsupported, "unsupported", Kind::peer, false,
     "The server does not know the command or option, or this version of millrace does not do it yet.",
     "Go without it, or upgrade the one that the message names."},
    {Code::cursor_not_found, "cursor_not_found", Kind::misuse, false,
     "No entry with the canonical id to start after was found within the bounds of the search.",
     "Start from an entry id, from `last:n` or from `new`."},
    {Code::auth, "auth", Kind::peer, false, "The server wants credentials, or refuses the ones it was given.",
     "Correct username and password; connecting stops until they are replaced."},
    {Code::no_permission, "no_permission", Kind::peer, false,
     "The server's access list forbids the command or the key.",
     "Grant the user what the message names, or do without the feature."},
    {Code::wrong_type, "wrong_type", Kind::peer, false, "The key holds something that is no stream.",
     "Use another key, or remove what is there."},
    {Code::no_group, "no_group", Kind::peer, false, "The consumer group or its stream does not exist (any more).",
     "Nothing while consuming: the group is made again. Elsewhere, create the group first."},
    {Code::oom, "oom", Kind::peer, true, "The server is past its maxmemory and refuses writes.",
     "Free memory there, or trim streams; publish again later."},
    {Code::server_busy, "server_busy", Kind::peer, true,
     "The server can't serve this now: it is loading, busy with a script, read-only, without its master or replicas, "
     "unable to save, or has too many clients.",
     "Wait; reads, acks and groups are tried again by themselves."},
    {Code::connection, "connection", Kind::environment, true,
     "The connection could not be made, or was lost: refused, reset, unreachable, or the name is unknown.",
     "Wait; it is made again with growing delays. Check host and port if it never comes."},
    {Code::timeout, "timeout", Kind::environment, true, "No answer came within the time that was set for it.",
     "Wait; it is tried again. Raise connection_timeout or read_slack where the network is slow."},
    {Code::tls, "tls", Kind::environment, false,
     "The TLS handshake failed, or the server's certificate is not to be trusted.",
     "Correct tls.ca, tls.server_name, tls.cert and tls.key, or the server's certificate."},
    {Code::protocol, "protocol", Kind::peer, false,
     "What came is not the Redis protocol, is no answer to what was asked, or breaks a limit (max_depth, max_elements, "
     "max_message_bytes).",
     "Check that a Redis or Valkey server listens at that address. The connection was closed."},
    {Code::script, "script", Kind::peer, false, "A script or transaction was discarded or failed on the server.",
     "Read the server's words in the message; report it if the script is millrace's own."},
    {Code::out_of_memory, "out_of_memory", Kind::environment, true, "This process was refused memory.",
     "Lower prefetch, prefetch_bytes or max_message_bytes, or give it more."},
}};

constexpr bool in_order() {
    for (size_t i = 0; i < table.size(); ++i) {
        if (static_cast<size_t>(table[i].code) != i) return false;
    }
    return true;
}
static_assert(in_order() && table.size() == static_cast<size_t>(Code::out_of_memory) + 1,
              "one row a code, at the index of its code");

}  // namespace

std::span<const CodeInfo> code_table() {
    return table;
}

const CodeInfo& info(Code code) {
    return table[static_cast<size_t>(code)];
}

std::string_view name(Code code) {
    return info(code).name;
}

std::string_view name(Kind kind) {
    constexpr std::array<std::string_view, 3> names{"misuse", "peer", "environment"};
    return names[static_cast<size_t>(kind)];
}

Error::Error(Code c, std::string text) : Error(c, std::move(text), info(c).retryable) {}

}  // namespace millrace
