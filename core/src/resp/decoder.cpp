// How hiredis' reader (read.c of 1.2) is used, and what of it this file relies on:
//
// - It keeps a stack of tasks; `ridx` is the index of the task under way, which is its depth: 0 for the reply itself,
//   and it is that of the item itself inside every callback. `task->idx` is the item's position in its parent,
//   `task->parent->elements` the number of items there. A map counts two for each pair. The callbacks come in the
//   order of the wire, an aggregate's before its children's.
// - The stack grows with the depth, without a limit of its own, by nine tasks before the callback of the aggregate
//   that needs them; refusing there bounds it.
// - A callback that returns null ends the reader with "Out of memory"; the reason is kept in error_ before that. It
//   stores what a callback returns for the root alone, and there is nothing to free, so that freeObject is null.
// - A null array or bulk string of RESP2 and `_` of RESP3 all arrive as nil. Lines and headers are scanned from `pos`
//   again with each call until they have ended, hence the limit on what may gather. A value is only looked at once
//   its whole body is there.
// - No pointer into `buf` survives redisReaderGetReply, which moves unread bytes to the front once 1,024 are read. So
//   between calls room() may do the same, or replace the buffer; `len` mirrors the length in the string's own header.
// - An error frees `buf` and leaves it null.
// - A value that is skipped is shown to it as an empty one: between calls its header is cut down to `0` in place, and
//   the body never enters `buf`.
// - It does not look at the two bytes behind a value; take_text does, because a length that lies would shift all that
//   follows.
// - On 32-bit hosts a length near 2^32 wraps around its check that the body is complete; take_text refuses it by its
//   size before reading a byte.
#include "resp/decoder.hpp"

#include <sys/types.h>

#include <algorithm>
#include <cassert>
#include <cstdarg>
#include <cstdint>
#include <cstring>
#include <utility>

#include "read.h"
extern "C" {
#include "sds.h"  // has no linkage specification of its own; what it includes is included above
}

namespace millrace::resp {
namespace {

constexpr size_t room_default = 64 * 1024;
constexpr size_t room_small = 4 * 1024;
constexpr size_t room_large = 1024 * 1024;
// A buffer that one large value needed is kept for as many turns, in case more of them follow.
constexpr size_t buffer_kept = 256 * 1024;
constexpr unsigned oversized_turns_max = 16;
// hiredis' own check, before a map's count is doubled and cut to size_t.
constexpr long long elements_reader_max = 0x7fff'ffff;

}  // namespace

Decoder::Decoder(const Limits& limits, SegmentStore& store) : limits_(limits), writer_(store) {
    limits_.bulk_bytes = std::min(limits_.bulk_bytes, SegmentWriter::entry_bytes_max);
    limits_.tree_bytes = std::max(limits_.tree_bytes, limits_.bulk_bytes);
    reset();
}

Decoder::~Decoder() {
    redisReaderFree(reader_);
}

void Decoder::reset() {
    error_ = Error();
    tree_.clear();
    writer_.abandon_entry();
    list_depth_ = field_depth_ = -1;
    body_missing_ = value_skipped_ = value_missing_ = 0;
    entry_skipped_ = false;
    if (reader_ == nullptr) {
        reader_ = redisReaderCreateWithFunctions(callbacks());
        if (reader_ == nullptr) {
            fail(Code::out_of_memory, "no memory for a reader of replies");
            return;
        }
        reader_->privdata = this;
        reader_->maxelements = elements_reader_max;
        return;
    }
    reader_->err = 0;
    reader_->ridx = -1;
    reader_->reply = nullptr;
    reader_->pos = reader_->len = 0;
    if (reader_->buf != nullptr) {
        sdsclear(reader_->buf);
        return;
    }
    reader_->buf = sdsempty();
    if (reader_->buf == nullptr) fail(Code::out_of_memory, "no memory for the bytes of a connection");
}

std::span<std::byte> Decoder::room(size_t hint) {
    if (error_.code != Code::ok) return {};
    if (reader_->pos == reader_->len) {  // all is read
        reader_->pos = reader_->len = 0;
        sdsclear(reader_->buf);
        if (sdsalloc(reader_->buf) > buffer_kept && ++oversized_turns_ > oversized_turns_max) {
            if (sds fresh = sdsempty()) {
                sdsfree(std::exchange(reader_->buf, fresh));
                oversized_turns_ = 0;
            }
        }
    }
    size_t most = room_default;
    if (body_missing_ > room_default) {
        most = static_cast<size_t>(std::min<uint64_t>(body_missing_, room_large));
        oversized_turns_ = 0;
    }
    const size_t least = hint == 0 ? most : std::clamp(hint, room_small, most);
    if (sdsavail(reader_->buf) < least) {
        // By halves, so that a body of many megabytes is moved a few times only; never for bytes that are merely
        // announced.
        size_t wanted = least;
        if (body_missing_ > wanted) {
            wanted = std::max(wanted, static_cast<size_t>(std::min<uint64_t>(body_missing_, reader_->len / 2)));
        }
        sds grown = sdsMakeRoomFor(reader_->buf, wanted);
        if (grown == nullptr) return {};
        reader_->buf = grown;
    }
    char* tail = reader_->buf + reader_->len;
    return {reinterpret_cast<std::byte*>(tail), std::min(sdsavail(reader_->buf), most)};
}

void Decoder::commit(size_t written) {
    if (error_.code != Code::ok || written == 0) return;
    assert(written <= sdsavail(reader_->buf));
    if (value_missing_ > 0) {
        const size_t skipped = static_cast<size_t>(std::min<uint64_t>(written, value_missing_));
        value_missing_ -= skipped;
        written -= skipped;
        char* const tail = reader_->buf + reader_->len;
        std::memmove(tail, tail + skipped, written);
        if (written == 0) return;
    }
    sdsIncrLen(reader_->buf, static_cast<int>(written));
    reader_->len += written;
    body_missing_ -= std::min<uint64_t>(body_missing_, written);
}

Decoder::Step Decoder::step(Shape next, EntrySink* sink, uint64_t most) {
    assert((next != Shape::streams && next != Shape::entries) || sink != nullptr);
    if (error_.code != Code::ok) return Step::failed;
    next_ = next;
    sink_ = sink;
    most_ = most;
    void* root = nullptr;
    bool ok = redisReaderGetReply(reader_, &root) == REDIS_OK || take_reader_error();
    if (ok && root != nullptr) {
        tree_.finish();
        return is_push_ ? Step::push : Step::reply;
    }
    ok = ok && check_unfinished();
    if (ok) return Step::need_more;
    writer_.abandon_entry();
    return Step::failed;
}

bool Decoder::mid_reply() const {
    if (error_.code != Code::ok) return false;
    // The reader enters task 0 as soon as it is called with a byte; it is under way once its type byte is read.
    return reader_->len > reader_->pos || reader_->ridx > 0 || (reader_->ridx == 0 && reader_->task[0]->type >= 0);
}

bool Decoder::fail(Code code, std::string message) {
    if (error_.code == Code::ok) error_ = Error(code, std::move(message));
    return false;
}

bool Decoder::take_reader_error() {
    const Code code = reader_->err == REDIS_ERR_PROTOCOL ? Code::protocol : Code::out_of_memory;
    return fail(code, reader_->errstr);  // keeps what a callback has said before
}

}  // namespace millrace::resp
