#include "base/allocation.hpp"

#include <cstddef>
#include <limits>

namespace {

constexpr uint64_t unlimited = std::numeric_limits<uint64_t>::max();
uint64_t calls = 0;
uint64_t objects = 0;
uint64_t refused_from = unlimited;

uint64_t largest = 0;

bool granted(uint64_t size) {
    if (size > largest) largest = size;
    return calls++ < refused_from;
}

}  // namespace

extern "C" {
void* __real_malloc(size_t size);
void* __real_calloc(size_t count, size_t size);
void* __real_realloc(void* memory, size_t size);
void* __real__Znwm(size_t size);

void* __wrap_malloc(size_t size) {
    return granted(size) ? __real_malloc(size) : nullptr;
}
void* __wrap_calloc(size_t count, size_t size) {
    return granted(count * size) ? __real_calloc(count, size) : nullptr;
}
void* __wrap_realloc(void* memory, size_t size) {
    return granted(size) ? __real_realloc(memory, size) : nullptr;
}
void* __wrap__Znwm(size_t size) {
    ++objects;
    if (size > largest) largest = size;
    return __real__Znwm(size);
}
}

namespace millrace::test {

uint64_t allocation_count() {
    return calls;
}

uint64_t object_count() {
    return objects;
}

uint64_t largest_request() {
    return largest;
}

void forget_largest_request() {
    largest = 0;
}

Scarcity::Scarcity(uint64_t granted) {
    refused_from = calls + granted;
}
Scarcity::~Scarcity() {
    refused_from = unlimited;
}
bool Scarcity::struck() const {
    return calls > refused_from;
}

}  // namespace millrace::test
