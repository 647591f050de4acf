// One direction of a connection through a proxy: the bytes that wait to be passed on, and how fast they may. Knows
// neither where they come from nor what they mean.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>

#include "proxy/fault.hpp"

namespace millrace::harness {

class Flow {
  public:
    void push(std::string_view bytes, const Pace& pace, Instant now);
    // Writes to a socket what may pass now, up to the byte `end` of all that ever pass. False when the socket takes
    // nothing any more.
    [[nodiscard]] bool write(int fd, const Pace& pace, uint64_t end, Instant now);

    // What comes from now on waits until release().
    void hold() { held_from_ = passed_ + waiting_; }
    void release() { held_from_.reset(); }
    void clear();

    [[nodiscard]] uint64_t passed() const { return passed_; }
    [[nodiscard]] uint64_t waiting() const { return waiting_; }
    // The socket is full: poll says when it takes more.
    [[nodiscard]] bool full() const { return full_; }
    // When more may pass, where it is time that it waits for.
    [[nodiscard]] std::optional<Instant> wake_at(uint64_t end) const;

  private:
    struct Chunk {
        Instant due;
        std::string bytes;
    };
    [[nodiscard]] uint64_t allowed(uint64_t end) const;

    std::deque<Chunk> chunks_;
    size_t offset_ = 0;  // of the first chunk, already passed
    uint64_t waiting_ = 0;
    uint64_t passed_ = 0;
    std::optional<uint64_t> held_from_;
    Instant next_at_{};
    bool full_ = false;
};

}  // namespace millrace::harness
