// Counts and refuses what the code under test asks of malloc, calloc and realloc. The linker's --wrap puts these in
// front of the real ones for everything that is linked statically, hiredis included, so that the core needs no hook of
// its own.
#pragma once

#include <cstdint>

namespace millrace::test {

/// Calls so far.
[[nodiscard]] uint64_t allocation_count();

/// Calls of operator new so far; none is ever refused.
[[nodiscard]] uint64_t object_count();

/// The largest that one call has asked for since forget_largest_request.
[[nodiscard]] uint64_t largest_request();
void forget_largest_request();

/// While it lives, the first `granted` calls succeed and all later ones are refused.
class Scarcity {
  public:
    explicit Scarcity(uint64_t granted);
    ~Scarcity();
    Scarcity(const Scarcity&) = delete;
    Scarcity& operator=(const Scarcity&) = delete;
    /// Whether a call was refused.
    [[nodiscard]] bool struck() const;
};

}  // namespace millrace::test
