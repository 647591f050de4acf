#include "text.hpp"

#include <openssl/evp.h>

#include <vector>

#include "millrace/log.hpp"

namespace millrace::tool {

namespace {

bool is_utf8(std::string_view text) {
    try {
        (void)Json(text).dump();
        return true;
    } catch (const Json::type_error&) {
        return false;
    }
}

std::string base64(std::string_view bytes) {
    std::vector<unsigned char> out(4 * (bytes.size() / 3 + 1) + 1);
    const int size = EVP_EncodeBlock(out.data(), reinterpret_cast<const unsigned char*>(bytes.data()),
                                     static_cast<int>(bytes.size()));
    return {out.begin(), out.begin() + size};
}

}  // namespace

Json text_to_json(std::string_view bytes) {
    return is_utf8(bytes) ? Json(bytes) : Json{{"b64", base64(bytes)}};
}

Json entry_to_json(const Entry& entry) {
    Json fields = Json::array();
    for (size_t i = 0; i < entry.field_count(); ++i) {
        const Field field = entry.field(i);
        fields.push_back(Json::array({text_to_json(field.name), text_to_json(field.value)}));
    }
    Json json{{"stream", text_to_json(entry.stream())}, {"id", entry.id().text()}};
    if (entry.deliveries() > 0) json["deliveries"] = entry.deliveries();
    json["fields"] = std::move(fields);
    return json;
}

Json letter_to_json(const DeadLetter& letter) {
    Json fields = Json::array();
    for (const auto& [name, value] : letter.fields) {
        fields.push_back(Json::array({text_to_json(name), text_to_json(value)}));
    }
    Json json{{"dead_id", letter.dead_id.text()}};
    if (letter.id != EntryId{}) {
        json["id"] = letter.id.text();
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

Json error_to_json(const Error& error) {
    return {{"code", name(error.code)}, {"message", text_to_json(error.message)}, {"retryable", error.retryable}};
}

std::string log_line(const Log& log, LogForm form) {
    if (form == LogForm::json) {
        Json json{{"level", name(log.level)}, {"message", log.message}};
        for (const auto& [key, value] : log.fields) json[key] = text_to_json(value);
        return json.dump(-1, ' ', false, Json::error_handler_t::replace);
    }
    return to_logfmt(log);
}

}  // namespace millrace::tool
