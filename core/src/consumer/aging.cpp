#include "consumer/aging.hpp"

#include <algorithm>

namespace millrace {

// A heap is a fifth of std::sort's code, which counts where it is downloaded; there are never many entries.
void sort_by_age(Buffer<Aging>& entries) {
    const auto before = [](const Aging& a, const Aging& b) {
        if (a.stream != b.stream) return a.stream < b.stream;
        return a.refreshed != b.refreshed ? a.refreshed < b.refreshed : a.id < b.id;
    };
    std::make_heap(entries.begin(), entries.end(), before);
    std::sort_heap(entries.begin(), entries.end(), before);
}

}  // namespace millrace
