// What every function of millrace.h shares: no exception leaves it, and an error is copied into the caller's struct.
#pragma once

#include <atomic>
#include <cstdint>
#include <cstring>
#include <new>
#include <string>
#include <string_view>
#include <utility>

#include "live.hpp"
#include "millrace.h"
#include "millrace/config.hpp"
#include "millrace/entry.hpp"
#include "millrace/error.hpp"

struct mr_config {
    explicit mr_config(millrace::Config given) : config(std::move(given)) {}

    millrace::Config config;
    std::atomic<bool> entered = false;  // by a thread that changes it
};

namespace millrace::c {

/// Copies an error to the caller, who may not want it; answers its status.
mr_status tell(mr_error* to, const Error& error);
/// The same of success: what an earlier call left there is gone.
mr_status tell_ok(mr_error* to);
inline mr_status tell(mr_error* to, const Status& status) {
    return status.ok() ? tell_ok(to) : tell(to, status.error());
}
/// Of what must be given, and was not; or can't be.
mr_status tell_missing(mr_error* to, const char* what);
/// Of a handle that is none.
mr_status tell_gone(mr_error* to, const char* what);

/// Gives text to the caller.
mr_status tell_text(mr_error* error, mr_text* to, std::string_view text);

/// The one thread that is in something that is for one at a time. A second one is told, and does nothing.
class Alone {
  public:
    explicit Alone(std::atomic<bool>& entered)
        : entered_(entered), alone_(!entered.exchange(true, std::memory_order_acquire)) {}
    Alone(const Alone&) = delete;
    Alone& operator=(const Alone&) = delete;
    ~Alone() {
        if (alone_) entered_.store(false, std::memory_order_release);
    }
    [[nodiscard]] bool alone() const { return alone_; }

  private:
    std::atomic<bool>& entered_;
    const bool alone_;
};
mr_status tell_not_alone(mr_error* to, const char* what);

/// Runs the body of a function. Memory that is refused is a status; of all that is ours nothing else is thrown.
template <class Body>
mr_status guard(mr_error* to, Body body) noexcept {
    try {
        return body();
    } catch (const std::bad_alloc&) {
        return tell(to, Error(Code::out_of_memory, "no memory"));
    } catch (const std::exception& failure) {
        return tell(to, Error(Code::out_of_memory, failure.what()));
    }
}

inline mr_str borrow(std::string_view text) {
    return {text.data(), text.size()};
}
inline std::string_view view(mr_str text) {
    return text.size == 0 ? std::string_view() : std::string_view(text.data, text.size);
}
/// Of one name or value: the most that max_message_bytes allows. And of things in one call. What is said to be more is
/// a mistake, such as -1 as a size, and must not be read.
constexpr size_t bytes_max = size_t{2} << 30U;
constexpr size_t json_bytes_max = size_t{64} << 20U;
constexpr size_t count_max = size_t{1} << 24U;

/// Bytes that are said to be there, and are nowhere; or that can't all be there.
inline bool is_hole(mr_str text) {
    return text.size > 0 && (text.data == nullptr || text.size > bytes_max);
}
/// The same of an array.
inline bool is_hole(const void* array, size_t count) {
    return count > 0 && (array == nullptr || count > count_max);
}
inline mr_id id_of(EntryId id) {
    return {id.ms, id.seq};
}

/// More than a year is for ever: much more could not be added to a clock.
inline Duration time_of(int64_t us) {
    constexpr Duration forever = seconds(365LL * 86'400);
    return Duration{us} < forever ? Duration{us} : forever;
}
/// Below 0: for ever.
inline Duration wait_of(int64_t timeout_us) {
    return time_of(timeout_us < 0 ? INT64_MAX : timeout_us);
}

/// Fills a struct of the caller's, who may know less of it, or more, than we do. False where its size is less than
/// `first`, that of the first version.
template <class T>
[[nodiscard]] bool give(T* to, T value, size_t first) {
    const size_t size = to->size;
    if (size < first) return false;
    value.size = size;
    std::memcpy(to, &value, size < sizeof value ? size : sizeof value);
    return true;
}

/// A struct of the caller's as we know it: what it lacks is as in `defaults`.
template <class T>
[[nodiscard]] bool take(const T* from, T& value, size_t first) {
    if (from->size < first) return false;
    std::memcpy(&value, from, from->size < sizeof value ? from->size : sizeof value);
    return true;
}

}  // namespace millrace::c
