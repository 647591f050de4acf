#include "config/endpoint.hpp"

#include <algorithm>
#include <string>

#include "config/values.hpp"

namespace millrace {
namespace {

constexpr std::string_view default_host = "localhost";

// What no host name or address has; `/`, `?`, `#` and `@` mean that a URL came where a host was wanted.
bool is_host(std::string_view host) {
    return !host.empty() && std::all_of(host.begin(), host.end(), [](char c) {
        return static_cast<unsigned char>(c) > ' ' && c != 0x7f &&
               std::string_view("/?#@[]\\\"").find(c) == std::string_view::npos;
    });
}

}  // namespace

std::optional<uint16_t> parse_port(std::string_view text) {
    const std::optional<int64_t> port = parse_whole(text);
    if (!port || *port < 1 || *port > 65535) return std::nullopt;
    return static_cast<uint16_t>(*port);
}

std::optional<Endpoint> parse_host_port(std::string_view text) {
    Endpoint endpoint;
    std::string_view host = text;
    std::optional<std::string_view> port;
    if (text.starts_with('[')) {
        const size_t close = text.find(']');
        if (close == std::string_view::npos) return std::nullopt;
        host = text.substr(1, close - 1);
        if (host.find(':') == std::string_view::npos) return std::nullopt;
        const std::string_view rest = text.substr(close + 1);
        if (rest.starts_with(':')) {
            port = rest.substr(1);
        } else if (!rest.empty()) {
            return std::nullopt;
        }
    } else if (const size_t colon = text.find(':'); colon != std::string_view::npos && colon == text.rfind(':')) {
        host = text.substr(0, colon);
        port = text.substr(colon + 1);
    }
    if (host.empty()) host = default_host;
    if (!is_host(host)) return std::nullopt;
    endpoint.host = std::string(host);
    if (port) {
        const std::optional<uint16_t> number = parse_port(*port);
        if (!number) return std::nullopt;
        endpoint.port = *number;
    }
    return endpoint;
}

bool is_endpoint(const Endpoint& endpoint) {
    if (!endpoint.unix_path.empty()) return endpoint.unix_path.find('\0') == std::string::npos;
    return is_host(endpoint.host) && endpoint.port != 0;
}

}  // namespace millrace
