// What the machine tells, as JSON: the events that are rare enough for it. Batches, acks and published entries are
// records of their own (turn.cpp).
#pragma once

#include "json.hpp"
#include "millrace/action.hpp"
#include "millrace/event.hpp"
#include "millrace/metrics.hpp"

namespace millrace::wasm {

/// False, and nothing written, for an event that is a record of its own.
bool write_event(JsonWriter& json, const Event& event);
/// Where to connect to, and how.
void write_endpoint(JsonWriter& json, const Connect& connect);
void write_health(JsonWriter& json, const Health& health);
/// Every code of the table, in the order of the enumeration.
void write_codes(JsonWriter& json);

}  // namespace millrace::wasm
