// Agent protocol 1: the shapes of its lines. Turns JSON into history values and back; owns no process and no time.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

#include "agent/capability.hpp"
#include "history/history.hpp"

namespace millrace::harness {

using Json = nlohmann::json;
inline constexpr int agent_protocol = 1;

// The agent broke the protocol; the text quotes the line.
struct ProtocolError : std::runtime_error {
    using std::runtime_error::runtime_error;
};

struct Hello {
    std::string name;
    std::string version;
    CapabilitySet capabilities;
};

// A line as an object with a text member "event"; throws ProtocolError.
Json parse_event(std::string_view line);
// The answer to the hello of this number.
Hello parse_hello(const Json& event, int64_t request);
// Whether the line is one that may come at any time, and answers nothing.
bool is_log(std::string_view line);
// The entries of a batch; `stream` is what an entry without one belongs to.
std::vector<DeliveredEntry> parse_entries(const Json& batch, const std::string& stream);
// [[stream, id, code], …] of an acked event.
struct AckResult {
    EntryKey key;
    std::string code;
};
std::vector<AckResult> parse_acked(const Json& acked);

Json value_to_json(const std::string& bytes);
Json fields_to_json(const Fields& fields);

}  // namespace millrace::harness
