// A reply of a server as a plain value, whoever read it from the wire: hiredis here, a model server in virtual time
// later.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace millrace::harness {

struct Reply {
    enum class Kind { Nil, Status, Error, Integer, String, Array };

    Kind kind = Kind::Nil;
    std::string text;  // status, error, string
    int64_t integer = 0;
    std::vector<Reply> items;

    [[nodiscard]] bool is_error() const { return kind == Kind::Error; }
    [[nodiscard]] bool is_nil() const { return kind == Kind::Nil; }
    // "ERR unknown command" and its kin, whose quotes differ by version.
    [[nodiscard]] bool is_unknown_command() const {
        return is_error() && text.find("unknown command") != std::string::npos;
    }
    // An item that is not there reads as nil, so that a short reply is a wrong answer and not a crash.
    [[nodiscard]] const Reply& at(size_t index) const {
        static const Reply none;
        return index < items.size() ? items[index] : none;
    }
    // The value after `name` in a flat list of names and values, as XINFO answers.
    [[nodiscard]] const Reply& field(std::string_view name) const {
        static const Reply none;
        for (size_t i = 0; i + 1 < items.size(); i += 2) {
            if (items[i].text == name) return items[i + 1];
        }
        return none;
    }
};

}  // namespace millrace::harness
