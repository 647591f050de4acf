// Counters and histograms of one machine (OBS-1). Most are filled from the events as they are emitted, so that what is
// counted is what the application was told. Knows no names and no format: that is observe/.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "millrace/event.hpp"

namespace millrace {

/// Of durations. A bucket holds what is at most its bound and above the one before; the last has no bound.
struct Histogram {
    static constexpr std::array<int64_t, 17> bounds_us{50,      100,       250,       500,       1'000,     2'500,
                                                       5'000,   10'000,    25'000,    50'000,    100'000,   250'000,
                                                       500'000, 1'000'000, 2'500'000, 5'000'000, 10'000'000};
    std::array<uint64_t, bounds_us.size() + 1> counts{};
    uint64_t sum_us = 0;

    void observe(Duration took, uint64_t times = 1) {
        const int64_t us = took.us > 0 ? took.us : 0;
        size_t bucket = 0;
        while (bucket < bounds_us.size() && us > bounds_us[bucket]) ++bucket;
        counts[bucket] += times;
        sum_us += static_cast<uint64_t>(us) * times;
    }
};

/// Of one source.
struct SourceRegisters {
    SourceId id{};
    uint64_t delivered = 0;    // entries, each time
    uint64_t redelivered = 0;  // of those, not for the first time
    uint64_t acked = 0;        // answered by the server
    uint64_t claimed = 0;      // taken over from a consumer that had left them
    uint64_t lost = 0;
    uint64_t dead = 0;
    uint64_t dead_failed = 0;  // tries to write a dead letter
    uint64_t duplicates = 0;
    uint64_t too_large = 0;
    uint64_t gaps = 0;  // of tails and subscriptions
    uint64_t groups_recreated = 0;
    uint64_t failures = 0;
    std::array<uint64_t, 3> batches{};  // by FlushReason
    Histogram delivery;                 // from an entry's arrival until it is handed over
    std::string last_failure;
    bool is_closed = false;  // by a failure
};

inline constexpr size_t lane_roles = 5;

struct Registers {
    /// Of what is emitted.
    void count(const Event& event);
    /// Made at the first call for a source.
    [[nodiscard]] SourceRegisters& of(SourceId source);
    [[nodiscard]] const SourceRegisters* find(SourceId source) const;
    void forget(SourceId source);

    uint64_t retries = 0;    // requests that are tried again after a delay
    uint64_t published = 0;  // entries confirmed
    uint64_t publishes = 0;  // calls answered
    uint64_t publish_failed = 0;
    uint64_t maybe_duplicate = 0;
    Histogram publish;  // from the call until all its results are there
    std::array<uint64_t, lane_roles> disconnects{};
    std::array<uint64_t, lane_roles> reconnects{};
    uint64_t mode_changes = 0;

  private:
    std::vector<std::unique_ptr<SourceRegisters>> sources_;
};

}  // namespace millrace
