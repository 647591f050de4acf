// How long to wait after a refusal: RET-1's delays, longer with each failure in a row.
#pragma once

#include <cstdint>
#include <optional>

#include "millrace/time.hpp"
#include "session/context.hpp"

namespace millrace {

class Backoff {
  public:
    explicit Backoff(Context& context) : context_(context) {}

    /// It failed once more: the next try is after a delay.
    void fail(Instant now) { until_ = now + context_.retry_delay(failures_++); }
    /// A wait that is no failure of the server's.
    void rest(Instant now) { until_ = now + context_.delay_of(failures_); }
    void succeed() { failures_ = 0; }
    void stop() { until_.reset(); }
    /// Whether it is too early for another try. A time that has passed is no timer any more: without a lane it would be
    /// due for ever, and the host would spin.
    [[nodiscard]] bool waits(Instant now) {
        if (until_.has_value() && *until_ <= now) until_.reset();
        return until_.has_value();
    }
    [[nodiscard]] std::optional<Instant> until() const { return until_; }

  private:
    Context& context_;
    uint32_t failures_ = 0;
    std::optional<Instant> until_;
};

}  // namespace millrace
