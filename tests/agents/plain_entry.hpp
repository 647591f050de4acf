// Entries as the plain agent holds them, and the ways in which it can be told to be wrong.
#pragma once

#include <chrono>
#include <cstdlib>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "connection.hpp"

namespace plain {

using Time = std::chrono::steady_clock::time_point;
using std::chrono::milliseconds;
using Fields = std::vector<std::pair<std::string, std::string>>;

inline Time now() {
    return std::chrono::steady_clock::now();
}

inline const std::vector<std::string> breakages = {
    "drops-batch",  // throws one batch away
    "acks-early",   // acks when it reads
    "delivers-twice",    "ignores-flush",   "flushes-early", "empty-batch", "oversize", "disorder",
    "skips-pending",  // starts with what is new
    "never-acks",     // says ok and sends nothing
    "loses-repeats",  // keeps fields in a map
    "never-claims",      "one-page",        "no-heartbeats",
    "steals-back",        // heartbeats with an idle time of 0
    "recreates-at-last",  // where the group had been read up to
    "acks-anyway",        // a dead letter that could not be written
    "forgets-ids",       "redrives-to-all",
};

struct Entry {
    std::string id;
    Json fields = Json::array();
    long long deliveries = 1;
    std::string canonical;  // its id for dedupe; empty: none
};

struct Held {
    Time refreshed;
    long long deliveries = 1;
    std::string canonical;
};

inline milliseconds duration(const Json& value) {
    if (value.is_number()) return milliseconds(value.get<int64_t>());
    const std::string text = value;
    const int64_t number = std::atoll(text.c_str());
    return text.ends_with("ms") ? milliseconds(number) : std::chrono::seconds(number);
}

inline Fields to_fields(const redisReply& list) {
    Fields fields;
    for (size_t i = 0; i + 1 < list.elements; i += 2) {
        fields.emplace_back(std::string(list.element[i]->str, list.element[i]->len),
                            std::string(list.element[i + 1]->str, list.element[i + 1]->len));
    }
    return fields;
}

inline Json to_json(const Fields& fields, bool unique) {
    Json list = Json::array();
    std::set<std::string> names;
    for (const auto& [name, value] : fields) {
        if (unique && !names.insert(name).second) continue;
        list.push_back(Json::array({to_json(name), to_json(value)}));
    }
    return list;
}

inline Json to_json(const std::vector<Entry>& list, const std::string& stream) {
    const auto unix_time = std::chrono::system_clock::now().time_since_epoch();
    Json entries = Json::array();
    for (const auto& entry : list) {
        entries.push_back({{"stream", stream},
                           {"id", entry.id},
                           {"fields", entry.fields},
                           {"deliveries", entry.deliveries},
                           {"t_ms", std::chrono::duration_cast<milliseconds>(unix_time).count()}});
    }
    return entries;
}

inline std::string value_of(const Fields& fields, const std::string& name) {
    for (const auto& field : fields) {
        if (field.first == name) return field.second;
    }
    return "";
}

// The field of that name, else what a path leads to in a field's JSON; empty where there is none.
inline std::string canonical_id(const Fields& fields, const std::string& path) {
    const std::string whole = value_of(fields, path);
    const size_t dot = path.find('.');
    if (!whole.empty() || dot == std::string::npos) return whole;
    const Json event = Json::parse(value_of(fields, path.substr(0, dot)), nullptr, false);
    const std::string member = path.substr(dot + 1);
    const bool found = event.is_object() && event.contains(member) && event[member].is_string();
    return found ? std::string(event[member]) : "";
}

}  // namespace plain
