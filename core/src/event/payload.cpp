#include "event/payload.hpp"

#include <cstring>

#include "base/buffer.hpp"
#include "event/base64.hpp"
#include "event/json_reader.hpp"
#include "event/utf8.hpp"

namespace millrace {
namespace {

constexpr uint32_t depth_max = 32;
constexpr std::string_view bytes_key = "b64";
constexpr std::string_view raw_name = "data";

// Turns the members of the outermost object into fields. Names and encoded bytes come from the peer, so what must be
// remembered between two visits is kept in memory that may be refused.
class Decoder final : public JsonVisitor {
  public:
    Decoder(std::string_view payload, FieldSink& sink) : payload_(payload), sink_(sink) {}

    bool on_begin(JsonType type, size_t offset) override {
        ++depth_;
        if (depth_ == 1) return type == JsonType::object;
        if (depth_ == 2) {
            value_offset_ = offset;
            bytes_ = type == JsonType::object ? Bytes::none_yet : Bytes::no;
            return true;
        }
        bytes_ = Bytes::no;
        return true;
    }

    bool on_end(size_t end) override {
        --depth_;
        if (depth_ != 1) return true;
        if (bytes_ == Bytes::found) {
            if (base64_decoded_size({encoded_.data(), encoded_.size()})) return bytes_field();
        }
        return field(payload_.substr(value_offset_, end - value_offset_));
    }

    bool on_key(std::string_view key) override {
        if (depth_ == 1) {
            name_.clear();
            return kept(name_.append(key.data(), key.size()));
        }
        if (depth_ == 2) bytes_ = bytes_ == Bytes::none_yet && key == bytes_key ? Bytes::expected : Bytes::no;
        return true;
    }

    bool on_scalar(JsonType type, std::string_view text) override {
        if (depth_ == 0) return false;
        if (depth_ == 1) return field(text);
        if (bytes_ != Bytes::expected) return true;
        bytes_ = type == JsonType::string ? Bytes::found : Bytes::no;
        if (bytes_ == Bytes::no) return true;
        encoded_.clear();
        return kept(encoded_.append(text.data(), text.size()));
    }

    [[nodiscard]] bool refused() const { return refused_; }

  private:
    // Whether the nested value is `{"b64":"…"}`, as far as it has been read.
    enum class Bytes : uint8_t { no, none_yet, expected, found };

    bool kept(bool granted) {
        if (!granted) refused_ = true;
        return granted;
    }
    bool field(std::string_view value) { return kept(sink_.on_field({name_.data(), name_.size()}, value)); }
    bool bytes_field() {
        char* const start = encoded_.data();
        const char* const end = base64_decode({start, encoded_.size()}, start);
        return field({start, static_cast<size_t>(end - start)});
    }

    std::string_view payload_;
    FieldSink& sink_;
    Buffer<char> name_;
    Buffer<char> encoded_;
    size_t value_offset_ = 0;
    uint32_t depth_ = 0;
    Bytes bytes_ = Bytes::no;
    bool refused_ = false;
};

bool may_be_object(std::string_view payload) {
    const size_t first = payload.find_first_not_of(" \t\r\n");
    return first != std::string_view::npos && payload[first] == '{';
}

// The letter after the backslash; 0 for a character that is written as it is, `u` for one without a letter of its own.
constexpr char escape_of(char c) {
    switch (c) {
        case '"':
        case '\\':
            return c;
        case '\b':
            return 'b';
        case '\f':
            return 'f';
        case '\n':
            return 'n';
        case '\r':
            return 'r';
        case '\t':
            return 't';
        default:
            return static_cast<unsigned char>(c) < ' ' ? 'u' : '\0';
    }
}

uint64_t string_size(std::string_view text) {
    uint64_t size = 2 + text.size();
    for (const char c : text) {
        const char escape = escape_of(c);
        if (escape != '\0') size += escape == 'u' ? 5 : 1;
    }
    return size;
}

char* write(std::string_view text, char* out) {
    if (!text.empty()) std::memcpy(out, text.data(), text.size());
    return out + text.size();
}

char* write_string(std::string_view text, char* out) {
    constexpr std::string_view hex = "0123456789abcdef";
    *out++ = '"';
    for (const char c : text) {
        const char escape = escape_of(c);
        if (escape == '\0') {
            *out++ = c;
            continue;
        }
        *out++ = '\\';
        *out++ = escape;
        if (escape != 'u') continue;
        *out++ = '0';
        *out++ = '0';
        *out++ = hex[static_cast<unsigned char>(c) >> 4];
        *out++ = hex[static_cast<unsigned char>(c) & 15];
    }
    *out++ = '"';
    return out;
}

constexpr std::string_view bytes_open = "{\"b64\":\"";
constexpr std::string_view bytes_close = "\"}";

}  // namespace

PayloadShape decode_payload(std::string_view payload, FieldSink& sink) {
    if (may_be_object(payload)) {
        Decoder decoder(payload, sink);
        const JsonOutcome outcome = read_json(payload, decoder, depth_max);
        if (outcome.end == JsonEnd::complete) return PayloadShape::fields;
        sink.on_discard();
        if (outcome.end == JsonEnd::out_of_memory || decoder.refused()) return PayloadShape::refused;
    }
    return sink.on_field(raw_name, payload) ? PayloadShape::raw : PayloadShape::refused;
}

std::optional<uint64_t> payload_size(std::span<const Field> fields) {
    uint64_t size = 2;
    for (const Field& field : fields) {
        if (!is_utf8(field.name)) return std::nullopt;
        size += string_size(field.name) + 1;
        if (is_utf8(field.value)) {
            size += string_size(field.value);
        } else {
            size += bytes_open.size() + base64_size(field.value.size()) + bytes_close.size();
        }
    }
    return fields.empty() ? size : size + fields.size() - 1;
}

char* encode_payload(std::span<const Field> fields, char* out) {
    *out++ = '{';
    for (const Field& field : fields) {
        if (&field != fields.data()) *out++ = ',';
        out = write_string(field.name, out);
        *out++ = ':';
        if (is_utf8(field.value)) {
            out = write_string(field.value, out);
        } else {
            out = write(bytes_open, out);
            out = base64_encode(field.value, out);
            out = write(bytes_close, out);
        }
    }
    *out++ = '}';
    return out;
}

}  // namespace millrace
