// Asks again what the server is, on a connection of its own, while a client makes do with Pub/Sub because nothing told
// (DET-5): what refused to tell may be allowed to tomorrow, and a subscribed RESP2 connection takes no INFO. It decides
// when to ask; what the answer means is the machine's.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>

#include "session/context.hpp"
#include "session/lanes.hpp"

namespace millrace {

class Probe {
  public:
    Probe(Context& context, Lanes& lanes) : context_(context), lanes_(lanes) {}

    /// Called after each input: opens the lane when it is time, and gives it up when it is not wanted any more.
    void advance(bool is_wanted, Instant now) {
        Lane* const lane = lanes_.probe_if_open();
        if (!is_wanted) {
            if (lane != nullptr) lane->close();
            due_.reset();
            asked_ = 0;
            return;
        }
        if (lane != nullptr && lane->state() != Lane::State::idle) return;
        if (!due_.has_value()) due_ = now + std::max(context_.delay_of(asked_++), connect_spacing);
        if (*due_ > now) return;
        due_.reset();
        lanes_.probe().open(now);
    }

    /// The server has answered; the lane is closed until it is asked next.
    void handle_answer() { lanes_.probe().close(); }

    /// When to ask next: RET-1's delays, of which none follows a refusal too soon.
    [[nodiscard]] std::optional<Instant> next_timeout() const { return due_; }

  private:
    Context& context_;
    Lanes& lanes_;
    std::optional<Instant> due_;
    uint32_t asked_ = 0;
};

}  // namespace millrace
