// What a user of a server's ACL must be allowed, feature by feature: the one table that docs/acl.md is printed from and
// that the cases play with. A rule more than it takes is as wrong as one less.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace millrace::harness {

struct AclCommand {
    std::string_view name;        // as ACL SETUSER takes it, without `+`
    std::string_view since = {};  // a server that lacks it refuses to allow it
};

struct AclFeature {
    std::string_view name;
    std::string_view what;  // in words
    std::vector<AclCommand> commands;
    std::vector<std::string_view> keys;  // patterns; STREAM stands for a stream's name
    bool channels = false;               // also the streams' names as channels
};

[[nodiscard]] std::span<const AclFeature> acl_features();

// Whether the server has a command (`xautoclaim`), and whether its ACL guards channels, which 6.0's does not.
struct AclServer {
    std::function<bool(std::string_view)> has;
    bool guards_channels = true;
};

// The rules for these features on one stream, without the password. Throws std::runtime_error for a name that is none.
[[nodiscard]] std::vector<std::string> acl_rules(std::span<const std::string_view> features, const std::string& stream,
                                                 const AclServer& server);

}  // namespace millrace::harness
