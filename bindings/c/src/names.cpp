// Numbers of the header in words. Those of the core have its words; events are named here.
#include <array>
#include <string_view>

#include "border.hpp"
#include "millrace/event.hpp"

using namespace millrace;

namespace {

constexpr std::array event_names = {
    "none",        "ready",        "acked",        "lost",        "duplicate",     "group_recreated",
    "published",   "mode",         "disconnected", "reconnected", "gap",           "reset",
    "interrupted", "too_large",    "dead",         "dead_failed", "failed",        "log",
    "closed",      "logs_dropped", "dead_listed",  "redriven",    "group_changed", "batch",
};
static_assert(event_names.size() == MR_EVENT_BATCH + 1);
static_assert(std::string_view(event_names[MR_EVENT_MODE]) == "mode" &&
              std::string_view(event_names[MR_EVENT_TOO_LARGE]) == "too_large" &&
              std::string_view(event_names[MR_EVENT_CLOSED]) == "closed");

/// The core's names are literals: ended by a zero.
template <class Enum>
const char* name_of(uint32_t number, Enum last) {
    return number <= static_cast<uint32_t>(last) ? name(static_cast<Enum>(number)).data() : "unknown";
}

}  // namespace

extern "C" {

const char* mr_event_name(uint32_t kind) {
    return kind < event_names.size() ? event_names[kind] : "unknown";
}
const char* mr_disconnect_name(uint32_t reason) {
    return name_of(reason, DisconnectReason::tls_failed);
}
const char* mr_flush_name(uint32_t reason) {
    return name_of(reason, FlushReason::recovery);
}
const char* mr_log_name(uint32_t level) {
    return name_of(level, LogLevel::error);
}
}
