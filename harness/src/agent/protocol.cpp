#include "agent/protocol.hpp"

#include "base/text.hpp"

namespace millrace::harness {

namespace {

[[noreturn]] void broken(const std::string& what, const Json& event) {
    throw ProtocolError("agent protocol 1: " + what + ": " +
                        excerpt(event.dump(-1, ' ', false, Json::error_handler_t::replace)));
}

Value parse_value(const Json& json, const Json& event) {
    Value value;
    if (json.is_string()) {
        value.bytes = json.get<std::string>();
        value.length = value.bytes.size();
        return value;
    }
    if (json.is_object() && json.contains("b64") && json["b64"].is_string()) {
        const auto bytes = base64_decode(json["b64"].get<std::string>());
        if (!bytes) broken("b64 that is none", event);
        value.bytes = *bytes;
        value.length = bytes->size();
        return value;
    }
    if (json.is_object() && json.contains("sha256") && json["sha256"].is_string() && json.contains("len") &&
        json["len"].is_number_unsigned()) {
        value.sha256 = lower(json["sha256"].get<std::string>());
        value.length = json["len"].get<uint64_t>();
        return value;
    }
    broken("a name or value is text, {\"b64\"} or {\"sha256\",\"len\"}", event);
}

}  // namespace

namespace {

// Far more than any event has; a value is written by a function that calls itself for each level.
constexpr size_t depth_max = 64;

bool is_too_deep(std::string_view line) {
    size_t depth = 0;
    bool in_text = false;
    for (size_t i = 0; i < line.size(); ++i) {
        const char c = line[i];
        if (in_text && c == '\\') {
            ++i;
        } else if (c == '"') {
            in_text = !in_text;
        } else if (!in_text && (c == '[' || c == '{')) {
            if (++depth > depth_max) return true;
        } else if (!in_text && (c == ']' || c == '}') && depth > 0) {
            --depth;
        }
    }
    return false;
}

}  // namespace

Json parse_event(std::string_view line) {
    if (is_too_deep(line)) {
        throw ProtocolError("the agent printed what is nested more than " + std::to_string(depth_max) +
                            " deep: " + excerpt(line));
    }
    Json event = Json::parse(line, nullptr, false);
    if (event.is_discarded()) throw ProtocolError("the agent printed what is no JSON: " + excerpt(line));
    if (!event.is_object() || !event.contains("event") || !event["event"].is_string()) {
        throw ProtocolError("the agent printed no object with an event: " + excerpt(line));
    }
    return event;
}

bool is_log(std::string_view line) {
    const Json event = Json::parse(line, nullptr, false);
    return event.is_object() && event.value("event", Json()) == "log";
}

Hello parse_hello(const Json& event, int64_t request) {
    if (event["event"] != "hello") broken("the first answer is hello", event);
    if (!event.contains("protocol") || event["protocol"] != agent_protocol) {
        broken("the harness speaks protocol 1, the agent says another", event);
    }
    if (event.value("re", Json()) != request) {
        broken("an answer repeats the \"re\" of its request, here " + std::to_string(request), event);
    }
    Hello hello;
    hello.name = event.value("name", Json("")).is_string() ? event.value("name", "") : "";
    hello.version = event.value("version", Json("")).is_string() ? event.value("version", "") : "";
    if (!event.contains("capabilities") || !event["capabilities"].is_array()) {
        broken("hello lists its capabilities", event);
    }
    for (const auto& capability : event["capabilities"]) {
        if (!capability.is_string() || !is_capability(capability.get<std::string>())) {
            broken(
                "there is no capability " + capability.dump() + " (millrace-harness list --json names those there are)",
                event);
        }
        hello.capabilities.insert(capability.get<std::string>());
    }
    return hello;
}

std::vector<DeliveredEntry> parse_entries(const Json& batch, const std::string& stream) {
    std::vector<DeliveredEntry> entries;
    if (!batch.contains("entries") || !batch["entries"].is_array()) broken("a batch has entries", batch);
    for (const auto& item : batch["entries"]) {
        if (!item.is_object()) broken("an entry is an object", batch);
        DeliveredEntry entry;
        entry.key.stream =
            item.contains("stream") && item["stream"].is_string() ? item["stream"].get<std::string>() : stream;
        if (item.contains("id") && item["id"].is_string()) entry.key.id = item["id"].get<std::string>();
        if (!item.contains("fields") || !item["fields"].is_array()) broken("an entry has fields", batch);
        for (const auto& pair : item["fields"]) {
            if (!pair.is_array() || pair.size() != 2) broken("a field is [name, value]", batch);
            entry.fields.emplace_back(parse_value(pair[0], batch), parse_value(pair[1], batch));
        }
        // 0 or nothing: an agent whose library can't tell.
        if (item.contains("deliveries") && item["deliveries"].is_number_integer() &&
            item["deliveries"].get<int64_t>() > 0) {
            entry.deliveries = item["deliveries"].get<int64_t>();
        }
        entries.push_back(std::move(entry));
    }
    return entries;
}

std::vector<AckResult> parse_acked(const Json& acked) {
    std::vector<AckResult> results;
    if (!acked.contains("entries") || !acked["entries"].is_array()) broken("acked has entries", acked);
    for (const auto& item : acked["entries"]) {
        const bool good =
            item.is_array() && item.size() == 3 && item[0].is_string() && item[1].is_string() && item[2].is_string();
        if (!good) broken("acked lists [stream, id, code]", acked);
        results.push_back({{item[0].get<std::string>(), item[1].get<std::string>()}, item[2].get<std::string>()});
    }
    return results;
}

Json value_to_json(const std::string& bytes) {
    if (is_utf8(bytes)) return bytes;
    return Json{{"b64", base64_encode(bytes)}};
}

Json fields_to_json(const Fields& fields) {
    Json list = Json::array();
    for (const auto& [name, value] : fields) list.push_back(Json::array({value_to_json(name), value_to_json(value)}));
    return list;
}

}  // namespace millrace::harness
