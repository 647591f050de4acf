// The agent's loop: what the client tells and hands over, between two waits.
#include <algorithm>
#include <limits>
#include <utility>
#include <vector>

#include "agent.hpp"
#include "events.hpp"

namespace millrace::agent {

void Agent::tell_events() {
    for (;;) {
        mr_event event = MR_EVENT_INIT;
        if (mr_client_poll_event(client_.get(), &event) != MR_OK || event.kind == MR_EVENT_NONE) return;
        tell(event);
    }
}

void Agent::tell(const mr_event& event) {
    if (event.kind == MR_EVENT_ACKED) {
        for (const auto& request : held_.on_acked(event.batch, {event.indices, event.index_count})) {
            say(request->answer());
        }
        return;
    }
    if (event.kind == MR_EVENT_CLOSED && event.source == 0) return say_drained(drain_re_, event.count);
    std::optional<Json> json = event_to_json(event);
    if (!json) return;
    if (event.kind == MR_EVENT_READY) {
        ready_ = true;
        keep_ = view_of(event.text) == "streams";
        (*json)["re"] = start_re_;
    } else if (event.ticket != 0) {
        const auto asked = asked_.extract(event.ticket);
        if (!asked.empty() && !asked.mapped().is_null()) (*json)["re"] = asked.mapped();
    } else if (event.kind == MR_EVENT_FAILED && event.closed != 0 && !ready_) {
        (*json)["re"] = start_re_;  // what ends the source before it was ready is the answer to start
    }
    say(*json);
}

void Agent::hand_over() {
    while (!ended_ && !out().full()) {
        mr_batch* taken = nullptr;
        // Why it has ended is told by an event.
        if (mr_client_next(client_.get(), 0, 0, &taken, nullptr) != MR_OK) ended_ = true;
        OwnedBatch batch(taken);
        tell_events();  // they were before it
        if (!batch) return;
        hand_over(std::move(batch));
    }
}

void Agent::hand_over(OwnedBatch batch) {
    mr_batch_view view = MR_BATCH_VIEW_INIT;
    if (mr_batch_read(batch.get(), &view) != MR_OK) return;
    say(batch_to_json(view));
    if (!keep_) {
        (void)mr_batch_ack(batch.get(), nullptr, 0, nullptr);
        return;
    }
    std::vector<EntryKey> keys;
    for (size_t i = 0; i < view.count; ++i) {
        const mr_entry& entry = *mr_entry_at(&view, i);
        keys.emplace_back(view_of(entry.stream), id_text(entry.id));
    }
    mr_batch_release(batch.get());
    held_.add(view.batch, std::move(batch), std::move(keys));
}

/// As poll(2) counts, and never too short: what is due then would not be.
int Agent::wait_ms() const {
    const int64_t us = mr_client_timeout_us(client_.get());
    if (us < 0) return -1;
    return static_cast<int>(std::min<int64_t>((us + 999) / 1000, std::numeric_limits<int>::max()));
}

void Agent::turn(std::span<pollfd> fds) {
    if (!client_) {
        ::poll(fds.data(), static_cast<nfds_t>(fds.size()), -1);
        return;
    }
    (void)mr_client_process(client_.get(), nullptr);  // what is wrong is told by an event
    tell_events();
    hand_over();
    std::vector<pollfd> all(fds.begin(), fds.end());
    all.push_back({mr_client_fd(client_.get()), POLLIN, 0});
    ::poll(all.data(), static_cast<nfds_t>(all.size()), finished() || out().broken() ? 0 : wait_ms());
    std::copy_n(all.begin(), fds.size(), fds.begin());
}

void Agent::drain(const Json& re, std::chrono::milliseconds timeout) {
    if (finished()) return;
    if (!re.is_null()) drain_re_ = re;
    if (!client_) return say_drained(drain_re_, 0);
    Call call;
    call.check(mr_client_drain(client_.get(), timeout.count() * 1000, call.error()));
}

void Agent::end(std::chrono::milliseconds timeout) {
    if (finished()) return;
    uint64_t held = 0;
    if (client_) {
        (void)mr_client_close(client_.get(), timeout.count() * 1000, &held, nullptr);
        tell_events();
    }
    say_drained(drain_re_, held);  // the end was told by its event, if it came
}

}  // namespace millrace::agent
