#include "event_queue.hpp"

#include <chrono>
#include <utility>
#include <variant>

namespace millrace::c {

bool EventQueue::add(const Event& event) {
    if (!wanted()) return false;
    if (std::holds_alternative<Log>(event)) {
        const std::lock_guard lock(mutex_);
        if (is_full()) {
            ++dropped_;
            return true;
        }
    }
    OwnedEvent copy = copy_of(event);
    return copy.event.kind == MR_EVENT_NONE ? false : add(std::move(copy));
}

bool EventQueue::add(OwnedEvent event) {
    const std::lock_guard lock(mutex_);
    waiting_.push_back(std::move(event));
    added_.notify_all();
    return is_full();
}

bool EventQueue::full() const {
    const std::lock_guard lock(mutex_);
    return is_full();
}

void EventQueue::wait(Duration timeout) {
    std::unique_lock lock(mutex_);
    added_.wait_for(lock, std::chrono::microseconds(timeout.us), [this] { return ended_ || !waiting_.empty(); });
}

void EventQueue::end() {
    const std::lock_guard lock(mutex_);
    ended_ = true;
    added_.notify_all();
}

bool EventQueue::has_ended() const {
    const std::lock_guard lock(mutex_);
    return ended_ && waiting_.empty() && dropped_ == 0;
}

bool EventQueue::poll(mr_event& event, bool& has_room) {
    if (event.size < first_event_size) return false;  // before one is taken for it
    const std::lock_guard lock(mutex_);
    // Before the next log, so that a reader sees where some are missing.
    if (dropped_ > 0 && waiting_.size() < room_) {
        polled_ = {};
        polled_.event.kind = MR_EVENT_LOGS_DROPPED;
        polled_.event.count = std::exchange(dropped_, 0);
    } else if (waiting_.empty()) {
        polled_ = {};
    } else {
        polled_ = std::move(waiting_.front());
        waiting_.pop_front();
    }
    has_room = waiting_.size() <= room_ / 2;
    polled_.point();
    return give(&event, polled_.event, first_event_size);
}

Error no_events() {
    return Error(Code::bad_argument, "event_max is 0: no event could tell the answer");
}

}  // namespace millrace::c
