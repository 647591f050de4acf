#include "options.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <ostream>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "millrace/config.hpp"

namespace {

using millrace::ConfigKey;
using millrace::KeyType;

constexpr std::string_view head =
    R"(// Printed from the table of configuration keys by millrace-docs. Change core/src/config, then:
// cmake --build <build directory> --target update-docs

/** A length of time: whole milliseconds, or a text such as `500ms`, `5s` or `1h30m`. */
export type Duration = number | string;
/** A size: bytes, or a text such as `16MiB`. */
export type ByteSize = number | string;
)";

constexpr std::string_view tls = "tls.";

/// An interface has the keys from `first` on, up to the next one's.
struct Interface {
    std::string_view first;
    std::string_view name;
    std::string_view meaning;
};
constexpr std::array interfaces{
    Interface{"host", "ClientKeys", "What a client connects to, and how."},
    Interface{"stream", "SourceOptions", "What a consumer or a tail reads, and how."},
    Interface{"atomic", "PublishOptions", "How publishes behave."},
};

std::string camel_case(std::string_view name) {
    std::string words;
    for (size_t i = 0; i < name.size(); ++i) {
        if (name[i] != '_') {
            words += name[i];
        } else if (++i < name.size()) {
            words += static_cast<char>(std::toupper(static_cast<unsigned char>(name[i])));
        }
    }
    return words;
}

std::string choices(std::string_view range) {
    std::string type;
    for (size_t at = 0; at < range.size();) {
        const size_t comma = std::min(range.find(", ", at), range.size());
        const std::string_view word = range.substr(at, comma - at);
        const bool is_number = std::all_of(word.begin(), word.end(), [](unsigned char c) { return std::isdigit(c); });
        if (!type.empty()) type += " | ";
        type += is_number ? std::string(word) : "'" + std::string(word) + "'";
        at = comma + 2;
    }
    return type;
}

std::string type_of(const ConfigKey& key) {
    switch (key.type) {
        case KeyType::text:
        case KeyType::secret:
            return "string";
        case KeyType::integer:
        case KeyType::fraction:
            return "number";
        case KeyType::boolean:
            return "boolean";
        case KeyType::duration:
            return "Duration";
        case KeyType::bytes:
            return "ByteSize";
        case KeyType::choice:
            return choices(key.range);
        case KeyType::list:
            return "readonly string[]";
    }
    return "never";
}

/// Keys that the words name are named as the interface has them: the compiler refuses `max_len`.
std::string in_camel_case(std::string_view words) {
    const auto is_part = [](unsigned char c) { return std::isalnum(c) || c == '_'; };
    std::string text;
    while (!words.empty()) {
        const auto end = std::find_if_not(words.begin(), words.end(), is_part);
        const std::string_view word = words.substr(0, std::max<size_t>(static_cast<size_t>(end - words.begin()), 1));
        const auto keys = millrace::config_keys();
        const bool is_key = std::any_of(keys.begin(), keys.end(), [word](const auto& key) { return key.name == word; });
        text += is_key ? camel_case(word) : std::string(word);
        words.remove_prefix(word.size());
    }
    return text;
}

/// A comment of lines of at most 120 columns.
void print_comment(std::ostream& out, std::string_view indent, std::string_view words) {
    constexpr size_t columns = 120;
    if (indent.size() + words.size() + 8 <= columns) {
        out << indent << "/** " << words << " */\n";
        return;
    }
    out << indent << "/**\n";
    while (!words.empty()) {
        const size_t room = columns - indent.size() - 3;
        size_t end = words.size();
        if (end > room) end = words.rfind(' ', room);
        if (end == std::string_view::npos || end == 0) end = std::min(words.find(' '), words.size());
        out << indent << " * " << words.substr(0, end) << '\n';
        words.remove_prefix(std::min(end + 1, words.size()));
    }
    out << indent << " */\n";
}

void print_key(std::ostream& out, const ConfigKey& key, std::string_view name) {
    std::string words(key.meaning);
    words += " Default: " + std::string(key.default_text) + ".";
    if (!key.zero_means.empty()) words += " 0: " + std::string(key.zero_means) + ".";
    words += " Allowed: " + std::string(key.range) + ".";
    print_comment(out, "  ", in_camel_case(words));
    out << "  readonly " << camel_case(name) << "?: " << type_of(key) << " | undefined;\n";
}

void print_interface(std::ostream& out, const Interface& each, std::span<const ConfigKey> keys) {
    std::vector<const ConfigKey*> of_tls;
    for (const ConfigKey& key : keys) {
        if (key.available && key.name.starts_with(tls)) of_tls.push_back(&key);
    }
    if (!of_tls.empty()) {
        out << '\n';
        print_comment(out, "",
                      "TLS of a client. Files are PEM; hosts with files of their own take paths or PEM itself.");
        out << "export interface TlsOptions {\n";
        for (const ConfigKey* key : of_tls) print_key(out, *key, key->name.substr(tls.size()));
        out << "}\n";
    }
    out << '\n';
    print_comment(out, "", each.meaning);
    out << "export interface " << each.name << " {\n";
    bool has_tls = false;
    for (const ConfigKey& key : keys) {
        if (!key.available) continue;
        if (!key.name.starts_with(tls)) {
            print_key(out, key, key.name);
        } else if (!has_tls) {
            has_tls = true;
            print_comment(out, "  ", "Speak TLS, and how. On by itself with rediss:// or any of its members.");
            out << "  readonly tls?: TlsOptions | undefined;\n";
        }
    }
    out << "}\n";
}

}  // namespace

bool print_options(std::ostream& out) {
    out << head;
    const std::span<const ConfigKey> keys = millrace::config_keys();
    const auto place = [keys](std::string_view name) {
        return static_cast<size_t>(
            std::find_if(keys.begin(), keys.end(), [name](const ConfigKey& key) { return key.name == name; }) -
            keys.begin());
    };
    for (size_t i = 0; i < interfaces.size(); ++i) {
        const size_t first = place(interfaces[i].first);
        const size_t end = i + 1 < interfaces.size() ? place(interfaces[i + 1].first) : keys.size();
        if (first >= end) return false;
        print_interface(out, interfaces[i], keys.subspan(first, end - first));
    }
    return true;
}
