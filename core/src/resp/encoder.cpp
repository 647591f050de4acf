#include "resp/encoder.hpp"

#include <cstring>

#include "base/format.hpp"

namespace millrace::resp {
namespace {

// `<kind><number>\r\n`
size_t write_header(char* out, char kind, uint64_t number) {
    out[0] = kind;
    const size_t size = 1 + write_u64(out + 1, number);
    out[size] = '\r';
    out[size + 1] = '\n';
    return size + 2;
}
constexpr size_t header_max = 1 + u64_text_max + 2;

}  // namespace

Encoder& Encoder::command(size_t arguments) {
    ok_ = true;
    command_start_ = output_->size();
    char header[header_max];
    put({header, write_header(header, '*', arguments)});
    return *this;
}

Encoder& Encoder::text(std::string_view argument) {
    if (argument.size() <= short_max) return short_bulk(argument.data(), argument.size());
    char header[header_max];
    put({header, write_header(header, '$', argument.size())});
    put(argument);
    put("\r\n");
    return *this;
}

Encoder& Encoder::integer(int64_t argument) {
    char digits[i64_text_max];
    return short_bulk(digits, write_i64(digits, argument));
}

/// What is encoded most: one for each entry that is acked. Its text is written where it stays.
Encoder& Encoder::id(EntryId argument) {
    constexpr size_t header_size = 5;  // `$nn\r\n`: 10 bytes or more
    char bulk[header_size + id_text_max + 2];
    size_t size = write_id(bulk + header_size, argument);
    if (size < 10) return short_bulk(bulk + header_size, size);
    (void)write_header(bulk, '$', size);
    size += header_size;
    bulk[size++] = '\r';
    bulk[size++] = '\n';
    put({bulk, size});
    return *this;
}

// Header, bytes and end in one append: most arguments are keys, names and ids.
Encoder& Encoder::short_bulk(const char* text, size_t size) {
    char bulk[header_max + short_max + 2];
    size_t length = write_header(bulk, '$', size);
    if (size != 0) std::memcpy(bulk + length, text, size);
    length += size;
    bulk[length++] = '\r';
    bulk[length++] = '\n';
    put({bulk, length});
    return *this;
}

void Encoder::put(std::string_view bytes) {
    if (!ok_ || output_->append(bytes)) return;
    ok_ = false;
    output_->truncate(command_start_);
}

}  // namespace millrace::resp
