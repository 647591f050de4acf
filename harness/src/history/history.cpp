#include "history/history.hpp"

#include <charconv>

#include "base/text.hpp"

namespace millrace::harness {

std::optional<EntryId> EntryId::parse(std::string_view text) {
    EntryId id;
    const char* const end = text.data() + text.size();
    const auto ms = std::from_chars(text.data(), end, id.ms);
    if (ms.ec != std::errc() || ms.ptr == end || *ms.ptr != '-') return std::nullopt;
    const auto seq = std::from_chars(ms.ptr + 1, end, id.seq);
    if (seq.ec != std::errc() || seq.ptr != end) return std::nullopt;
    return id;
}

bool Value::matches(const std::string& expected) const {
    if (sha256.empty()) return bytes == expected;
    return length == expected.size() && sha256 == sha256_hex(expected);
}

}  // namespace millrace::harness
