#include "consumer/streams.hpp"

#include <algorithm>
#include <cstddef>

namespace millrace {

size_t Streams::place_of(std::string_view name) const {
    const auto is_before = [this](uint32_t stream, std::string_view wanted) { return names_[stream] < wanted; };
    return static_cast<size_t>(std::lower_bound(by_name_.begin(), by_name_.end(), name, is_before) - by_name_.begin());
}

std::optional<uint32_t> Streams::find(std::string_view name) const {
    const size_t place = place_of(name);
    if (place == by_name_.size() || names_[by_name_[place]] != name) return std::nullopt;
    return by_name_[place];
}

uint32_t Streams::add(std::string_view name) {
    uint32_t stream = free_.next();
    if (stream == NumberSet::none) {
        stream = size_++;
        const StreamNames::Spot spot = StreamNames::spot_of(stream);
        std::unique_ptr<std::string[]>& block = names_.blocks_[spot.block];
        if (block == nullptr) block = std::make_unique<std::string[]>(size_t{StreamNames::first_block} << spot.block);
    }
    free_.erase(stream);
    const StreamNames::Spot spot = StreamNames::spot_of(stream);
    names_.blocks_[spot.block][spot.offset] = name;
    by_name_.insert(by_name_.begin() + static_cast<std::ptrdiff_t>(place_of(name)), stream);
    return stream;
}

void Streams::leave(uint32_t stream) {
    by_name_.erase(by_name_.begin() + static_cast<std::ptrdiff_t>(place_of(names_[stream])));
    gone_.insert(stream);
}

void Streams::give_up(uint32_t stream) {
    gone_.erase(stream);
    free_.insert(stream);
}

}  // namespace millrace
