#include "command/answer.hpp"

#include <string_view>

#include "base/format.hpp"
#include "millrace/entry.hpp"

namespace millrace {

namespace {

using resp::Reply;
using resp::Type;

bool is_text(const Reply& reply) {
    return reply.type() == Type::text || reply.type() == Type::verbatim;
}

bool is_word(const Reply& reply) {
    return reply.type() == Type::status || is_text(reply);
}

bool is_number(const Reply& reply) {
    return reply.type() == Type::integer;
}

bool is_text_or_nil(const Reply& reply) {
    return is_text(reply) || reply.is_nil();
}

bool is_id(const Reply& reply) {
    return is_text(reply) && EntryId::parse(reply.text()).has_value();
}

/// A list, but no push: what a server sends of itself answers nothing.
bool is_list(const Reply& reply) {
    return reply.type() == Type::array || reply.type() == Type::set;
}

bool is_list_of(const Reply& reply, bool (*fits)(const Reply&)) {
    if (!is_list(reply)) return false;
    for (const Reply& item : reply) {
        if (!fits(item)) return false;
    }
    return true;
}

bool is_named(const Reply& reply) {
    return reply.type() == Type::map || (reply.type() == Type::array && reply.size() % 2 == 0);
}

/// What XNACK released has an empty consumer and the idle time -1 (8.8).
bool is_pending_row(const Reply& row) {
    return row.type() == Type::array && row.size() >= 4 && is_id(row[0]) && is_text(row[1]) && is_number(row[2]) &&
           is_number(row[3]);
}

bool is_pending_summary(const Reply& reply) {
    return is_list(reply) && reply.size() >= 3 && is_number(reply[0]) && is_text_or_nil(reply[1]) &&
           is_text_or_nil(reply[2]);
}

bool is_claimed_ids(const Reply& reply) {
    const bool has_deleted = reply.size() >= 3;
    if (reply.type() == Type::array && reply.size() == 0) return true;  // nothing was claimed, and the scan is over
    return is_list(reply) && reply.size() >= 2 && is_id(reply[0]) && is_list_of(reply[1], is_text_or_nil) &&
           (!has_deleted || is_list_of(reply[2], is_text_or_nil));
}

bool is_keys(const Reply& reply) {
    return is_list(reply) && reply.size() == 2 && is_text(reply[0]) && is_list_of(reply[1], is_text);
}

bool is_appended(const Reply& reply) {
    return is_id(reply) || (is_list(reply) && reply.size() == 2 && is_id(reply[0]));
}

bool is_result(const Reply& reply) {
    return reply.is_error() || is_number(reply) || is_appended(reply);
}

std::string_view described(Answer wanted) {
    switch (wanted) {
        case Answer::any:
            return "anything";
        case Answer::word:
            return "a word";
        case Answer::word_or_nil:
            return "a word or nil";
        case Answer::number:
            return "an integer";
        case Answer::numbers:
            return "a list of integers";
        case Answer::id:
        case Answer::appended:
            return "an entry id";
        case Answer::queued_number:
            return "QUEUED or an integer";
        case Answer::queued_id:
            return "QUEUED or an entry id";
        case Answer::results:
            return "the results of a transaction";
        case Answer::items:
            return "a list";
        case Answer::outcome:
            return "a script's outcome";
        case Answer::texts:
            return "a list of texts";
        case Answer::named:
            return "names and values";
        case Answer::rows:
            return "a list of names and values";
        case Answer::pending:
            return "a list of pending entries";
        case Answer::pending_summary:
            return "a summary of pending entries";
        case Answer::claimed_ids:
            return "a cursor and claimed ids";
        case Answer::keys:
            return "a cursor and keys";
        case Answer::entries:
            return "entries";
    }
    return "anything";
}

std::string_view described(Type type) {
    switch (type) {
        case Type::status:
            return "a status";
        case Type::error:
            return "an error";
        case Type::integer:
            return "an integer";
        case Type::real:
            return "a double";
        case Type::boolean:
            return "a boolean";
        case Type::text:
            return "a bulk string";
        case Type::verbatim:
            return "a verbatim string";
        case Type::big_number:
            return "a big number";
        case Type::left_out:
            return "a value that is too large";
        case Type::nil:
            return "nil";
        case Type::array:
            return "an array of ";
        case Type::map:
            return "a map of ";
        case Type::set:
            return "a set of ";
        case Type::push:
            return "a push of ";
    }
    return "a reply";
}

}  // namespace

bool is_answer(Answer wanted, const Reply& reply) {
    if (reply.is_error()) return true;
    switch (wanted) {
        case Answer::any:
            return true;
        case Answer::word:
            return is_word(reply);
        case Answer::word_or_nil:
            return is_word(reply) || reply.is_nil();
        case Answer::number:
            return is_number(reply);
        case Answer::numbers:
            return is_list_of(reply, is_number);
        case Answer::id:
            return is_id(reply);
        case Answer::appended:
            return is_appended(reply);
        case Answer::queued_number:
            return reply.type() == Type::status || is_number(reply);
        case Answer::queued_id:
            return reply.type() == Type::status || is_appended(reply);
        case Answer::results:
            return reply.is_nil() || is_list_of(reply, is_result);
        case Answer::items:
            return is_list(reply);
        case Answer::outcome:
            return is_list(reply) && is_word(reply[0]);
        case Answer::texts:
            return is_list_of(reply, is_text_or_nil);
        case Answer::named:
            return is_named(reply);
        case Answer::rows:
            return is_list_of(reply, is_named);
        case Answer::pending:
            return is_list_of(reply, is_pending_row);
        case Answer::pending_summary:
            return is_pending_summary(reply);
        case Answer::claimed_ids:
            return is_claimed_ids(reply);
        case Answer::keys:
            return is_keys(reply);
        case Answer::entries:
            return reply.type() == Type::array || reply.is_nil();
    }
    return false;
}

std::string describe_mismatch(Answer wanted, const Reply& reply) {
    std::string text = "expected ";
    text.append(described(wanted)).append(", got ").append(described(reply.type()));
    if (!reply.is_aggregate()) return text;
    char digits[u64_text_max];
    return text.append(digits, write_u64(digits, reply.size()));
}

}  // namespace millrace
