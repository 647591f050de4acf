// A consumer's name under a lease (REC-4): `{base}-{n}` with the first n that nobody has. Found, taken, confirmed, kept
// by renewals, and given back at the end. It says when the name is had and when it is lost; what that means for entries
// is its owner's business.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "consumer/backoff.hpp"
#include "millrace/config.hpp"
#include "millrace/error.hpp"
#include "session/lanes.hpp"
#include "session/script_call.hpp"

namespace millrace {

class Lease final : private ReplyHandler {
  public:
    Lease(Context& context, Lanes& lanes, const SourceConfig& config);
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;
    ~Lease();

    /// Sends what is due. A name that is lost, or can't be had, is sought anew by the next call.
    void advance(Instant now);
    [[nodiscard]] std::optional<Instant> next_timeout() const;

    /// Whether the name is ours, and nobody else's, at this moment: by the clock, too. After a suspend of the host it
    /// is not, though no answer has told so.
    [[nodiscard]] bool has_name(Instant now) const { return held_until_.has_value() && now < *held_until_; }
    /// The name that is had, or was had last.
    [[nodiscard]] const std::string& name() const { return name_; }
    /// Why the name that was had is no longer; then it is sought anew.
    [[nodiscard]] Error give_up(Instant now);
    /// Why there is no name to be had here, ever.
    [[nodiscard]] const std::optional<Error>& refusal() const { return refusal_; }

    /// The owner has ended: the next call of advance frees the name, if it is had and there is a connection.
    void give_back();
    [[nodiscard]] bool ending() const { return step_ == Step::give || step_ == Step::ended; }
    /// Whether that is done, or can't be.
    [[nodiscard]] bool given_back() const { return step_ == Step::ended; }

  private:
    /// What should be sent next?
    enum class Step : uint8_t {
        look,     // MGET of a window of names: which are free?
        take,     // SET NX PX
        confirm,  // the renewal that tells whether it is ours, and that scripts are allowed, before it is used
        keep,     // a renewal, when it is time
        give,     // the script that frees it
        ended,    // nothing any more
    };

    void handle_reply(const Request& request, const resp::Reply& reply, Instant now) override;
    void handle_lost(const Request& request, Instant now) override;

    [[nodiscard]] bool send(Lane& lane, Instant now);
    void after_look(const resp::Reply& reply, Instant now);
    void after_renewal(const Request& request, const resp::Reply& reply, Instant now);
    void after_refusal(std::string_view command, const resp::Reply& reply, Instant now);
    void next_free(Instant now);
    void seek();
    [[nodiscard]] std::string key_of(uint32_t n) const;
    [[nodiscard]] uint32_t candidate() const;

    Context& context_;
    Lanes& lanes_;
    const std::string stream_;
    const std::string group_;
    const std::string base_;
    std::string token_;
    std::string name_;
    std::string key_;
    Step step_ = Step::look;
    bool is_out_ = false;         // a reply is owed
    uint32_t window_ = 0;         // the names 64 x window + 1 and on
    uint64_t free_ = 0;           // of them: those that were free, by bit
    bool is_taken_away_ = false;  // a renewal was answered that the name is not ours
    std::optional<Instant> held_until_;
    std::optional<Instant> renew_at_;  // a time that has passed is none: then it is due
    Backoff backoff_;
    ScriptCall renewal_{ScriptId::renew_lease};
    ScriptCall freeing_{ScriptId::free_lease};
    std::optional<Error> refusal_;
};

}  // namespace millrace
