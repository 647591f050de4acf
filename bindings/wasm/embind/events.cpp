#include "events.hpp"

#include <variant>

namespace millrace::wasm {
namespace {

void write_source(JsonWriter& json, SourceId source) {
    json.number("source", static_cast<uint32_t>(source));
}
void write_source(JsonWriter& json, const std::optional<SourceId>& source) {
    if (source) write_source(json, *source);
}
void write_ticket(JsonWriter& json, Ticket ticket) {
    json.number("ticket", static_cast<uint64_t>(ticket));
}
void write_delivery(JsonWriter& json, Delivery delivery) {
    json.text("delivery", name(delivery));
    json.text("guarantee", guarantee(delivery));
}
/// What most events of a source begin with.
void write_place(JsonWriter& json, SourceId source, std::string_view stream) {
    write_source(json, source);
    json.bytes("stream", stream);
}

// ---- one for each event: what its type is, and its members

constexpr std::string_view type_of(const Ready&) {
    return "ready";
}
void write(JsonWriter& json, const Ready& event) {
    write_source(json, event.source);
    write_delivery(json, event.delivery);
    json.bytes("consumer", event.consumer);
    json.number("protocol", event.protocol);
    json.text("serverVersion", event.server_version);
    json.key("cursors");
    json.begin_array();
    for (const Cursor& cursor : event.cursors) {
        json.begin_object();
        json.bytes("stream", cursor.stream);
        json.id("id", cursor.id);
        json.end_object();
    }
    json.end_array();
}

constexpr std::string_view type_of(const Lost&) {
    return "lost";
}
void write(JsonWriter& json, const Lost& event) {
    write_place(json, event.source, event.stream);
    json.key("ids");
    json.begin_array();
    for (const EntryId id : event.ids) json.id(id);
    json.end_array();
}

constexpr std::string_view type_of(const Duplicate&) {
    return "duplicate";
}
void write(JsonWriter& json, const Duplicate& event) {
    write_place(json, event.source, event.stream);
    json.id("id", event.id);
    json.bytes("canonicalId", event.canonical_id);
}

constexpr std::string_view type_of(const GroupRecreated&) {
    return "groupRecreated";
}
void write(JsonWriter& json, const GroupRecreated& event) {
    write_place(json, event.source, event.stream);
    json.text("from", event.from);
}

constexpr std::string_view type_of(const ModeChanged&) {
    return "modeChanged";
}
void write(JsonWriter& json, const ModeChanged& event) {
    write_delivery(json, event.delivery);
    json.text("serverVersion", event.server_version);
}

constexpr std::string_view type_of(const Disconnected&) {
    return "disconnected";
}
void write(JsonWriter& json, const Disconnected& event) {
    json.text("role", name(event.role));
    json.text("reason", name(event.reason));
    json.error("error", event.error);
}

constexpr std::string_view type_of(const Reconnected&) {
    return "reconnected";
}
void write(JsonWriter& json, const Reconnected& event) {
    json.text("role", name(event.role));
    json.number("attempts", event.attempts);
}

constexpr std::string_view type_of(const Gap&) {
    return "gap";
}
void write(JsonWriter& json, const Gap& event) {
    write_place(json, event.source, event.stream);
    json.id("cursor", event.cursor);
    json.id("first", event.first);
    json.number("missed", event.missed);
}

constexpr std::string_view type_of(const Reset&) {
    return "reset";
}
void write(JsonWriter& json, const Reset& event) {
    write_place(json, event.source, event.stream);
    json.id("cursor", event.cursor);
    json.id("last", event.last);
}

constexpr std::string_view type_of(const Interrupted&) {
    return "interrupted";
}
void write(JsonWriter& json, const Interrupted& event) {
    write_place(json, event.source, event.stream);
    json.duration("lasted", event.lasted);
}

constexpr std::string_view type_of(const TooLarge&) {
    return "tooLarge";
}
void write(JsonWriter& json, const TooLarge& event) {
    write_place(json, event.source, event.stream);
    json.known_id("id", event.id);
    json.number("bytes", event.bytes);
}

constexpr std::string_view type_of(const DeadLettered&) {
    return "deadLettered";
}
void write(JsonWriter& json, const DeadLettered& event) {
    write_place(json, event.source, event.stream);
    json.id("id", event.id);
    json.bytes("deadStream", event.dead_stream);
    json.known_id("deadId", event.dead_id);
    json.number("deliveries", event.deliveries);
    json.bytes("error", event.error);
}

constexpr std::string_view type_of(const DeadFailed&) {
    return "deadFailed";
}
void write(JsonWriter& json, const DeadFailed& event) {
    write_place(json, event.source, event.stream);
    json.id("id", event.id);
    json.bytes("deadStream", event.dead_stream);
    json.error("error", event.error);
}

void write_letter(JsonWriter& json, const DeadLetter& letter) {
    json.begin_object();
    json.id("deadId", letter.dead_id);
    if (letter.id != EntryId{}) {
        json.id("id", letter.id);
        json.bytes("stream", letter.stream);
        json.bytes("group", letter.group);
        json.bytes("consumer", letter.consumer);
        json.number("deliveries", letter.deliveries);
        json.bytes("error", letter.error);
    }
    json.key("fields");
    json.begin_array();
    for (const auto& [key, value] : letter.fields) {
        json.begin_array();
        json.bytes(key);
        json.bytes(value);
        json.end_array();
    }
    json.end_array();
    json.boolean("isCut", letter.is_cut);
    json.end_object();
}

constexpr std::string_view type_of(const DeadListed&) {
    return "deadListed";
}
void write(JsonWriter& json, const DeadListed& event) {
    write_ticket(json, event.ticket);
    json.bytes("stream", event.stream);
    json.bytes("deadStream", event.dead_stream);
    json.key("letters");
    json.begin_array();
    for (const DeadLetter& letter : event.letters) write_letter(json, letter);
    json.end_array();
    json.error("error", event.error);
}

constexpr std::string_view type_of(const Redriven&) {
    return "redriven";
}
void write(JsonWriter& json, const Redriven& event) {
    write_ticket(json, event.ticket);
    json.bytes("stream", event.stream);
    json.key("results");
    json.begin_array();
    for (const RedriveResult& result : event.results) {
        json.begin_object();
        json.id("deadId", result.dead_id);
        json.known_id("id", result.id);
        json.error("error", result.error);
        json.boolean("maybeDuplicate", result.maybe_duplicate);
        json.end_object();
    }
    json.end_array();
}

constexpr std::string_view type_of(const GroupChanged&) {
    return "groupChanged";
}
void write(JsonWriter& json, const GroupChanged& event) {
    write_ticket(json, event.ticket);
    json.bytes("stream", event.stream);
    json.bytes("group", event.group);
    json.boolean("changed", event.changed);
    json.error("error", event.error);
}

constexpr std::string_view type_of(const Failure&) {
    return "failure";
}
void write(JsonWriter& json, const Failure& event) {
    write_source(json, event.source);
    json.error("error", event.error);
    json.boolean("closed", event.closed);
}

constexpr std::string_view type_of(const Log&) {
    return "log";
}
void write(JsonWriter& json, const Log& event) {
    json.text("level", name(event.level));
    json.text("message", event.message);
    json.key("fields");
    json.begin_object();
    for (const auto& [key, value] : event.fields) json.text(key, value);
    json.end_object();
}

constexpr std::string_view type_of(const Closed&) {
    return "closed";
}
void write(JsonWriter& json, const Closed& event) {
    write_source(json, event.source);
    json.number("held", event.held);
}

struct WriteEvent {
    JsonWriter& json;

    // Records of their own.
    bool operator()(const BatchReady&) const { return false; }
    bool operator()(const Acked&) const { return false; }
    bool operator()(const Published&) const { return false; }

    template <class Told>
    bool operator()(const Told& event) const {
        json.begin_object();
        json.text("type", type_of(event));
        write(json, event);
        json.end_object();
        return true;
    }
};

}  // namespace

bool write_event(JsonWriter& json, const Event& event) {
    return std::visit(WriteEvent{json}, event);
}

void write_endpoint(JsonWriter& json, const Connect& connect) {
    const Endpoint& endpoint = connect.endpoint;
    json.begin_object();
    json.text("host", endpoint.host);
    json.number("port", endpoint.port);
    if (!endpoint.unix_path.empty()) json.bytes("unixPath", endpoint.unix_path);
    if (connect.tls) {
        json.key("tls");
        json.begin_object();
        json.text("serverName", connect.tls->server_name.empty() ? endpoint.host : connect.tls->server_name);
        json.boolean("verify", connect.tls->verify);
        json.bytes("ca", connect.tls->ca);
        json.bytes("cert", connect.tls->cert);
        json.bytes("key", connect.tls->key);
        json.end_object();
    }
    json.end_object();
}

void write_health(JsonWriter& json, const Health& health) {
    json.begin_object();
    json.boolean("healthy", health.healthy);
    json.text("error", health.error);
    if (health.mode) json.text("mode", name(*health.mode));
    json.bytes("group", health.group);
    json.bytes("consumer", health.consumer);
    json.duration("sinceHeard", health.since_heard);
    json.number("held", health.held);
    if (health.since_looked) json.duration("sinceLooked", *health.since_looked);
    json.number("streamLength", health.stream_length);
    json.number("pending", health.pending);
    json.number("lag", health.lag);
    if (health.oldest_pending) json.duration("oldestPending", *health.oldest_pending);
    json.end_object();
}

void write_codes(JsonWriter& json) {
    json.begin_array();
    for (const CodeInfo& row : code_table()) {
        json.begin_object();
        json.text("code", row.name);
        json.text("kind", name(row.kind));
        json.boolean("retryable", row.retryable);
        json.text("meaning", row.meaning);
        json.text("advice", row.advice);
        json.end_object();
    }
    json.end_array();
}

}  // namespace millrace::wasm
