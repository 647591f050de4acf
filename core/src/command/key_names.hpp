// Names of the keys that we make beside a stream (DLQ-3): the dead stream, ids that were seen, leases. In a cluster
// they are in the stream's slot, so that one script can touch both.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace millrace {

struct KeyName {
    std::string text;
    bool same_slot = true;  ///< as the stream; where not, no script takes both
};

/// `{orders}:dead` of `orders`; a name with a hash tag keeps it: `a{b}c:dead`. Braces that make no tag can't be put
/// into another pair: `a}b:dead`, in a slot of its own. Source: redis.io, Cluster specification, "Hash tags".
[[nodiscard]] KeyName dead_stream_name(std::string_view stream);

/// Whether it is the dead stream of some stream. The dead of a name with braces look like nothing else, so that a
/// stream of somebody's own with such a name is taken for one.
[[nodiscard]] bool is_dead_stream_name(std::string_view name);

/// `{orders}:seen:5:group:id`. The length keeps a group with a colon apart from an id with one.
[[nodiscard]] KeyName seen_name(std::string_view stream, std::string_view group, std::string_view id);

/// `{orders}:published:producer`: what that producer wrote last.
[[nodiscard]] KeyName published_name(std::string_view stream, std::string_view producer);

/// `{orders}:lease:group:name`
[[nodiscard]] KeyName lease_name(std::string_view stream, std::string_view group, std::string_view consumer);

}  // namespace millrace
