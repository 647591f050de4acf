#include "consumer/lease.hpp"

#include <utility>

#include "command/key_names.hpp"
#include "command/server_error.hpp"
#include "consumer/names.hpp"

namespace millrace {

namespace {

constexpr Duration lease_time = seconds(30);
constexpr Duration renew_after = seconds(10);
// Names that one MGET asks for: as many as a mask has bits.
constexpr uint32_t window_names = 64;
// Beyond these it is no group of hosts but a leak of names: it is told, and the search begins anew.
constexpr uint32_t windows_max = 64;

std::string random_token(Prng& prng) {
    constexpr char digits[] = "0123456789abcdef";
    std::string token;
    for (int half = 0; half < 2; ++half) {
        uint64_t random = prng.next();
        for (int i = 0; i < 16; ++i, random >>= 4) token += digits[random & 15U];
    }
    return token;
}

}  // namespace

Lease::Lease(Context& context, Lanes& lanes, const SourceConfig& config)
    : context_(context),
      lanes_(lanes),
      stream_(config.streams.empty() ? config.pattern : config.streams.front()),
      group_(config.group),
      base_(lease_base(config.consumer)),
      token_(random_token(context.prng)),
      backoff_(context) {}

Lease::~Lease() {
    for (const std::unique_ptr<Lane>& lane : lanes_) lane->disown(this);
}

std::string Lease::key_of(uint32_t n) const {
    return lease_name(stream_, group_, leased_name(base_, n)).text;
}

uint32_t Lease::candidate() const {
    uint32_t bit = 0;
    while ((free_ >> bit & 1U) == 0) ++bit;
    return window_ * window_names + bit + 1;
}

void Lease::seek() {
    step_ = Step::look;
    window_ = 0;
    free_ = 0;
    held_until_.reset();
    renew_at_.reset();
    is_taken_away_ = false;
}

Error Lease::give_up(Instant now) {
    const bool is_late = held_until_.has_value() && now >= *held_until_;
    Error error(
        Code::lost,
        "the lease of the consumer name '" + name_ + "' is lost: " +
            (is_late && !is_taken_away_ ? "it could not be renewed for 30 s" : "it is another's, or was deleted") +
            "; what was held is given up, and another name is taken",
        true);
    // A renewal that is still owed would be taken for an answer about the next name.
    for (const std::unique_ptr<Lane>& lane : lanes_) lane->disown(this);
    is_out_ = false;
    backoff_.stop();
    seek();
    return error;
}

void Lease::advance(Instant now) {
    if (renew_at_.has_value() && *renew_at_ <= now) renew_at_.reset();
    const bool waits = backoff_.waits(now) || (step_ == Step::keep && renew_at_.has_value());
    if (waits || is_out_ || step_ == Step::ended || refusal_.has_value()) return;
    if (Lane* const lane = lanes_.for_acking(nullptr); lane != nullptr) {
        is_out_ = send(*lane, now);
    } else if (step_ == Step::give) {
        step_ = Step::ended;  // nobody waits for a connection for that: it ends by itself
    }
}

std::optional<Instant> Lease::next_timeout() const {
    std::optional<Instant> next = held_until_;
    for (const std::optional<Instant>& at : {renew_at_, backoff_.until()}) {
        if (at.has_value() && (!next.has_value() || *at < *next)) next = at;
    }
    return step_ == Step::ended ? std::nullopt : next;
}

bool Lease::send(Lane& lane, Instant now) {
    Request request = Request::of(*this, static_cast<uint32_t>(step_), 0, Answer::number);
    switch (step_) {
        case Step::look:
            request.answer = Answer::texts;
            request.most = window_names;
            return lane.send(request, now, [this](resp::Encoder& encoder) {
                encoder.command(1 + window_names).text("MGET");
                for (uint32_t i = 1; i <= window_names; ++i) encoder.text(key_of(window_ * window_names + i));
            });
        case Step::take:
            name_ = leased_name(base_, candidate());
            key_ = key_of(candidate());
            request.answer = Answer::word_or_nil;
            return lane.send(request, now, [this](resp::Encoder& encoder) {
                encoder.command(6).text("SET").text(key_).text(token_).text("NX").text("PX");
                encoder.integer(lease_time.us / 1000);
            });
        case Step::confirm:
        case Step::keep:
            return renewal_.send(lane, request, now, 1, 2, [this](resp::Encoder& encoder) {
                encoder.text(key_).text(token_).integer(lease_time.us / 1000);
            });
        case Step::give:
            return freeing_.send(lane, request, now, 1, 1,
                                 [this](resp::Encoder& encoder) { encoder.text(key_).text(token_); });
        case Step::ended:
            break;
    }
    return false;
}

void Lease::handle_reply(const Request& request, const resp::Reply& reply, Instant now) {
    is_out_ = false;
    const auto asked = static_cast<Step>(request.what);
    if (step_ == Step::give) {  // also the answer to a renewal that was under way
        const bool again = asked != Step::give || freeing_.must_repeat(reply);
        if (!again) step_ = Step::ended;
        return;
    }
    switch (asked) {
        case Step::look:
            return after_look(reply, now);
        case Step::take:
            if (reply.is_error()) return after_refusal("SET", reply, now);
            backoff_.succeed();
            if (reply.is_nil()) return next_free(now);  // taken meanwhile
            step_ = Step::confirm;
            return;
        case Step::confirm:
        case Step::keep:
            return after_renewal(request, reply, now);
        case Step::give:
        case Step::ended:
            return;
    }
}

void Lease::after_look(const resp::Reply& reply, Instant now) {
    if (reply.is_error()) return after_refusal("MGET", reply, now);
    backoff_.succeed();
    uint32_t bit = 0;
    free_ = 0;
    for (const resp::Reply& value : reply) {
        if (bit < window_names && value.is_nil()) free_ |= uint64_t{1} << bit;
        ++bit;
    }
    if (free_ != 0) {
        step_ = Step::take;
    } else {
        next_free(now);
    }
}

/// The candidate is another's, or the window has none.
void Lease::next_free(Instant now) {
    free_ &= free_ - 1;
    if (free_ != 0) return;
    step_ = Step::look;
    if (++window_ < windows_max) return;
    window_ = 0;
    backoff_.fail(now);
    context_.log(LogLevel::warn, "No consumer name is free; asking again.",
                 {{"base", base_}, {"tried", std::to_string(windows_max * window_names)}});
}

/// It counts from when it was sent: the server's time began later.
void Lease::after_renewal(const Request& request, const resp::Reply& reply, Instant now) {
    if (renewal_.must_repeat(reply)) return;
    if (reply.is_error()) {
        // A key of another type in its place: whoever put it there, the name is not ours.
        if (classify(reply.text()).what != ErrorClass::wrong_type) return after_refusal("EVALSHA", reply, now);
    } else if (reply.integer() == 1) {
        backoff_.succeed();
        step_ = Step::keep;
        held_until_ = request.sent + lease_time;
        renew_at_ = request.sent + renew_after;
        return;
    }
    if (step_ == Step::confirm) return seek();
    is_taken_away_ = true;
    held_until_ = now;
}

void Lease::after_refusal(std::string_view command, const resp::Reply& reply, Instant now) {
    const ServerError what = classify(reply.text());
    Error error = to_error(reply.text());
    if (what.retryable || what.what == ErrorClass::oom) return backoff_.fail(now);
    error.message = std::string(command) + " " + (key_.empty() ? key_of(1) : key_) + ": " + error.message +
                    "; a consumer name can't be leased here (consumer_lease)";
    refusal_ = std::move(error);
}

void Lease::handle_lost(const Request& request, Instant now) {
    is_out_ = false;
    const auto asked = static_cast<Step>(request.what);
    if (step_ == Step::give) {
        step_ = Step::ended;  // at worst it ends by itself
    } else if (asked == Step::take) {
        step_ = Step::confirm;  // was it executed?
    } else if (asked == Step::keep) {
        backoff_.fail(now);
    }
}

void Lease::give_back() {
    if (ending()) return;
    const bool is_had = step_ == Step::keep || step_ == Step::confirm;
    step_ = is_had && !refusal_.has_value() ? Step::give : Step::ended;
    backoff_.stop();
    held_until_.reset();
    renew_at_.reset();
}

}  // namespace millrace
