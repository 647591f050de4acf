#include "producer/rungs.hpp"

#include <algorithm>
#include <utility>

#include "base/format.hpp"

namespace millrace {

namespace {

// A clock that is set is noticed within this time; until then as much too much or too little may be trimmed.
constexpr Duration time_valid = seconds(60);

constexpr Version minid_since{6, 2, 0};
constexpr Version acked_since{8, 2, 0};
constexpr Version idmp_since{8, 6, 0};

/// The shapes in which servers refuse an option or a command that they do not know (DET-6).
bool is_unknown(ErrorClass what) {
    return what == ErrorClass::syntax || what == ErrorClass::invalid_stream_id || what == ErrorClass::wrong_arguments ||
           what == ErrorClass::unknown_command;
}

}  // namespace

void Rungs::handle_lost() {
    ask_time_at_ = Instant{};
    time_at_.reset();
}

void Rungs::handle_ready(const Greeting& greeting) {
    const std::string version = greeting.server.version_text + " " + std::string(name(greeting.server.flavor));
    if (std::exchange(version_, version) == version) return;
    const std::optional<Version> of = greeting.server.version;
    minid_ = !of.has_value() || *of >= minid_since;
    acked_ = !of.has_value() || *of >= acked_since;
    idmp_ = !of.has_value() || *of >= idmp_since;
    script_ = time_ = true;
}

std::optional<Form> Rungs::choose(const PublishConfig& options, Instant now) {
    Form form;
    const bool trims = options.max_len.has_value() || options.max_age.has_value();
    const bool keeps = trims && options.keep_pending;
    const bool by_age = options.max_age.has_value();
    const bool natively = (!options.idempotent || idmp_) && (!keeps || acked_) && (!by_age || (minid_ && time_));
    form.script = script_ && !natively;
    form.idmp = options.idempotent && idmp_ && !form.script;
    if (form.script || !trims || (keeps && !acked_)) return form;  // what is pending is kept, trimmed or not
    form.acked = keeps;
    if (!by_age) {
        form.trim = Form::Trim::length;
        return form;
    }
    if (!minid_ || !time_) return form;
    wants_time_ = true;
    if (!time_at_.has_value()) return std::nullopt;
    form.trim = Form::Trim::age;
    // The server read its clock before we heard of it, so this is never later than its time: nothing goes too early.
    form.oldest_ms = time_ms_ + (now - *time_at_).us / 1000 - options.max_age->us / 1000;
    if (form.oldest_ms <= 0) form.trim = Form::Trim::none;
    return form;
}

void Rungs::handle_time_asked(Instant now) {
    ask_time_at_ = now + time_valid;
}

void Rungs::ask_time_later(Instant now) {
    ask_time_at_ = now + std::max(context_.retry_delay(0), connect_spacing);
}

std::optional<Instant> Rungs::next_timeout() const {
    if (!wants_time_ || !time_ || !minid_ || time_at_.has_value() || ask_time_at_ == Instant{}) return std::nullopt;
    return ask_time_at_;
}

void Rungs::handle_time(const resp::Reply& reply, Instant now) {
    if (reply.is_error()) {
        const ServerError what = classify(reply.text());
        if (what.retryable) {
            ask_time_later(now);
            return;
        }
        time_ = false;
        tell("TIME is refused, so entries are not trimmed by MINID", to_error(reply.text()), !script_);
        return;
    }
    const std::optional<int64_t> second = parse_i64(reply[0].text());
    const std::optional<int64_t> us = parse_i64(reply[1].text());
    if (!second || !us || *second < 0 || *second > INT64_MAX / 1'000'000 || *us < 0 || *us > 999'999) {
        time_ = false;
        tell("TIME answers no time", Error(Code::protocol, "TIME answered something else"), !script_);
        return;
    }
    time_ms_ = *second * 1000 + *us / 1000;
    time_at_ = now;
}

bool Rungs::step_down(const Form& form, const resp::Reply& reply) {
    const ErrorClass what = classify(reply.text()).what;
    if (form.script) {
        const bool refused = what == ErrorClass::no_permission || what == ErrorClass::unknown_command ||
                             what == ErrorClass::cross_slot || what == ErrorClass::script;
        if (refused) refuse_script(to_error(reply.text()));
        return refused;
    }
    if (!is_unknown(what) || form.is_plain()) return false;
    if (form.idmp) {
        refuse_idmp(to_error(reply.text()));
    } else if (form.acked) {
        if (std::exchange(acked_, false)) tell("XADD … ACKED is refused", to_error(reply.text()), !script_);
    } else if (std::exchange(minid_, false)) {
        tell("XADD … MINID is refused", to_error(reply.text()), !script_);
    }
    return true;
}

void Rungs::refuse_script(const Error& error) {
    if (!std::exchange(script_, false)) return;
    tell("The script that appends is refused", error, true);
}

void Rungs::refuse_idmp(const Error& error) {
    if (std::exchange(idmp_, false)) tell("IDMP is refused", error, !script_);
}

/// Where a rung is left the feature goes on by the next; where none is left it is off, and that is an error.
void Rungs::tell(std::string_view what, const Error& error, bool is_lost) {
    std::string text(what);
    if (is_lost) {
        text.append("; publishing goes on without what needs it: ").append(error.message);
        context_.fail(std::nullopt, Error(error.code, std::move(text), false));
        return;
    }
    text += "; publishing steps down.";
    context_.log(LogLevel::warn, text, {{"error", error.message}});
}

}  // namespace millrace
