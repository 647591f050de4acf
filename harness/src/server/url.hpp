// A redis://, rediss:// or unix:// URL, taken apart and put together.
#pragma once

#include <string>
#include <string_view>

namespace millrace::harness {

struct Url {
    enum class Scheme { Tcp, Tls, Unix };

    Scheme scheme = Scheme::Tcp;
    std::string path;  // of a unix socket
    std::string host = "localhost";
    int port = 6379;
    std::string username;
    std::string password;
    int database = 0;
    std::string query;  // as it was written, behind its '?': agents are given it too

    // Throws std::runtime_error with one line that names what is wrong (never the password).
    static Url parse(std::string_view text);
    [[nodiscard]] std::string text() const;
    // A value of the query, decoded; empty without.
    [[nodiscard]] std::string option(std::string_view name) const;
    // The same without the password and the query, which may hold another one: for reports and messages.
    [[nodiscard]] std::string shown() const;
    // Of a text that may be no URL: whatever could be a name or a password, in front of the last @, is hidden.
    static std::string hidden(std::string_view text);
};

}  // namespace millrace::harness
