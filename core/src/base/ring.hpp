// A first-in first-out queue that keeps its storage: in steady state a push allocates nothing.
#pragma once

#include <cstddef>
#include <memory>
#include <new>
#include <utility>

namespace millrace {

/// Values are made when they are pushed and ended when they are popped: what a slot held is never assigned to.
template <class T>
class Ring {
  public:
    Ring() = default;
    Ring(Ring&& other) noexcept
        : slots_(std::exchange(other.slots_, nullptr)),
          capacity_(std::exchange(other.capacity_, 0)),
          head_(std::exchange(other.head_, 0)),
          count_(std::exchange(other.count_, 0)) {}
    Ring& operator=(Ring&& other) noexcept {
        std::swap(slots_, other.slots_);
        std::swap(capacity_, other.capacity_);
        std::swap(head_, other.head_);
        std::swap(count_, other.count_);
        return *this;
    }
    ~Ring() {
        clear();
        std::allocator<T>().deallocate(slots_, capacity_);
    }

    [[nodiscard]] bool empty() const { return count_ == 0; }
    [[nodiscard]] size_t size() const { return count_; }
    T& front() { return *at(0); }
    const T& front() const { return *at(0); }
    T& operator[](size_t index) { return *at(index); }
    const T& operator[](size_t index) const { return *at(index); }

    void push(T value) {
        if (count_ == capacity_) grow();
        new (at(count_)) T(std::move(value));
        ++count_;
    }
    T pop() {
        T value = std::move(front());
        drop();
        return value;
    }
    void clear() {
        while (!empty()) drop();
    }

  private:
    /// The capacity is a power of two.
    [[nodiscard]] T* at(size_t index) const { return slots_ + ((head_ + index) & (capacity_ - 1)); }

    void drop() {
        at(0)->~T();
        ++head_;
        --count_;
    }
    void grow() {
        const size_t wanted = capacity_ == 0 ? 16 : 2 * capacity_;
        T* const larger = std::allocator<T>().allocate(wanted);
        for (size_t i = 0; i < count_; ++i) {
            new (larger + i) T(std::move(*at(i)));
            at(i)->~T();
        }
        std::allocator<T>().deallocate(slots_, capacity_);
        slots_ = larger;
        capacity_ = wanted;
        head_ = 0;
    }

    T* slots_ = nullptr;
    size_t capacity_ = 0;
    size_t head_ = 0;  // counts on; only its place among the slots matters
    size_t count_ = 0;
};

}  // namespace millrace
