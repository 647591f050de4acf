// Events that wait to be polled: filled by whoever turns the loop, emptied by who polls. Logs are dropped where there
// is no room for them, and counted; nothing else is.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <mutex>

#include "owned_event.hpp"

namespace millrace::c {

class EventQueue {
  public:
    explicit EventQueue(uint32_t room) : room_(room) {}

    [[nodiscard]] bool wanted() const { return room_ > 0; }
    /// Whether there is no room for more: it is time to hold what makes them.
    [[nodiscard]] bool add(const Event& event);
    [[nodiscard]] bool add(OwnedEvent event);
    /// The oldest one; false where there is none. It lives until the next call. `has_room`: so few are left that what
    /// was held may go on.
    [[nodiscard]] bool poll(mr_event& event, bool& has_room);
    /// Whether it is so still.
    [[nodiscard]] bool full() const;
    /// Until there is one, or none can come any more, for at most so long.
    void wait(Duration timeout);
    /// Nothing is added any more.
    void end();
    /// Everything was polled, and nothing more comes.
    [[nodiscard]] bool has_ended() const;

  private:
    [[nodiscard]] bool is_full() const { return waiting_.size() >= room_; }
    const uint32_t room_;
    mutable std::mutex mutex_;
    std::condition_variable added_;
    bool ended_ = false;
    std::deque<OwnedEvent> waiting_;
    OwnedEvent polled_;
    uint64_t dropped_ = 0;
};

/// Of a request whose answer nobody would be told.
[[nodiscard]] Error no_events();

}  // namespace millrace::c
