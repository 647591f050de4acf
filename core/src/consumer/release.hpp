// How entries of ours are released to whoever reclaims next (ACK-4), from the best rung down (DET-6): by XNACK, which
// Redis has from 8.8 on, or by making them look idle. XNACK asks neither whose an entry is nor for how long it was
// idle, so a script of ours looks first: it would else release what another has claimed meanwhile.
#pragma once

#include <span>

#include "consumer/holdings.hpp"
#include "session/lane.hpp"
#include "session/script_call.hpp"

namespace millrace {

class Release {
  public:
    explicit Release(Holdings& holdings) : holdings_(holdings) {}

    enum Way : uint32_t { claim, xnack };
    /// The best one that the server of this lane has not refused.
    [[nodiscard]] Way way(const Lane& lane) const;
    /// One command for entries of one stream. `refreshed`: when a reply last told that the oldest of them is ours.
    /// False as of Lane::send.
    [[nodiscard]] bool send(Way way, Lane& lane, Request request, Instant now, uint32_t stream,
                            std::span<const EntryId> ids, Instant refreshed);
    /// To be asked of every answer: true when the way was refused and not the release, which is then to be sent again.
    [[nodiscard]] bool must_repeat(Way tried, const resp::Reply& reply);

  private:
    Holdings& holdings_;
    ScriptCall script_{ScriptId::release};
    bool is_refused_ = false;  // XNACK, or scripts
};

}  // namespace millrace
