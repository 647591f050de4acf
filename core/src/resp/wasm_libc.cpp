// In WebAssembly alone: what hiredis' reader and nlohmann_json take from the C library for numbers, in 1 KB where the
// library brings 20 (long doubles, streams). cmake/hiredis.cmake renames the calls. Nobody reads a double's value: of
// replies and documents the digits are kept, and it is only asked whether they are a number in a double's range.
#ifdef __EMSCRIPTEN__

#include <cmath>
#include <cstdarg>
#include <cstddef>
#include <string_view>

namespace {

bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

/// The first digits of what no longer rounds to the largest double, at 1e308: halfway to 2^1024.
constexpr std::string_view too_large = "1797693134862315807937289714053034150799";
constexpr long exponent_max = 308;

/// The digits of a number, told one by one: where its first one stands, and whether it is past a double's range.
class Magnitude {
  public:
    void add(char digit, bool is_fraction) {
        if (digits_ == 0 && digit == '0') {
            if (is_fraction) --exponent_;
            return;
        }
        if (!is_fraction) ++integers_;
        if (digits_ < too_large.size() && order_ == 0) order_ = digit - too_large[digits_];
        ++digits_;
    }
    [[nodiscard]] bool is_too_large(long exponent) const {
        if (digits_ == 0) return false;
        exponent += integers_ > 0 ? integers_ - 1 : exponent_ - 1;
        if (exponent != exponent_max) return exponent > exponent_max;
        return order_ > 0 || (order_ == 0 && digits_ >= too_large.size());
    }

  private:
    size_t digits_ = 0;  // behind leading zeros
    long integers_ = 0;  // of them before the point
    long exponent_ = 0;  // of leading zeros behind the point
    int order_ = 0;      // against too_large, by the first digit that differs
};

}  // namespace

extern "C" {

/// `[-+]digits[.digits][e[-+]digits]`: 0, or infinity where that is too large.
double mrh_strtod(const char* text, char** end) {
    const char* at = text;
    if (*at == '-' || *at == '+') ++at;
    Magnitude magnitude;
    const char* const first = at;
    for (; is_digit(*at); ++at) magnitude.add(*at, false);
    bool has_digits = at != first;
    if (*at == '.') {
        const char* const point = at++;
        for (; is_digit(*at); ++at) magnitude.add(*at, true);
        has_digits = has_digits || at != point + 1;
    }
    long exponent = 0;
    if (has_digits && (*at == 'e' || *at == 'E')) {
        const char* digit = at + 1;
        const bool is_negative = *digit == '-';
        if (is_negative || *digit == '+') ++digit;
        if (is_digit(*digit)) {
            // Past any number of digits that memory can hold it makes no difference.
            for (; is_digit(*digit); ++digit) {
                if (exponent < 100'000'000) exponent = exponent * 10 + (*digit - '0');
            }
            if (is_negative) exponent = -exponent;
            at = digit;
        }
    }
    if (end != nullptr) *end = const_cast<char*>(has_digits ? at : text);
    return magnitude.is_too_large(exponent) ? HUGE_VAL : 0;
}

/// %s, %c and hexadecimal with zeros before it: what error texts are made with.
int mrh_snprintf(char* out, size_t size, const char* format, ...) {
    size_t length = 0;
    const auto put = [&](char c) {
        if (length + 1 < size) out[length] = c;
        ++length;
    };
    va_list values;
    va_start(values, format);
    for (; *format != '\0'; ++format) {
        if (*format != '%') {
            put(*format);
            continue;
        }
        int width = 1;
        for (++format; is_digit(*format) || *format == '.'; ++format) {
            if (is_digit(*format) && *format != '0') width = *format - '0';
        }
        if (*format == 's') {
            for (const char* text = va_arg(values, const char*); *text != '\0'; ++text) put(*text);
        } else if (*format == 'c') {
            put(static_cast<char>(va_arg(values, int)));
        } else if (*format == 'x' || *format == 'X') {
            const unsigned value = va_arg(values, unsigned);
            for (int digit = 7; digit >= 0; --digit) {
                const unsigned nibble = value >> (4 * digit) & 15;
                if (digit >= width && value >> (4 * digit) == 0) continue;
                put((*format == 'x' ? "0123456789abcdef" : "0123456789ABCDEF")[nibble]);
            }
        } else {
            put(*format);
        }
    }
    va_end(values);
    if (size > 0) out[length < size ? length : size - 1] = '\0';
    return static_cast<int>(length);
}
}

#endif
