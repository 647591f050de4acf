// Which canonical ids are in hand, and, unless the server remembers that, which were acked lately (DUP-1 and 2). It
// decides; what becomes of the entries is the holdings' business. Ids are kept as keyed digests, so the window costs
// the same whatever their length.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/digest.hpp"
#include "base/flat_table.hpp"
#include "base/ring.hpp"
#include "consumer/held.hpp"
#include "millrace/config.hpp"
#include "millrace/time.hpp"

namespace millrace {

class Dedupe {
  public:
    Dedupe(const SourceConfig& config, DigestKey key) : config_(config), key_(key) {}

    enum class Verdict : uint8_t {
        fresh,    ///< nobody has it: it is in hand from now on
        seen,     ///< acked within the window: a duplicate
        in_hand,  ///< another entry of the same id is: this one waits for what becomes of that
    };
    /// Of one stream: the ids of different streams have nothing to do with each other.
    [[nodiscard]] Digest digest_of(std::string_view stream, const std::string& canonical_id) const;
    [[nodiscard]] Verdict admit(const EntryName& name, const Digest& id, Instant now);
    /// The entry is not in hand any more; with `acked` its id has been seen. Its digest, if it had any.
    std::optional<Digest> settle(const EntryName& name, bool acked, Instant now);

  private:
    struct Seen {
        Digest id;
        Instant at{};
    };

    void remember(const Digest& id, Instant now);
    void forget_old(Instant now);

    const SourceConfig& config_;
    const DigestKey key_;
    FlatTable<Digest, EntryName> in_hand_;
    FlatTable<EntryName, Digest> ids_;  // of what is in hand
    FlatTable<Digest, Instant> seen_;
    Ring<Seen> order_;  // of the acks; an id that was acked again counts from its last time
};

}  // namespace millrace
