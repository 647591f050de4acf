// Which streams match the pattern of a consumer (MUL-2): by SCAN, round after round. From 6.0 on SCAN tells streams
// from other keys; before, TYPE is asked of each key that nobody knows yet. Dead streams never match (DLQ-3). It says
// what is there; what is gone shows in the reads. Knows nothing of groups and entries.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "consumer/holdings.hpp"
#include "session/lane.hpp"

namespace millrace {

class DiscoveryObserver {
  public:
    virtual void handle_round_begin() = 0;
    /// A stream whose name matches, and that is not known. Said once or more in each round until it is.
    virtual void handle_found(std::string_view name) = 0;
    /// Every stream that was there during the whole round has been found.
    virtual void handle_round_end() = 0;
    /// The keys of the server can't be listed. `is_final`: they never could, and nothing will be found.
    virtual void handle_discovery_refused(Error error, bool is_final) = 0;

  protected:
    ~DiscoveryObserver() = default;
};

class Discovery final : private ReplyHandler {
  public:
    Discovery(Holdings& holdings, DiscoveryObserver& observer) : holdings_(holdings), observer_(observer) {}

    /// Whether there is a pattern.
    [[nodiscard]] bool is_wanted() const { return !holdings_.config.pattern.empty(); }
    /// Whether all is known that was there at the beginning, so that reading may begin.
    [[nodiscard]] bool has_looked() const { return has_looked_ || !is_wanted(); }
    void advance(Lane* lane, Instant now);
    /// When the next round begins, of which a time that has passed is none: it waits for a lane then.
    [[nodiscard]] std::optional<Instant> next_timeout() const;
    void disown(Lane& lane) { lane.disown(this); }

  private:
    enum What : uint32_t { scan, type };

    /// What should be sent next?
    enum class Step : uint8_t {
        rest,   // nothing, until next_at_
        scan,   // SCAN from cursor_
        await,  // its reply is owed
        ask,    // TYPE of the candidates
    };

    void handle_reply(const Request& request, const resp::Reply& reply, Instant now) override;
    void handle_lost(const Request& request, Instant now) override;

    void begin_round(Instant now);
    void send_scan(Lane& lane, Instant now);
    void ask_types(Lane& lane, Instant now);
    void after_scan(const resp::Reply& reply, Instant now);
    void after_type(const std::string& name, const resp::Reply& reply, Instant now);
    void take_name(std::string_view name);
    void end_page(Instant now);
    void refuse(std::string_view command, const resp::Reply& reply, Instant now);
    void try_later(Instant now);

    Holdings& holdings_;
    DiscoveryObserver& observer_;
    Step step_ = Step::rest;
    uint32_t round_ = 0;  // replies to what an earlier one asked are of no more interest
    Instant began_{};
    Instant next_at_{};  // when the next round begins
    std::string cursor_;
    bool is_last_ = false;       // the page under way is the round's last
    bool tells_type_ = false;    // the page under way has streams alone
    bool may_tell_type_ = true;  // false once the server has refused TYPE in SCAN
    bool has_looked_ = false;
    bool said_refused_ = false;
    bool said_too_long_ = false;
    std::vector<std::string> candidates_;  // of the page under way, for TYPE
    size_t next_candidate_ = 0;
    size_t types_out_ = 0;
    uint32_t failures_ = 0;
};

}  // namespace millrace
