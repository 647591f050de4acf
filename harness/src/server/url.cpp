#include "server/url.hpp"

#include <cctype>
#include <cstdio>
#include <stdexcept>
#include <utility>

#include "base/text.hpp"

namespace millrace::harness {

namespace {

constexpr std::pair<Url::Scheme, std::string_view> schemes[] = {
    {Url::Scheme::Tcp, "redis://"}, {Url::Scheme::Tls, "rediss://"}, {Url::Scheme::Unix, "unix://"}};

std::string percent_decode(std::string_view text) {
    std::string out;
    for (size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '%' && i + 2 < text.size() && std::isxdigit(static_cast<unsigned char>(text[i + 1])) != 0 &&
            std::isxdigit(static_cast<unsigned char>(text[i + 2])) != 0) {
            out += static_cast<char>(std::stoi(std::string(text.substr(i + 1, 2)), nullptr, 16));
            i += 2;
        } else {
            out += text[i];
        }
    }
    return out;
}

std::string percent_encode(std::string_view text) {
    std::string out;
    for (const char c : text) {
        if (std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-' || c == '_' || c == '.' || c == '~') {
            out += c;
        } else {
            char escaped[4];
            std::snprintf(escaped, sizeof escaped, "%%%02X", static_cast<unsigned>(static_cast<unsigned char>(c)));
            out += escaped;
        }
    }
    return out;
}

int number_or_throw(std::string_view text, int64_t low, int64_t high, const char* what) {
    const auto value = parse_integer(text);
    if (!value || *value < low || *value > high) {
        throw std::runtime_error(std::string(what) + " '" + excerpt(text) + "' is no number from " +
                                 std::to_string(low) + " to " + std::to_string(high));
    }
    return static_cast<int>(*value);
}

}  // namespace

Url Url::parse(std::string_view text) {
    Url url;
    std::string_view rest;
    for (const auto& [kind, prefix] : schemes) {
        if (!text.starts_with(prefix)) continue;
        url.scheme = kind;
        rest = text.substr(prefix.size());
        break;
    }
    if (rest.data() == nullptr) throw std::runtime_error("a server URL starts with redis://, rediss:// or unix://");
    const size_t mark = rest.find('?');
    if (mark != std::string_view::npos) {
        url.query = rest.substr(mark + 1);
        rest = rest.substr(0, mark);
    }
    const size_t at = rest.rfind('@');
    if (at != std::string_view::npos) {
        const std::string_view login = rest.substr(0, at);
        const size_t colon = login.find(':');
        url.username = percent_decode(login.substr(0, colon));
        if (colon != std::string_view::npos) url.password = percent_decode(login.substr(colon + 1));
        rest = rest.substr(at + 1);
    }
    if (url.scheme == Scheme::Unix) {
        url.path = percent_decode(rest);
        if (!url.path.starts_with('/')) throw std::runtime_error("a unix socket is written unix:///path");
        return url;
    }
    const size_t slash = rest.find('/');
    if (slash != std::string_view::npos) {
        const std::string_view path = rest.substr(slash + 1);
        if (!path.empty()) url.database = number_or_throw(path, 0, 1'000'000, "the database");
        rest = rest.substr(0, slash);
    }
    size_t port_colon = rest.rfind(':');
    if (rest.starts_with('[')) {
        const size_t bracket = rest.find(']');
        if (bracket == std::string_view::npos) throw std::runtime_error("the host lacks its ']'");
        url.host = rest.substr(1, bracket - 1);
        port_colon = rest.find(':', bracket);
    } else {
        const std::string_view host = rest.substr(0, port_colon);
        if (!host.empty()) url.host = host;
    }
    if (port_colon != std::string_view::npos) {
        url.port = number_or_throw(rest.substr(port_colon + 1), 1, 65535, "the port");
    }
    return url;
}

namespace {

std::string assemble(const Url& url, const std::string& password) {
    std::string text;
    for (const auto& [kind, prefix] : schemes) {
        if (kind == url.scheme) text = prefix;
    }
    if (!url.username.empty() || !password.empty()) {
        text += percent_encode(url.username);
        if (!password.empty()) text += ":" + password;
        text += "@";
    }
    if (url.scheme == Url::Scheme::Unix) return text + url.path;
    text += url.host.find(':') == std::string::npos ? url.host : "[" + url.host + "]";
    text += ":" + std::to_string(url.port);
    if (url.database != 0) text += "/" + std::to_string(url.database);
    return text;
}

}  // namespace

std::string Url::text() const {
    return assemble(*this, percent_encode(password)) + (query.empty() ? "" : "?" + query);
}

std::string Url::option(std::string_view name) const {
    for (const auto& pair : split(query, "&")) {
        const size_t equals = pair.find('=');
        if (equals != std::string::npos && pair.substr(0, equals) == name)
            return percent_decode(pair.substr(equals + 1));
    }
    return "";
}

std::string Url::hidden(std::string_view text) {
    const size_t at = text.rfind('@');
    if (at == std::string_view::npos) return std::string(text);
    const size_t scheme = text.substr(0, at).find(":");
    const size_t login = scheme == std::string_view::npos ? 0 : text.find_first_not_of('/', scheme + 1);
    return std::string(text.substr(0, login)) + "***" + std::string(text.substr(at));
}

std::string Url::shown() const {
    return assemble(*this, password.empty() ? "" : "***");
}

}  // namespace millrace::harness
