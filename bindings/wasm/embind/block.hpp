// Memory that JavaScript reads: one block that grows at its end, from malloc and realloc, since a refusal of `new`
// would end the whole instance. It knows nothing of what is written.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string_view>

namespace millrace::wasm {

/// Once memory was refused nothing more is written until `truncate`: a writer asks once, at its end.
class Block {
  public:
    Block() = default;
    Block(Block&& other) noexcept { swap(other); }
    Block& operator=(Block&& other) noexcept {
        swap(other);
        return *this;
    }
    ~Block() { std::free(data_); }

    [[nodiscard]] size_t size() const { return size_; }
    [[nodiscard]] bool refused() const { return refused_; }
    [[nodiscard]] char* data() { return data_; }
    [[nodiscard]] std::string_view text() const { return {data_, size_}; }

    /// Cuts what was written last, and a refusal with it.
    void truncate(size_t size) {
        size_ = size;
        refused_ = false;
    }
    /// An empty block of more than `kept` bytes gives its memory back.
    void clear(size_t kept) {
        truncate(0);
        if (capacity_ <= kept) return;
        std::free(data_);
        data_ = nullptr;
        capacity_ = 0;
    }

    /// Whether there is memory for `count` bytes more; that which is refused here counts as refused.
    [[nodiscard]] bool room(size_t count) { return !refused_ && (count <= capacity_ - size_ || grow(count)); }

    /// `count` bytes more, to be written by the caller at once; null when memory is refused.
    [[nodiscard]] char* extend(size_t count) {
        if (!room(count)) return nullptr;
        char* const at = data_ + size_;
        size_ += count;
        return at;
    }
    void bytes(const void* from, size_t count) {
        char* const at = extend(count);
        if (at != nullptr && count != 0) std::memcpy(at, from, count);
    }
    void text(std::string_view text) { bytes(text.data(), text.size()); }
    void u32(uint32_t value) { bytes(&value, sizeof value); }
    void f64(double value) { bytes(&value, sizeof value); }
    /// Zeros up to the next multiple of 8.
    void pad() {
        constexpr char zeros[8] = {};
        bytes(zeros, -size_ & 7);
    }
    /// What was written at `offset` before becomes `value`.
    void patch(size_t offset, uint32_t value) { std::memcpy(data_ + offset, &value, sizeof value); }

  private:
    void swap(Block& other) {
        std::swap(data_, other.data_);
        std::swap(size_, other.size_);
        std::swap(capacity_, other.capacity_);
        std::swap(refused_, other.refused_);
    }
    bool grow(size_t count);

    char* data_ = nullptr;
    size_t size_ = 0;
    size_t capacity_ = 0;
    bool refused_ = false;
};

}  // namespace millrace::wasm
