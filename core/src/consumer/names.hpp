// Names of consumers (REC-4): generated ones, and those that are taken under a lease. The forms are known here alone.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/prng.hpp"
#include "millrace/time.hpp"

namespace millrace {

struct ConsumerName {
    std::string text;
    bool is_ours = false;  ///< generated or leased, so ours to delete; not one that the host gave
};

/// `consumer-{unix ms}-{8 hexadecimal digits}`
[[nodiscard]] std::string generated_name(WallTime now, Prng& prng);
[[nodiscard]] bool is_generated_name(std::string_view name);

/// What leased names begin with: the name that was configured, else `consumer`.
[[nodiscard]] inline std::string_view lease_base(std::string_view configured) {
    return configured.empty() ? std::string_view("consumer") : configured;
}
/// `{base}-{n}`, n from 1.
[[nodiscard]] std::string leased_name(std::string_view base, uint32_t n);
[[nodiscard]] bool is_leased_name(std::string_view base, std::string_view name);

}  // namespace millrace
