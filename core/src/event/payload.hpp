// Entries in Pub/Sub messages (PS-1): fields to the text of a JSON object and back. It knows no channels and no
// segments.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "millrace/entry.hpp"

namespace millrace {

/// Where the fields of a payload go. Both texts are valid during the call alone.
class FieldSink {
  public:
    /// False: memory was refused; nothing more comes.
    virtual bool on_field(std::string_view name, std::string_view value) = 0;
    /// The payload turns out to be no JSON: the fields so far do not count.
    virtual void on_discard() = 0;

  protected:
    ~FieldSink() = default;
};

enum class PayloadShape : uint8_t {
    fields,   ///< it was a JSON object; each member was a field, in order, repeats kept
    raw,      ///< it was not; the one field `data` is the payload itself
    refused,  ///< out of memory; what the sink got does not count
};

/// Values: strings as they are, `{"b64":"…"}` as the bytes it encodes, anything else (numbers, booleans, null, nested
/// values) as its JSON text. Objects and arrays are at most 32 deep, else the payload counts as raw.
[[nodiscard]] PayloadShape decode_payload(std::string_view payload, FieldSink& sink);

/// How many bytes encode_payload writes. None where a name is not UTF-8, for a JSON object has no way to say it.
[[nodiscard]] std::optional<uint64_t> payload_size(std::span<const Field> fields);

/// The fields as a JSON object in their order, repeats kept; a value that is not UTF-8 becomes `{"b64":"…"}`. `out` has
/// room for payload_size(fields) bytes; answers where it ended. decode_payload gives the same fields back.
char* encode_payload(std::span<const Field> fields, char* out);

}  // namespace millrace
