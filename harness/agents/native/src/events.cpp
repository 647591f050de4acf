#include "events.hpp"

#include <chrono>

namespace millrace::agent {
namespace {

// Names of streams may be any bytes; so may what a server says in an error.
Json text_to_json(std::string_view text) {
    return value_to_json(text);
}

Json letter_to_json(const DeadLetter& letter) {
    Json fields = Json::array();
    for (const auto& [key, value] : letter.fields) {
        fields.push_back(Json::array({value_to_json(key), value_to_json(value)}));
    }
    Json json{{"id", letter.dead_id.text()}};
    if (letter.id != EntryId{}) {
        json["origin_id"] = letter.id.text();
        json["stream"] = text_to_json(letter.stream);
        json["group"] = text_to_json(letter.group);
        json["consumer"] = text_to_json(letter.consumer);
        json["deliveries"] = letter.deliveries;
        json["error"] = text_to_json(letter.error);
    }
    json["fields"] = std::move(fields);
    if (letter.is_cut) json["cut"] = true;
    return json;
}

struct ToJson {
    std::optional<Json> operator()(const ModeChanged& event) const {
        return Json{{"event", "mode"},
                    {"mode", name(event.delivery)},
                    {"delivery", guarantee(event.delivery)},
                    {"server_version", printable(event.server_version)}};
    }
    std::optional<Json> operator()(const Lost& event) const {
        Json entries = Json::array();
        for (const EntryId id : event.ids) entries.push_back(Json::array({text_to_json(event.stream), id.text()}));
        return Json{{"event", "lost"}, {"entries", std::move(entries)}};
    }
    std::optional<Json> operator()(const Duplicate& event) const {
        return Json{{"event", "duplicate"},
                    {"stream", text_to_json(event.stream)},
                    {"id", event.id.text()},
                    {"canonical_id", text_to_json(event.canonical_id)}};
    }
    std::optional<Json> operator()(const GroupRecreated& event) const {
        return Json{{"event", "group_recreated"}, {"stream", text_to_json(event.stream)}, {"from", event.from}};
    }
    std::optional<Json> operator()(const Gap& event) const {
        Json json{{"event", "gap"},
                  {"stream", text_to_json(event.stream)},
                  {"from", event.cursor.text()},
                  {"to", event.first.text()}};
        if (event.missed) json["missed"] = *event.missed;
        return json;
    }
    std::optional<Json> operator()(const Reset& event) const {
        return Json{{"event", "reset"},
                    {"stream", text_to_json(event.stream)},
                    {"from", event.cursor.text()},
                    {"last", event.last.text()}};
    }
    std::optional<Json> operator()(const Interrupted& event) const {
        return Json{{"event", "gap"}, {"stream", text_to_json(event.stream)}, {"lasted_ms", event.lasted.us / 1000}};
    }
    std::optional<Json> operator()(const TooLarge& event) const {
        const std::string id = event.id == EntryId{} ? std::string() : event.id.text();  // a message has none
        return Json{{"event", "too_large"}, {"stream", text_to_json(event.stream)}, {"id", id}, {"bytes", event.bytes}};
    }
    std::optional<Json> operator()(const DeadLettered& event) const {
        Json json{{"event", "dead_lettered"},       {"stream", text_to_json(event.stream)},
                  {"id", event.id.text()},          {"dead_stream", text_to_json(event.dead_stream)},
                  {"deliveries", event.deliveries}, {"error", text_to_json(event.error)}};
        if (event.dead_id != EntryId{}) json["dead_id"] = event.dead_id.text();
        return json;
    }
    std::optional<Json> operator()(const DeadFailed& event) const {
        return Json{{"event", "dead_failed"},
                    {"stream", text_to_json(event.stream)},
                    {"id", event.id.text()},
                    {"dead_stream", text_to_json(event.dead_stream)},
                    {"code", name(event.error.code)},
                    {"message", printable(event.error.message)},
                    {"retryable", event.error.retryable}};
    }
    std::optional<Json> operator()(const DeadListed& event) const {
        if (event.error) return error_event(*event.error);
        Json entries = Json::array();
        for (const DeadLetter& letter : event.letters) entries.push_back(letter_to_json(letter));
        return Json{{"event", "dead"},
                    {"stream", text_to_json(event.stream)},
                    {"dead_stream", text_to_json(event.dead_stream)},
                    {"entries", std::move(entries)}};
    }
    std::optional<Json> operator()(const Redriven& event) const {
        Json results = Json::array();
        for (const RedriveResult& result : event.results) {
            Json json{{"dead_id", result.dead_id.text()}};
            if (result.error) {
                json["error"] = name(result.error->code);
                json["message"] = printable(result.error->message);
            } else if (result.id != EntryId{}) {
                json["id"] = result.id.text();
            }
            json["flags"] = result.maybe_duplicate ? Json::array({"maybe_duplicate"}) : Json::array();
            results.push_back(std::move(json));
        }
        return Json{{"event", "redriven"}, {"stream", text_to_json(event.stream)}, {"results", std::move(results)}};
    }
    std::optional<Json> operator()(const Disconnected& event) const {
        Json json = error_event(event.error);
        json["role"] = name(event.role);
        json["reason"] = name(event.reason);
        return json;
    }
    std::optional<Json> operator()(const Reconnected& event) const {
        return Json{{"event", "reconnected"}, {"role", name(event.role)}, {"attempts", event.attempts}};
    }
    std::optional<Json> operator()(const Failure& event) const {
        Json json = error_event(event.error);
        if (event.closed) json["closed"] = true;
        return json;
    }
    std::optional<Json> operator()(const Log& event) const {
        Json fields = Json::object();
        for (const auto& [key, value] : event.fields) fields[printable(key)] = printable(value);
        return Json{{"event", "log"},
                    {"level", name(event.level)},
                    {"message", printable(event.message)},
                    {"fields", std::move(fields)}};
    }
    template <class Other>
    std::optional<Json> operator()(const Other&) const {
        return std::nullopt;
    }
};

}  // namespace

Json ready_to_json(const Ready& ready, const Json& re) {
    Json json{{"event", "ready"},
              {"re", re},
              {"mode", name(ready.delivery)},
              {"delivery", guarantee(ready.delivery)},
              {"consumer", value_to_json(ready.consumer)},
              {"protocol", ready.protocol},
              {"server_version", value_to_json(ready.server_version)}};
    for (const Cursor& cursor : ready.cursors) json["cursors"].push_back(value_to_json(cursor.text()));
    return json;
}

Json error_event(const Error& error) {
    return error_event(name(error.code), error.message, error.retryable);
}

std::optional<Json> event_to_json(const Event& event) {
    return std::visit(ToJson{}, event);
}

Json batch_to_json(const Batch& batch) {
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    const int64_t t_ms = std::chrono::duration_cast<std::chrono::milliseconds>(now).count();
    Json entries = Json::array();
    for (const Entry entry : batch) {
        Json fields = Json::array();
        for (const Field field : entry) {
            fields.push_back(Json::array({value_to_json(field.name), value_to_json(field.value)}));
        }
        entries.push_back({{"stream", text_to_json(entry.stream())},
                           {"id", entry.id() == EntryId{} ? std::string() : entry.id().text()},
                           {"fields", std::move(fields)},
                           {"deliveries", entry.deliveries()},
                           {"t_ms", t_ms}});
    }
    return {{"event", "batch"}, {"reason", name(batch.reason())}, {"entries", std::move(entries)}};
}

Json result_to_json(const PublishResult& result) {
    Json json;
    if (result.error) {
        json["error"] = name(result.error->code);
        json["message"] = printable(result.error->message);
    } else {
        json["id"] = result.id;
    }
    Json flags = Json::array();
    if (result.maybe_duplicate) flags.push_back("maybe_duplicate");
    if (result.maybe_written) flags.push_back("maybe_written");
    if (result.reordered) flags.push_back("reordered");
    json["flags"] = std::move(flags);
    return json;
}

}  // namespace millrace::agent
