#include "instance.hpp"

#include <memory>

namespace millrace::wasm {
namespace {

struct Slot {
    uint32_t handle;
    std::unique_ptr<Instance> instance;
};

// One table a module: WebAssembly has one thread, and a module one memory.
std::vector<Slot> slots;
uint32_t next_handle = 1;
Error kept_error;

// So much is had from the start, so that a turn can always tell of something.
constexpr size_t turn_bytes_min = 64 * 1024;

}  // namespace

uint32_t add(Result<Machine> made, Config config) {
    if (!made) return fail(made.error()), 0;
    auto instance = std::make_unique<Instance>(std::move(made).value(), std::move(config));
    if (instance->turn.extend(turn_bytes_min) == nullptr) {
        fail(Error(Code::out_of_memory, "no memory for a client"));
        return 0;
    }
    slots.push_back({next_handle, std::move(instance)});
    return next_handle++;
}

Instance* find(uint32_t handle) {
    for (const Slot& slot : slots) {
        if (slot.handle == handle) return slot.instance.get();
    }
    fail(Error(Code::closed, "no such client, or it was destroyed"));
    return nullptr;
}

void remove(uint32_t handle) {
    for (size_t i = 0; i < slots.size(); ++i) {
        if (slots[i].handle != handle) continue;
        slots[i] = std::move(slots.back());
        slots.pop_back();
        return;
    }
}

const Error& last_error() {
    return kept_error;
}

uint32_t fail(Error error) {
    kept_error = std::move(error);
    return static_cast<uint32_t>(kept_error.code);
}

}  // namespace millrace::wasm
