#include "base/format.hpp"

#include <cstring>
#include <limits>

namespace millrace {
namespace {

// Two digits at a time halve the divisions; ids are written once for every entry that is acked.
constexpr char digit_pairs[] =
    "0001020304050607080910111213141516171819202122232425262728293031323334353637383940414243444546474849"
    "5051525354555657585960616263646566676869707172737475767778798081828384858687888990919293949596979899";

// WebAssembly has no multiplication that gives the upper 64 bits, so there a division by a constant is one, and slow.
// What is below is done in 32 bits.
constexpr uint64_t eight_digits = 100'000'000;

/// So many pairs of digits in front of `end`; answers what is left of the value.
uint32_t write_pairs(char* end, uint32_t value, unsigned pairs) {
    for (; pairs > 0; --pairs) {
        end -= 2;
        std::memcpy(end, digit_pairs + size_t{2} * (value % 100), 2);
        value /= 100;
    }
    return value;
}

}  // namespace

unsigned digit_count(uint64_t value) {
    unsigned count = 1;
    for (;;) {
        if (value < 10) return count;
        if (value < 100) return count + 1;
        if (value < 1000) return count + 2;
        if (value < 10000) return count + 3;
        value /= 10000;
        count += 4;
    }
}

size_t write_u64(char* out, uint64_t value) {
    if (value > std::numeric_limits<uint32_t>::max()) {
        const size_t size = write_u64(out, value / eight_digits);
        write_pairs(out + size + 8, static_cast<uint32_t>(value % eight_digits), 4);
        return size + 8;
    }
    const unsigned count = digit_count(value);
    const uint32_t first = write_pairs(out + count, static_cast<uint32_t>(value), (count - 1) / 2);
    if (first >= 10) {
        std::memcpy(out, digit_pairs + size_t{2} * first, 2);
    } else {
        *out = static_cast<char>('0' + first);
    }
    return count;
}

size_t write_i64(char* out, int64_t value) {
    if (value >= 0) return write_u64(out, static_cast<uint64_t>(value));
    *out = '-';
    // Negated as unsigned, because -INT64_MIN is not an int64_t.
    return 1 + write_u64(out + 1, ~static_cast<uint64_t>(value) + 1);
}

size_t write_id(char* out, EntryId id) {
    size_t size = write_u64(out, id.ms);
    out[size++] = '-';
    return size + write_u64(out + size, id.seq);
}

std::optional<uint64_t> parse_u64(std::string_view text) {
    if (text.empty()) return std::nullopt;
    constexpr uint64_t limit = std::numeric_limits<uint64_t>::max();
    constexpr size_t safe_max = u64_text_max - 1;  // of so many digits none is too large, and no division is needed
    uint64_t value = 0;
    for (const char c : text) {
        const unsigned digit = static_cast<unsigned char>(c) - unsigned{'0'};
        if (digit > 9) return std::nullopt;
        if (text.size() > safe_max && value > (limit - digit) / 10) return std::nullopt;
        value = value * 10 + digit;
    }
    return value;
}

std::optional<int64_t> parse_i64(std::string_view text) {
    const bool negative = !text.empty() && text.front() == '-';
    if (negative) text.remove_prefix(1);
    const std::optional<uint64_t> magnitude = parse_u64(text);
    if (!magnitude) return std::nullopt;
    constexpr uint64_t limit = uint64_t{1} << 63;
    if (negative) {
        if (*magnitude > limit) return std::nullopt;
        return static_cast<int64_t>(~*magnitude + 1);
    }
    if (*magnitude >= limit) return std::nullopt;
    return static_cast<int64_t>(*magnitude);
}

std::optional<EntryId> parse_id(std::string_view text) {
    const size_t dash = text.find('-');
    if (dash == std::string_view::npos) return std::nullopt;
    const std::optional<uint64_t> ms = parse_u64(text.substr(0, dash));
    const std::optional<uint64_t> seq = parse_u64(text.substr(dash + 1));
    if (!ms || !seq) return std::nullopt;
    return EntryId{*ms, *seq};
}

}  // namespace millrace
