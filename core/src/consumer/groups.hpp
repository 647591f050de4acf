// The groups of one consumer, one a stream: made at the start (REC-8), and made anew when one is lost, where nothing
// that was pending or unread is left out (REC-7). For that it keeps the low-water mark of each. Knows nothing of
// entries.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/number_set.hpp"
#include "consumer/holdings.hpp"
#include "consumer/source.hpp"
#include "session/lane.hpp"

namespace millrace {

class GroupObserver {
  public:
    /// The group is there. `is_new`: we made it, so nothing is pending in it.
    virtual void handle_group_made(uint32_t stream, bool is_new) = 0;
    /// The key is another one than the entries came from: what is held of it, and acks without an answer, are of no
    /// more meaning.
    virtual void handle_stream_gone(uint32_t stream) = 0;
    /// A stream that a pattern had found is no more, and not made again (REC-7). Said after handle_stream_gone.
    virtual void handle_stream_left(uint32_t stream) = 0;
    /// None of the streams can be read.
    virtual void handle_all_left(Error error) = 0;

  protected:
    ~GroupObserver() = default;
};

class Groups final : private ReplyHandler {
  public:
    Groups(Holdings& holdings, GroupObserver& observer);

    /// The number is that of a new stream, whose group is to be made at `at`.
    void add_stream(uint32_t stream, std::string at);
    /// Sends what is missing on the lane that reads, before anything is read there; marks that are due on the other,
    /// which may be the same.
    void advance(Lane* reading, Lane* asking, Instant now);
    [[nodiscard]] std::optional<Instant> next_timeout() const;
    [[nodiscard]] bool is_made(uint32_t stream) const { return groups_[stream].state == State::made; }
    /// Whether no stream is about to be mended: a read that blocks now would hold that up.
    [[nodiscard]] bool settled() const { return out_ == 0; }
    /// Whether an answer is awaited about the stream.
    [[nodiscard]] bool is_asking(uint32_t stream) const {
        const Group& group = groups_[stream];
        return group.marks_out > 0 || group.state == State::creating || group.state == State::inspecting;
    }

    /// A command was answered that the group or its key is missing, or the key of the wrong type.
    void handle_missing(uint32_t stream, Instant now);
    /// A read went well: whatever was mended holds.
    void handle_read();
    /// The newest id that was read tells a key that was made anew, whose last id is below.
    void handle_seen(uint32_t stream, EntryId id) {
        if (id > groups_[stream].seen) groups_[stream].seen = id;
    }
    /// Asks for the marks and figures of every stream now, or once its group is made, rather than at the next
    /// claim_interval; from then on for lengths too, which are of no other use.
    void look();
    /// As of the last look at each stream.
    [[nodiscard]] SourceFigures figures() const;
    void disown(Lane& lane) { lane.disown(this); }

  private:
    enum What : uint32_t { create, inspect, last_delivered, lowest_pending, length };
    enum class State : uint8_t {
        unmade,      // to be created at `at`
        creating,    // the reply is owed
        made,        //
        suspect,     // XINFO STREAM is to tell what has become of the key
        inspecting,  // its reply is owed
        left,        // the key is of another type, or may not be read
        gone,        // found by a pattern once; the number may become another stream's
    };
    struct Group {
        State state = State::unmade;
        std::string at;  // where to create it
        bool is_recreation = false;
        std::optional<EntryId> mark;  // everything at or below it is acked
        std::optional<EntryId> last_delivered;
        bool mark_is_due = false;  // to be asked for once the group is made
        uint32_t marks_out = 0;
        uint32_t mark_failures = 0;  // in a row
        EntryId seen;
        SourceFigures told;  // by the replies to a look that is under way
        std::optional<uint64_t> told_length;
        SourceFigures figures;
        bool said_left = false;
        uint32_t losses = 0;   // in a row
        Instant not_before{};  // zero: at once
    };

    void handle_reply(const Request& request, const resp::Reply& reply, Instant now) override;
    void handle_lost(const Request& request, Instant now) override;

    void attend(uint32_t stream, Lane* reading, Lane* asking, Instant now);
    void count_loss(Group& group, uint32_t stream, Instant now);
    void send_create(uint32_t stream, Lane& lane, Instant now);
    void send_inspect(uint32_t stream, Lane& lane, Instant now);
    void send_marks(uint32_t stream, Lane& lane, Instant now);
    void after_create(uint32_t stream, const resp::Reply& reply, Instant now);
    void retry_create(uint32_t stream, const resp::Reply& reply, Instant now);
    void after_inspect(uint32_t stream, const resp::Reply& reply, Instant now);
    void after_mark(What what, uint32_t stream, const resp::Reply& reply, Instant now);
    void leave(std::string_view command, uint32_t stream, const resp::Reply& reply);
    void give_up(uint32_t stream);
    [[nodiscard]] bool has_pattern() const { return !holdings_.config.pattern.empty(); }
    void make_again(uint32_t stream, bool is_other_key);

    Holdings& holdings_;
    GroupObserver& observer_;
    std::vector<Group> groups_;  // one a stream
    NumberSet todo_;             // streams with something to send, or to wait for
    NumberSet losing_;           // with losses in a row
    std::optional<Instant> marks_at_;
    bool asks_length_ = false;
    uint32_t out_ = 0;        // creations and inspections without a reply
    uint32_t marks_out_ = 0;  // replies of marks that are owed
};

}  // namespace millrace
