#include "block.hpp"

#include <limits>

namespace millrace::wasm {

bool Block::grow(size_t count) {
    if (refused_ || count > std::numeric_limits<int32_t>::max() - size_) {
        refused_ = true;
        return false;
    }
    // Half more than there is, or else just what is needed: near the end of memory the first is refused earlier.
    const size_t needed = size_ + count;
    const size_t wanted = needed > capacity_ + capacity_ / 2 ? needed : capacity_ + capacity_ / 2;
    void* memory = std::realloc(data_, wanted);
    size_t granted = wanted;
    if (memory == nullptr) {
        memory = std::realloc(data_, needed);
        granted = needed;
    }
    if (memory == nullptr) {
        refused_ = true;
        return false;
    }
    data_ = static_cast<char*>(memory);
    capacity_ = granted;
    return true;
}

}  // namespace millrace::wasm
