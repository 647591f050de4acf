#include "consumer/dedupe.hpp"

namespace millrace {

Digest Dedupe::digest_of(std::string_view stream, const std::string& canonical_id) const {
    const Digest of_stream = digest(key_, stream);  // by its name: a number may be another stream's later
    return digest({of_stream.high, of_stream.low}, canonical_id);
}

Dedupe::Verdict Dedupe::admit(const EntryName& name, const Digest& id, Instant now) {
    forget_old(now);
    const EntryName* const owner = in_hand_.find(id);
    if (owner != nullptr) return *owner == name ? Verdict::fresh : Verdict::in_hand;
    if (seen_.find(id) != nullptr) return Verdict::seen;
    // Refused memory lets a duplicate through, which at least once allows.
    if (in_hand_.insert(id, name) && !ids_.insert(name, id)) in_hand_.erase(id);
    return Verdict::fresh;
}

std::optional<Digest> Dedupe::settle(const EntryName& name, bool acked, Instant now) {
    const Digest* const found = ids_.find(name);
    if (found == nullptr) return std::nullopt;
    const Digest id = *found;
    ids_.erase(name);
    in_hand_.erase(id);
    if (acked && config_.dedupe == DedupeMode::memory) remember(id, now);
    return id;
}

void Dedupe::remember(const Digest& id, Instant now) {
    forget_old(now);
    if (!seen_.insert(id, now)) return;
    order_.push({id, now});
    while (config_.dedupe_count > 0 && order_.size() > config_.dedupe_count) {
        const Seen oldest = order_.pop();
        const Instant* const last = seen_.find(oldest.id);
        if (last != nullptr && *last == oldest.at) seen_.erase(oldest.id);
    }
}

void Dedupe::forget_old(Instant now) {
    if (config_.dedupe_window == Duration{}) return;
    while (!order_.empty() && order_.front().at + config_.dedupe_window <= now) {
        const Seen oldest = order_.pop();
        const Instant* const last = seen_.find(oldest.id);
        if (last != nullptr && *last == oldest.at) seen_.erase(oldest.id);
    }
}

}  // namespace millrace
