// A redis:// URL, taken apart and put together.
#pragma once

#include <string>
#include <string_view>

namespace millrace::harness {

struct Url {
    std::string host = "localhost";
    int port = 6379;
    std::string username;
    std::string password;
    int database = 0;

    // Throws std::runtime_error with one line that names what is wrong (never the password).
    static Url parse(std::string_view text);
    [[nodiscard]] std::string text() const;
    // The same without the password: for reports and messages.
    [[nodiscard]] std::string shown() const;
};

}  // namespace millrace::harness
