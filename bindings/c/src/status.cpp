// Versions, statuses and what is told of an error.
#include <algorithm>

#include "border.hpp"

namespace millrace::c {
namespace {

constexpr bool is(mr_status status, Code code) {
    return status == static_cast<mr_status>(code);
}
static_assert(is(MR_OK, Code::ok) && is(MR_BAD_CONFIG, Code::bad_config) && is(MR_BAD_ARGUMENT, Code::bad_argument) &&
              is(MR_CLOSED, Code::closed) && is(MR_NOT_HELD, Code::not_held) && is(MR_LOST, Code::lost) &&
              is(MR_QUEUE_FULL, Code::queue_full) && is(MR_WOULD_BLOCK, Code::would_block) &&
              is(MR_TOO_LARGE, Code::too_large) && is(MR_UNSUPPORTED, Code::unsupported) &&
              is(MR_CURSOR_NOT_FOUND, Code::cursor_not_found) && is(MR_AUTH, Code::auth) &&
              is(MR_NO_PERMISSION, Code::no_permission) && is(MR_WRONG_TYPE, Code::wrong_type) &&
              is(MR_NO_GROUP, Code::no_group) && is(MR_OOM, Code::oom) && is(MR_SERVER_BUSY, Code::server_busy) &&
              is(MR_CONNECTION, Code::connection) && is(MR_TIMEOUT, Code::timeout) && is(MR_TLS, Code::tls) &&
              is(MR_PROTOCOL, Code::protocol) && is(MR_SCRIPT, Code::script) &&
              is(MR_OUT_OF_MEMORY, Code::out_of_memory));

const CodeInfo* find(mr_status status) {
    const auto table = code_table();
    return status >= 0 && static_cast<size_t>(status) < table.size() ? &table[static_cast<size_t>(status)] : nullptr;
}

constexpr size_t first_error_size = sizeof(mr_error);

}  // namespace

mr_status tell(mr_error* to, const Error& error) {
    const auto status = static_cast<mr_status>(error.code);
    if (to == nullptr || to->size < first_error_size) return status;
    to->status = status;
    to->retryable = error.retryable ? 1 : 0;
    size_t size = std::min<size_t>(error.message.size(), MR_MESSAGE_MAX - 1);
    // Not within a character.
    while (size < error.message.size() && size > 0 && (static_cast<unsigned char>(error.message[size]) & 0xc0U) == 0x80)
        --size;
    std::memcpy(to->message, error.message.data(), size);
    to->message[size] = '\0';
    return status;
}

mr_status tell_ok(mr_error* to) {
    if (to != nullptr && to->size >= first_error_size) {
        to->status = MR_OK;
        to->retryable = 0;
        to->message[0] = '\0';
    }
    return MR_OK;
}

mr_status tell_missing(mr_error* to, const char* what) {
    return guard(to, [&] {
        return tell(to, Error(Code::bad_argument, std::string(what) + " is NULL, too short or too large"));
    });
}

mr_status tell_gone(mr_error* to, const char* what) {
    return guard(to, [&] { return tell(to, Error(Code::bad_argument, std::string(what) + " is NULL, or was freed")); });
}

mr_status tell_not_alone(mr_error* to, const char* what) {
    return guard(to, [&] {
        return tell(to,
                    Error(Code::bad_argument, "another thread is in this " + std::string(what) + ": one at a time"));
    });
}

mr_status tell_text(mr_error* error, mr_text* to, std::string_view text) {
    to->data = new char[text.size() + 1];
    to->size = text.copy(to->data, text.size());
    to->data[text.size()] = '\0';
    return tell_ok(error);
}

}  // namespace millrace::c

using namespace millrace;

extern "C" {

uint32_t mr_abi_version(void) {
    return MR_ABI_VERSION;
}

const char* mr_version(void) {
    return MILLRACE_VERSION;
}

// The names, meanings and advices of the table are literals: zeroes end them.
const char* mr_status_name(mr_status status) {
    const CodeInfo* const row = c::find(status);
    return row == nullptr ? "unknown" : row->name.data();
}

const char* mr_strerror(mr_status status) {
    const CodeInfo* const row = c::find(status);
    return row == nullptr ? "no status of this library" : row->meaning.data();
}

const char* mr_advice(mr_status status) {
    const CodeInfo* const row = c::find(status);
    return row == nullptr ? "" : row->advice.data();
}

int mr_retryable(mr_status status) {
    const CodeInfo* const row = c::find(status);
    return row != nullptr && row->retryable ? 1 : 0;
}

int mr_is_fatal(mr_status status) {
    return status == MR_CLOSED || status == MR_AUTH || status == MR_NO_PERMISSION || status == MR_WRONG_TYPE ||
                   status == MR_UNSUPPORTED
               ? 1
               : 0;
}

void mr_text_free(mr_text* text) {
    if (text == nullptr) return;
    delete[] text->data;
    *text = {nullptr, 0};
}

void mr_id_format(mr_id id, char text[MR_ID_TEXT_MAX]) {
    // Two numbers of 20 digits fit: nothing is allocated past what a short string holds, or memory is had.
    const std::string written = EntryId{id.ms, id.seq}.text();
    std::memcpy(text, written.c_str(), written.size() + 1);
}

mr_status mr_id_parse(const char* text, mr_id* id, mr_error* error) {
    if (id != nullptr) *id = {0, 0};
    if (text == nullptr) return c::tell_missing(error, "text");
    if (id == nullptr) return c::tell_missing(error, "id");
    return c::guard(error, [&] {
        const std::optional<EntryId> parsed = EntryId::parse(text);
        if (!parsed) {
            return c::tell(error, Error(Code::bad_argument, "'" + std::string(text, strnlen(text, 64)) +
                                                                "' is no entry id: one is ms-seq"));
        }
        *id = c::id_of(*parsed);
        return c::tell_ok(error);
    });
}
}
