// A turn: everything that the machine has to tell and to ask, as one block of records. The kinds and their words are
// what src/host/records.ts reads.
#pragma once

#include "instance.hpp"

namespace millrace::wasm {

enum class RecordKind : uint32_t {
    batch = 1,
    acked,
    published,
    event,
    connect,
    close,
    readable,
    writable,
    stream,
    timeout
};

/// The address of the block; null when not even its first record finds memory, as the last error then says.
[[nodiscard]] const char* run_turn(Instance& instance, Instant now);

}  // namespace millrace::wasm
