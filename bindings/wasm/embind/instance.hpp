// What a handle of JavaScript's stands for: a machine with what its host gave along, and the memory that is shown to
// the host. Also the last error, which belongs to no handle since there may be none. It knows nothing of records.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "block.hpp"
#include "millrace/config.hpp"
#include "millrace/event.hpp"
#include "millrace/machine.hpp"

namespace millrace::wasm {

/// What the host was told of a source's streams: their names, by the numbers that records have. Empty: not yet.
struct ToldNames {
    SourceId source;
    std::vector<std::string> names;
};

struct Instance {
    explicit Instance(Machine made, Config given) : machine(std::move(made)), config(std::move(given)) {}

    Machine machine;
    Config config;  ///< what sources and publishers begin from
    std::vector<PublishConfig> publishers;

    // ---- of turn.cpp
    Block turn;
    std::vector<BatchId> handed;  ///< by the last turn; their bytes are released when the next one begins
    std::vector<ToldNames> told;
    // Polled, and not written for want of memory.
    std::optional<Event> waiting_event;
    std::optional<Action> waiting_action;
    Block transmit;
};

/// A handle is never used twice. 0 when memory was refused or `made` is an error.
[[nodiscard]] uint32_t add(Result<Machine> made, Config config);
/// Null for a handle that is none, or not any more; the last error says so.
[[nodiscard]] Instance* find(uint32_t handle);
void remove(uint32_t handle);

[[nodiscard]] const Error& last_error();
/// Keeps the error for the host to ask; answers its code as a number.
uint32_t fail(Error error);
inline uint32_t status_of(Status status) {
    return status.ok() ? 0 : fail(status.error());
}

[[nodiscard]] inline Instant instant(double us) {
    return {static_cast<int64_t>(us)};
}

}  // namespace millrace::wasm
