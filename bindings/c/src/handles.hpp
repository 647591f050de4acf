// What is behind the handles of clients and batches.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include "border.hpp"
#include "event_queue.hpp"
#include "millrace/client.hpp"
#include "tables.hpp"

struct mr_client {
    explicit mr_client(uint32_t event_max) : events(event_max) {}

    /// Of whoever turns the loop: keeps the event, and holds the sources while too many wait.
    void observe(const millrace::Event& event);
    void hold_if(bool full);
    void go_on_if(bool has_room);
    [[nodiscard]] bool is_paused(millrace::SourceId source) const;

    millrace::c::EventQueue events;
    std::function<void(const millrace::Event&)> log;  // none where no descriptor was given
    std::atomic<uint64_t> next_ticket = 1;
    std::atomic<bool> polled = false;         // by a thread, for events
    std::mutex mutex;                         // of what follows
    std::vector<millrace::SourceId> sources;  // open ones
    std::vector<millrace::SourceId> paused;   // by the program
    bool holding = false;                     // all others are paused by us
    std::atomic<bool> ending = false;
    std::optional<millrace::Client> client;  // the last: while it ends it still tells the rest
};

struct mr_batch {
    explicit mr_batch(millrace::Batch taken) : batch(std::move(taken)) {}

    std::atomic<uint32_t> owners = 1;
    mutable std::mutex mutex;
    millrace::Batch batch;
    mutable millrace::c::Tables tables;  // made when they are asked for
};
