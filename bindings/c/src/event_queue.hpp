// Events that wait to be polled: copies, since what a machine tells is borrowed. Filled by whoever turns the loop,
// emptied by who polls. Logs are dropped where there is no room for them, and counted; nothing else is.
#pragma once

#include <cstdint>
#include <deque>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "border.hpp"
#include "millrace/event.hpp"

namespace millrace::c {

/// An event, and all that it points to.
struct OwnedEvent {
    mr_event event = MR_EVENT_INIT;
    std::string stream, consumer, text, message, version;
    std::vector<mr_id> ids;
    std::vector<uint32_t> indices;
    LogFields fields;
    std::vector<mr_field> field_views;
    std::vector<mr_publish_result> results;
    std::vector<DeadLetter> letters;
    std::vector<mr_dead_letter> letter_views;

    /// Lets the event point to what is here.
    void point();
};

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

  private:
    [[nodiscard]] bool is_full() const { return waiting_.size() >= room_; }
    const uint32_t room_;
    std::mutex mutex_;
    std::deque<OwnedEvent> waiting_;
    OwnedEvent polled_;
    uint64_t dropped_ = 0;
};

/// Requests are counted by the core, publishes that events answer by us: one is even, the other odd.
[[nodiscard]] inline uint64_t ticket_of_request(Ticket ticket) {
    return static_cast<uint64_t>(ticket) << 1U;
}
[[nodiscard]] inline uint64_t ticket_of_publish(uint64_t number) {
    return number << 1U | 1U;
}

/// Of a request whose answer nobody would be told.
[[nodiscard]] Error no_events();
/// Of a publish.
[[nodiscard]] mr_publish_result result_of(const PublishResult& result);

}  // namespace millrace::c
