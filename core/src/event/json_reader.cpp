#include "event/json_reader.hpp"

#include <cstdint>
#include <cstdlib>
#include <iterator>
#include <string>

#ifdef __EMSCRIPTEN__
#include "event/small_json_reader.hpp"
#else
#include <nlohmann/json.hpp>
#endif

namespace millrace {
namespace {

#ifndef __EMSCRIPTEN__

// The library's parser does not say where a value stands in the text. It reads each byte once through an iterator, so
// an iterator that moves a shared cursor tells: brackets end at the cursor, numbers one byte before it.
struct Cursor {
    const char* at;
    const char* end;
};

class CursorIterator {
  public:
    using iterator_category = std::input_iterator_tag;
    using value_type = char;
    using difference_type = std::ptrdiff_t;
    using pointer = const char*;
    using reference = const char&;

    /// The end, for every cursor.
    CursorIterator() = default;
    explicit CursorIterator(Cursor* cursor) : cursor_(cursor) {}
    reference operator*() const { return *cursor_->at; }
    CursorIterator& operator++() {
        ++cursor_->at;
        return *this;
    }
    CursorIterator operator++(int) { return ++*this; }
    bool operator==(const CursorIterator& other) const { return at_end() == other.at_end(); }
    bool operator!=(const CursorIterator& other) const { return !(*this == other); }

  private:
    [[nodiscard]] bool at_end() const { return cursor_ == nullptr || cursor_->at == cursor_->end; }
    Cursor* cursor_ = nullptr;
};

constexpr bool in_number(char c) {
    return (c >= '0' && c <= '9') || c == '-' || c == '+' || c == '.' || c == 'e' || c == 'E';
}

// What nlohmann::json::sax_parse calls. Its names and signatures are the library's.
class Sax {
  public:
    Sax(const Cursor& cursor, JsonVisitor& visitor, uint32_t depth_max)
        : cursor_(cursor), first_(cursor.at), visitor_(visitor), depth_max_(depth_max) {}

    bool null() { return scalar(JsonType::null, "null"); }
    bool boolean(bool value) { return scalar(JsonType::boolean, value ? "true" : "false"); }
    bool number_integer(int64_t) { return scalar(JsonType::number, number_text()); }
    bool number_unsigned(uint64_t) { return scalar(JsonType::number, number_text()); }
    bool number_float(double, const std::string&) { return scalar(JsonType::number, number_text()); }
    bool string(std::string& value) { return scalar(JsonType::string, value); }
    bool key(std::string& value) { return go_on(visitor_.on_key(value)); }
    bool start_object(size_t) { return begin(JsonType::object); }
    bool start_array(size_t) { return begin(JsonType::array); }
    bool end_object() { return end(); }
    bool end_array() { return end(); }

    template <class Exception>
    bool parse_error(size_t, const std::string&, const Exception&) {
        end_ = JsonEnd::not_json;
        return false;
    }
    // Only binary formats, which are not read here, have such strings.
    template <class Binary>
    bool binary(const Binary&) {
        return false;
    }

    [[nodiscard]] JsonEnd how_it_ended() const { return end_; }
    [[nodiscard]] size_t offset() const { return static_cast<size_t>(cursor_.at - first_); }

  private:
    bool go_on(bool wanted) {
        if (!wanted) end_ = JsonEnd::stopped;
        return wanted;
    }
    bool scalar(JsonType type, std::string_view text) { return go_on(visitor_.on_scalar(type, text)); }
    bool begin(JsonType type) {
        if (depth_ == depth_max_) {
            end_ = JsonEnd::too_deep;
            return false;
        }
        ++depth_;
        return go_on(visitor_.on_begin(type, offset() - 1));
    }
    bool end() {
        --depth_;
        return go_on(visitor_.on_end(offset()));
    }
    // The digits as written: the library's own number would turn -0 into 0 and its text follows the process's locale.
    [[nodiscard]] std::string_view number_text() const {
        const char* last = cursor_.at;
        if (!in_number(last[-1])) --last;  // it reads one byte more to see that a number is over, except at the end
        const char* start = last;
        while (start != first_ && in_number(start[-1])) --start;
        return {start, static_cast<size_t>(last - start)};
    }

    const Cursor& cursor_;
    const char* first_;
    JsonVisitor& visitor_;
    uint32_t depth_max_;
    uint32_t depth_ = 0;
    JsonEnd end_ = JsonEnd::complete;
};

#endif

// The parser's strings come from operator new, whose refusal ends the process. So malloc is asked first for as much as
// they can need at once: two strings of the text's size that double as they grow (2 x 3), and the text of an error (4).
bool memory_suffices(size_t text_size) {
    constexpr size_t never_asked = 64 * 1024;
    constexpr size_t copies = 10;
    if (text_size <= never_asked) return true;
    if (text_size > SIZE_MAX / copies) return false;
    void* probe = std::malloc(text_size * copies);
    // Through a volatile, or the compiler drops the pair of calls and assumes that it succeeds.
    void* volatile seen = probe;
    const bool granted = seen != nullptr;
    std::free(seen);
    return granted;
}

}  // namespace

JsonOutcome read_json(std::string_view text, JsonVisitor& visitor, uint32_t depth_max) {
    if (!memory_suffices(text.size())) return {JsonEnd::out_of_memory, 0};
    // The parser skips a byte order mark; RFC 8259 lets a reader refuse it, and offsets would be off by it.
    if (text.starts_with("\xef\xbb\xbf")) return {JsonEnd::not_json, 0};
#ifdef __EMSCRIPTEN__
    return read_small_json(text, visitor, depth_max);
#else
    Cursor cursor{text.data(), text.data() + text.size()};
    Sax sax(cursor, visitor, depth_max);
    nlohmann::json::sax_parse(CursorIterator(&cursor), CursorIterator(), &sax);
    return {sax.how_it_ended(), sax.offset()};
#endif
}

}  // namespace millrace
