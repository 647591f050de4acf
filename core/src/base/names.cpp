// The words by which events name their enumerations in logs, in the agent protocol and in bindings. They are stable.
#include <array>
#include <cstddef>

#include "millrace/event.hpp"

namespace millrace {
namespace {

template <class Enum, size_t N>
constexpr std::string_view word(const std::array<std::string_view, N>& words, Enum value) {
    return words[static_cast<size_t>(value)];
}

constexpr std::array<std::string_view, 3> deliveries{"streams", "pubsub", "tail"};
constexpr std::array<std::string_view, 3> guarantees{"at_least_once", "at_most_once", "by_cursor"};
constexpr std::array<std::string_view, 3> reasons{"size", "flush", "recovery"};
constexpr std::array<std::string_view, 4> levels{"debug", "info", "warn", "error"};
constexpr std::array<std::string_view, 5> roles{"read", "control", "publish", "push", "probe"};
constexpr std::array<std::string_view, 12> disconnects{
    "closed",
    "dropped",
    "refused",
    "reset",
    "unreachable",
    "dns",
    "timeout",
    "tls_expired",
    "tls_unknown_authority",
    "tls_wrong_host",
    "tls_certificate_wanted",
    "tls_failed",
};

// An enumerator added at an end without its word would read past the table.
static_assert(deliveries.size() == static_cast<size_t>(Delivery::tail) + 1);
static_assert(guarantees.size() == deliveries.size());
static_assert(reasons.size() == static_cast<size_t>(FlushReason::recovery) + 1);
static_assert(levels.size() == static_cast<size_t>(LogLevel::error) + 1);
static_assert(roles.size() == static_cast<size_t>(LaneRole::probe) + 1);
static_assert(disconnects.size() == static_cast<size_t>(DisconnectReason::tls_failed) + 1);

}  // namespace

std::string_view name(Delivery delivery) {
    return word(deliveries, delivery);
}

std::string_view guarantee(Delivery delivery) {
    return word(guarantees, delivery);
}
std::string_view name(FlushReason reason) {
    return word(reasons, reason);
}
std::string_view name(LogLevel level) {
    return word(levels, level);
}
std::string_view name(LaneRole role) {
    return word(roles, role);
}
std::string_view name(DisconnectReason reason) {
    return word(disconnects, reason);
}

}  // namespace millrace
