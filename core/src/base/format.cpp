#include "base/format.hpp"

#include <cstring>
#include <limits>

namespace millrace {
namespace {

// Two digits at a time halve the divisions; ids are written once for every entry that is acked.
constexpr char digit_pairs[] =
    "0001020304050607080910111213141516171819202122232425262728293031323334353637383940414243444546474849"
    "5051525354555657585960616263646566676869707172737475767778798081828384858687888990919293949596979899";

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
    const unsigned count = digit_count(value);
    char* end = out + count;
    while (value >= 100) {
        end -= 2;
        std::memcpy(end, digit_pairs + 2 * (value % 100), 2);
        value /= 100;
    }
    if (value >= 10) {
        std::memcpy(out, digit_pairs + 2 * value, 2);
    } else {
        *out = static_cast<char>('0' + value);
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
    uint64_t value = 0;
    for (const char c : text) {
        const unsigned digit = static_cast<unsigned char>(c) - unsigned{'0'};
        if (digit > 9) return std::nullopt;
        if (value > (limit - digit) / 10) return std::nullopt;
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
