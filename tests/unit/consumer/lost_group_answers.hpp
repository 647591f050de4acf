// What a server says to a reader whose group or key is gone, and of the stream that is there now.
#pragma once

#include <string>
#include <string_view>

#include "support/scripted_host.hpp"

namespace millrace::test {

inline const std::string no_group =
    error("NOGROUP No such key 's' or consumer group 'g' in XREADGROUP with GROUP option");

/// XINFO STREAM.
inline std::string stream_info(std::string_view last_generated) {
    return map({bulk("length"), integer(3), bulk("radix-tree-keys"), integer(1), bulk("last-generated-id"),
                bulk(last_generated), bulk("groups"), integer(1)});
}

}  // namespace millrace::test
