// Where the values of the table's keys go, and what those that are text must be. The rows of keys.cpp name these.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <type_traits>
#include <vector>

#include "config/endpoint.hpp"
#include "config/keys.hpp"
#include "millrace/config.hpp"
#include "millrace/entry.hpp"

namespace millrace {

// ---- where a value goes

template <class T>
struct Inside {
    using Type = T;
};
template <class T>
struct Inside<std::optional<T>> {
    using Type = T;
};

template <auto Part, auto Member>
bool put(Config& config, const ParsedValue& value) {
    auto& target = (config.*Part).*Member;
    using T = typename Inside<std::remove_reference_t<decltype(target)>>::Type;
    if constexpr (std::is_same_v<T, std::string>) {
        target = std::string(value.text);
    } else if constexpr (std::is_same_v<T, Secret>) {
        target = Secret(std::string(value.text));
    } else if constexpr (std::is_same_v<T, Duration>) {
        target = Duration{value.number};
    } else {
        target = static_cast<T>(value.number);
    }
    return true;
}

template <class T>
std::optional<int64_t> number_of(const T& value) {
    if constexpr (std::is_same_v<T, Duration>) {
        return value.us;
    } else if constexpr (std::is_same_v<T, uint64_t>) {
        // Past int64 is past every range, so its largest value stands for it.
        return static_cast<int64_t>(std::min(value, static_cast<uint64_t>(std::numeric_limits<int64_t>::max())));
    } else {
        return static_cast<int64_t>(value);
    }
}
template <class T>
std::optional<int64_t> number_of(const std::optional<T>& value) {
    return value ? number_of(*value) : std::nullopt;
}

template <auto Part, auto Member>
std::optional<int64_t> load(const Config& config) {
    return number_of((config.*Part).*Member);
}

inline bool put_host(Config& config, const ParsedValue& value) {
    const std::optional<Endpoint> endpoint = parse_host_port(value.text);
    if (endpoint) config.client.endpoint = *endpoint;
    return endpoint.has_value();
}

// Of stream, streams and pattern the last one counts: a document is laid over what was there before.
inline bool put_stream(Config& config, const ParsedValue& value) {
    config.source.streams = {std::string(value.text)};
    config.source.pattern.clear();
    return true;
}

inline bool put_streams(Config& config, const ParsedValue& value) {
    config.source.streams = value.list;
    config.source.pattern.clear();
    return !value.list.empty();
}

inline bool put_pattern(Config& config, const ParsedValue& value) {
    config.source.pattern = std::string(value.text);
    config.source.streams.clear();
    return !value.text.empty();
}

// Nor can a stream be trimmed by both: a publisher's own way is laid over its client's.
inline bool put_max_len(Config& config, const ParsedValue& value) {
    config.publish.max_len = static_cast<uint64_t>(value.number);
    config.publish.max_age.reset();
    return true;
}

inline bool put_max_age(Config& config, const ParsedValue& value) {
    config.publish.max_age = Duration{value.number};
    if (!config.publish.max_len) return true;
    config.publish.max_len.reset();
    config.publish.max_len_exact = false;  // of the length that is none any more
    return true;
}

inline bool put_tls_enabled(Config& config, const ParsedValue& value) {
    if (value.number == 0) {
        config.client.tls.reset();
    } else if (!config.client.tls) {
        config.client.tls.emplace();
    }
    return true;
}

template <auto Member>
bool put_tls(Config& config, const ParsedValue& value) {
    if (!config.client.tls) config.client.tls.emplace();
    auto& target = *config.client.tls.*Member;
    if constexpr (std::is_same_v<std::remove_reference_t<decltype(target)>, bool>) {
        target = value.number != 0;
    } else {
        target = std::string(value.text);
    }
    return true;
}

// ---- what a text must be

inline Acceptance accept(bool allowed) {
    return allowed ? Acceptance::yes : Acceptance::no;
}

inline Acceptance check_host(const Config& config) {
    return accept(is_endpoint(config.client.endpoint));
}

// CLIENT SETNAME refuses spaces, newlines and what is not printable.
inline Acceptance check_client_name(const Config& config) {
    return accept(std::all_of(config.client.client_name.begin(), config.client.client_name.end(),
                              [](char c) { return c > ' ' && c <= '~'; }));
}

inline Acceptance check_streams(const Config& config) {
    const std::vector<std::string>& streams = config.source.streams;
    for (size_t i = 0; i < streams.size(); ++i) {
        if (streams[i].empty()) return Acceptance::no;
        // A stream named twice in one XREADGROUP delivers twice.
        if (std::find(streams.begin(), streams.begin() + static_cast<std::ptrdiff_t>(i), streams[i]) !=
            streams.begin() + static_cast<std::ptrdiff_t>(i)) {
            return Acceptance::no;
        }
    }
    return Acceptance::yes;
}

inline Acceptance check_start(const Config& config) {
    return accept(config.source.start == "$" || EntryId::parse(config.source.start));
}

inline Acceptance check_id_field(const Config& config) {
    return accept(!config.source.id_field.empty());
}

}  // namespace millrace
