// What becomes of a dead letter, by the server's answers and their loss. The other half is dead_letters.cpp.
#include <string>
#include <utility>

#include "command/server_error.hpp"
#include "consumer/dead_letters.hpp"

namespace millrace {

void DeadLetters::handle_reply(const Request& request, const resp::Reply& reply, Instant now) {
    const auto tag = static_cast<uint32_t>(request.tag);
    Letter& letter = letters_[tag];
    letter.is_out = false;
    --lines_[letter.stream].out;
    if (letter.is_dropped) return free(tag);
    switch (static_cast<Step>(request.what)) {
        case call:
            return after_call(tag, reply, now);
        case trace:
            if (reply.is_error()) return after_error(tag, "XPENDING", reply, now);
            return after_trace(tag, reply);
        case check:
            if (reply.is_error()) return after_error(tag, "XPENDING", reply, now);
            return after_check(tag, reply);
        case read:
            if (reply.is_error()) return after_error(tag, "XRANGE", reply, now);
            return after_read(tag, now);
        case write:
            if (reply.is_error()) return after_error(tag, "XADD", reply, now);
            return after_write(tag, reply, now);
        case ack:
            if (reply.is_error()) return after_error(tag, "XACK", reply, now);
            return finish(tag);
    }
}

void DeadLetters::after_call(uint32_t tag, const resp::Reply& reply, Instant now) {
    Letter& letter = letters_[tag];
    if (letter.script.must_repeat(reply)) return queue(tag, call);
    if (ScriptCall::is_refused(reply)) {
        if (std::exchange(may_script_, false)) {
            const Error error = to_error(reply.text());
            holdings_.context.log(LogLevel::info, "Scripts are refused; dead letters are written step by step.",
                                  {{"error", error.message}});
        }
        return queue(tag, check);
    }
    if (reply.is_error()) return after_error(tag, "EVALSHA", reply, now);
    const std::string_view word = reply[0].text();
    if (word == "done") {
        letter.dead_id = EntryId::parse(reply[1].text()).value_or(EntryId{});
        finish(tag);
    } else if (word == "not_ours") {
        if (!letter.is_called) return lose(tag);
        queue(tag, trace);
    } else if (word == "deleted") {
        finish_deleted(tag);
    } else if (word == "too_many_fields") {
        letter.is_wide = true;
        queue(tag, check);
    } else {
        fail(tag, Error(Code::protocol, "the script's answer is none that it gives", true), now);
    }
}

/// Nobody takes an entry over that is not idle for long, so what is not pending any more was acked by our script.
void DeadLetters::after_trace(uint32_t tag, const resp::Reply& reply) {
    if (reply.size() > 0) return lose(tag);
    finish(tag);
}

void DeadLetters::after_check(uint32_t tag, const resp::Reply& reply) {
    const std::optional<EntryId> id = EntryId::parse(reply[0][0].text());
    if (id != letters_[tag].id) return lose(tag);
    queue(tag, read);
}

void DeadLetters::after_read(uint32_t tag, Instant now) {
    if (is_too_large_) {
        fail(tag, Error(Code::too_large, "larger than max_message_bytes; without scripts it can't be copied", false),
             now);
    } else if (!read_.has_value()) {
        finish_deleted(tag);
    } else if (read_->id != letters_[tag].id) {
        fail(tag, Error(Code::protocol, "XRANGE of one id answers another", true), now);
    } else {
        queue(tag, write);
    }
}

void DeadLetters::after_write(uint32_t tag, const resp::Reply& reply, Instant now) {
    const std::optional<EntryId> dead_id = EntryId::parse(reply.text());
    if (!dead_id.has_value()) return fail(tag, Error(Code::protocol, "XADD answers no id", true), now);
    letters_[tag].dead_id = *dead_id;
    forget_read();
    queue(tag, ack);
}

void DeadLetters::after_error(uint32_t tag, std::string_view command, const resp::Reply& reply, Instant now) {
    const uint32_t stream = letters_[tag].stream;
    Error error = to_error(reply.text());
    error.message = std::string(command) + ": " + error.message;
    if (classify(reply.text()).what == ErrorClass::no_group && !holdings_.stopped && !holdings_.draining) {
        lines_[stream].backoff.fail(now);
        leave(tag);
        return holdings_.refusals.handle_refusal(command, stream, reply, now);
    }
    fail(tag, std::move(error), now);
}

/// The entry stays pending, and its letter goes to the end of the line. Of several that were on their way together the
/// first tells, and counts.
void DeadLetters::fail(uint32_t tag, Error error, Instant now) {
    const Letter& letter = letters_[tag];
    Line& line = lines_[letter.stream];
    const bool is_hopeless = is_too_large_;
    const bool is_told = line.backoff.waits(now) && !is_hopeless;
    if (!is_told) {
        holdings_.context.emit(
            DeadFailed{holdings_.source, stream_of(letter), letter.id, line.dead.text, std::move(error)});
    }
    const bool is_ending = holdings_.stopped || holdings_.draining;
    if (is_ending || is_hopeless) {  // it stays pending, and is looked after no longer
        holdings_.settle(letter.stream, letter.id, letter.place);
        holdings_.dropped += is_ending ? 1 : 0;
        return free(tag);
    }
    if (!is_told) line.backoff.fail(now);
    line.is_failing = true;
    leave(tag);
}

/// Back to the line, to begin anew; a letter that has been written is only to be acked.
void DeadLetters::leave(uint32_t tag) {
    const Step step = letters_[tag].step;
    if (stepping_ == tag) {
        stepping_.reset();
        forget_read();
    }
    queue(tag, step == ack || step == trace ? step : call);
}

void DeadLetters::finish(uint32_t tag) {
    const Letter& letter = letters_[tag];
    Line& line = lines_[letter.stream];
    line.backoff.succeed();
    line.backoff.stop();
    line.is_failing = false;
    if (holdings_.page_open) (void)holdings_.acked_meanwhile.push({letter.stream, letter.id});
    holdings_.settle(letter.stream, letter.id, letter.place);
    holdings_.context.emit(DeadLettered{holdings_.source, stream_of(letter), letter.id, line.dead.text, letter.dead_id,
                                        letter.deliveries, letter.error});
    free(tag);
}

void DeadLetters::finish_deleted(uint32_t tag) {
    const Letter& letter = letters_[tag];
    holdings_.settle(letter.stream, letter.id, letter.place);
    acks_.bury(letter.stream, letter.id);
    free(tag);
}

void DeadLetters::lose(uint32_t tag) {
    const Letter& letter = letters_[tag];
    holdings_.lose(letter.stream, letter.id, letter.place);
    free(tag);
}

void DeadLetters::free(uint32_t tag) {
    if (stepping_ == tag) {
        stepping_.reset();
        forget_read();
    }
    Letter& letter = letters_[tag];
    if (!letter.is_dropped) --holdings_.dying;
    letter = Letter{};
    free_.push_back(tag);
}

void DeadLetters::handle_lost(const Request& request, Instant) {
    const auto tag = static_cast<uint32_t>(request.tag);
    Letter& letter = letters_[tag];
    letter.is_out = false;
    --lines_[letter.stream].out;
    if (letter.is_dropped) return free(tag);
    letter.is_called = letter.is_called || request.what == call;
    leave(tag);
}

}  // namespace millrace
