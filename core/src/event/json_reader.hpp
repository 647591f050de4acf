// Reads JSON as a stream of visits, without a tree. The implementation is the only includer of nlohmann_json, in whose
// place WebAssembly has a small reader of ours; nothing of either shows here. It knows nothing of what a document
// means.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace millrace {

enum class JsonType : uint8_t { null, boolean, number, string, object, array };

/// Is told what comes, in the order of the document. Each answers whether to go on. Texts are valid during the call
/// alone.
class JsonVisitor {
  public:
    /// An object or array begins; `offset` is that of its bracket.
    virtual bool on_begin(JsonType type, size_t offset) = 0;
    /// It ends; `end` is the offset after its bracket.
    virtual bool on_end(size_t end) = 0;
    virtual bool on_key(std::string_view key) = 0;
    /// A string is decoded; of anything else `text` is as the document has it.
    virtual bool on_scalar(JsonType type, std::string_view text) = 0;

  protected:
    ~JsonVisitor() = default;
};

enum class JsonEnd : uint8_t {
    complete,       ///< the whole text was one JSON value
    stopped,        ///< by the visitor
    not_json,       ///< `offset` is where it stops being JSON
    too_deep,       ///< more than `depth_max` objects and arrays inside each other
    out_of_memory,  ///< the text is too large to be parsed here
};

struct JsonOutcome {
    JsonEnd end;
    size_t offset;  ///< how far it was read
};

/// Strict JSON in UTF-8: no comments, no trailing commas, nothing after the value. A number past the range of a double
/// is no JSON here.
[[nodiscard]] JsonOutcome read_json(std::string_view text, JsonVisitor& visitor, uint32_t depth_max);

}  // namespace millrace
