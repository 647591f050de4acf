// Growable arrays and byte queues whose memory may be refused. The peer decides how much of it is asked for, so it
// comes from malloc and realloc, and a refusal is a return value: std::vector would end the process in a build
// without exceptions.
#pragma once

#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <string_view>
#include <type_traits>
#include <utility>

namespace millrace {

/// An array of T that grows at its end. What returns bool returns false when memory is refused, and then has changed
/// nothing.
template <class T>
class Buffer {
    static_assert(std::is_trivially_copyable_v<T>, "elements are moved by realloc");

  public:
    Buffer() = default;
    Buffer(Buffer&& other) noexcept
        : data_(std::exchange(other.data_, nullptr)),
          size_(std::exchange(other.size_, 0)),
          capacity_(std::exchange(other.capacity_, 0)) {}
    Buffer& operator=(Buffer&& other) noexcept {
        std::swap(data_, other.data_);
        std::swap(size_, other.size_);
        std::swap(capacity_, other.capacity_);
        return *this;
    }
    ~Buffer() { std::free(data_); }

    [[nodiscard]] T* data() { return data_; }
    [[nodiscard]] const T* data() const { return data_; }
    [[nodiscard]] size_t size() const { return size_; }
    [[nodiscard]] size_t capacity() const { return capacity_; }
    [[nodiscard]] bool empty() const { return size_ == 0; }
    [[nodiscard]] T& operator[](size_t index) { return data_[index]; }
    [[nodiscard]] const T& operator[](size_t index) const { return data_[index]; }
    [[nodiscard]] T* begin() { return data_; }
    [[nodiscard]] T* end() { return data_ + size_; }
    [[nodiscard]] const T* begin() const { return data_; }
    [[nodiscard]] const T* end() const { return data_ + size_; }
    [[nodiscard]] T& back() { return data_[size_ - 1]; }
    [[nodiscard]] const T& back() const { return data_[size_ - 1]; }

    /// Room for `count` elements in all.
    [[nodiscard]] bool reserve(size_t count) { return count <= capacity_ || grow(count); }

    [[nodiscard]] bool push(const T& value) {
        if (size_ == capacity_) {
            const T copy = value;  // `value` may be an element of this buffer
            if (!grow(size_ + 1)) return false;
            data_[size_++] = copy;
            return true;
        }
        data_[size_++] = value;
        return true;
    }

    /// Copies `count` elements, which must not be this buffer's own.
    [[nodiscard]] bool append(const T* values, size_t count) {
        if (count > capacity_ - size_ && !grow_by(count)) return false;
        if (count != 0) std::memcpy(data_ + size_, values, count * sizeof(T));
        size_ += count;
        return true;
    }

    void clear() { size_ = 0; }
    /// Keeps the first `count` elements; more than there are changes nothing.
    void truncate(size_t count) {
        if (count < size_) size_ = count;
    }
    /// Those behind the element move up.
    void erase(size_t index) {
        --size_;
        std::memmove(data_ + index, data_ + index + 1, (size_ - index) * sizeof(T));
    }
    /// An empty buffer of a larger capacity than `count` gives its memory back.
    void shrink_above(size_t count) {
        if (size_ != 0 || capacity_ <= count) return;
        std::free(data_);
        data_ = nullptr;
        capacity_ = 0;
    }

  private:
    static constexpr size_t count_max = std::numeric_limits<size_t>::max() / 2 / sizeof(T);

    bool grow_by(size_t count) { return count <= count_max - size_ && grow(size_ + count); }

    bool grow(size_t count) {
        if (count > count_max) return false;
        size_t wanted = capacity_ + capacity_ / 2;
        if (wanted > count_max) wanted = count_max;
        if (wanted < count) wanted = count;
        constexpr size_t first = sizeof(T) >= 64 ? 1 : 64 / sizeof(T);
        if (wanted < first) wanted = first;
        void* memory = std::realloc(data_, wanted * sizeof(T));
        if (memory == nullptr) return false;
        data_ = static_cast<T*>(memory);
        capacity_ = wanted;
        return true;
    }

    T* data_ = nullptr;
    size_t size_ = 0;
    size_t capacity_ = 0;
};

/// Bytes on their way out of a lane: appended at the tail, taken from the front.
class Output {
  public:
    /// False when memory is refused; then nothing was appended.
    [[nodiscard]] bool append(std::string_view text) {
        if (text.size() > bytes_.capacity() - bytes_.size()) compact();
        return bytes_.append(text.data(), text.size());
    }

    /// What is still to be sent. Ends with the next call of anything but a getter.
    [[nodiscard]] std::string_view pending() const { return {bytes_.data() + head_, size()}; }
    [[nodiscard]] size_t size() const { return bytes_.size() - head_; }
    [[nodiscard]] size_t capacity() const { return bytes_.capacity(); }
    [[nodiscard]] bool empty() const { return size() == 0; }
    [[nodiscard]] bool reserve(size_t count) { return bytes_.reserve(head_ + count); }

    /// The first `sent` bytes of pending() have gone; more than there are takes them all.
    void advance(size_t sent) {
        head_ += sent < size() ? sent : size();
        if (head_ == bytes_.size()) clear();
    }

    /// Takes back what was appended after pending() was `count` bytes long.
    void truncate(size_t count) {
        if (count < size()) bytes_.truncate(head_ + count);
        if (empty()) clear();
    }

    void clear() {
        head_ = 0;
        bytes_.clear();
        bytes_.shrink_above(kept_when_empty);
    }

  private:
    // A burst of publishes may have needed megabytes; an idle lane keeps no more than this.
    static constexpr size_t kept_when_empty = 64 * 1024;

    // Bytes are moved only when at least as many lie dead before them, so that each is moved at most once on average.
    void compact() {
        const size_t live = size();
        if (head_ == 0 || live > head_) return;
        std::memcpy(bytes_.data(), bytes_.data() + head_, live);
        bytes_.truncate(live);
        head_ = 0;
    }

    Buffer<char> bytes_;
    size_t head_ = 0;
};

}  // namespace millrace
