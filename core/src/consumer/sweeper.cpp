#include "consumer/sweeper.hpp"

#include <algorithm>
#include <utility>

#include "command/server_error.hpp"
#include "command/stream_commands.hpp"
#include "consumer/names.hpp"
#include "resp/field.hpp"

namespace millrace {

namespace {

constexpr Duration default_expiry = seconds(24 * 3600);
constexpr Duration interval_max = seconds(3600);
// Of one stream in one sweep; the rest is left to the next.
constexpr size_t gone_max = 256;

}  // namespace

Duration Sweeper::expiry_of(std::string_view consumer) const {
    const SourceConfig& config = holdings_.config;
    if (config.consumer_expiry.has_value()) return *config.consumer_expiry;
    const bool is_made_by_us =
        is_generated_name(consumer) || (config.consumer_lease && is_leased_name(lease_base(config.consumer), consumer));
    return is_made_by_us ? default_expiry : Duration{};
}

Duration Sweeper::interval() const {
    const Duration expiry = holdings_.config.consumer_expiry.value_or(default_expiry);
    return std::max(holdings_.config.claim_interval, std::min(Duration{expiry.us / 10}, interval_max));
}

std::optional<Instant> Sweeper::next_timeout() const {
    return may_sweep_ ? sweep_at_ : std::nullopt;
}

void Sweeper::advance(Lane* lane, Instant now) {
    if (!may_sweep_ || holdings_.config.consumer_expiry == Duration{}) return;
    if (!std::exchange(is_begun_, true)) sweep_at_ = now + holdings_.config.claim_interval;
    if (sweep_at_.has_value() && *sweep_at_ <= now) {
        sweep_at_.reset();
        phase_ = Phase::sweeping;
        stream_ = 0;
    }
    if (lane == nullptr || is_out_ || phase_ != Phase::sweeping) return;
    if (!gone_.empty()) {
        is_out_ = send_removal(*lane, now);
        return;
    }
    while (stream_ < holdings_.streams.size() && !holdings_.streams.is_live(stream_)) ++stream_;
    if (stream_ < holdings_.streams.size()) {
        is_out_ = send_list(*lane, now);
    } else {
        end_sweep(now);
    }
}

void Sweeper::end_sweep(Instant now) {
    phase_ = Phase::waiting;
    sweep_at_ = now + interval();
}

void Sweeper::leave(Lane* lane, Instant now) {
    if (!may_leave_) return;
    if (phase_ != Phase::leaving && phase_ != Phase::left) {
        phase_ = Phase::leaving;
        ++turn_;
        gone_.clear();
        for (uint32_t i = 0; i < holdings_.streams.size(); ++i) {
            if (holdings_.streams.is_live(i)) gone_.push({i, holdings_.consumer, {}});
        }
    }
    if (is_out_ || phase_ == Phase::left) return;
    if (lane == nullptr || gone_.empty()) {
        phase_ = Phase::left;
    } else {
        is_out_ = send_removal(*lane, now);
    }
}

bool Sweeper::send_list(Lane& lane, Instant now) {
    return lane.send(Request::of(*this, list, turn_, Answer::rows), now, [this](resp::Encoder& encoder) {
        command::xinfo_consumers(encoder, holdings_.streams[stream_], holdings_.config.group);
    });
}

bool Sweeper::send_removal(Lane& lane, Instant now) {
    const Gone& gone = gone_.front();
    const Request request = Request::of(*this, remove, turn_, Answer::word);
    return script_.send(lane, request, now, 1, 3, [&](resp::Encoder& encoder) {
        encoder.text(holdings_.streams[gone.stream]).text(holdings_.config.group);
        encoder.text(gone.consumer).integer(gone.idle_min.us / 1000);
    });
}

void Sweeper::handle_reply(const Request& request, const resp::Reply& reply, Instant) {
    is_out_ = false;
    if (request.tag != turn_) return;
    if (request.what == remove) {
        after_removal(reply);
    } else {
        after_list(reply);
    }
}

void Sweeper::after_list(const resp::Reply& reply) {
    if (reply.is_error()) {
        after_refusal("XINFO CONSUMERS", reply);
    } else {
        for (const resp::Reply& row : reply) {
            const std::string_view consumer = resp::field(row, "name").text();
            const Duration expiry = expiry_of(consumer);
            const resp::Reply pending = resp::field(row, "pending");
            if (expiry == Duration{} || consumer == holdings_.consumer || pending.is_nil() || pending.integer() != 0)
                continue;
            if (resp::field(row, "idle").integer() < expiry.us / 1000 || gone_.size() >= gone_max) continue;
            gone_.push({stream_, std::string(consumer), expiry});
        }
    }
    ++stream_;
}

void Sweeper::after_removal(const resp::Reply& reply) {
    if (script_.must_repeat(reply)) return;
    const Gone gone = gone_.pop();
    if (reply.is_error()) return after_refusal("EVALSHA", reply);
    if (reply.text() != "deleted") return;  // it came back, or another was quicker
    holdings_.context.log(
        LogLevel::info, "A consumer that had left was deleted.",
        {{"stream", holdings_.streams[gone.stream]}, {"group", holdings_.config.group}, {"consumer", gone.consumer}});
}

/// What is mended by time is tried again by the next sweep; a missing group or a key of another type concerns the
/// reads.
void Sweeper::after_refusal(std::string_view command, const resp::Reply& reply) {
    const ServerError what = classify(reply.text());
    if (phase_ != Phase::sweeping) {
        // Our name stays; whoever sweeps later finds it. Of one stream without the group the others know nothing.
        if (what.what != ErrorClass::no_group) gone_.clear();
        return;
    }
    const bool is_refused = what.code == Code::no_permission || what.what == ErrorClass::unknown_command ||
                            what.what == ErrorClass::no_script;
    if (!is_refused || !std::exchange(may_sweep_, false)) return;
    gone_.clear();
    Error error = to_error(reply.text());
    error.message = std::string(command) + ": " + error.message + "; consumers that have left stay in the group";
    holdings_.context.fail(holdings_.source, std::move(error));
}

void Sweeper::handle_lost(const Request& request, Instant) {
    is_out_ = false;
    if (request.tag != turn_) return;
    if (phase_ == Phase::leaving) {
        gone_.clear();
    } else if (request.what == list) {
        ++stream_;
    } else {
        (void)gone_.pop();  // the next sweep finds it if it is there still
    }
}

}  // namespace millrace
