// Bytes of one connection in, replies out: as trees, or, for replies that are entries, entry by entry into segments.
// Owns hiredis' reader and the limits a hostile server meets (SEC-2). Knows nothing of commands, sockets or who waits
// for the reply.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/segment.hpp"
#include "millrace/error.hpp"
#include "resp/tree.hpp"

struct redisReader;
struct redisReadTask;
struct redisReplyObjectFunctions;

namespace millrace::resp {

/// What the reply that is owed next looks like.
enum class Shape : uint8_t {
    tree,     ///< anything
    streams,  ///< XREAD, XREADGROUP: an array of [key, entries], or a map in RESP3
    entries,  ///< XRANGE, XREVRANGE, XCLAIM: an array of [id, [name, value, …]]
    outline,  ///< XINFO STREAM: a tree without what its two entries hold, which may be most of its bytes
    message,  ///< where messages come, in RESP2: a tree in which a value past the limits is Type::left_out
};

/// Receives what a streams or entries reply holds, in its order. Called inside Decoder::step; must not call the
/// decoder.
class EntrySink {
  public:
    /// The entries that follow are of this stream. `name` lives for the call. Shape::entries never calls it.
    virtual void handle_stream(std::string_view name) = 0;
    /// One reference of the record is the receiver's. Its stream and deliveries are 0.
    virtual void handle_entry(const EntryRecord& record) = 0;
    /// `[id, nil]`: pending, but deleted from the stream. A bare nil among entries (XCLAIM up to 6.2) has the id 0-0.
    virtual void handle_deleted(EntryId id) = 0;
    /// An entry past Limits::bulk_bytes or Limits::elements; it was counted, not kept. `bytes` are those of its names
    /// and values together.
    virtual void handle_too_large(EntryId id, uint64_t bytes) = 0;

  protected:
    ~EntrySink() = default;
};

struct Limits {
    size_t line_bytes = 64 * 1024;       ///< of a line without its end; more is Code::protocol
    uint64_t bulk_bytes = 512ULL << 20;  ///< of an entry's names and values
    uint64_t tree_bytes = 0;             ///< of one tree's text, which may be bulk_bytes where that is more
    uint32_t depth = 32;                 ///< aggregates inside each other
    uint32_t elements = 1'048'576;       ///< of one tree, all aggregates together; of one entry; of a list of entries
};

/// room, commit, then step until it needs more:
///
///     auto room = decoder.room(0);
///     decoder.commit(read_from_somewhere(room));
///     while ((step = decoder.step(shape_of_next_reply, &sink)) == Step::reply || step == Step::push) …
///
/// An entry past the limits is no error: its bytes are skipped as they come, never gathered, and the sink is told
/// (BP-3). Neither is a value of a push or a message: its size takes its place. Whatever else is past them is. An error
/// is sticky until reset(): the connection cannot be read any further.
class Decoder {
  public:
    /// The store must outlive the decoder; the limits are copied.
    Decoder(const Limits& limits, SegmentStore& store);
    Decoder(const Decoder&) = delete;
    Decoder& operator=(const Decoder&) = delete;
    ~Decoder();

    /// Space for bytes from the connection: 64 KiB; while the body of a larger value is under way what it still needs,
    /// at most 1 MiB. A `hint` says how many bytes there are to put, which may save memory; the room may still be
    /// smaller or larger. Empty when memory is refused or after an error. Valid until the next call.
    [[nodiscard]] std::span<std::byte> room(size_t hint = 0);
    /// The first `written` bytes of the last room were filled.
    void commit(size_t written);

    enum class Step : uint8_t { need_more, reply, push, failed };
    /// Parses at most one whole reply. `next` is the shape of the reply that is owed next, the same until it has
    /// come; `sink` is needed for streams and entries, of which more than `most` are Code::protocol, whatever their
    /// size: without that a server could fill the memory by entries that nobody asked for. A push in between is always
    /// a tree. An error, a nil or whatever is no aggregate arrives as a tree too; after an aggregate of entries the
    /// tree is an empty array, and the entries went to the sink one by one.
    [[nodiscard]] Step step(Shape next, EntrySink* sink, uint64_t most = UINT64_MAX);
    /// The reply or push that step reported; valid until the next step.
    [[nodiscard]] const Tree& tree() const { return tree_; }
    /// Code::protocol, too_large or out_of_memory once step has failed; the message says what was wrong.
    [[nodiscard]] const Error& error() const { return error_; }
    /// Whether part of a reply has come and the rest is still to come.
    [[nodiscard]] bool mid_reply() const;
    /// For a new connection: forgets all bytes, the error, and an entry that was cut short.
    void reset();

  private:
    struct Callbacks;
    static redisReplyObjectFunctions* callbacks();

    bool fail(Code code, std::string message);
    bool fail_shape(const redisReadTask& task, std::string_view got);
    std::string_view expected(const redisReadTask& task) const;
    bool begin_reply(const redisReadTask& task, bool is_aggregate);
    bool open_aggregate(const redisReadTask& task, uint64_t size);
    bool open_in_list(const redisReadTask& task, uint64_t size);
    bool take_list(uint64_t size);
    bool take_text(const redisReadTask& task, std::string_view text);
    bool take_text_in_list(const redisReadTask& task, std::string_view text);
    bool take_field(const redisReadTask& task, std::string_view text);
    [[nodiscard]] bool is_field(const redisReadTask& task) const;
    [[nodiscard]] bool is_past_entry(uint64_t size) const;
    /// Whether a tree keeps nothing of what is this deep.
    [[nodiscard]] bool is_dropped(int depth) const;
    [[nodiscard]] bool is_past_message(const redisReadTask& task, uint64_t size) const;
    void skip_entry();
    void skip_value(size_t header, uint64_t size);
    bool take_nil(const redisReadTask& task);
    bool take_integer(const redisReadTask& task, int64_t value);
    bool take_boolean(const redisReadTask& task, bool value);
    void end_entry();
    bool take_reader_error();
    bool check_unfinished();

    Limits limits_;
    SegmentWriter writer_;
    redisReader* reader_ = nullptr;
    Tree tree_;
    Error error_;
    EntrySink* sink_ = nullptr;
    Shape next_ = Shape::tree;
    uint64_t most_ = UINT64_MAX;  // entries that were asked for
    uint64_t entries_ = 0;        // announced by the lists of the reply under way
    bool is_push_ = false;
    // Depth of the list of entries in the reply under way: 0 for entries, 1 in RESP3's map, 2 in RESP2's array; -1
    // for a tree.
    int list_depth_ = -1;
    int field_depth_ = -1;  // list_depth_ + 3
    EntryId entry_id_;
    bool entry_skipped_ = false;    // the entry under way is past the limits: counted, not written
    uint64_t entry_bytes_ = 0;      // of one that is skipped
    uint64_t value_skipped_ = 0;    // the size that was announced for the value being skipped; 0: none is
    uint64_t value_missing_ = 0;    // bytes of it that are still to come
    uint64_t elements_ = 0;         // announced by the aggregates of the reply under way, but an entry's fields
    uint64_t body_missing_ = 0;     // bytes that the value under way still needs, once its header is known
    unsigned oversized_turns_ = 0;  // rooms given out of a large buffer since it was last needed
};

}  // namespace millrace::resp
