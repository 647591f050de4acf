#include "requests.hpp"

#include <algorithm>
#include <iterator>
#include <limits>

namespace millrace::agent {

void bad(std::string message) {
    throw BadRequest{"bad_argument", std::move(message)};
}

const Json& member(const Json& request, const char* key) {
    if (!request.contains(key)) bad(std::string(request["op"]) + ": '" + key + "' is missing");
    return request[key];
}

std::string text_of(const Json& json, const char* what) {
    std::optional<std::string> text = value_from_json(json);
    if (!text) bad(std::string(what) + " must be text or {\"b64\":…}, not " + json.dump());
    return *std::move(text);
}

std::vector<EntryKey> keys_of(const Json& request) {
    const Json& entries = member(request, "entries");
    std::vector<EntryKey> keys;
    if (!entries.is_array()) bad("'entries' must be [[stream, id], …]");
    for (const Json& each : entries) {
        if (!each.is_array() || each.size() != 2) bad("'entries' must be [[stream, id], …]");
        keys.emplace_back(text_of(each[0], "a stream"), text_of(each[1], "an id"));
    }
    return keys;
}

std::optional<std::chrono::milliseconds> milliseconds_of(const Json& request, const char* key) {
    if (!request.contains(key) || request[key].is_null()) return std::nullopt;
    const Json& value = request[key];
    constexpr int64_t ms_max = std::numeric_limits<int64_t>::max() / 1000;
    if (!value.is_number_integer() || value.get<int64_t>() < 0 || value.get<int64_t>() > ms_max) {
        bad(std::string("'") + key + "' must be whole milliseconds, not " + value.dump());
    }
    return std::chrono::milliseconds(value.get<int64_t>());
}

std::vector<FieldTexts> entries_of(const Json& request) {
    const Json& entries = member(request, "entries");
    if (!entries.is_array()) bad("'entries' must be [[[name, value], …], …]");
    std::vector<FieldTexts> texts;
    for (const Json& entry : entries) {
        texts.emplace_back();
        if (!entry.is_array()) bad("an entry must be [[name, value], …]");
        for (const Json& field : entry) {
            if (!field.is_array() || field.size() != 2) bad("a field must be [name, value]");
            texts.back().emplace_back(text_of(field[0], "a name"), text_of(field[1], "a value"));
        }
    }
    return texts;
}

std::optional<std::string> options_of(const Json& request) {
    if (!request.contains("options")) return std::nullopt;
    const Json& options = request["options"];
    if (!options.is_object()) bad("'options' must be an object");
    static constexpr std::string_view keys[] = {"atomic",       "max_len",    "max_len_exact",     "max_age",
                                                "keep_pending", "idempotent", "idempotent_window", "idempotent_count",
                                                "on_oom"};
    for (const auto& [key, value] : options.items()) {
        if (std::find(std::begin(keys), std::end(keys), key) == std::end(keys)) {
            throw BadRequest{"unsupported", "publish: option '" + key + "': " + value.dump()};
        }
    }
    return options.dump();
}

uint32_t count_of(const Json& request) {
    if (!request.contains("count")) return 1000;  // value() of an unsigned number: GCC 12 sees a null pointer in it
    const Json& count = request["count"];
    if (!count.is_number_unsigned()) bad("'count' must be a number, not " + count.dump());
    return static_cast<uint32_t>(std::min<uint64_t>(count.get<uint64_t>(), 1'000'000));
}

}  // namespace millrace::agent
