// Ends a wait of the loop from another thread or from a signal handler: an eventfd on Linux, a pipe elsewhere.
#pragma once

#include <memory>

#include "millrace/error.hpp"

namespace millrace::native {

class Wakeup {
  public:
    [[nodiscard]] static Result<std::shared_ptr<Wakeup>> create();
    Wakeup(int read_end, int write_end) : read_end_(read_end), write_end_(write_end) {}
    Wakeup(const Wakeup&) = delete;
    Wakeup& operator=(const Wakeup&) = delete;
    ~Wakeup();

    /// Async-signal-safe; keeps errno.
    void signal() const noexcept;
    void drain() const noexcept;
    [[nodiscard]] int fd() const { return read_end_; }

  private:
    int read_end_;
    int write_end_;
};

}  // namespace millrace::native
