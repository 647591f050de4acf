#include "admin/redrive.hpp"

#include <iterator>
#include <utility>

#include "base/entry_id.hpp"
#include "command/server_error.hpp"
#include "command/stream_commands.hpp"
#include "consumer/redriven.hpp"

namespace millrace {

namespace {

constexpr size_t jobs_max = 64;
constexpr uint32_t letters_max = 1000;
// What a list shows of one letter: it is to be looked at, not to be worked with, and the server decides how much there
// is.
constexpr uint64_t shown_bytes_max = 64 * 1024;

/// A dead letter as its fields tell it; one that somebody else put there has only its fields.
DeadLetter letter_of(const EntryRecord& record) {
    const Entry entry(record, {});
    DeadLetter letter;
    letter.dead_id = record.id;
    const size_t own = dlq_field_start(record);
    if (own < entry.field_count()) {
        letter.id = EntryId::parse(entry.field(own).value).value_or(EntryId{});
        letter.stream = std::string(entry.field(own + 1).value);
        letter.group = std::string(entry.field(own + 2).value);
        letter.consumer = std::string(entry.field(own + 3).value);
        for (const char digit : entry.field(own + 4).value.substr(0, 9)) {
            if (digit >= '0' && digit <= '9') letter.deliveries = letter.deliveries * 10 + uint32_t(digit - '0');
        }
        letter.error = std::string(entry.field(own + 5).value);
    }
    uint64_t shown = 0;
    for (size_t i = 0; i < own; ++i) {
        const Field field = entry.field(i);
        shown += field.name.size() + field.value.size();
        letter.is_cut = letter.is_cut || shown > shown_bytes_max;
        if (!letter.is_cut) letter.fields.emplace_back(field.name, field.value);
    }
    return letter;
}

}  // namespace

Redrive::~Redrive() {
    forget_read();
    for (const std::unique_ptr<Lane>& lane : lanes_) lane->disown(this);
}

Result<Ticket> Redrive::list(const DeadQuery& query) {
    if (query.stream.empty()) return Error(Code::bad_argument, "dead: no stream is named");
    if (query.count == 0 || query.count > letters_max)
        return Error(Code::bad_argument, "dead: a list has 1 to 1000 letters");
    Job job;
    job.is_list = true;
    job.stream = query.stream;
    job.query = query;
    return add(std::move(job));
}

Result<Ticket> Redrive::redrive(std::string_view stream, std::span<const EntryId> dead_ids) {
    if (stream.empty()) return Error(Code::bad_argument, "redrive: no stream is named");
    Job job;
    job.stream = std::string(stream);
    job.ids.assign(dead_ids.begin(), dead_ids.end());
    return add(std::move(job));
}

Result<Ticket> Redrive::add(Job job) {
    if (jobs_.size() >= jobs_max) return Error(Code::queue_full, "64 requests about dead letters wait already");
    job.ticket = Ticket{context_.next_ticket++};
    const Ticket ticket = job.ticket;
    job.listed = DeadListed{ticket, job.stream, dead_stream_name(job.stream).text, {}, {}};
    job.redriven = Redriven{ticket, job.stream, {}};
    jobs_.push(std::move(job));
    return ticket;
}

void Redrive::advance(Instant now) {
    if (wait_until_.has_value() && *wait_until_ <= now) wait_until_.reset();
    if (jobs_.empty() || wait_until_.has_value()) return;
    lanes_.open_for_reading(now);
    Lane* const lane = lanes_.for_acking(nullptr);
    while (lane != nullptr && !jobs_.empty() && !is_out_) {
        if (!std::exchange(is_begun_, true)) {
            ++job_;
            next_ = 0;
            dead_ = dead_stream_name(jobs_.front().stream);
            step_ = first_step();
            failures_ = 0;
        }
        if (!jobs_.front().is_list && next_ == jobs_.front().ids.size()) {
            end_job();
            continue;
        }
        if (!send(*lane, now)) return;
        is_out_ = true;
    }
}

Redrive::Step Redrive::first_step() const {
    if (jobs_.front().is_list) return look;
    return may_script_ && dead_.same_slot ? call : read;
}

bool Redrive::send(Lane& lane, Instant now) {
    const Job& job = jobs_.front();
    Request request = Request::of(*this, step_, job_);
    const std::string& stream = job.stream;
    switch (step_) {
        case look:
            request = Request::of_entries(*this, step_, job_, resp::Shape::entries, sink_, job.query.count);
            return lane.send(request, now, [&](resp::Encoder& encoder) {
                const EntryId after = job.query.after;
                const EntryId from = after == EntryId{} ? after : just_after(after);
                command::xrange_from(encoder, dead_.text, from, job.query.count);
            });
        case call:
            request.answer = Answer::outcome;
            return script_.send(lane, request, now, 2, 1, [&](resp::Encoder& encoder) {
                encoder.text(dead_.text).text(stream).id(job.ids[next_]);
            });
        case read:
            forget_read();
            request = Request::of_entries(*this, step_, job_, resp::Shape::entries, sink_, 1);
            return lane.send(request, now,
                             [&](resp::Encoder& encoder) { command::xrange_one(encoder, dead_.text, job.ids[next_]); });
        case write:
            request.answer = Answer::id;
            return write_entry(request, lane, now);
        case remove:
            request.answer = Answer::number;
            return lane.send(request, now, [&](resp::Encoder& encoder) {
                encoder.command(3).text("XDEL").text(dead_.text).id(job.ids[next_]);
            });
    }
    return false;
}

/// As the script does it.
bool Redrive::write_entry(const Request& request, Lane& lane, Instant now) {
    const Entry entry(*read_, {});
    const size_t own = dlq_field_start(*read_);
    return lane.send(request, now, [&](resp::Encoder& encoder) {
        encoder.command(3 + 2 * (own + 2));
        encoder.text("XADD").text(jobs_.front().stream).text("*");
        for (size_t i = 0; i < own; ++i) encoder.text(entry.field(i).name).text(entry.field(i).value);
        for (const size_t i : {own, own + 2}) encoder.text(entry.field(i).name).text(entry.field(i).value);
    });
}

void Redrive::take(const EntryRecord& record) {
    if (jobs_.empty() || !is_out_) {
        context_.segments.release(record.segment);
    } else if (step_ == look) {
        jobs_.front().listed.letters.push_back(letter_of(record));
        context_.segments.release(record.segment);
    } else {
        forget_read();
        read_ = record;
    }
}

void Redrive::take_too_large(EntryId id) {
    is_too_large_ = true;
    if (jobs_.empty() || step_ != look) return;
    DeadLetter letter;
    letter.dead_id = id;
    letter.is_cut = true;
    jobs_.front().listed.letters.push_back(std::move(letter));
}

void Redrive::forget_read() {
    if (read_.has_value()) context_.segments.release(read_->segment);
    read_.reset();
    is_too_large_ = false;
}

void Redrive::handle_reply(const Request& request, const resp::Reply& reply, Instant now) {
    if (request.tag != job_ || !is_out_) return forget_read();
    is_out_ = false;
    if (step_ == call) return after_call(reply, now);
    if (reply.is_error()) return after_error(reply, now);
    switch (step_) {
        case look:
            return end_job();
        case read:
            return after_read();
        case write:
            written_ = EntryId::parse(reply.text()).value_or(EntryId{});
            forget_read();
            step_ = remove;
            return;
        case remove:
            return end_letter(written_, std::nullopt);
        case call:
            return;
    }
}

void Redrive::after_call(const resp::Reply& reply, Instant now) {
    if (script_.must_repeat(reply)) return;
    if (ScriptCall::is_refused(reply)) {
        may_script_ = false;
        step_ = read;
        return;
    }
    if (reply.is_error()) return after_error(reply, now);
    const std::string_view word = reply[0].text();
    if (word == "done") return end_letter(EntryId::parse(reply[1].text()).value_or(EntryId{}), std::nullopt);
    if (word == "too_many_fields") {
        step_ = read;
        return;
    }
    if (word == "gone" && is_uncertain_) return end_letter(EntryId{}, std::nullopt);
    end_letter({}, Error(Code::bad_argument, word == "gone" ? "redrive: there is no such dead letter"
                                                            : "redrive: that is no dead letter of this stream"));
}

void Redrive::after_read() {
    const std::string& stream = jobs_.front().stream;
    if (is_too_large_) {
        end_letter({}, Error(Code::too_large, "redrive: the dead letter is larger than max_message_bytes"));
    } else if (!read_.has_value()) {
        end_letter({}, Error(Code::bad_argument, "redrive: there is no such dead letter"));
    } else if (const size_t own = dlq_field_start(*read_);
               own == read_->field_count || Entry(*read_, {}).field(own + 1).value != stream) {
        end_letter({}, Error(Code::bad_argument, "redrive: that is no dead letter of this stream"));
    } else {
        step_ = write;
    }
}

void Redrive::after_error(const resp::Reply& reply, Instant now) {
    const ServerError what = classify(reply.text());
    Error error = to_error(reply.text());
    error.retryable = what.retryable;
    fail(std::move(error), now);
}

void Redrive::fail(Error error, Instant now) {
    if (error.retryable && failures_ < context_.config.max_retries) {
        wait_until_ = now + context_.retry_delay(failures_++);
        return;
    }
    Job& job = jobs_.front();
    if (!job.is_list) return end_letter(written_, std::move(error));
    job.listed.error = std::move(error);
    end_job();
}

void Redrive::end_letter(EntryId id, std::optional<Error> error) {
    Job& job = jobs_.front();
    job.redriven.results.push_back({job.ids[next_], id, std::move(error), is_uncertain_});
    ++next_;
    is_uncertain_ = false;
    written_ = {};
    forget_read();
    step_ = first_step();
    failures_ = 0;
}

void Redrive::end_job() {
    Job job = jobs_.pop();
    is_begun_ = false;
    is_uncertain_ = false;
    if (job.is_list) {
        context_.emit(std::move(job.listed));
    } else {
        context_.emit(std::move(job.redriven));
    }
}

void Redrive::handle_lost(const Request& request, Instant now) {
    if (request.tag != job_ || !is_out_) return forget_read();
    is_out_ = false;
    if (step_ == look) jobs_.front().listed.letters.clear();
    is_uncertain_ = is_uncertain_ || step_ == call || step_ == write;
    if (step_ == read || step_ == write) step_ = read;  // what was read is kept for one connection alone
    fail(Error(Code::connection, "the connection was lost before the server's answer", true), now);
}

void Redrive::give_up(const Error& error) {
    wait_until_.reset();
    // Of the letter under way alone it is not known whether it was put back.
    bool may_be_back = is_begun_ && (is_uncertain_ || (is_out_ && step_ != read) || written_ != EntryId{});
    is_out_ = false;
    ++job_;
    while (!jobs_.empty()) {
        Job& job = jobs_.front();
        if (job.is_list) job.listed.error = error;
        for (size_t i = job.redriven.results.size(); i < job.ids.size(); ++i) {
            job.redriven.results.push_back(
                {job.ids[i], std::exchange(written_, EntryId{}), error, std::exchange(may_be_back, false)});
        }
        may_be_back = false;
        end_job();
    }
}

}  // namespace millrace
