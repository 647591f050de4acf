// Streams that come and go under a consumer's pattern (MUL-2): what is found is joined into reading and reclaiming,
// what is gone is left, and its number is given to another stream once nothing refers to it.
#include <string>
#include <utility>

#include "consumer/consumer.hpp"

namespace millrace {

namespace {

// Each read without a backlog names all of them: past this many it would be a command of megabytes.
constexpr uint32_t streams_max = 100'000;

}  // namespace

/// REC-8: what is there before the first read begins at `start`, and what comes later at its beginning.
void Consumer::handle_found(std::string_view name) {
    if (streams_.live() >= streams_max) {
        if (std::exchange(said_too_many_, true)) return;
        Error error(Code::queue_full, "pattern " + config_.pattern + ": more than " + std::to_string(streams_max) +
                                          " streams match; the rest is not read");
        return context_.fail(id_, std::move(error));
    }
    const bool is_first = !discovery_.has_looked();
    const uint32_t stream = streams_.add(name);
    holdings_.add_stream(stream);
    dead_letters_.add_stream(stream);
    rotation_.grow(streams_.size());
    if (stream == recoveries_.size()) {
        recoveries_.emplace_back();
        taken_.push_back(0);
    }
    groups_.add_stream(stream, is_first ? config_.start : "0");
    // The first ones are told together.
    if (!is_first) context_.log_fields(LogLevel::info, "A stream was found.", fields_of(stream));
}

void Consumer::handle_round_begin() {
    if (streams_.gone().empty()) return;
    NumberSet used;
    batches_.list_streams(used);
    for (uint32_t i = streams_.gone().next(); i != NumberSet::none; i = streams_.gone().next(i + 1)) {
        if (!used.contains(i) && !groups_.is_asking(i) && !dead_letters_.is_asking(i)) streams_.give_up(i);
    }
}

void Consumer::handle_round_end() {
    if (streams_.live() < streams_max) said_too_many_ = false;
    if (discovery_.has_looked()) return;
    context_.log(LogLevel::info, "Streams were searched for by their pattern.",
                 {{"pattern", config_.pattern}, {"group", config_.group}, {"count", std::to_string(streams_.live())}});
}

void Consumer::handle_discovery_refused(Error error, bool is_final) {
    if (is_final) return fail(std::move(error));
    context_.fail(id_, std::move(error));
}

/// What is held of it has been told as lost. If it comes again, it is a new one.
void Consumer::handle_stream_left(uint32_t stream) {
    context_.log_fields(LogLevel::info, "A stream is gone; it is left.", fields_of(stream));
    rotation_.handle_read(stream, false);
    recoveries_[stream] = Recovery();
    taken_[stream] = 0;
    streams_.leave(stream);
}

LogFields Consumer::fields_of(uint32_t stream) const {
    return {{"stream", streams_[stream]}, {"pattern", config_.pattern}, {"group", config_.group}};
}

}  // namespace millrace
