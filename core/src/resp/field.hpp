// A value by its name, in a reply that lists names and values in turn: XINFO's flat lists, which are maps in RESP3.
#pragma once

#include <string_view>

#include "resp/tree.hpp"

namespace millrace::resp {

/// Nil where no such name is listed.
[[nodiscard]] inline Reply field(const Reply& list, std::string_view name) {
    bool is_name = true;
    bool is_it = false;
    for (const Reply& item : list) {
        if (is_it) return item;
        is_it = is_name && item.text() == name;
        is_name = !is_name;
    }
    return {};
}

}  // namespace millrace::resp
