// The names of a source's streams, by the numbers that EntryRecord::stream has.
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <memory>
#include <string>

namespace millrace {

/// Grows while streams are found, and never moves a name: those of entries that were handed over can be looked at
/// meanwhile, also from another thread. The name of a stream that is gone stays until no batch has entries of it.
class StreamNames {
  public:
    StreamNames() = default;
    StreamNames(const StreamNames&) = delete;
    StreamNames& operator=(const StreamNames&) = delete;

    /// Of a number that an entry has.
    [[nodiscard]] const std::string& operator[](uint32_t number) const {
        const Spot spot = spot_of(number);
        return blocks_[spot.block][spot.offset];
    }

  private:
    friend class Streams;  // of the core, which gives the numbers

    /// Each block is twice as large as the one before it, so that a few of them hold any number.
    static constexpr uint32_t first_block = 64;
    struct Spot {
        uint32_t block;
        uint32_t offset;
    };
    [[nodiscard]] static Spot spot_of(uint32_t number) {
        const auto block = static_cast<uint32_t>(31 - std::countl_zero(number / first_block + 1));
        return {block, number - first_block * ((uint32_t{1} << block) - 1)};
    }

    std::array<std::unique_ptr<std::string[]>, 26> blocks_;
};

}  // namespace millrace
