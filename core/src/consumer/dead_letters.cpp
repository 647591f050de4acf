#include "consumer/dead_letters.hpp"

#include <algorithm>
#include <utility>

#include "base/format.hpp"
#include "command/server_error.hpp"
#include "command/stream_commands.hpp"
#include "consumer/redriven.hpp"
#include "consumer/source.hpp"

namespace millrace {

namespace {

// At most this many times prefetch wait to be written, as after a nack; more are left to a later sweep.
constexpr uint32_t waiting_per_prefetch = 10;
// Letters of one stream without an answer: enough to hide the round trip.
constexpr uint32_t letters_out_max = 16;
constexpr size_t error_bytes_max = 4096;

}  // namespace

DeadLetters::DeadLetters(Holdings& holdings, Acks& acks) : holdings_(holdings), acks_(acks) {
    for (uint32_t i = 0; i < holdings.streams.size(); ++i) add_stream(i);
}

void DeadLetters::add_stream(uint32_t stream) {
    if (stream == lines_.size()) lines_.push_back(Line{{}, {}, 0, false, Backoff(holdings_.context)});
    Line& line = lines_[stream];
    line.dead = dead_stream_name(holdings_.streams[stream]);
    line.is_failing = false;
    line.backoff.succeed();
    line.backoff.stop();
}

DeadLetters::~DeadLetters() {
    forget_read();
}

Status DeadLetters::reject(BatchId id, EntrySet entries, std::string_view error) {
    if (holdings_.dying >= uint64_t{waiting_per_prefetch} * holdings_.prefetch())
        return Error(Code::queue_full, "reject: too many dead letters wait to be written; the entries are still held");
    Context& context = holdings_.context;
    BatchSlot* const batch = holdings_.batches.find(id);
    Buffer<uint32_t> marked = context.spare_indices();
    marked.clear();
    Status status = mark_entries(batch, entries, EntryState::dying, marked);
    for (const uint32_t index : marked) {
        if (!status.ok()) break;
        const EntryRecord& record = batch->records[index];
        add(record.stream, record.id, Place{Batches::slot_of(id), index}, record.deliveries, error);
    }
    context.spare.push(std::move(marked));
    return status;
}

bool DeadLetters::take(EntryRecord& record) {
    if (const std::optional<std::string_view> group = redriven_for(record); group.has_value()) {
        if (*group != holdings_.config.group) {  // DLQ-2: the others have had it
            holdings_.context.log(LogLevel::info, "An entry was redriven for another group; acked unseen.",
                                  {{"stream", holdings_.streams[record.stream]}, {"id", record.id.text()}});
            acks_.ack_away(record.stream, record.id);
            holdings_.context.segments.release(record.segment);
            return true;
        }
        strip_redriven(record);
    }
    const uint32_t most = holdings_.config.max_deliveries;
    if (most == 0 || record.deliveries <= most) return false;
    if (holdings_.dying >= uint64_t{waiting_per_prefetch} * holdings_.prefetch()) {
        holdings_.context.segments.release(record.segment);
        return true;
    }
    holdings_.context.segments.release(record.segment);  // the server has its fields
    EntryRecord letter = record;
    letter.segment = nullptr;
    letter.bytes = 0;
    const std::optional<Place> place = holdings_.hold_unseen(letter, EntryState::dying);
    if (!place.has_value()) return true;
    add(record.stream, record.id, *place, record.deliveries,
        "delivered more than " + std::to_string(most) + " times (max_deliveries)");
    return true;
}

void DeadLetters::take_too_large(uint32_t stream, EntryId id, uint32_t deliveries) {
    if (!may_script_ || !lines_[stream].dead.same_slot) return;  // it can't be read here, so not be written either
    if (holdings_.dying >= uint64_t{waiting_per_prefetch} * holdings_.prefetch()) return;
    EntryRecord record{};
    record.stream = stream;
    record.id = id;
    record.deliveries = deliveries;
    const std::optional<Place> place = holdings_.hold_unseen(record, EntryState::dying);
    if (place.has_value()) add(stream, id, *place, deliveries, "larger than max_message_bytes");
}

void DeadLetters::add(uint32_t stream, EntryId id, Place place, uint32_t deliveries, std::string_view error) {
    if (free_.empty()) {
        letters_.emplace_back();
        free_.push_back(static_cast<uint32_t>(letters_.size() - 1));
    }
    const uint32_t tag = free_.back();
    free_.pop_back();
    Letter& letter = letters_[tag];
    letter = Letter{};
    letter.in_use = true;
    letter.stream = stream;
    letter.id = id;
    letter.place = place;
    letter.deliveries = deliveries;
    letter.error = error.substr(0, error_bytes_max);
    ++holdings_.dying;
    queue(tag, call);
}

/// The one that goes step by step is in no line.
void DeadLetters::queue(uint32_t tag, Step step) {
    letters_[tag].step = step;
    if (stepping_ != tag) busy_line(letters_[tag].stream).waiting.push(tag);
}

DeadLetters::Line& DeadLetters::busy_line(uint32_t stream) {
    busy_.insert(stream);
    return lines_[stream];
}

void DeadLetters::advance(Lane* lane, Instant now) {
    const bool is_idle = lane == nullptr || holdings_.dying == 0;
    if (!is_idle && stepping_.has_value() && !letters_[*stepping_].is_out) (void)send(*stepping_, *lane, now);
    for (uint32_t i = busy_.next(); i != NumberSet::none; i = busy_.next(i + 1)) {
        Line& line = lines_[i];
        const bool waits = line.backoff.waits(now);
        if (!is_idle && !waits) advance_line(line, *lane, now);
        if (!waits && line.waiting.empty()) busy_.erase(i);
    }
}

void DeadLetters::advance_line(Line& line, Lane& lane, Instant now) {
    // After a failure one at a time tells whether it has been mended.
    const uint32_t most = line.is_failing ? 1 : letters_out_max;
    while (!line.waiting.empty() && line.out < most) {
        const uint32_t tag = line.waiting.front();
        Letter& letter = letters_[tag];
        if (letter.step == call) letter.step = first_step(letter);
        const bool steps = letter.step >= check;
        if ((steps && stepping_.has_value()) || !send(tag, lane, now)) return;
        if (steps) stepping_ = tag;
        (void)line.waiting.pop();
    }
}

DeadLetters::Step DeadLetters::first_step(const Letter& letter) const {
    const bool may_script = may_script_ && !letter.is_wide && lines_[letter.stream].dead.same_slot;
    return may_script ? call : check;
}

bool DeadLetters::send(uint32_t tag, Lane& lane, Instant now) {
    Letter& letter = letters_[tag];
    letter.is_out = write_step(tag, lane, now);
    if (letter.is_out) ++lines_[letter.stream].out;
    return letter.is_out;
}

bool DeadLetters::write_step(uint32_t tag, Lane& lane, Instant now) {
    Letter& letter = letters_[tag];
    const std::string& stream = stream_of(letter);
    const std::string& group = holdings_.config.group;
    Request request = Request::of(*this, letter.step, tag);
    switch (letter.step) {
        case call:
            request.answer = Answer::outcome;
            return letter.script.send(lane, request, now, 2, 5, [&](resp::Encoder& encoder) {
                encoder.text(stream).text(lines_[letter.stream].dead.text);
                encoder.text(group).text(holdings_.consumer).id(letter.id);
                encoder.integer(letter.deliveries).text(letter.error);
            });
        case trace:
            request.answer = Answer::pending;
            return lane.send(request, now,
                             [&](resp::Encoder& encoder) { command::xpending_one(encoder, stream, group, letter.id); });
        case check:
            request.answer = Answer::pending;
            return lane.send(request, now, [&](resp::Encoder& encoder) {
                command::xpending_of(encoder, stream, group, letter.id, 1, holdings_.consumer);
            });
        case read:
            request = Request::of_entries(*this, letter.step, tag, resp::Shape::entries, sink_, 1);
            return lane.send(request, now,
                             [&](resp::Encoder& encoder) { command::xrange_one(encoder, stream, letter.id); });
        case write:
            request.answer = Answer::id;
            return write_letter(letter, request, lane, now);
        case ack:
            request.answer = Answer::number;
            return lane.send(request, now,
                             [&](resp::Encoder& encoder) { command::xack_one(encoder, stream, group, letter.id); });
    }
    return false;
}

/// As the script does it.
bool DeadLetters::write_letter(const Letter& letter, const Request& request, Lane& lane, Instant now) {
    EntryRecord record = *read_;
    if (redriven_for(record).has_value()) strip_redriven(record);
    return lane.send(request, now, [&](resp::Encoder& encoder) {
        encoder.command(3 + 2 * (size_t{record.field_count} + std::size(dlq_fields)));
        encoder.text("XADD").text(lines_[letter.stream].dead.text).text("*");
        for (const Field field : Entry(record, {})) encoder.text(field.name).text(field.value);
        encoder.text(dlq_fields[0]).id(letter.id);
        encoder.text(dlq_fields[1]).text(stream_of(letter));
        encoder.text(dlq_fields[2]).text(holdings_.config.group);
        encoder.text(dlq_fields[3]).text(holdings_.consumer);
        encoder.text(dlq_fields[4]).integer(letter.deliveries);
        encoder.text(dlq_fields[5]).text(letter.error);
    });
}

void DeadLetters::Sink::handle_entry(const EntryRecord& record) {
    owner_.forget_read();  // there is one entry in the reply; more are a server's invention
    owner_.read_ = record;
}

void DeadLetters::forget_read() {
    if (read_.has_value()) holdings_.context.segments.release(read_->segment);
    read_.reset();
    is_too_large_ = false;
}

std::optional<Instant> DeadLetters::next_timeout() const {
    std::optional<Instant> next;
    for (uint32_t i = busy_.next(); i != NumberSet::none; i = busy_.next(i + 1)) {
        const std::optional<Instant> at = lines_[i].backoff.until();
        if (at.has_value() && (!next.has_value() || *at < *next)) next = at;
    }
    return next;
}

void DeadLetters::stop() {
    for (Line& line : lines_) {
        line.backoff.stop();
        line.is_failing = false;
    }
}

void DeadLetters::drop_stream(uint32_t stream) {
    lines_[stream].waiting.clear();
    for (uint32_t tag = 0; tag < letters_.size(); ++tag) {
        Letter& letter = letters_[tag];
        if (!letter.in_use || letter.is_dropped || letter.stream != stream) continue;
        if (letter.is_out) {
            letter.is_dropped = true;
            --holdings_.dying;
        } else {
            free(tag);
        }
    }
}

}  // namespace millrace
