// Redis URLs. An error never quotes the part before the query: where a URL is malformed, any piece of it may be the
// password.
#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "config/draft.hpp"
#include "config/endpoint.hpp"
#include "millrace/config.hpp"

namespace millrace {
namespace {

std::optional<unsigned> hex_digit(char c) {
    if (c >= '0' && c <= '9') return static_cast<unsigned>(c - '0');
    if (c >= 'a' && c <= 'f') return static_cast<unsigned>(c - 'a') + 10;
    if (c >= 'A' && c <= 'F') return static_cast<unsigned>(c - 'A') + 10;
    return std::nullopt;
}

std::optional<std::string> percent_decoded(std::string_view text) {
    std::string decoded;
    for (size_t i = 0; i < text.size(); ++i) {
        if (text[i] != '%') {
            decoded += text[i];
            continue;
        }
        if (text.size() - i < 3) return std::nullopt;
        const std::optional<unsigned> high = hex_digit(text[i + 1]);
        const std::optional<unsigned> low = hex_digit(text[i + 2]);
        if (!high || !low) return std::nullopt;
        decoded += static_cast<char>(*high << 4 | *low);
        i += 2;
    }
    return decoded;
}

Error url_error(std::string_view what) {
    return config_error("url", what);
}

constexpr std::string_view bad_percent = "a % is not followed by two hexadecimal digits; a % itself is written %25";

enum class Scheme : uint8_t { redis, rediss, unix_socket };

struct Parts {
    Scheme scheme = Scheme::redis;
    std::string_view user_info;  ///< with its '@' taken off
    bool has_user_info = false;
    std::string_view host;
    std::string_view path;  ///< with its '/'
    std::string_view query;
};

Result<Parts> split_url(std::string_view url) {
    constexpr std::string_view mark = "://";
    Parts parts;
    std::string_view rest = url;
    if (const size_t at = url.find(mark); at != std::string_view::npos) {
        const std::string_view scheme = url.substr(0, at);
        if (scheme == "redis") {
            parts.scheme = Scheme::redis;
        } else if (scheme == "rediss") {
            parts.scheme = Scheme::rediss;
        } else if (scheme == "unix") {
            parts.scheme = Scheme::unix_socket;
        } else if (scheme.find("sentinel") != std::string_view::npos) {
            return Error(Code::unsupported,
                         "url: names Sentinels, by which this version of millrace does not find the server yet; "
                         "allowed: redis://, rediss://, unix://, or host:port of the server itself");
        } else {
            return url_error("its scheme is not known; allowed: redis://, rediss://, unix://, or host:port");
        }
        rest = url.substr(at + mark.size());
    }
    if (url.find('#') != std::string_view::npos) return url_error("has a '#'; it is written %23");
    // Of a password with a bare `@`, `/` or `?` the rest would be taken for a host, a database or a key, and be quoted.
    if (std::count(url.begin(), url.end(), '@') >
        (rest.substr(0, rest.find_first_of("/?")).find('@') != std::string_view::npos ? 1 : 0)) {
        return url_error("has an '@' that ends no user and password; in them '@' is written %40, '/' %2F and '?' %3F");
    }
    if (const size_t at = rest.find('?'); at != std::string_view::npos) {
        parts.query = rest.substr(at + 1);
        rest = rest.substr(0, at);
    }
    const size_t slash = rest.find('/');
    std::string_view authority = rest.substr(0, slash);
    if (slash != std::string_view::npos) parts.path = rest.substr(slash);
    if (const size_t at = authority.find('@'); at != std::string_view::npos) {
        parts.user_info = authority.substr(0, at);
        parts.has_user_info = true;
        authority = authority.substr(at + 1);
    }
    parts.host = authority;
    return parts;
}

Status set_user(Draft& draft, std::string_view user_info) {
    const size_t colon = user_info.find(':');
    const std::optional<std::string> user = percent_decoded(user_info.substr(0, colon));
    if (!user) return url_error(bad_percent);
    if (!user->empty()) {
        if (Status status = draft.set("username", "username", {GivenAs::text, *user, {}}); !status.ok()) return status;
    }
    if (colon == std::string_view::npos) return {};
    const std::optional<std::string> password = percent_decoded(user_info.substr(colon + 1));
    if (!password) return url_error(bad_percent);
    return draft.set("password", "password", {GivenAs::text, *password, {}});
}

Status set_server(Draft& draft, const Parts& parts) {
    if (parts.scheme == Scheme::unix_socket) {
        const std::optional<std::string> path = percent_decoded(parts.path);
        if (!path) return url_error(bad_percent);
        if (path->empty() || !parts.host.empty()) return url_error("a unix socket is written unix:///path");
        draft.config().client.endpoint.unix_path = *path;
        return {};
    }
    const std::optional<std::string> host = percent_decoded(parts.host);
    if (!host) return url_error(bad_percent);
    if (!parse_host_port(*host)) {
        return url_error("its host or port is malformed; allowed: host, host:port, [IPv6]:port, ports from 1 to 65535");
    }
    if (Status status = draft.set("host", "host", {GivenAs::text, *host, {}}); !status.ok()) return status;
    if (parts.path.size() <= 1) return {};
    return draft.set("database", "database", {GivenAs::text, parts.path.substr(1), {}});
}

Status set_query(Draft& draft, std::string_view query) {
    while (!query.empty()) {
        const size_t end = query.find('&');
        const std::string_view pair = query.substr(0, end);
        query = end == std::string_view::npos ? std::string_view() : query.substr(end + 1);
        if (pair.empty()) continue;
        const size_t equals = pair.find('=');
        const std::optional<std::string> key = percent_decoded(pair.substr(0, equals));
        if (!key) return url_error(bad_percent);
        if (equals == std::string_view::npos) return config_error(shown(*key), "has no value; allowed: key=value");
        const std::optional<std::string> value = percent_decoded(pair.substr(equals + 1));
        if (!value) return url_error(bad_percent);
        // What other clients call it in the URL of a unix socket.
        const std::string_view name = *key == "db" ? std::string_view("database") : std::string_view(*key);
        if (Status status = draft.set(*key, name, {GivenAs::text, *value, {}}); !status.ok()) return status;
    }
    return {};
}

}  // namespace

Result<Config> parse_url(std::string_view url, Config base) {
    if (url.empty()) return url_error("is empty");
    const Result<Parts> parts = split_url(url);
    if (!parts.ok()) return parts.error();
    Draft draft(std::move(base));
    if (parts->scheme == Scheme::rediss && !draft.config().client.tls) draft.config().client.tls.emplace();
    if (parts->has_user_info) {
        if (Status status = set_user(draft, parts->user_info); !status.ok()) return status.error();
    }
    if (Status status = set_server(draft, *parts); !status.ok()) return status.error();
    if (Status status = set_query(draft, parts->query); !status.ok()) return status.error();
    if (parts->scheme == Scheme::unix_socket && draft.has("host"))
        return config_error("host", "is given beside a unix socket");
    if (parts->scheme == Scheme::rediss && draft.tls_off()) {
        return config_error("tls.enabled", "\"false\" is not allowed in a URL that begins with rediss://");
    }
    return std::move(draft).finish({});
}

}  // namespace millrace
