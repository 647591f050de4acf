#include "consumer/discovery.hpp"

#include <algorithm>
#include <utility>

#include "command/key_names.hpp"
#include "command/server_error.hpp"
#include "command/stream_commands.hpp"

namespace millrace {

namespace {

constexpr Version type_from{6, 0, 0};
// Keys that one SCAN looks at. On 7.0.15 that takes 0.3 ms, in which nobody else is served.
constexpr uint32_t page_keys = 1000;
// TYPEs without an answer.
constexpr size_t types_out_max = 256;
// The name is in every read: a longer one is no name of a stream that anybody meant to be read so.
constexpr size_t name_bytes_max = 1024;
// A cursor is a number of 64 bits in decimals.
constexpr size_t cursor_bytes_max = 20;

}  // namespace

std::optional<Instant> Discovery::next_timeout() const {
    if (!is_wanted() || step_ != Step::rest || next_at_ <= holdings_.context.now) return std::nullopt;
    return next_at_;
}

void Discovery::advance(Lane* lane, Instant now) {
    if (!is_wanted() || lane == nullptr) return;
    if (step_ == Step::rest && next_at_ <= now) begin_round(now);
    if (step_ == Step::scan) send_scan(*lane, now);
    if (step_ == Step::ask) ask_types(*lane, now);
}

void Discovery::begin_round(Instant now) {
    ++round_;
    began_ = now;
    cursor_ = "0";
    candidates_.clear();
    next_candidate_ = 0;
    types_out_ = 0;
    step_ = Step::scan;
    observer_.handle_round_begin();
}

void Discovery::send_scan(Lane& lane, Instant now) {
    const ServerInfo& server = lane.greeting().server;
    const bool is_known_old = server.version.has_value() && *server.version < type_from;
    tells_type_ = may_tell_type_ && !is_known_old;
    const bool sent =
        lane.send(Request::of(*this, scan, uint64_t{round_} << 32, Answer::keys), now, [&](resp::Encoder& encoder) {
            command::scan(encoder, cursor_, holdings_.config.pattern, page_keys, tells_type_);
        });
    if (sent) step_ = Step::await;
}

void Discovery::ask_types(Lane& lane, Instant now) {
    while (next_candidate_ < candidates_.size() && types_out_ < types_out_max) {
        const Request request = Request::of(*this, type, uint64_t{round_} << 32 | next_candidate_, Answer::word);
        const std::string& name = candidates_[next_candidate_];
        const bool sent = lane.send(request, now, [&](resp::Encoder& encoder) { command::type(encoder, name); });
        if (!sent) return;
        ++next_candidate_;
        ++types_out_;
    }
}

void Discovery::handle_reply(const Request& request, const resp::Reply& reply, Instant now) {
    if (static_cast<uint32_t>(request.tag >> 32) != round_ || step_ == Step::rest) return;
    if (holdings_.stopped || holdings_.draining) return;  // nothing is joined any more
    if (request.what == scan) return after_scan(reply, now);
    --types_out_;
    after_type(candidates_[request.tag & 0xffffffffU], reply, now);
}

void Discovery::after_scan(const resp::Reply& reply, Instant now) {
    if (reply.is_error()) {
        if (tells_type_ && classify(reply.text()).what == ErrorClass::syntax) {
            may_tell_type_ = false;  // a rung down (DET-6)
            step_ = Step::scan;
            return;
        }
        return refuse("SCAN", reply, now);
    }
    const std::string_view cursor = reply[0].text();
    if (cursor.empty() || cursor.size() > cursor_bytes_max) {
        holdings_.context.fail(holdings_.source,
                               Error(Code::protocol, "the answer to SCAN is no cursor with a list of keys", true));
        return try_later(now);
    }
    cursor_ = cursor;
    is_last_ = cursor_ == "0";
    candidates_.clear();
    next_candidate_ = 0;
    for (const resp::Reply& key : reply[1]) take_name(key.text());
    if (candidates_.empty()) return end_page(now);
    step_ = Step::ask;
}

void Discovery::take_name(std::string_view name) {
    if (holdings_.streams.find(name).has_value() || is_dead_stream_name(name)) return;
    if (name.size() > name_bytes_max) {
        if (std::exchange(said_too_long_, true)) return;
        holdings_.context.log(LogLevel::warn, "A key that matches the pattern has too long a name to be read.",
                              {{"pattern", holdings_.config.pattern},
                               {"bytes", std::to_string(name.size())},
                               {"bytes_max", std::to_string(name_bytes_max)}});
    } else if (tells_type_) {
        observer_.handle_found(name);
    } else {
        candidates_.emplace_back(name);
    }
}

void Discovery::after_type(const std::string& name, const resp::Reply& reply, Instant now) {
    if (reply.is_error()) return refuse("TYPE", reply, now);
    if (reply.text() == "stream" && !holdings_.streams.find(name).has_value()) observer_.handle_found(name);
    if (types_out_ == 0 && next_candidate_ == candidates_.size()) end_page(now);
}

/// A round over many keys is followed by a rest as long as itself, however short the interval.
void Discovery::end_page(Instant now) {
    step_ = Step::scan;
    if (!is_last_) return;
    step_ = Step::rest;
    next_at_ = std::max(began_ + holdings_.config.discover_interval, now + (now - began_));
    failures_ = 0;
    said_refused_ = false;
    observer_.handle_round_end();
    has_looked_ = true;
}

void Discovery::refuse(std::string_view command, const resp::Reply& reply, Instant now) {
    const ServerError refusal = classify(reply.text());
    Error error = to_error(reply.text());
    error.message = std::string(command) + " for the pattern " + holdings_.config.pattern + ": " + error.message;
    try_later(now);
    if (refusal.retryable || refusal.what == ErrorClass::oom) {
        error.retryable = true;
        return holdings_.context.fail(holdings_.source, std::move(error));
    }
    next_at_ = now + holdings_.config.discover_interval;
    if (!std::exchange(said_refused_, true)) {  // what was found is read on
        error.message += "; streams that come are not found";
        observer_.handle_discovery_refused(std::move(error), !has_looked_);
    }
}

/// The round begins anew: what a server has listed before a loss is nothing to go on with.
void Discovery::try_later(Instant now) {
    ++round_;
    step_ = Step::rest;
    const Duration delay = holdings_.context.retry_delay(failures_++);
    next_at_ = now + std::min(delay, holdings_.config.discover_interval);
}

void Discovery::handle_lost(const Request& request, Instant now) {
    if (static_cast<uint32_t>(request.tag >> 32) == round_ && step_ != Step::rest) {
        ++round_;
        step_ = Step::rest;
        next_at_ = now;
    }
}

}  // namespace millrace
