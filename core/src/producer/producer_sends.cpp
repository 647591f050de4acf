// What a producer sends, and what must be known before.
#include <algorithm>
#include <string>
#include <utility>

#include "base/format.hpp"
#include "command/key_names.hpp"
#include "command/scripts.hpp"
#include "command/stream_commands.hpp"
#include "event/payload.hpp"
#include "producer/producer.hpp"

namespace millrace {

namespace {

// More than this in one lane's output is held back: the queue of publishes is bounded by bytes already, and need not be
// there twice.
constexpr size_t output_max = 1U << 20;

/// Numbers of the script's ARGV in front of the fields, and its keys.
constexpr size_t script_head_arguments = 6;
constexpr size_t script_fields_of_one_call = (script_arguments_max - script_head_arguments - 2) / 2;

/// IDMP counts its duration in seconds.
int64_t seconds_up(Duration duration) {
    return (duration.us + 999'999) / 1'000'000;
}

/// Takes the next argument off the front of what an encoder wrote: `$<size>\r\n<bytes>\r\n`.
std::string_view next_text(std::string_view& encoded) {
    uint64_t size = 0;
    size_t at = 1;
    for (; encoded[at] != '\r'; ++at) size = size * 10 + static_cast<uint64_t>(encoded[at] - '0');
    const std::string_view text = encoded.substr(at + 2, static_cast<size_t>(size));
    encoded.remove_prefix(at + 2 + text.size() + 2);
    return text;
}

}  // namespace

bool Producer::send_job(Job& job, Lane& lane, Instant now) {
    if (lane.output_size() > output_max) return false;
    if (job.line->atomic_job != 0 && job.number > job.line->atomic_job) return false;
    std::optional<Form> form;
    if (uses_streams(context_.config, lane.greeting())) {
        form = rungs_.choose(job.options, now);
        if (rungs_.must_ask_time(now) && !ask_time(lane, now)) return false;
        if (!form.has_value()) return false;
        if (form->idmp && !window_is_open(job, lane, now)) return false;
    } else {
        if (!end_unsayable(job)) return true;
        form.emplace().message = true;
    }
    if (job.options.atomic) return !job.is_queued() || send_atomic(job, *form, lane, now);
    for (; job.next < job.items.size(); ++job.next) {
        if (job.items[job.next].state != Item::State::queued) continue;
        if (lane.output_size() > output_max || !send_item(job, job.next, *form, lane, now)) return false;
        // Of what may be the first of its stream the answer is awaited: a server's window may be too small for two.
        if (form->idmp && job.line->idmp == Line::Idmp::alone) {
            ++job.next;
            return false;
        }
    }
    return true;
}

bool Producer::send_item(Job& job, size_t index, const Form& form, Lane& lane, Instant now) {
    Item& item = job.items[index];
    const bool is_new = form.once(job.options) && item.number == 0;
    if (is_new && !job.line->window.has_room(1, job.options.idempotent_count)) return false;
    if (end_too_wide(job, index, form)) {
        tell_if_done(job);
        return true;
    }
    if (is_new) item.number = job.line->window.take();
    const Answer answer = form.message ? Answer::number : Answer::appended;
    if (!write(job, item, form, Request::of(*this, one, tag(job, index), answer), lane, now)) return false;
    mark_sent(job, item, form, now);
    return true;
}

/// A script takes only so many fields. Without, such an entry is written and not trimmed behind; the next one does
/// that.
bool Producer::end_too_wide(Job& job, size_t index, const Form& form) {
    const uint32_t fields = job.items[index].field_count;
    if (!form.script || !job.options.idempotent || fields <= script_fields_of_one_call) return false;
    end(job, index,
        Error(Code::too_large, "publish: an entry of " + std::to_string(fields) +
                                   " fields; idempotent publishing takes " + std::to_string(script_fields_of_one_call) +
                                   " on this server"));
    return true;
}

/// MULTI, the entries, EXEC: either all are tried or none. There is no rollback, so each result stands (PUB-1).
bool Producer::send_atomic(Job& job, const Form& form, Lane& lane, Instant now) {
    const bool once = form.once(job.options);
    size_t fresh = 0;
    for (size_t i = 0; i < job.items.size(); ++i) {
        (void)end_too_wide(job, i, form);
        if (job.items[i].state != Item::State::done && job.items[i].number == 0) ++fresh;
    }
    if (job.is_done()) {
        tell_if_done(job);
        return true;
    }
    if (once && fresh > 0 && !job.line->window.has_room(fresh, job.options.idempotent_count)) return false;
    job.line->atomic_job = job.number;
    job.is_multi = false;
    job.part_error.reset();
    script_is_there_ = false;  // a script that is unknown inside MULTI is found out too late, so its source goes along
    bool sent = lane.send(Request::of(*this, begin, tag(job, 0), Answer::word), now,
                          [](resp::Encoder& encoder) { encoder.command(1).text("MULTI"); });
    for (size_t i = 0; i < job.items.size(); ++i) {
        Item& item = job.items[i];
        if (item.state == Item::State::done) continue;
        if (once && item.number == 0) item.number = job.line->window.take();
        const Answer answer = form.message ? Answer::queued_number : Answer::queued_id;
        sent = sent && write(job, item, form, Request::of(*this, part, tag(job, i), answer), lane, now);
    }
    script_is_there_ = false;
    sent = sent && lane.send(Request::of(*this, exec, tag(job, 0), Answer::results), now,
                             [](resp::Encoder& encoder) { encoder.command(1).text("EXEC"); });
    if (!sent) {  // half a transaction is on its way: only a new connection forgets it
        lane.drop(DisconnectReason::dropped, Error(Code::out_of_memory, "no memory for a transaction", true), now);
        return false;
    }
    for (Item& item : job.items) {
        if (item.state != Item::State::done) mark_sent(job, item, form, now);
    }
    job.next = job.items.size();
    // What may be the first of its stream goes alone, as above.
    return !(form.idmp && job.line->idmp == Line::Idmp::alone);
}

void Producer::mark_sent(Job& job, Item& item, const Form& form, Instant now) {
    // What IDMP knows the script does not, and the other way round: the server may be another one by now.
    if (item.was_sent && item.form.idmp != form.idmp) item.may_double = true;
    item.state = Item::State::sent;
    item.form = form;
    if (!form.once(job.options)) {
        item.may_double = true;
        return;
    }
    if (!item.was_sent) item.first_sent = now;
    ++job.line->out;
}

bool Producer::ask_time(Lane& lane, Instant now) {
    const bool sent = lane.send(Request::of(*this, time, 0, Answer::texts), now,
                                [](resp::Encoder& encoder) { encoder.command(1).text("TIME"); });
    if (sent) {
        rungs_.handle_time_asked(now);
    } else {
        rungs_.ask_time_later(now);
    }
    return sent;
}

void Producer::ask_window(Line& line, Lane& lane, Instant now) {
    Request request = Request::of(*this, window_asked, line.id, Answer::named);
    request.shape = resp::Shape::outline;  // the stream's entries may be larger than any answer
    const bool sent = lane.send(request, now, [&](resp::Encoder& e) { command::xinfo_stream(e, line.name); });
    if (sent) line.idmp = Line::Idmp::asked;
}

/// Whether the server is known to remember as much as is asked. To raise its window wipes what it knows, so that waits
/// until nothing of ours is out.
bool Producer::window_is_open(Job& job, Lane& lane, Instant now) {
    Line& line = *job.line;
    const int64_t duration = seconds_up(job.options.idempotent_window);
    const int64_t count = job.options.idempotent_count;
    switch (line.idmp) {
        case Line::Idmp::asked:
        case Line::Idmp::raising:
            return false;
        case Line::Idmp::alone:
            return line.out == 0;
        case Line::Idmp::unknown:
            ask_window(line, lane, now);
            return false;
        case Line::Idmp::known:
            break;
    }
    if (line.idmp_ms >= duration * 1000 && line.idmp_count >= count) return true;
    if (line.out > 0) return false;
    const int64_t new_duration = std::max(line.idmp_ms / 1000, duration);
    const int64_t new_count = std::max(line.idmp_count, count);
    if (lane.send(Request::of(*this, window_raised, line.id, Answer::word), now, [&](resp::Encoder& encoder) {
            encoder.command(6).text("XCFGSET").text(line.name).text("IDMP-DURATION").integer(new_duration);
            encoder.text("IDMP-MAXSIZE").integer(new_count);
        })) {
        line.idmp = Line::Idmp::raising;
        line.idmp_ms = new_duration * 1000;
        line.idmp_count = new_count;
        forget_window(&line);
    }
    return false;
}

bool Producer::write(Job& job, Item& item, const Form& form, const Request& request, Lane& lane, Instant now) {
    if (form.message) {
        if (prepare(job, item) != Prepared::yes) return false;
        return lane.send(request, now, [&](resp::Encoder& encoder) {
            encoder.command(3).text("PUBLISH").text(job.line->name).text({payload_.data(), payload_size_});
        });
    }
    if (form.script && item.field_count <= script_fields_of_one_call) {
        Line& line = *job.line;
        if (line.published_key.empty()) line.published_key = published_name(line.name, producer_id()).text;
        return write_script(job, item, request, lane, now);
    }
    if (form.idmp) (void)producer_id();
    return lane.send(request, now, [&](resp::Encoder& encoder) { encode_append(encoder, job, item, form); });
}

void Producer::encode_append(resp::Encoder& encoder, const Job& job, const Item& item, const Form& form) const {
    size_t arguments = 3 + 2 * size_t{item.field_count};
    const bool exact = job.options.max_len_exact;
    if (form.acked) ++arguments;
    if (form.idmp) arguments += 3;
    if (form.trim != Form::Trim::none) arguments += form.trim == Form::Trim::length && exact ? 2 : 3;
    encoder.command(arguments).text("XADD").text(job.line->name);
    if (form.acked) encoder.text("ACKED");
    if (form.idmp) encoder.text("IDMP").text(producer_id_).integer(static_cast<int64_t>(item.number));
    if (form.trim == Form::Trim::length) {
        encoder.text("MAXLEN");
        if (!exact) encoder.text("~");
        encoder.integer(static_cast<int64_t>(*job.options.max_len));
    } else if (form.trim == Form::Trim::age) {
        encoder.text("MINID").text("~").integer(form.oldest_ms);
    }
    encoder.text("*").encoded(job.arguments(item));
}

bool Producer::write_script(const Job& job, const Item& item, const Request& request, Lane& lane, Instant now) {
    const PublishConfig& options = job.options;
    const size_t keys = options.idempotent ? 2 : 1;
    const auto form = script_is_there_ ? command::ScriptForm::hash : command::ScriptForm::source;
    const bool sent = lane.send(request, now, [&](resp::Encoder& encoder) {
        command::script_head(encoder, ScriptId::append, form, keys,
                             script_head_arguments + 2 * size_t{item.field_count});
        encoder.text(job.line->name);
        if (options.idempotent) encoder.text(job.line->published_key);
        encoder.integer(static_cast<int64_t>(options.max_len.value_or(0)));
        encoder.integer(options.max_age.value_or(Duration{}).us / 1000);
        encoder.text(options.keep_pending ? "1" : "0");
        encoder.integer((options.idempotent_window.us + 999) / 1000);
        const auto number = static_cast<int64_t>(item.number);
        encoder.integer(number).integer(number - options.idempotent_count);
        encoder.encoded(job.arguments(item));
    });
    script_is_there_ = script_is_there_ || sent;
    return sent;
}

/// In Pub/Sub an entry is a JSON object, written here before anything of its command is.
Producer::Prepared Producer::prepare(const Job& job, const Item& item) {
    fields_.clear();
    payload_.clear();
    std::string_view rest = job.arguments(item);
    while (!rest.empty()) {
        const std::string_view name = next_text(rest);
        const std::string_view value = next_text(rest);
        if (!fields_.push(Field{name, value})) return Prepared::no_memory;
    }
    const std::optional<uint64_t> size = payload_size({fields_.data(), fields_.size()});
    if (!size.has_value()) return Prepared::unsayable;
    if (*size > UINT32_MAX || !payload_.reserve(static_cast<size_t>(*size))) return Prepared::no_memory;
    const char* const end = encode_payload({fields_.data(), fields_.size()}, payload_.data());
    payload_size_ = static_cast<size_t>(end - payload_.data());
    return Prepared::yes;
}

/// Ends the entries of a job that Pub/Sub can't carry; true when any is left.
bool Producer::end_unsayable(Job& job) {
    for (size_t i = 0; i < job.items.size(); ++i) {
        if (job.items[i].state != Item::State::queued || prepare(job, job.items[i]) != Prepared::unsayable) continue;
        end(job, i, Error(Code::bad_argument, "publish: a field's name is no UTF-8, and Pub/Sub carries JSON"));
    }
    const bool any = !job.is_done();
    tell_if_done(job);
    return any;
}

/// Drawn at first use, so that a client without windows draws as it always did.
std::string_view Producer::producer_id() {
    static constexpr char digits[] = "0123456789abcdef";
    if (!producer_id_.empty()) return producer_id_;
    producer_id_ = "millrace-";
    for (int word = 0; word < 2; ++word) {
        uint64_t random = context_.prng.next();
        for (int i = 0; i < 16; ++i, random >>= 4) producer_id_ += digits[random & 15U];
    }
    return producer_id_;
}

}  // namespace millrace
