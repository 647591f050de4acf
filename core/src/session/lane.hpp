// One connection at a time for one role: connecting, the handshake, the queue of replies that are owed, deadlines, and
// backoff when it is lost. Knows nothing of streams, and nothing of other lanes but the spacing of attempts.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>

#include "base/buffer.hpp"
#include "base/ring.hpp"
#include "millrace/action.hpp"
#include "millrace/bytes.hpp"
#include "resp/decoder.hpp"
#include "resp/encoder.hpp"
#include "session/context.hpp"
#include "session/handshake.hpp"
#include "session/request.hpp"

namespace millrace {

class Lane;

/// Who owns the lanes.
class LaneObserver {
  public:
    /// The lane has greeted. Why it can't be used all the same, if that is so; then it is dropped and tries again, with
    /// backoff, and nobody is told that it was ready.
    [[nodiscard]] virtual std::optional<Error> judge(const Lane& lane) = 0;
    virtual void handle_lane_ready(Lane& lane, Instant now) = 0;
    /// Every request that was owed a reply has been told before.
    virtual void handle_lane_lost(Lane& lane, const Error& error, Instant now) = 0;
    /// Something the server sent of itself: a push, or in RESP2 a message; also an error that answers no request.
    virtual void handle_push(Lane& lane, const resp::Reply& reply, Instant now) = 0;

  protected:
    ~LaneObserver() = default;
};

/// In place of a connection where there is none: the first is 1.
inline constexpr ConnId no_conn{0};

class Lane final : private ReplyHandler {
  public:
    enum class State : uint8_t {
        idle,        ///< not asked for
        waiting,     ///< for the time of the next attempt
        connecting,  ///< the host is at it
        greeting,    ///< the handshake
        ready,
        stopped,  ///< refused in a way that no retry changes
    };

    Lane(Context& context, LaneObserver& observer, LaneRole role);

    /// Asks for a connection, if there is none and none is under way.
    void open(Instant now);
    /// The same, but no sooner than connect_spacing after the client's last attempt: for what somebody may repeat.
    void open_again(Instant now);
    /// Gives the connection up; nothing is told, nothing retried.
    void close();
    /// The same, and whoever is owed a reply is told that it will not come.
    void give_up(Instant now);
    /// The connection is of no more use: tells all, and tries again unless the error can't be mended by that.
    void drop(DisconnectReason reason, Error error, Instant now);

    /// Writes a command by `encode(resp::Encoder&)` and queues its request. False when memory is refused or the lane is
    /// not ready; then nothing was sent and nobody will be told.
    template <class Encode>
    [[nodiscard]] bool send(const Request& request, Instant now, Encode&& encode) {
        if (state_ != State::ready) return false;
        resp::Encoder encoder(out_);
        encode(encoder);
        if (!encoder.ok()) return false;
        enqueue(request, now);
        return true;
    }
    /// The same for what is answered by pushes alone.
    template <class Encode>
    [[nodiscard]] bool send_unanswered(Encode&& encode) {
        if (state_ != State::ready) return false;
        resp::Encoder encoder(out_);
        encode(encoder);
        announced_ = false;
        return encoder.ok();
    }
    /// Nobody waits for the replies of this owner any more.
    void disown(const ReplyHandler* owner);
    /// Whether a command is out that moves entries to a consumer, and whose reply nobody waits for any more.
    [[nodiscard]] bool takes_for_nobody() const;

    /// Stops or resumes reading the socket. While it is stopped, silence means nothing.
    void set_readable(bool readable, Instant now);

    void handle_connected(Instant now);
    /// The host has ended the connection, or never got it: the same as drop, without asking it to close.
    void handle_disconnected(DisconnectReason reason, Error error, Instant now);
    [[nodiscard]] std::span<std::byte> input_room(size_t hint) { return decoder_.room(hint); }
    void handle_input(size_t written, Instant now);
    void handle_timeout(Instant now);
    [[nodiscard]] std::optional<Instant> next_timeout() const;

    [[nodiscard]] State state() const { return state_; }
    [[nodiscard]] bool ready() const { return state_ == State::ready; }
    /// Whether a blocking read is out: what is sent now is executed when it ends (ACK-3).
    [[nodiscard]] bool blocked() const { return blocking_ > 0; }
    [[nodiscard]] size_t owed() const { return owed_.size(); }
    [[nodiscard]] LaneRole role() const { return role_; }
    [[nodiscard]] ConnId conn() const { return conn_; }
    [[nodiscard]] const Greeting& greeting() const { return greeting_; }
    /// When the server was last heard on this connection, or on the last one.
    [[nodiscard]] Instant heard() const { return heard_; }
    /// When its last byte came; a connection that was merely accepted says nothing of the server.
    [[nodiscard]] std::optional<Instant> spoke() const { return spoke_; }
    /// Whether there is output that the host has not been told of; it then is.
    [[nodiscard]] bool announce_output() { return has_output() && !std::exchange(announced_, true); }
    [[nodiscard]] bool has_output() const { return conn_ != no_conn && connected() && !out_.empty(); }
    [[nodiscard]] size_t output_size() const { return out_.size(); }
    [[nodiscard]] std::string_view output() const { return out_.pending(); }
    void advance_output(size_t sent) { out_.advance(sent); }

  private:
    enum What : uint32_t { handshake, ping };

    /// Takes the entries of replies that nobody waits for any more: they stay pending at the server.
    class Discard final : public resp::EntrySink {
      public:
        explicit Discard(SegmentStore& segments) : segments_(segments) {}
        void handle_stream(std::string_view) override {}
        void handle_entry(const EntryRecord& record) override { segments_.release(record.segment); }
        void handle_deleted(EntryId) override {}
        void handle_too_large(EntryId, uint64_t) override {}

      private:
        SegmentStore& segments_;
    };

    [[nodiscard]] bool connected() const { return state_ == State::greeting || state_ == State::ready; }
    [[nodiscard]] Duration ping_after() const { return {context_.config.health_deadline.us / 3}; }
    [[nodiscard]] Instant retry_at(Instant now);
    void connect(Instant now);
    void enqueue(const Request& request, Instant now);
    void take_reply(Instant now);
    [[nodiscard]] std::optional<std::string> mismatch(const Request& request, const resp::Reply& reply) const;
    void break_off(Error error, Instant now);
    void handle_reply(const Request& request, const resp::Reply& reply, Instant now) override;
    void handle_lost(const Request&, Instant) override {}
    void greet(Handshake::Next next, Instant now);
    void forget_connection();
    void tell_lost(Instant now);

    Context& context_;
    LaneObserver& observer_;
    const LaneRole role_;
    State state_ = State::idle;
    ConnId conn_ = no_conn;
    resp::Decoder decoder_;
    Discard discard_{context_.segments};
    Output out_;
    Ring<Request> owed_;
    uint32_t blocking_ = 0;
    bool announced_ = false;
    bool readable_ = true;
    std::optional<Instant> spoke_;
    Instant heard_{};        // when the server was last heard, or the connection made
    Instant wake_at_{};      // while waiting: the next attempt; while connecting: its deadline
    uint32_t attempts_ = 0;  // connections tried since the lane was last ready
    uint32_t failures_ = 0;  // connections lost or not made since then; RET-1's n is one less
    // Connections in a row that were broken off over what the peer said: that it greets well makes up for nothing.
    uint32_t violations_ = 0;
    Instant ready_at_{};
    std::optional<Handshake> handshake_;
    std::optional<Orphan> orphan_;
    Greeting greeting_;
};

}  // namespace millrace
