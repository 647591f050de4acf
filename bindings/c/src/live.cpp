#include "live.hpp"

#ifndef NDEBUG

#include <mutex>
#include <set>

namespace millrace::c {
namespace {

struct Registry {
    std::mutex mutex;
    std::set<const void*> living;
};

/// Never destroyed: handles may be freed by whatever runs at the end of a program.
Registry& registry() {
    static Registry* const all = new Registry;
    return *all;
}

}  // namespace

void born(const void* handle) {
    const std::lock_guard lock(registry().mutex);
    registry().living.insert(handle);
}

void died(const void* handle) {
    const std::lock_guard lock(registry().mutex);
    registry().living.erase(handle);
}

bool is_gone(const void* handle) {
    const std::lock_guard lock(registry().mutex);
    return registry().living.count(handle) == 0;
}

bool is_gone_in_signal(const void* handle) {
    if (handle == nullptr) return true;
    const std::unique_lock lock(registry().mutex, std::try_to_lock);
    return lock.owns_lock() && registry().living.count(handle) == 0;
}

}  // namespace millrace::c

#endif
