// What millrace.h tells, as events of protocol 1.
#pragma once

#include <optional>

#include "endpoint.hpp"
#include "handles.hpp"

namespace millrace::agent {

/// Of every event but acks and ends; none for what the protocol lacks. Answers lack their `re`.
[[nodiscard]] std::optional<Json> event_to_json(const mr_event& event);
/// `batch`, with the time of the call as t_ms.
[[nodiscard]] Json batch_to_json(const mr_batch_view& view);

}  // namespace millrace::agent
