// Reads a configuration file whole, and says of what the core refuses where it stands.
#include "millrace/config_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <system_error>
#include <utility>

#include "yaml_document.hpp"

namespace millrace {
namespace {

constexpr size_t file_bytes_max = 1 << 20;

Error unreadable(const std::string& path, int error) {
    return {Code::bad_config, path + ": can't be read: " + std::generic_category().message(error)};
}

Result<std::string> read_descriptor(int descriptor, const std::string& path) {
    std::string text;
    char room[16 * 1024];
    for (;;) {
        const ssize_t count = ::read(descriptor, room, sizeof room);
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) return unreadable(path, errno);
        if (count == 0) return text;
        text.append(room, static_cast<size_t>(count));
        if (text.size() > file_bytes_max) return Error(Code::bad_config, path + ": is more than 1 MiB");
    }
}

// Also of what is no regular file: a shell's <(…) is a pipe.
Result<std::string> read_file(const std::string& path) {
    const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (descriptor < 0) return unreadable(path, errno);
    Result<std::string> text = read_descriptor(descriptor, path);
    ::close(descriptor);
    return text;
}

/// The key that an error of the core begins with: `key: …`, or `unknown key "key"; …`.
std::string_view key_of(std::string_view message) {
    constexpr std::string_view unknown = "unknown key \"";
    if (message.starts_with(unknown)) {
        message.remove_prefix(unknown.size());
        return message.substr(0, message.find('"'));
    }
    return message.substr(0, message.find(": "));
}

/// What depends on several keys is told by the key's own name, without the sections around it.
const native::KeyPlace* find_place(const native::YamlDocument& document, std::string_view key) {
    const native::KeyPlace* found = nullptr;
    for (const native::KeyPlace& place : document.places) {
        if (place.path == key) return &place;
        const size_t before = place.path.size() - std::min(place.path.size(), key.size());
        if (before > 0 && place.path[before - 1] == '.' && place.path.compare(before, key.size(), key) == 0) {
            found = &place;
        }
    }
    return found;
}

}  // namespace

Result<Config> parse_yaml(std::string_view text, const std::string& name, std::string_view fallback_password,
                          Config base) {
    const Result<native::YamlDocument> document = native::read_yaml(text, name);
    if (!document) return document.error();
    Result<Config> config = parse_json(document->json, fallback_password, std::move(base));
    if (config) return config;
    Error error = config.error();
    const native::KeyPlace* const place = find_place(*document, key_of(error.message));
    error.message = name + (place != nullptr ? ":" + std::to_string(place->line) : "") + ": " + error.message;
    return error;
}

Result<Config> load_config(const std::string& path, Config base) {
    const Result<std::string> text = read_file(path);
    if (!text) return text.error();
    const char* const environment = std::getenv("REDIS_PASSWORD");
    const std::string_view password = environment != nullptr ? environment : "";
    if (!path.ends_with(".json")) return parse_yaml(*text, path, password, std::move(base));
    if (text->empty()) return Error(Code::bad_config, path + ": is empty");
    Result<Config> config = parse_json(*text, password, std::move(base));
    if (config) return config;
    Error error = config.error();
    error.message = path + ": " + error.message;
    return error;
}

}  // namespace millrace
