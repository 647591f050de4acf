#include "consumer/groups.hpp"

#include <algorithm>
#include <string_view>
#include <utility>

#include "base/entry_id.hpp"
#include "command/server_error.hpp"
#include "command/stream_commands.hpp"
#include "resp/field.hpp"

namespace millrace {

namespace {

// Replies of marks that are owed at most, so that acks do not stand behind the marks of ten thousand streams. First
// marks do not count: the reads wait for them.
constexpr uint32_t marks_out_max = 512;

std::optional<uint64_t> count_of(const resp::Reply& number) {
    if (number.type() != resp::Type::integer || number.integer() < 0) return std::nullopt;
    return static_cast<uint64_t>(number.integer());
}

}  // namespace

Groups::Groups(Holdings& holdings, GroupObserver& observer) : holdings_(holdings), observer_(observer) {
    for (uint32_t i = 0; i < holdings.streams.size(); ++i) add_stream(i, holdings.config.start);
}

void Groups::add_stream(uint32_t stream, std::string at) {
    if (stream == groups_.size()) groups_.emplace_back();
    groups_[stream] = Group{};
    groups_[stream].at = std::move(at);
    todo_.insert(stream);
}

void Groups::look() {
    asks_length_ = true;
    marks_at_ = holdings_.context.now;
    for (Group& group : groups_) group.mark_is_due = group.state != State::gone;
}

void Groups::advance(Lane* reading, Lane* asking, Instant now) {
    if (marks_at_.has_value() && *marks_at_ <= now) {
        marks_at_ = now + holdings_.config.claim_interval;
        for (uint32_t i = 0; i < groups_.size(); ++i) {
            Group& group = groups_[i];
            if (group.state == State::made) group.mark_is_due = true;
            if (group.state == State::left) group.state = State::suspect;
            todo_.insert(i);
        }
    }
    for (uint32_t i = todo_.next(); i != NumberSet::none; i = todo_.next(i + 1)) attend(i, reading, asking, now);
}

void Groups::attend(uint32_t stream, Lane* reading, Lane* asking, Instant now) {
    Group& group = groups_[stream];
    // A delay that has passed is no timer any more: without a lane it would be due for ever.
    if (group.not_before <= now) group.not_before = {};
    if (group.not_before != Instant{}) return;
    // What a pattern found is in no read that is out, and need not wait for its end.
    Lane* const making = reading == nullptr && has_pattern() ? asking : reading;
    if (making != nullptr && group.state == State::unmade) send_create(stream, *making, now);
    if (reading != nullptr && group.state == State::suspect) send_inspect(stream, *reading, now);
    if (group.state == State::made && group.mark_is_due && group.marks_out == 0) {
        // The first mark is taken before the first read, so it goes where that goes.
        Lane* const lane = group.mark.has_value() ? asking : reading;
        const bool may_wait = group.mark.has_value() && marks_out_ >= marks_out_max;
        if (lane != nullptr && !may_wait) send_marks(stream, *lane, now);
    }
    const bool waits = group.state == State::unmade || group.state == State::suspect || group.mark_is_due;
    if (!waits) todo_.erase(stream);
}

/// Of what has fallen due while all of this waits for something else it is that which wakes.
std::optional<Instant> Groups::next_timeout() const {
    std::optional<Instant> next;
    const auto consider = [&](Instant at) {
        if (at > holdings_.context.now && (!next.has_value() || at < *next)) next = at;
    };
    if (marks_at_.has_value()) consider(*marks_at_);
    for (uint32_t i = todo_.next(); i != NumberSet::none; i = todo_.next(i + 1)) {
        if (groups_[i].not_before != Instant{}) consider(groups_[i].not_before);
    }
    return next;
}

void Groups::send_create(uint32_t stream, Lane& lane, Instant now) {
    Group& group = groups_[stream];
    const bool sent = lane.send(Request::of(*this, create, stream, Answer::word), now, [&](resp::Encoder& encoder) {
        command::xgroup_create(encoder, holdings_.streams[stream], holdings_.config.group, group.at, !has_pattern());
    });
    if (!sent) return;
    group.state = State::creating;
    ++out_;
}

void Groups::send_inspect(uint32_t stream, Lane& lane, Instant now) {
    Request request = Request::of(*this, inspect, stream, Answer::named);
    request.shape = resp::Shape::outline;  // its entries may be larger than any answer
    const bool sent = lane.send(
        request, now, [&](resp::Encoder& encoder) { command::xinfo_stream(encoder, holdings_.streams[stream]); });
    if (!sent) return;
    groups_[stream].state = State::inspecting;
    ++out_;
}

/// In one write, and in this order: what is delivered in between is above the last delivered id then (REC-7).
void Groups::send_marks(uint32_t stream, Lane& lane, Instant now) {
    Group& group = groups_[stream];
    const std::string& key = holdings_.streams[stream];
    bool sent = asks_length_ && lane.send(Request::of(*this, length, stream, Answer::number), now,
                                          [&](resp::Encoder& encoder) { command::xlen(encoder, key); });
    const auto count = [&] {
        ++group.marks_out;
        ++marks_out_;
    };
    if (sent) count();
    sent = lane.send(Request::of(*this, last_delivered, stream, Answer::rows), now,
                     [&](resp::Encoder& encoder) { command::xinfo_groups(encoder, key); });
    if (!sent) return;
    count();
    group.mark_is_due = false;
    group.last_delivered.reset();
    group.told = {};
    group.told.at = now;  // not the answer's time: whoever asks from now on wants to be told of a later look
    sent = lane.send(Request::of(*this, lowest_pending, stream, Answer::pending_summary), now,
                     [&](resp::Encoder& encoder) { command::xpending_summary(encoder, key, holdings_.config.group); });
    if (sent) count();
}

void Groups::handle_reply(const Request& request, const resp::Reply& reply, Instant now) {
    const uint32_t stream = static_cast<uint32_t>(request.tag);
    switch (static_cast<What>(request.what)) {
        case create:
            --out_;
            return after_create(stream, reply, now);
        case inspect:
            --out_;
            return after_inspect(stream, reply, now);
        case last_delivered:
        case lowest_pending:
        case length:
            return after_mark(static_cast<What>(request.what), stream, reply, now);
    }
}

void Groups::after_create(uint32_t stream, const resp::Reply& reply, Instant now) {
    Group& group = groups_[stream];
    const ServerError refusal = reply.is_error() ? classify(reply.text()) : ServerError{};
    todo_.insert(stream);
    if (reply.is_error() && refusal.what != ErrorClass::busy_group) {
        group.state = State::unmade;
        const bool may_not = has_pattern() && refusal.what == ErrorClass::no_permission;
        if (refusal.what == ErrorClass::wrong_type || may_not) return leave("XGROUP CREATE", stream, reply);
        if (refusal.what == ErrorClass::no_key) return give_up(stream);
        if (refusal.what == ErrorClass::no_group) return retry_create(stream, reply, now);
        holdings_.refusals.handle_refusal("XGROUP CREATE", stream, reply, now);
        return;
    }
    const bool is_new = !reply.is_error();
    const bool is_recreation = std::exchange(group.is_recreation, false);
    group.state = State::made;
    group.said_left = false;
    if (!marks_at_.has_value()) marks_at_ = now + holdings_.config.claim_interval;
    if (is_new && is_recreation) {
        holdings_.context.emit(GroupRecreated{holdings_.source, holdings_.streams[stream], group.at});
    }
    // Of a group that we made at an id that is all there is to know; of another, or one at `$`, the server is asked.
    if (is_new) {
        group.mark = EntryId::parse(group.at);
        if (!group.mark.has_value()) group.mark_is_due = true;
    } else if (!is_recreation || !group.mark.has_value()) {
        group.mark.reset();
        group.mark_is_due = true;
    }
    // That a group which was missing is there again is another consumer's doing: what is held stays held, and nothing
    // of ours is pending there that we do not know.
    if (is_new || !is_recreation) observer_.handle_group_made(stream, is_new);
}

/// A missing group is answered by making it, and to make it is what was refused here: again, but not at once.
void Groups::retry_create(uint32_t stream, const resp::Reply& reply, Instant now) {
    Error error = to_error(reply.text());
    error.message = "XGROUP CREATE " + holdings_.streams[stream] + " " + holdings_.config.group + ": " + error.message;
    error.retryable = true;
    holdings_.context.fail(holdings_.source, std::move(error));
    count_loss(groups_[stream], stream, now);
}

/// One more in a row: the next try is after a delay.
void Groups::count_loss(Group& group, uint32_t stream, Instant now) {
    group.not_before = now + holdings_.context.retry_delay(group.losses++);
    todo_.insert(stream);
    losing_.insert(stream);
}

void Groups::handle_missing(uint32_t stream, Instant now) {
    Group& group = groups_[stream];
    if (group.state != State::made) return;  // several commands were out
    group.state = State::suspect;
    if (group.losses > 0) group.not_before = now + holdings_.context.retry_delay(group.losses - 1);
    ++group.losses;
    todo_.insert(stream);
    losing_.insert(stream);
}

void Groups::handle_read() {
    for (uint32_t i = losing_.next(); i != NumberSet::none; i = losing_.next(i + 1)) {
        if (groups_[i].state != State::made) continue;
        groups_[i].losses = 0;
        losing_.erase(i);
    }
}

/// What has become of the key? Its last id tells whether it is the one that our entries came from.
void Groups::after_inspect(uint32_t stream, const resp::Reply& reply, Instant now) {
    Group& group = groups_[stream];
    if (!reply.is_error()) {
        const std::optional<EntryId> last = EntryId::parse(resp::field(reply, "last-generated-id").text());
        const EntryId known = std::max(group.seen, group.mark.value_or(EntryId{}));
        return make_again(stream, last.has_value() && *last < known);
    }
    const ServerError refusal = classify(reply.text());
    if (refusal.what == ErrorClass::wrong_type) return leave("XINFO STREAM", stream, reply);
    if (refusal.retryable) {
        group.state = State::suspect;
        return count_loss(group, stream, now);
    }
    // Without leave to ask, the group is made again as if the key were the same.
    const bool may_not_ask = refusal.code == Code::no_permission || refusal.what == ErrorClass::unknown_command;
    if (has_pattern() && !may_not_ask) return give_up(stream);
    make_again(stream, !may_not_ask);
}

void Groups::make_again(uint32_t stream, bool is_other_key) {
    Group& group = groups_[stream];
    group.state = State::unmade;
    todo_.insert(stream);
    group.is_recreation = true;
    if (is_other_key) {
        group.at = "0";
        group.mark.reset();
        group.seen = {};
        observer_.handle_stream_gone(stream);
        return;
    }
    switch (holdings_.config.on_lost_group) {
        case LostGroup::low_water:
            // Without a mark everything is delivered again, rather than anything left out.
            group.at = group.mark.has_value() ? group.mark->text() : "0";
            break;
        case LostGroup::start:
            group.at = holdings_.config.start;
            break;
        case LostGroup::newest:
            group.at = "$";
            break;
    }
}

void Groups::give_up(uint32_t stream) {
    Group& group = groups_[stream];
    group.state = State::gone;
    group.mark_is_due = false;
    group.not_before = {};
    todo_.erase(stream);
    losing_.erase(stream);
    observer_.handle_stream_gone(stream);
    observer_.handle_stream_left(stream);
}

/// The others are read on (MUL-1), and the key is looked at again from time to time. What a pattern found and is no
/// stream any more would be found again if it became one.
void Groups::leave(std::string_view command, uint32_t stream, const resp::Reply& reply) {
    if (has_pattern() && classify(reply.text()).what == ErrorClass::wrong_type) return give_up(stream);
    Error error = to_error(reply.text());
    error.message =
        std::string(command) + " " + holdings_.streams[stream] + " " + holdings_.config.group + ": " + error.message;
    Group& group = groups_[stream];
    group.state = State::left;
    group.mark_is_due = false;
    if (!marks_at_.has_value()) marks_at_ = holdings_.context.now + holdings_.config.claim_interval;
    const auto is_left = [](const Group& other) { return other.state == State::left; };
    const bool is_last = !has_pattern() && std::all_of(groups_.begin(), groups_.end(), is_left);
    if (is_last) return observer_.handle_all_left(std::move(error));
    // Nothing can be acked or claimed there: what is held would take the others' room for ever.
    if (classify(reply.text()).what == ErrorClass::wrong_type) observer_.handle_stream_gone(stream);
    if (!std::exchange(group.said_left, true)) holdings_.context.fail(holdings_.source, std::move(error));
}

void Groups::after_mark(What what, uint32_t stream, const resp::Reply& reply, Instant now) {
    Group& group = groups_[stream];
    --group.marks_out;
    --marks_out_;
    if (reply.is_error()) {
        // A missing group shows in the reads as well; where asking is refused, a lost group is made again at 0.
        // One of the two is enough for both to be asked again.
        if (!classify(reply.text()).retryable || group.mark_is_due || group.state == State::gone) return;
        group.mark_is_due = true;
        todo_.insert(stream);
        group.not_before = now + holdings_.context.retry_delay(group.mark_failures++);
        return;
    }
    group.mark_failures = 0;
    if (what == last_delivered) {
        for (const resp::Reply& row : reply) {
            if (resp::field(row, "name").text() != holdings_.config.group) continue;
            group.last_delivered = EntryId::parse(resp::field(row, "last-delivered-id").text());
            group.told.lag = count_of(resp::field(row, "lag"));
        }
        return;
    }
    if (what == length) {
        group.told_length = count_of(reply);
        return;
    }
    const std::optional<EntryId> lowest = EntryId::parse(reply[1].text());
    group.told.pending = count_of(reply[0]);
    group.told.lowest_pending = lowest;
    group.told.stream_length = group.told_length;
    group.figures = group.told;
    if (group.state != State::made) return;  // it was lost meanwhile: the mark before counts
    if (lowest.has_value()) {
        group.mark = read_behind(just_before(*lowest));
    } else if (group.last_delivered.has_value()) {
        group.mark = group.last_delivered;
    }
}

/// Of streams that are left nothing is known, and nothing is told of the others without them.
SourceFigures Groups::figures() const {
    SourceFigures sum;
    const auto add = [](std::optional<uint64_t>& total, const std::optional<uint64_t>& more) {
        total = total.has_value() && more.has_value() ? std::optional<uint64_t>(*total + *more) : std::nullopt;
    };
    bool is_first = true;
    for (const Group& group : groups_) {
        if (group.state == State::gone) continue;
        const SourceFigures& more = group.figures;
        if (std::exchange(is_first, false)) {
            sum = more;
            continue;
        }
        add(sum.stream_length, more.stream_length);
        add(sum.pending, more.pending);
        add(sum.lag, more.lag);
        sum.at = sum.at.has_value() && more.at.has_value() ? std::min(sum.at, more.at) : std::nullopt;
        if (!more.lowest_pending.has_value()) continue;
        if (!sum.lowest_pending.has_value() || *more.lowest_pending < *sum.lowest_pending) {
            sum.lowest_pending = more.lowest_pending;
        }
    }
    return sum;
}

void Groups::handle_lost(const Request& request, Instant) {
    Group& group = groups_[static_cast<size_t>(request.tag)];
    switch (static_cast<What>(request.what)) {
        case create:
            --out_;
            group.state = State::unmade;
            break;
        case inspect:
            --out_;
            group.state = State::suspect;
            break;
        case last_delivered:
        case lowest_pending:
        case length:
            --group.marks_out;
            --marks_out_;
            group.mark_is_due = true;
            break;
    }
    if (group.state != State::gone) todo_.insert(static_cast<uint32_t>(request.tag));
}

}  // namespace millrace
