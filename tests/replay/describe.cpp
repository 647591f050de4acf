#include "describe.hpp"

#include <type_traits>
#include <variant>

namespace millrace::replay {
namespace {

void append_source(std::string& out, SourceId source) {
    out += " source ";
    append_unsigned(out, static_cast<uint32_t>(source));
}
void append_source(std::string& out, const std::optional<SourceId>& source) {
    if (source) append_source(out, *source);
}
void append_batch(std::string& out, BatchId batch) {
    out += " batch ";
    append_unsigned(out, static_cast<uint64_t>(batch));
}
void append_flag(std::string& out, bool flag, std::string_view name) {
    if (flag) append_word(out, name);
}
void append_text(std::string& out, std::string_view text) {
    out += ' ';
    append_quoted(out, text);
}
void append_id(std::string& out, EntryId id) {
    out += ' ';
    append_unsigned(out, id.ms);
    out += '-';
    append_unsigned(out, id.seq);
}

void append(std::string& out, const Ready& event) {
    out += "ready";
    append_source(out, event.source);
    append_word(out, name(event.delivery));
    append_text(out, event.consumer);
    out += ' ';
    append_unsigned(out, event.protocol);
    append_text(out, event.server_version);
}
void append(std::string& out, const BatchReady& event) {
    out += "batch";
    append_source(out, event.source);
    append_batch(out, event.batch);
    append_word(out, name(event.reason));
    out += ' ';
    append_unsigned(out, event.entries.size());
    for (const Entry entry : event.entries) {
        out += "\n=   entry";
        append_text(out, entry.stream());
        append_id(out, entry.id());
        out += ' ';
        append_unsigned(out, entry.deliveries());
        for (const Field field : entry) {
            append_text(out, field.name);
            append_text(out, field.value);
        }
    }
}
void append(std::string& out, const Acked& event) {
    out += "acked";
    append_source(out, event.source);
    append_batch(out, event.batch);
    for (const uint32_t index : event.indices) {
        out += ' ';
        append_unsigned(out, index);
    }
}
void append(std::string& out, const Lost& event) {
    out += "lost";
    append_source(out, event.source);
    append_text(out, event.stream);
    for (const EntryId id : event.ids) append_id(out, id);
}
void append(std::string& out, const Duplicate& event) {
    out += "duplicate";
    append_source(out, event.source);
    append_text(out, event.stream);
    append_id(out, event.id);
    append_text(out, event.canonical_id);
}
void append(std::string& out, const GroupRecreated& event) {
    out += "group_recreated";
    append_source(out, event.source);
    append_text(out, event.stream);
    append_text(out, event.from);
}
void append(std::string& out, const DeadLettered& event) {
    out += "dead_lettered";
    append_source(out, event.source);
    append_text(out, event.stream);
    append_id(out, event.id);
    append_text(out, event.dead_stream);
    append_id(out, event.dead_id);
    out += ' ';
    append_unsigned(out, event.deliveries);
    append_text(out, event.error);
}
void append(std::string& out, const DeadFailed& event) {
    out += "dead_failed";
    append_source(out, event.source);
    append_text(out, event.stream);
    append_id(out, event.id);
    append_text(out, event.dead_stream);
    out += ' ';
    append_error(out, event.error);
}
void append(std::string& out, const DeadListed& event) {
    out += "dead_listed";
    append_text(out, event.stream);
    append_text(out, event.dead_stream);
    for (const DeadLetter& letter : event.letters) {
        out += "\n=   letter";
        append_id(out, letter.dead_id);
        append_id(out, letter.id);
        append_text(out, letter.error);
    }
    if (event.error) {
        out += ' ';
        append_error(out, *event.error);
    }
}
void append(std::string& out, const GroupChanged& event) {
    out += "group_changed";
    append_text(out, event.stream);
    append_text(out, event.group);
    append_flag(out, event.changed, "changed");
    if (event.error) {
        out += ' ';
        append_error(out, *event.error);
    }
}
void append(std::string& out, const Redriven& event) {
    out += "redriven";
    append_text(out, event.stream);
    for (const RedriveResult& result : event.results) {
        out += "\n=   result";
        append_id(out, result.dead_id);
        append_id(out, result.id);
        append_flag(out, result.maybe_duplicate, "maybe_duplicate");
        if (result.error) {
            out += ' ';
            append_error(out, *result.error);
        }
    }
}
void append(std::string& out, const Published& event) {
    out += "published ";
    append_unsigned(out, static_cast<uint64_t>(event.ticket));
    for (const PublishResult& result : event.results) {
        out += "\n=   result";
        append_text(out, result.id);
        append_flag(out, result.maybe_duplicate, "maybe_duplicate");
        append_flag(out, result.maybe_written, "maybe_written");
        append_flag(out, result.reordered, "reordered");
        if (result.error) {
            out += ' ';
            append_error(out, *result.error);
        }
    }
}
void append(std::string& out, const ModeChanged& event) {
    out += "mode";
    append_word(out, name(event.delivery));
    append_text(out, event.server_version);
}
void append(std::string& out, const Disconnected& event) {
    out += "disconnected";
    append_word(out, name(event.role));
    append_word(out, name(event.reason));
    out += ' ';
    append_error(out, event.error);
}
void append(std::string& out, const Reconnected& event) {
    out += "reconnected";
    append_word(out, name(event.role));
    out += ' ';
    append_unsigned(out, event.attempts);
}
void append(std::string& out, const Gap& event) {
    out += "gap";
    append_source(out, event.source);
    append_text(out, event.stream);
    append_id(out, event.cursor);
    append_id(out, event.first);
    if (!event.missed.has_value()) return;
    out += ' ';
    append_unsigned(out, *event.missed);
}
void append(std::string& out, const Reset& event) {
    out += "reset";
    append_source(out, event.source);
    append_text(out, event.stream);
    append_id(out, event.cursor);
    append_id(out, event.last);
}
void append(std::string& out, const Interrupted& event) {
    out += "interrupted";
    append_source(out, event.source);
    append_text(out, event.stream);
    out += ' ';
    append_number(out, event.lasted.us);
}
void append(std::string& out, const TooLarge& event) {
    out += "too_large";
    append_source(out, event.source);
    append_text(out, event.stream);
    append_id(out, event.id);
    out += ' ';
    append_unsigned(out, event.bytes);
}
void append(std::string& out, const Failure& event) {
    out += "failure";
    append_source(out, event.source);
    append_flag(out, event.closed, "closed");
    out += ' ';
    append_error(out, event.error);
}
void append(std::string& out, const Log& event) {
    out += "log";
    append_word(out, name(event.level));
    append_text(out, event.message);
    for (const auto& [key, value] : event.fields) {
        append_text(out, key);
        append_text(out, value);
    }
}
void append(std::string& out, const Closed& event) {
    out += "closed";
    append_source(out, event.source);
    out += " held ";
    append_unsigned(out, event.held);
}

void append(std::string& out, const Connect& action) {
    out += "connect ";
    append_unsigned(out, static_cast<uint32_t>(action.conn));
    append_word(out, name(action.role));
    append_text(out, action.endpoint.unix_path.empty() ? action.endpoint.host : action.endpoint.unix_path);
    out += ' ';
    append_unsigned(out, action.endpoint.port);
    append_flag(out, action.tls.has_value(), "tls");
    out += " until ";
    append_number(out, action.deadline.us);
}
void append(std::string& out, const Close& action) {
    out += "close ";
    append_unsigned(out, static_cast<uint32_t>(action.conn));
}
void append(std::string& out, const SetReadable& action) {
    out += "set_readable ";
    append_unsigned(out, static_cast<uint32_t>(action.conn));
    append_word(out, action.readable ? "yes" : "no");
}

}  // namespace

void append_quoted(std::string& out, std::string_view bytes) {
    constexpr const char* digits = "0123456789abcdef";
    out += '"';
    for (const char c : bytes) {
        const auto byte = static_cast<unsigned char>(c);
        if (c == '"' || c == '\\') {
            out += '\\';
            out += c;
        } else if (c == '\r') {
            out += "\\r";
        } else if (c == '\n') {
            out += "\\n";
        } else if (byte < 0x20 || byte > 0x7e) {
            out += "\\x";
            out += digits[byte >> 4];
            out += digits[byte & 15];
        } else {
            out += c;
        }
    }
    out += '"';
}

void append_number(std::string& out, int64_t number) {
    out += std::to_string(number);
}
void append_unsigned(std::string& out, uint64_t number) {
    out += std::to_string(number);
}
void append_word(std::string& out, std::string_view word) {
    out += ' ';
    out += word;
}

void append_error(std::string& out, const Error& error) {
    out += "error";
    append_word(out, name(error.code));
    append_word(out, error.retryable ? "retryable" : "final");
    append_text(out, error.message);
}

void append_action(std::string& out, const Action& action) {
    std::visit([&out](const auto& each) { append(out, each); }, action);
}

void append_event(std::string& out, const Event& event) {
    std::visit([&out](const auto& each) { append(out, each); }, event);
}

}  // namespace millrace::replay
