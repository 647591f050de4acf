// Whether a handle may be used. NULL is told always; one that was freed by libraries that are built for debugging,
// which keep a list of those that live.
#pragma once

namespace millrace::c {

#ifdef NDEBUG
inline void born(const void*) {}
inline void died(const void*) {}
inline bool is_gone(const void* handle) {
    return handle == nullptr;
}
inline bool is_gone_in_signal(const void* handle) {
    return handle == nullptr;
}
#else
void born(const void* handle);
void died(const void* handle);
[[nodiscard]] bool is_gone(const void* handle);
/// The same for what a signal handler may call, which must not wait for the thread that it interrupts: where that is
/// looking just now, the handle is taken for one that lives.
[[nodiscard]] bool is_gone_in_signal(const void* handle);
#endif

}  // namespace millrace::c
