#include "consumer/seen.hpp"

#include <algorithm>
#include <string_view>

#include "command/scripts.hpp"
#include "command/server_error.hpp"

namespace millrace {

void Seen::advance(Lane* lane, Instant now) {
    const bool waits = backoff_.waits(now);
    if (holdings_.unsure.empty()) return;
    if (!holdings_.shares_seen()) return let_all_in();
    ask_about_the_rest();
    if (lane == nullptr || waits) return;
    size_t first = 0;
    for (size_t i = 0; i < questions_.size(); ++i) {
        // Where there is no memory for the question nothing else may come to wake it up.
        if (questions_[i].state == Question::State::queued && !send(i, first, *lane, now)) return backoff_.rest(now);
        first += questions_[i].count;
    }
}

void Seen::ask_about_the_rest() {
    const Ring<Holdings::Unsure>& line = holdings_.unsure;
    size_t end = 0;
    for (size_t i = 0; i < questions_.size(); ++i) end += questions_[i].count;
    while (end < line.size()) {
        Question question;
        const uint32_t stream = line[end].name.stream;
        for (; end < line.size() && line[end].name.stream == stream && question.count < script_arguments_max; ++end) {
            ++question.count;
        }
        questions_.push(question);
    }
}

bool Seen::send(size_t index, size_t first, Lane& lane, Instant now) {
    Question& question = questions_[index];
    const Request request = Request::of(*this, 0, first_serial_ + index, Answer::texts, question.count);
    const bool sent = lane.send(request, now, [&](resp::Encoder& encoder) {
        encoder.command(1 + question.count).text("MGET");
        for (size_t i = first; i < first + question.count; ++i) {
            const Holdings::Unsure& entry = holdings_.unsure[i];
            // One that is exempt, or was lost meanwhile, keeps its place: of no id nothing is ever marked.
            const std::optional<std::string_view> key =
                holdings_.waits_for_word(entry) ? holdings_.seen_keys.find(entry.name) : std::nullopt;
            encoder.text(key.has_value() ? *key : std::string_view(holdings_.seen_prefix(entry.name.stream)));
        }
    });
    if (sent) question.state = Question::State::sent;
    return sent;
}

Seen::Question* Seen::find(uint64_t serial) {
    if (serial < first_serial_ || serial - first_serial_ >= questions_.size()) return nullptr;
    return &questions_[static_cast<size_t>(serial - first_serial_)];
}

void Seen::handle_reply(const Request& request, const resp::Reply& reply, Instant now) {
    Question* const question = find(request.tag);
    if (question == nullptr || holdings_.stopped) return;
    if (reply.is_error()) {
        const ServerError error = classify(reply.text());
        question->state = Question::State::queued;
        if (error.retryable || error.what == ErrorClass::oom) return backoff_.fail(now);
        holdings_.stop_sharing(to_error(reply.text()), "MGET");
        return let_all_in();
    }
    backoff_.succeed();
    question->state = Question::State::answered;
    size_t first = 0;
    for (size_t i = 0; first_serial_ + i < request.tag; ++i) first += questions_[i].count;
    size_t answered = 0;
    for (const resp::Reply& value : reply) {
        if (answered < question->count) holdings_.unsure[first + answered++].is_seen = !value.is_nil();
    }
    let_in();
}

void Seen::let_in() {
    while (!questions_.empty() && questions_.front().state == Question::State::answered) {
        const size_t count = questions_.pop().count;
        ++first_serial_;
        for (size_t i = 0; i < count; ++i) holdings_.decide(holdings_.unsure.pop());
    }
    // What was recovered or claimed goes out at once (BAT-1); recovery itself hands over at its end.
    const auto is_again = [](const Holdings::Unsure& entry) { return entry.lot == Lot::again; };
    bool more = false;
    for (size_t i = 0; i < holdings_.unsure.size() && !more; ++i) more = is_again(holdings_.unsure[i]);
    if (holdings_.recovered && !more) holdings_.batches.flush(Lot::again, FlushReason::recovery);
}

/// Nothing is asked any more.
void Seen::let_all_in() {
    forget_questions();
    while (!holdings_.unsure.empty()) holdings_.decide(holdings_.unsure.pop());
    let_in();
}

void Seen::handle_lost(const Request& request, Instant) {
    if (Question* const question = find(request.tag); question != nullptr) question->state = Question::State::queued;
}

void Seen::drain() {
    forget_questions();
    while (!holdings_.unsure.empty()) holdings_.give_back(holdings_.unsure.pop());
}

/// Answers to those that were sent find none.
void Seen::forget_questions() {
    first_serial_ += questions_.size();
    questions_.clear();
    backoff_.stop();
}

}  // namespace millrace
