// What the client tells, as events of protocol 1.
#pragma once

#include <optional>

#include "endpoint.hpp"
#include "millrace/client.hpp"

namespace millrace::agent {

[[nodiscard]] Json error_event(const Error& error);
/// `error`, `mode`, `lost`, `gap`, `dead_lettered`, `dead_failed`, `reconnected`, `log` and their like; none for events
/// that answer something, or that the protocol lacks.
[[nodiscard]] std::optional<Json> event_to_json(const Event& event);
/// The answer to the start that `re` names. A tail's has `cursors` beside what the protocol asks for: where it begins.
[[nodiscard]] Json ready_to_json(const Ready& ready, const Json& re);
/// `batch`, with the time of the call as t_ms.
[[nodiscard]] Json batch_to_json(const Batch& batch);
[[nodiscard]] Json result_to_json(const PublishResult& result);

}  // namespace millrace::agent
