// Events as they cross the border: copies, since what a machine tells is borrowed.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "border.hpp"
#include "millrace/event.hpp"

namespace millrace::c {

constexpr size_t first_event_size = sizeof(mr_event);

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

/// Of kind MR_EVENT_NONE for batches and publish results: whoever hands those over adds them.
[[nodiscard]] OwnedEvent copy_of(const Event& event);
[[nodiscard]] OwnedEvent published(uint64_t ticket, std::span<const PublishResult> results);
[[nodiscard]] mr_publish_result result_of(const PublishResult& result);

/// Requests are counted by the core, publishes of a client that events answer by us: one is even, the other odd.
[[nodiscard]] inline uint64_t ticket_of_request(Ticket ticket) {
    return static_cast<uint64_t>(ticket) << 1U;
}
[[nodiscard]] inline uint64_t ticket_of_publish(uint64_t number) {
    return number << 1U | 1U;
}

}  // namespace millrace::c
