#include "config/assign.hpp"

#include <initializer_list>
#include <utility>

#include "config/values.hpp"
#include "event/utf8.hpp"

namespace millrace {
namespace {

std::string joined(std::initializer_list<std::string_view> parts) {
    std::string text;
    for (const std::string_view part : parts) text += part;
    return text;
}

std::string_view notation(KeyType type) {
    if (type == KeyType::duration) return ", as 500ms, 5s, 2m, 1h30m or whole milliseconds";
    if (type == KeyType::bytes) return ", as whole bytes or with KiB, MiB or GiB";
    if (type == KeyType::fraction) return ", with at most six decimals";
    return {};
}

Error refusal(const KeyRow& row, std::string_view path, std::string_view value) {
    if (row.key.type == KeyType::secret) return config_error(path, "must be a text");
    return refused_value(path, value, joined({row.key.range, notation(row.key.type)}));
}

Error not_yet(std::string_view path, std::string_view what) {
    return {Code::unsupported, joined({path, ": ", what, "this version of millrace does not do it yet"})};
}

// Which kinds of a JSON document say a value of that type without doubt. Text does for all.
bool fits(KeyType type, const GivenValue& value) {
    switch (value.kind) {
        case GivenAs::boolean:
            return type == KeyType::boolean;
        case GivenAs::list:
            return type == KeyType::list;
        case GivenAs::number:
            if (type == KeyType::boolean || type == KeyType::list) return false;
            // A name or password of digits reads as written; one such as 1e5 may have been meant otherwise.
            if (type == KeyType::text || type == KeyType::secret) return parse_whole(value.text).has_value();
            return true;
        case GivenAs::text:
            break;
    }
    return true;
}

std::optional<int64_t> position_in(std::string_view choices, std::string_view wanted) {
    constexpr std::string_view between = ", ";
    for (int64_t position = 0;; ++position) {
        const size_t end = choices.find(between);
        if (choices.substr(0, end) == wanted) return position;
        if (end == std::string_view::npos) return std::nullopt;
        choices.remove_prefix(end + between.size());
    }
}

std::vector<std::string> split(std::string_view text) {
    std::vector<std::string> parts;
    while (true) {
        const size_t comma = text.find(',');
        parts.emplace_back(text.substr(0, comma));
        if (comma == std::string_view::npos) return parts;
        text.remove_prefix(comma + 1);
    }
}

std::optional<int64_t> truth(std::string_view text) {
    if (text == "true") return 1;
    if (text == "false") return 0;
    return std::nullopt;
}

// The number that the text means to a key of that type; 0 where the type has none.
std::optional<int64_t> number_in(const ConfigKey& key, std::string_view text) {
    switch (key.type) {
        case KeyType::integer:
            return parse_whole(text);
        case KeyType::fraction:
            return parse_fraction_ppm(text);
        case KeyType::duration:
            return parse_duration_us(text);
        case KeyType::bytes:
            return parse_bytes(text);
        case KeyType::boolean:
            return truth(text);
        case KeyType::choice:
            return position_in(key.range, text);
        case KeyType::text:
        case KeyType::secret:
        case KeyType::list:
            break;
    }
    return 0;
}

}  // namespace

// Bounded, for a value may be a whole file; printable UTF-8, for an error is one line of a log or of JSON.
std::string shown(std::string_view text) {
    constexpr size_t shown_max = 80;
    // Where a host is wanted a URL may have been given, password and all.
    if (text.find('@') != std::string_view::npos) return "(not shown)";
    std::string_view start = text.substr(0, shown_max);
    while (start.size() < text.size() && (static_cast<unsigned char>(text[start.size()]) & 0xc0) == 0x80) {
        start.remove_suffix(1);
        if (start.empty()) break;
    }
    const bool utf8 = is_utf8(start);
    std::string quoted = "\"";
    for (const char c : start) {
        const auto byte = static_cast<unsigned char>(c);
        quoted += byte < ' ' || byte == 0x7f || (byte > 0x7f && !utf8) ? '?' : c;
    }
    quoted += start.size() < text.size() ? "...\"" : "\"";
    return quoted;
}

Error config_error(std::string_view path, std::string_view what) {
    return {Code::bad_config, joined({path, ": ", what})};
}

Error refused_value(std::string_view path, std::string_view value, std::string_view allowed) {
    return config_error(path, joined({value, " is not allowed; allowed: ", allowed}));
}

Error unknown_key(std::string_view path, std::string_view nearest) {
    return {Code::bad_config, joined({"unknown key ", shown(path), "; the nearest known key is \"", nearest, "\""})};
}

Status check_row(const Config& config, const KeyRow& row, std::string_view path, std::string_view value) {
    if (row.check == nullptr) return {};
    switch (row.check(config)) {
        case Acceptance::yes:
            return {};
        case Acceptance::not_yet:
            return not_yet(path, joined({value, ": "}));
        case Acceptance::no:
            break;
    }
    return refusal(row, path, value);
}

Status assign(Config& config, const KeyRow& row, std::string_view path, const GivenValue& value) {
    if (row.store == nullptr) return not_yet(path, "");
    const std::string text = value.kind == GivenAs::list ? std::string("a list") : shown(value.text);
    if (!fits(row.key.type, value)) return refusal(row, path, text);
    const std::optional<int64_t> number = number_in(row.key, value.text);
    if (!number) return refusal(row, path, text);
    if (row.load != nullptr) {
        const NumberLimits limits = limits_of(row);
        if (*number < limits.min || *number > limits.max) return refusal(row, path, text);
    }
    ParsedValue parsed{value.text, *number, {}};
    if (row.key.type == KeyType::list) parsed.list = value.kind == GivenAs::list ? value.list : split(value.text);
    Config changed = config;
    if (!row.store(changed, parsed)) return refusal(row, path, text);
    Status status = check_row(changed, row, path, text);
    if (status.ok()) config = std::move(changed);
    return status;
}

}  // namespace millrace
