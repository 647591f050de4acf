// What a recorded machine goes through. Each story plays against a fresh server and ends with the machine shut down.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>

#include "host.hpp"
#include "local_server.hpp"

namespace millrace::replay {

struct Story {
    std::string_view name;
    std::string_view client;  ///< keys of its client, as a URL's query
    void (*play)(Host& host, const testing::LocalServer& server);
};

[[nodiscard]] std::span<const Story> stories();

}  // namespace millrace::replay
