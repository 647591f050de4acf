// A first-in first-out queue that keeps its storage: in steady state a push allocates nothing.
#pragma once

#include <cstddef>
#include <utility>
#include <vector>

namespace millrace {

template <class T>
class Ring {
  public:
    [[nodiscard]] bool empty() const { return count_ == 0; }
    [[nodiscard]] size_t size() const { return count_; }
    T& front() { return slots_[head_]; }
    const T& front() const { return slots_[head_]; }
    T& operator[](size_t index) { return slots_[(head_ + index) % slots_.size()]; }
    const T& operator[](size_t index) const { return slots_[(head_ + index) % slots_.size()]; }

    void push(T value) {
        if (count_ == slots_.size()) grow();
        slots_[(head_ + count_) % slots_.size()] = std::move(value);
        ++count_;
    }
    T pop() {
        T value = std::move(slots_[head_]);
        slots_[head_] = T{};
        head_ = (head_ + 1) % slots_.size();
        --count_;
        return value;
    }
    void clear() {
        while (!empty()) pop();
    }

  private:
    void grow() {
        std::vector<T> larger(slots_.empty() ? 16 : slots_.size() * 2);
        for (size_t i = 0; i < count_; ++i) larger[i] = std::move((*this)[i]);
        slots_ = std::move(larger);
        head_ = 0;
    }

    std::vector<T> slots_;
    size_t head_ = 0;
    size_t count_ = 0;
};

}  // namespace millrace
