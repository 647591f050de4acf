// What the reader's callbacks make of each item: where it belongs in the shape that is owed, and whether the limits
// allow it. What is relied on of hiredis is said in decoder.cpp.
#include <sys/types.h>

#include <algorithm>
#include <cstdarg>
#include <cstring>
#include <optional>
#include <utility>

#include "base/format.hpp"
#include "read.h"
#include "resp/decoder.hpp"
extern "C" {
#include "sds.h"  // has no linkage specification of its own; what it includes is included above
}

namespace millrace::resp {
namespace {

std::string with_number(std::string_view before, uint64_t number, std::string_view after) {
    char digits[u64_text_max];
    std::string text(before);
    text.append(digits, write_u64(digits, number));
    text.append(after);
    return text;
}

// Of what carries text, and, to be followed by a number, of aggregates.
std::string_view type_name(int type) {
    switch (type) {
        case REDIS_REPLY_STRING:
            return "a bulk string";
        case REDIS_REPLY_ARRAY:
            return "an array of ";
        case REDIS_REPLY_STATUS:
            return "a status";
        case REDIS_REPLY_ERROR:
            return "an error";
        case REDIS_REPLY_DOUBLE:
            return "a double";
        case REDIS_REPLY_MAP:
            return "a map of ";
        case REDIS_REPLY_SET:
            return "a set of ";
        case REDIS_REPLY_PUSH:
            return "a push of ";
        case REDIS_REPLY_BIGNUM:
            return "a big number";
        default:
            return "a verbatim string";
    }
}

Type aggregate_type(int type) {
    switch (type) {
        case REDIS_REPLY_MAP:
            return Type::map;
        case REDIS_REPLY_SET:
            return Type::set;
        case REDIS_REPLY_PUSH:
            return Type::push;
        default:
            return Type::array;
    }
}

Type text_type(int type) {
    switch (type) {
        case REDIS_REPLY_STATUS:
            return Type::status;
        case REDIS_REPLY_ERROR:
            return Type::error;
        case REDIS_REPLY_DOUBLE:
            return Type::real;
        case REDIS_REPLY_BIGNUM:
            return Type::big_number;
        case REDIS_REPLY_VERB:
            return Type::verbatim;
        default:
            return Type::text;
    }
}

bool is_bulk(int type) {
    return type == REDIS_REPLY_STRING || type == REDIS_REPLY_VERB;
}

// XINFO STREAM: its members are at depth 1, an entry's id and its list of fields at depth 2.
constexpr int outline_depth = 2;

}  // namespace

struct Decoder::Callbacks {
    static Decoder& decoder(const redisReadTask* task) { return *static_cast<Decoder*>(task->privdata); }
    // The value of a callback: the decoder itself, as any pointer that is not null.
    static void* result(Decoder& decoder, bool ok) { return ok ? &decoder : nullptr; }

    static void* create_string(const redisReadTask* task, char* text, size_t size) {
        Decoder& d = decoder(task);
        return result(d, d.take_text(*task, {text, size}));
    }
    static void* create_array(const redisReadTask* task, size_t size) {
        Decoder& d = decoder(task);
        return result(d, d.open_aggregate(*task, size));
    }
    static void* create_integer(const redisReadTask* task, long long value) {
        Decoder& d = decoder(task);
        return result(d, d.take_integer(*task, value));
    }
    // Its digits are kept and the double is not: no floating point may reach an output.
    static void* create_double(const redisReadTask* task, double, char* text, size_t size) {
        Decoder& d = decoder(task);
        return result(d, d.take_text(*task, {text, size}));
    }
    static void* create_nil(const redisReadTask* task) {
        Decoder& d = decoder(task);
        return result(d, d.take_nil(*task));
    }
    static void* create_bool(const redisReadTask* task, int value) {
        Decoder& d = decoder(task);
        return result(d, d.take_boolean(*task, value != 0));
    }
};

redisReplyObjectFunctions* Decoder::callbacks() {
    // Not const, because the reader's creation takes it so; nobody writes to it.
    static redisReplyObjectFunctions table = {Callbacks::create_string,
                                              Callbacks::create_array,
                                              Callbacks::create_integer,
                                              Callbacks::create_double,
                                              Callbacks::create_nil,
                                              Callbacks::create_bool,
                                              nullptr};
    return &table;
}

// The reader wants more bytes. Refuses what should not be waited for, and notes how much a value still needs.
bool Decoder::check_unfinished() {
    body_missing_ = 0;
    if (value_missing_ > 0) return true;
    if (reader_->ridx < 0 || reader_->pos == reader_->len) return true;
    const std::string_view unread(reader_->buf + reader_->pos, reader_->len - reader_->pos);
    const redisReadTask& task = *reader_->task[reader_->ridx];
    const size_t header =
        is_bulk(task.type) ? unread.substr(0, limits_.line_bytes + 2).find("\r\n") : std::string_view::npos;
    if (header == std::string_view::npos) {
        if (unread.size() <= limits_.line_bytes + 1) return true;  // its last byte may be the first of the line's end
        return fail(Code::protocol, with_number("a line of more than ", limits_.line_bytes, " bytes"));
    }
    const uint64_t size = parse_u64(unread.substr(0, header)).value_or(0);  // the reader has accepted it
    const bool is_too_large = is_field(task) && is_past_entry(size);
    const bool is_unwanted = task.type == REDIS_REPLY_STRING && is_dropped(reader_->ridx);
    if (is_too_large || is_unwanted || is_past_message(task, size)) {
        if (size == 0) return true;  // only its end is missing
        if (is_too_large) {
            skip_entry();
            entry_bytes_ += size;
        }
        skip_value(header, size);
        return true;
    }
    if (size > limits_.tree_bytes) {
        return fail(Code::too_large, with_number("a value of ", size, " bytes, more than max_message_bytes"));
    }
    body_missing_ = header + 2 + size + 2 - unread.size();
    return true;
}

bool Decoder::is_field(const redisReadTask& task) const {
    return reader_->ridx == field_depth_ && field_depth_ >= 0 && task.type == REDIS_REPLY_STRING;
}

/// Whether the entry under way is too large with `size` bytes more, or was before.
bool Decoder::is_past_entry(uint64_t size) const {
    return entry_skipped_ || size > limits_.bulk_bytes - writer_.entry_bytes();
}

bool Decoder::is_dropped(int depth) const {
    return next_ == Shape::outline && !is_push_ && depth > outline_depth;
}

/// A message's value that is too large (BP-3). What RESP2 sends of itself has the form of a reply.
bool Decoder::is_past_message(const redisReadTask& task, uint64_t size) const {
    const bool is_message = is_push_ || next_ == Shape::message;
    return is_message && reader_->ridx == 1 && task.type == REDIS_REPLY_STRING && size > limits_.bulk_bytes;
}

/// The entry under way is too large (BP-3): from here on it is only counted.
void Decoder::skip_entry() {
    if (entry_skipped_) return;
    entry_skipped_ = true;
    entry_bytes_ = writer_.open() ? writer_.entry_bytes() : 0;
    writer_.abandon_entry();
}

/// Leaves out the body of the value under way, of which the header is here and the end is not; `header` is the length
/// of its line. The reader gets to see an empty value.
void Decoder::skip_value(size_t header, uint64_t size) {
    value_skipped_ = size;
    reader_->pos += header - 1;
    reader_->buf[reader_->pos] = '0';
    char* const body = reader_->buf + reader_->pos + 3;
    const size_t here = reader_->len - reader_->pos - 3;
    const size_t skipped = static_cast<size_t>(std::min<uint64_t>(here, size));
    value_missing_ = size - skipped;
    std::memmove(body, body + skipped, here - skipped);
    sdsIncrLen(reader_->buf, -static_cast<int>(skipped));
    reader_->len -= skipped;
}

bool Decoder::begin_reply(const redisReadTask& task, bool is_aggregate) {
    tree_.clear();
    elements_ = entries_ = 0;
    list_depth_ = field_depth_ = -1;
    entry_skipped_ = false;
    is_push_ = task.type == REDIS_REPLY_PUSH;
    if (!is_aggregate || is_push_ || (next_ != Shape::streams && next_ != Shape::entries)) return true;
    if (next_ == Shape::streams && task.type == REDIS_REPLY_MAP) {
        list_depth_ = 1;
    } else if (task.type == REDIS_REPLY_ARRAY) {
        list_depth_ = next_ == Shape::streams ? 2 : 0;
    } else {
        return false;
    }
    field_depth_ = list_depth_ + 3;
    return true;
}

bool Decoder::open_aggregate(const redisReadTask& task, uint64_t size) {
    const int depth = reader_->ridx;
    if (depth == 0 && !begin_reply(task, true)) return fail_shape(task, with_number(type_name(task.type), size, ""));
    if (static_cast<uint32_t>(depth) >= limits_.depth) {
        return fail(Code::too_large, with_number("a reply nested deeper than max_depth (", limits_.depth, ")"));
    }
    if (is_dropped(depth)) return true;
    if (is_dropped(depth + 1)) size = 0;
    if (list_depth_ < 0 || depth < list_depth_ + 2) elements_ += size;
    if (elements_ > limits_.elements) {
        return fail(Code::too_large, with_number("a reply of ", elements_, " elements, more than max_elements"));
    }
    const auto count = static_cast<uint32_t>(size);
    bool ok = true;
    if (list_depth_ < 0) {
        ok = tree_.add_aggregate(aggregate_type(task.type), count);
    } else if (depth == 0) {
        if (list_depth_ == 0 && !take_list(count)) return false;
        ok = tree_.add_aggregate(Type::array, 0);
    } else {
        return open_in_list(task, count);
    }
    return ok || fail(Code::out_of_memory, "no memory for a reply");
}

/// A list of so many entries begins.
bool Decoder::take_list(uint64_t size) {
    entries_ += size;
    if (entries_ <= most_) return true;
    return fail(Code::protocol, with_number(with_number("got ", entries_, " entries, and asked for "), most_, ""));
}

// Depths from the list of entries: -1 [name, list] in RESP2; 0 the list; 1 an entry; 2 its id, and the array of its
// fields; 3 a field.
bool Decoder::open_in_list(const redisReadTask& task, uint64_t size) {
    const int depth = reader_->ridx - list_depth_;
    const bool even_array = task.type == REDIS_REPLY_ARRAY && size % 2 == 0;
    if (depth == 0 && task.idx % 2 == 1 && task.type == REDIS_REPLY_ARRAY) return take_list(size);
    if ((depth == -1 || depth == 1) && even_array && size == 2) return true;
    if (depth != 2 || task.idx != 1 || !even_array)
        return fail_shape(task, with_number(type_name(task.type), size, ""));
    entry_skipped_ = false;
    if (size > limits_.elements) {
        skip_entry();
    } else if (!writer_.begin_entry(static_cast<uint32_t>(size / 2))) {
        return fail(Code::out_of_memory, "no memory for an entry");
    }
    if (size == 0) end_entry();
    return true;
}

bool Decoder::take_text(const redisReadTask& task, std::string_view text) {
    uint64_t announced = text.size();
    if (is_bulk(task.type)) {
        const uint64_t here = reader_->len - static_cast<size_t>(text.data() - reader_->buf);
        const bool may_be_large = is_field(task) || is_dropped(reader_->ridx) || is_past_message(task, announced);
        if ((!may_be_large && text.size() > limits_.tree_bytes) || uint64_t{text.size()} + 2 > here) {
            return fail(Code::too_large,
                        with_number("a value of ", text.size(), " bytes, more than max_message_bytes"));
        }
        if (value_skipped_ > 0) announced = std::exchange(value_skipped_, 0);
        if (text.data()[text.size()] != '\r' || text.data()[text.size() + 1] != '\n') {
            return fail(Code::protocol,
                        with_number("a value goes on after the ", announced, " bytes that were announced"));
        }
    } else if (text.size() > limits_.line_bytes) {
        return fail(Code::protocol, with_number("a line of more than ", limits_.line_bytes, " bytes"));
    }
    if (reader_->ridx == field_depth_) return take_field(task, text);
    if (reader_->ridx == 0) begin_reply(task, false);
    if (list_depth_ >= 0) return take_text_in_list(task, text);
    if (is_dropped(reader_->ridx)) return true;
    if (is_past_message(task, announced)) {
        return tree_.add_left_out(announced) || fail(Code::out_of_memory, "no memory for a message");
    }
    if (task.type == REDIS_REPLY_VERB) text.remove_prefix(4);  // `txt:`, which the reader has checked
    // A message's words and its channel come on top of what its value may have.
    const uint64_t text_max = limits_.tree_bytes + (is_push_ || next_ == Shape::message ? limits_.line_bytes : 0);
    if (text.size() > text_max - std::min<uint64_t>(text_max, tree_.text_bytes())) {
        return fail(Code::too_large, with_number("a reply with more than ", limits_.tree_bytes, " bytes of text"));
    }
    return tree_.add_text(text_type(task.type), text) || fail(Code::out_of_memory, "no memory for a reply");
}

bool Decoder::take_text_in_list(const redisReadTask& task, std::string_view text) {
    const int depth = reader_->ridx - list_depth_;
    if (task.type != REDIS_REPLY_STRING) return fail_shape(task, type_name(task.type));
    if (depth == 0 && task.idx % 2 == 0) {
        sink_->handle_stream(text);
        return true;
    }
    if (depth != 2 || task.idx != 0) return fail_shape(task, type_name(task.type));
    const std::optional<EntryId> id = parse_id(text);
    if (!id) return fail_shape(task, "other text");
    entry_id_ = *id;
    return true;
}

bool Decoder::take_field(const redisReadTask& task, std::string_view text) {
    if (task.type != REDIS_REPLY_STRING) return fail_shape(task, type_name(task.type));
    if (is_past_entry(text.size())) {
        skip_entry();
        entry_bytes_ += text.size();
    } else if (!writer_.add(text)) {
        return fail(Code::out_of_memory, "no memory for an entry");
    }
    if (task.idx + 1 == task.parent->elements) end_entry();
    return true;
}

void Decoder::end_entry() {
    if (std::exchange(entry_skipped_, false)) return sink_->handle_too_large(entry_id_, entry_bytes_);
    EntryRecord record;
    writer_.end_entry(entry_id_, record);
    sink_->handle_entry(record);
}

bool Decoder::take_nil(const redisReadTask& task) {
    if (reader_->ridx == 0) begin_reply(task, false);
    if (is_dropped(reader_->ridx)) return true;
    if (list_depth_ < 0) return tree_.add_nil() || fail(Code::out_of_memory, "no memory for a reply");
    const int depth = reader_->ridx - list_depth_;
    if (depth == 1) {
        sink_->handle_deleted(EntryId{});
    } else if (depth == 2 && task.idx == 1) {
        sink_->handle_deleted(entry_id_);
    } else {
        return fail_shape(task, "nil");
    }
    return true;
}

bool Decoder::take_integer(const redisReadTask& task, int64_t value) {
    if (reader_->ridx == 0) begin_reply(task, false);
    if (is_dropped(reader_->ridx)) return true;
    if (list_depth_ >= 0) return fail_shape(task, "an integer");
    return tree_.add_integer(value) || fail(Code::out_of_memory, "no memory for a reply");
}

bool Decoder::take_boolean(const redisReadTask& task, bool value) {
    if (reader_->ridx == 0) begin_reply(task, false);
    if (is_dropped(reader_->ridx)) return true;
    if (list_depth_ >= 0) return fail_shape(task, "a boolean");
    return tree_.add_boolean(value) || fail(Code::out_of_memory, "no memory for a reply");
}

// What belongs where `task` is, in a reply of entries.
std::string_view Decoder::expected(const redisReadTask& task) const {
    if (reader_->ridx == 0) return next_ == Shape::streams ? "streams with their entries" : "an array of entries";
    switch (reader_->ridx - list_depth_) {
        case -1:
            return "a stream and its entries";
        case 0:
            return task.idx % 2 == 0 ? "a stream's name" : "entries";
        case 1:
            return "an entry";
        case 2:
            return task.idx == 0 ? "an entry id" : "names and values";
        default:
            return "a name or a value";
    }
}

bool Decoder::fail_shape(const redisReadTask& task, std::string_view got) {
    return fail(Code::protocol, std::string("expected ").append(expected(task)).append(", got ").append(got));
}

}  // namespace millrace::resp
