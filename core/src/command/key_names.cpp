#include "command/key_names.hpp"

#include <cstddef>

namespace millrace {

namespace {

constexpr std::string_view dead_suffix = ":dead";

/// What a server hashes instead of the whole key: what is between the first `{` and the next `}`, unless it is empty.
bool has_hash_tag(std::string_view key) {
    const size_t open = key.find('{');
    if (open == std::string_view::npos) return false;
    const size_t close = key.find('}', open + 1);
    return close != std::string_view::npos && close > open + 1;
}

KeyName beside(std::string_view stream, std::string_view suffix) {
    if (has_hash_tag(stream)) return {std::string(stream).append(suffix), true};
    if (stream.find_first_of("{}") != std::string_view::npos) return {std::string(stream).append(suffix), false};
    return {std::string("{").append(stream).append("}").append(suffix), true};
}

}  // namespace

KeyName dead_stream_name(std::string_view stream) {
    return beside(stream, dead_suffix);
}

/// Without a brace before it the suffix is part of a stream's own name: every dead stream has one.
bool is_dead_stream_name(std::string_view name) {
    if (name.size() < dead_suffix.size()) return false;
    const size_t origin = name.size() - dead_suffix.size();
    return name.substr(origin) == dead_suffix && name.substr(0, origin).find_first_of("{}") != std::string_view::npos;
}

KeyName seen_name(std::string_view stream, std::string_view group, std::string_view id) {
    KeyName name = beside(stream, ":seen:");
    name.text.append(std::to_string(group.size())).append(":").append(group).append(":").append(id);
    return name;
}

KeyName published_name(std::string_view stream, std::string_view producer) {
    KeyName name = beside(stream, ":published:");
    name.text.append(producer);
    return name;
}

KeyName lease_name(std::string_view stream, std::string_view group, std::string_view consumer) {
    KeyName name = beside(stream, ":lease:");
    name.text.append(group).append(":").append(consumer);
    return name;
}

}  // namespace millrace
