#include "events.hpp"

#include <array>
#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace millrace::agent {
namespace {

template <size_t N>
std::string_view word(const std::array<std::string_view, N>& words, uint32_t value) {
    return value < N ? words[value] : "unknown";
}

constexpr std::array<std::string_view, 3> reasons{"size", "flush", "recovery"};
constexpr std::array<std::string_view, 4> levels{"debug", "info", "warn", "error"};
constexpr std::array<std::string_view, 12> disconnects{
    "closed",
    "dropped",
    "refused",
    "reset",
    "unreachable",
    "dns",
    "timeout",
    "tls_expired",
    "tls_unknown_authority",
    "tls_wrong_host",
    "tls_certificate_wanted",
    "tls_failed",
};
static_assert(reasons.size() == MR_FLUSH_RECOVERY + 1 && levels.size() == MR_LOG_ERROR + 1);
static_assert(disconnects.size() == MR_DISCONNECT_TLS_FAILED + 1);

/// What a mode promises.
std::string_view guarantee(std::string_view mode) {
    return mode == "streams" ? "at_least_once" : mode == "pubsub" ? "at_most_once" : "by_cursor";
}

// Names of streams may be any bytes; so may what a server says in an error.
Json json_of(mr_str bytes) {
    return value_to_json(view_of(bytes));
}
std::string text(mr_str bytes) {
    return printable(view_of(bytes));
}

Json error_of(const mr_event& event) {
    return error_event(mr_status_name(event.status), view_of(event.message), event.retryable != 0);
}

Json fields_to_json(const mr_field* fields, size_t count) {
    Json json = Json::array();
    for (size_t i = 0; i < count; ++i) json.push_back(Json::array({json_of(fields[i].name), json_of(fields[i].value)}));
    return json;
}

Json ready(const mr_event& event) {
    const std::string mode(view_of(event.text));
    Json json{{"event", "ready"},
              {"re", nullptr},
              {"mode", mode},
              {"delivery", guarantee(mode)},
              {"consumer", json_of(event.consumer)},
              {"protocol", event.protocol},
              {"server_version", json_of(event.version)}};
    for (size_t i = 0; i < event.field_count; ++i) {
        const mr_field& cursor = event.fields[i];
        const std::string place = std::string(view_of(cursor.name)) + "=" + std::string(view_of(cursor.value));
        json["cursors"].push_back(value_to_json(place));
    }
    return json;
}

Json lost(const mr_event& event) {
    Json entries = Json::array();
    for (size_t i = 0; i < event.id_count; ++i) {
        entries.push_back(Json::array({json_of(event.stream), id_text(event.ids[i])}));
    }
    return {{"event", "lost"}, {"entries", std::move(entries)}};
}

Json gap(const mr_event& event) {
    Json json{{"event", "gap"},
              {"stream", json_of(event.stream)},
              {"from", id_text(event.id)},
              {"to", id_text(event.other_id)}};
    if (event.count > 0) json["missed"] = event.count;
    return json;
}

Json dead(const mr_event& event) {
    Json json{{"event", "dead_lettered"},  {"stream", json_of(event.stream)},
              {"id", id_text(event.id)},   {"dead_stream", json_of(event.text)},
              {"deliveries", event.count}, {"error", json_of(event.message)}};
    if (event.other_id.ms != 0 || event.other_id.seq != 0) json["dead_id"] = id_text(event.other_id);
    return json;
}

Json dead_failed(const mr_event& event) {
    Json json = error_of(event);
    json["event"] = "dead_failed";
    json["stream"] = json_of(event.stream);
    json["id"] = id_text(event.id);
    json["dead_stream"] = json_of(event.text);
    return json;
}

Json letter(const mr_dead_letter& letter) {
    Json json{{"id", id_text(letter.dead_id)}};
    if (letter.id.ms != 0 || letter.id.seq != 0) {
        json["origin_id"] = id_text(letter.id);
        json["stream"] = json_of(letter.stream);
        json["group"] = json_of(letter.group);
        json["consumer"] = json_of(letter.consumer);
        json["deliveries"] = letter.deliveries;
        json["error"] = json_of(letter.reason);
    }
    json["fields"] = fields_to_json(letter.fields, letter.field_count);
    if (letter.is_cut != 0) json["cut"] = true;
    return json;
}

Json listed(const mr_event& event) {
    if (event.status != MR_OK) return error_of(event);
    Json entries = Json::array();
    const auto* at = reinterpret_cast<const std::byte*>(event.letters);
    for (size_t i = 0; i < event.letter_count; ++i, at += event.letter_stride) {
        entries.push_back(letter(*reinterpret_cast<const mr_dead_letter*>(at)));
    }
    return {{"event", "dead"},
            {"stream", json_of(event.stream)},
            {"dead_stream", json_of(event.text)},
            {"entries", std::move(entries)}};
}

/// The event has the message of the first entry that failed alone.
class Failures {
  public:
    explicit Failures(const mr_event& event) : first_(text(event.message)) {}
    void put(Json& to, const mr_publish_result& result) {
        to["error"] = mr_status_name(result.status);
        to["message"] = std::exchange(told_, true) ? mr_strerror(result.status) : first_;
    }

  private:
    std::string first_;
    bool told_ = false;
};

Json redriven(const mr_event& event) {
    Json results = Json::array();
    Failures failures(event);
    for (size_t i = 0; i < event.result_count; ++i) {
        const mr_publish_result& result = event.results[i];
        Json json{{"dead_id", id_text(event.ids[i])}};
        if (result.status != MR_OK) {
            failures.put(json, result);
        } else if (result.id.ms != 0 || result.id.seq != 0) {
            json["id"] = id_text(result.id);
        }
        json["flags"] = Json::array();
        if ((result.flags & MR_PUBLISH_MAYBE_DUPLICATE) != 0) json["flags"].push_back("maybe_duplicate");
        results.push_back(std::move(json));
    }
    return {{"event", "redriven"}, {"stream", json_of(event.stream)}, {"results", std::move(results)}};
}

Json published(const mr_event& event) {
    Json results = Json::array();
    Failures failures(event);
    for (size_t i = 0; i < event.result_count; ++i) {
        const mr_publish_result& result = event.results[i];
        Json json;
        if (result.status != MR_OK) {
            failures.put(json, result);
        } else {
            json["id"] = id_text_or_empty(result.id);
        }
        json["flags"] = Json::array();
        if ((result.flags & MR_PUBLISH_MAYBE_DUPLICATE) != 0) json["flags"].push_back("maybe_duplicate");
        if ((result.flags & MR_PUBLISH_MAYBE_WRITTEN) != 0) json["flags"].push_back("maybe_written");
        if ((result.flags & MR_PUBLISH_REORDERED) != 0) json["flags"].push_back("reordered");
        results.push_back(std::move(json));
    }
    return {{"event", "published"}, {"results", std::move(results)}};
}

Json disconnected(const mr_event& event) {
    Json json = error_of(event);
    json["role"] = text(event.text);
    json["reason"] = word(disconnects, event.reason);
    return json;
}

Json failed(const mr_event& event) {
    Json json = error_of(event);
    if (event.closed != 0) json["closed"] = true;
    return json;
}

Json log(const mr_event& event) {
    Json fields = Json::object();
    for (size_t i = 0; i < event.field_count; ++i) fields[text(event.fields[i].name)] = text(event.fields[i].value);
    return {{"event", "log"},
            {"level", word(levels, event.level)},
            {"message", text(event.message)},
            {"fields", std::move(fields)}};
}

}  // namespace

std::optional<Json> event_to_json(const mr_event& event) {
    const Json stream = json_of(event.stream);
    switch (event.kind) {
        case MR_EVENT_READY:
            return ready(event);
        case MR_EVENT_MODE:
            return Json{{"event", "mode"},
                        {"mode", text(event.text)},
                        {"delivery", guarantee(view_of(event.text))},
                        {"server_version", text(event.version)}};
        case MR_EVENT_LOST:
            return lost(event);
        case MR_EVENT_DUPLICATE:
            return Json{{"event", "duplicate"},
                        {"stream", stream},
                        {"id", id_text(event.id)},
                        {"canonical_id", json_of(event.text)}};
        case MR_EVENT_GROUP_RECREATED:
            return Json{{"event", "group_recreated"}, {"stream", stream}, {"from", text(event.text)}};
        case MR_EVENT_GAP:
            return gap(event);
        case MR_EVENT_RESET:
            return Json{
                {"event", "reset"}, {"stream", stream}, {"from", id_text(event.id)}, {"last", id_text(event.other_id)}};
        case MR_EVENT_INTERRUPTED:
            return Json{{"event", "gap"}, {"stream", stream}, {"lasted_ms", event.count / 1000}};
        case MR_EVENT_TOO_LARGE:
            return Json{
                {"event", "too_large"}, {"stream", stream}, {"id", id_text_or_empty(event.id)}, {"bytes", event.count}};
        case MR_EVENT_DEAD:
            return dead(event);
        case MR_EVENT_DEAD_FAILED:
            return dead_failed(event);
        case MR_EVENT_DEAD_LISTED:
            return listed(event);
        case MR_EVENT_REDRIVEN:
            return redriven(event);
        case MR_EVENT_PUBLISHED:
            return published(event);
        case MR_EVENT_DISCONNECTED:
            return disconnected(event);
        case MR_EVENT_RECONNECTED:
            return Json{{"event", "reconnected"}, {"role", text(event.text)}, {"attempts", event.count}};
        case MR_EVENT_FAILED:
            return failed(event);
        case MR_EVENT_LOG:
            return log(event);
        default:
            return std::nullopt;
    }
}

Json batch_to_json(const mr_batch_view& view) {
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    const int64_t t_ms = std::chrono::duration_cast<std::chrono::milliseconds>(now).count();
    Json entries = Json::array();
    for (size_t i = 0; i < view.count; ++i) {
        const mr_entry& entry = *mr_entry_at(&view, i);
        entries.push_back({{"stream", json_of(entry.stream)},
                           {"id", id_text_or_empty(entry.id)},
                           {"fields", fields_to_json(entry.fields, entry.field_count)},
                           {"deliveries", entry.deliveries},
                           {"t_ms", t_ms}});
    }
    return {{"event", "batch"}, {"reason", word(reasons, view.reason)}, {"entries", std::move(entries)}};
}

}  // namespace millrace::agent
