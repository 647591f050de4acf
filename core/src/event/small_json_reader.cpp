// Reads JSON as nlohmann_json does, in a sixth of its size: WebAssembly's read_json. A test compares the two, also in
// where a text stops being JSON, so that a document is refused with the same words on every host.
#include "event/small_json_reader.hpp"

#include <cmath>
#include <cstdlib>
#include <string>

namespace millrace {
namespace {

enum class Token : uint8_t { object, object_end, array, array_end, colon, comma, string, number, word, end, bad };

class SmallReader {
  public:
    SmallReader(std::string_view text, JsonVisitor& visitor, uint32_t depth_max)
        : text_(text), visitor_(visitor), depth_max_(depth_max) {}

    JsonOutcome read() {
        end_ = JsonEnd::not_json;
        if (text_.starts_with('\xef')) return {end_, bytes_of_bad_mark()};
        next();
        if (read_all() && token_ == Token::end) end_ = JsonEnd::complete;
        return {end_, at_};
    }

  private:
    /// The library looks for a byte order mark first, as far as it goes.
    [[nodiscard]] size_t bytes_of_bad_mark() const {
        const size_t seen = text_.starts_with("\xef\xbb") ? 3 : 2;
        return seen < text_.size() ? seen : text_.size();
    }

    // ---- values

    // Every value of the text, one after the other: what they are in stands in `open_`.
    bool read_all() {
        for (;;) {
            if (!read_value()) return false;
            if (is_begun_) continue;  // its first member comes
            while (!open_.empty()) {
                const bool is_object = open_.back();
                if (token_ == Token::comma) {
                    next();
                    if (is_object && !read_key()) return false;
                    break;
                }
                if (token_ != (is_object ? Token::object_end : Token::array_end) || !leave()) return false;
            }
            if (open_.empty()) return true;
        }
    }

    // One value up to the token behind it, or what begins an object or array up to its first member.
    bool read_value() {
        is_begun_ = false;
        switch (token_) {
            case Token::string:
            case Token::number:
            case Token::word:
                if (!go_on(visitor_.on_scalar(type_, value_))) return false;
                next();
                return true;
            case Token::object:
            case Token::array:
                return enter();
            default:
                return false;
        }
    }

    bool enter() {
        const bool is_object = token_ == Token::object;
        if (open_.size() == depth_max_) {
            end_ = JsonEnd::too_deep;
            return false;
        }
        if (!go_on(visitor_.on_begin(is_object ? JsonType::object : JsonType::array, at_ - 1))) return false;
        open_.push_back(is_object);
        next();
        if (token_ == (is_object ? Token::object_end : Token::array_end)) return leave();
        is_begun_ = true;
        return !is_object || read_key();
    }

    bool leave() {
        open_.pop_back();
        if (!go_on(visitor_.on_end(at_))) return false;
        next();
        return true;
    }

    bool read_key() {
        if (token_ != Token::string || !go_on(visitor_.on_key(value_))) return false;
        next();
        if (token_ != Token::colon) return false;
        next();
        return true;
    }

    bool go_on(bool wanted) {
        if (!wanted) end_ = JsonEnd::stopped;
        return wanted;
    }

    // ---- tokens: afterwards `at_` is behind the last byte that was read, of a number one byte more

    static constexpr int none = -1;

    /// The next byte, or `none`.
    int take() {
        if (at_ == text_.size()) return none;
        return static_cast<unsigned char>(text_[at_++]);
    }

    void next() {
        // A number ends with a byte that was read already.
        if (token_ == Token::number && last_ != none) --at_;
        int byte = take();
        while (byte == ' ' || byte == '\t' || byte == '\n' || byte == '\r') byte = take();
        switch (byte) {
            case '{':
                token_ = Token::object;
                return;
            case '}':
                token_ = Token::object_end;
                return;
            case '[':
                token_ = Token::array;
                return;
            case ']':
                token_ = Token::array_end;
                return;
            case ':':
                token_ = Token::colon;
                return;
            case ',':
                token_ = Token::comma;
                return;
            case '"':
                type_ = JsonType::string;
                decoded_.clear();
                token_ = take_string() ? Token::string : Token::bad;
                value_ = decoded_;
                return;
            case 't':
                return take_word("true", JsonType::boolean);
            case 'f':
                return take_word("false", JsonType::boolean);
            case 'n':
                return take_word("null", JsonType::null);
            case 0:
            case none:
                token_ = Token::end;
                return;
            default:
                take_number(byte);
        }
    }

    void take_word(std::string_view word, JsonType type) {
        token_ = Token::bad;
        for (const char each : word.substr(1)) {
            if (take() != each) return;
        }
        token_ = Token::word;
        type_ = type;
        value_ = word;
    }

    static bool is_digit(int byte) { return byte >= '0' && byte <= '9'; }

    bool take_digits(int& byte) {
        if (!is_digit(byte)) return false;
        while (is_digit(byte)) byte = take();
        return true;
    }

    void take_number(int byte) {
        const size_t start = at_ - 1;
        token_ = Token::bad;
        if (byte == '-') byte = take();
        if (byte == '0') {
            byte = take();
        } else if (!take_digits(byte)) {
            return;
        }
        bool is_whole = true;
        if (byte == '.') {
            is_whole = false;
            byte = take();
            if (!take_digits(byte)) return;
        }
        if (byte == 'e' || byte == 'E') {
            is_whole = false;
            byte = take();
            if (byte == '+' || byte == '-') byte = take();
            if (!take_digits(byte)) return;
        }
        last_ = byte;
        type_ = JsonType::number;
        value_ = text_.substr(start, at_ - start - (byte == none ? 0 : 1));
        constexpr size_t never_too_large = 300;
        if ((!is_whole || value_.size() > never_too_large) &&
            !std::isfinite(std::strtod(std::string(value_).c_str(), nullptr)))
            return;
        token_ = Token::number;
    }

    // ---- strings

    bool take_string() {
        for (;;) {
            const int byte = take();
            if (byte == '"') return true;
            if (byte == '\\') {
                if (!take_escape()) return false;
            } else if (byte < 0x20) {  // or none
                return false;
            } else if (!take_utf8(byte)) {
                return false;
            }
        }
    }

    bool follows(int low, int high) {
        const int byte = take();
        if (byte < low || byte > high) return false;
        decoded_ += static_cast<char>(byte);
        return true;
    }

    // Source: Unicode 15, table 3-7.
    bool take_utf8(int first) {
        decoded_ += static_cast<char>(first);
        if (first < 0x80) return true;
        if (first < 0xc2 || first > 0xf4) return false;
        if (first < 0xe0) return follows(0x80, 0xbf);
        if (first < 0xf0)
            return follows(first == 0xe0 ? 0xa0 : 0x80, first == 0xed ? 0x9f : 0xbf) && follows(0x80, 0xbf);
        return follows(first == 0xf0 ? 0x90 : 0x80, first == 0xf4 ? 0x8f : 0xbf) && follows(0x80, 0xbf) &&
               follows(0x80, 0xbf);
    }

    bool take_escape() {
        constexpr std::string_view written = "\"\\/bfnrt";
        constexpr std::string_view meant = "\"\\/\b\f\n\r\t";
        const int byte = take();
        if (byte == 'u') return take_code_point();
        const size_t which = byte == none ? written.npos : written.find(static_cast<char>(byte));
        if (which == written.npos) return false;
        decoded_ += meant[which];
        return true;
    }

    /// Four hexadecimal digits; `none` where they are not.
    int take_unit() {
        int unit = 0;
        for (int i = 0; i < 4; ++i) {
            const int byte = take();
            const int letter = byte | 0x20;
            if (is_digit(byte)) {
                unit = unit * 16 + byte - '0';
            } else if (byte != none && letter >= 'a' && letter <= 'f') {
                unit = unit * 16 + letter - 'a' + 10;
            } else {
                return none;
            }
        }
        return unit;
    }

    bool take_code_point() {
        int point = take_unit();
        if (point == none) return false;
        if (point >= 0xd800 && point < 0xdc00) {
            if (take() != '\\' || take() != 'u') return false;
            const int low = take_unit();
            if (low < 0xdc00 || low > 0xdfff) return false;
            point = 0x10000 + ((point - 0xd800) << 10) + low - 0xdc00;
        } else if (point >= 0xdc00 && point < 0xe000) {
            return false;
        }
        const auto put = [&](int bits) { decoded_ += static_cast<char>(bits); };
        const auto put_rest = [&](int shift) { put(0x80 | (point >> shift & 0x3f)); };
        if (point < 0x80) {
            put(point);
        } else if (point < 0x800) {
            put(0xc0 | point >> 6);
            put_rest(0);
        } else if (point < 0x10000) {
            put(0xe0 | point >> 12);
            put_rest(6);
            put_rest(0);
        } else {
            put(0xf0 | point >> 18);
            put_rest(12);
            put_rest(6);
            put_rest(0);
        }
        return true;
    }

    std::string_view text_;
    JsonVisitor& visitor_;
    uint32_t depth_max_;
    JsonEnd end_ = JsonEnd::not_json;
    size_t at_ = 0;
    std::string open_;  // 1 for an object, 0 for an array, the innermost last
    bool is_begun_ = false;
    Token token_ = Token::bad;
    JsonType type_ = JsonType::null;
    int last_ = none;         // the byte behind a number
    std::string_view value_;  // of the token
    std::string decoded_;     // of a string
};

}  // namespace

JsonOutcome read_small_json(std::string_view text, JsonVisitor& visitor, uint32_t depth_max) {
    return SmallReader(text, visitor, depth_max).read();
}

}  // namespace millrace
