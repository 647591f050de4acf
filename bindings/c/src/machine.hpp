// What is behind a handle of a machine, and what all its functions share.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "border.hpp"
#include "millrace/machine.hpp"
#include "owned_event.hpp"
#include "tables.hpp"

struct mr_machine {
    mr_machine(millrace::Machine made, millrace::Config given) : machine(std::move(made)), config(std::move(given)) {}

    /// The view of a batch that is handed over; it lives until the batch is released.
    [[nodiscard]] const mr_batch_view* show(const millrace::BatchReady& event);
    void forget(millrace::BatchId batch);

    millrace::Machine machine;
    const millrace::Config config;
    mutable std::atomic<bool> entered = false;  // by a thread

    // What was given out last, and is borrowed.
    millrace::c::OwnedEvent event;
    std::optional<millrace::Action> action;
    // Of the last input_room: more can't have been written than there was room for.
    millrace::ConnId room_of{};
    size_t room_size = 0;

  private:
    struct Shown {
        millrace::c::Tables tables;
        mr_batch_view view = MR_BATCH_VIEW_INIT;
    };
    std::map<millrace::BatchId, std::unique_ptr<Shown>> shown_;
    std::vector<std::unique_ptr<Shown>> spare_;  ///< tables to use again: none is allocated for an entry
};

namespace millrace::c {

mr_status tell_bad_time(mr_error* error, const char* which = "now_us");
/// What passes is added to a time: near the ends of the numbers it could not be.
inline bool is_time(int64_t us) {
    return us >= 0 && us <= INT64_MAX / 2;
}

/// Runs the body of a function of machines.
template <class Machine, class Body>
mr_status enter(Machine* machine, mr_error* error, Body body) {
    if (is_gone(machine)) return tell_gone(error, "machine");
    const Alone here(machine->entered);
    return here.alone() ? guard(error, [&] { return body(*machine); }) : tell_not_alone(error, "machine");
}

/// The same of one that is told the time.
template <class Body>
mr_status enter(mr_machine* machine, int64_t now_us, mr_error* error, Body body) {
    if (!is_time(now_us)) return tell_bad_time(error);
    return enter(machine, error, [&](mr_machine& it) { return body(it, Instant{now_us}); });
}

}  // namespace millrace::c
