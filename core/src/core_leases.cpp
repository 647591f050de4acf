// Consumers whose names are under a lease (REC-4): none reads before it has a name, and one whose name is lost ends
// there and then. Its place is taken by another with the next name, which begins with recovery as after a restart.
#include <algorithm>
#include <utility>

#include "core.hpp"

namespace millrace {

namespace {

// How many lost batches of a source are known as such; acks of older ones are `not_held`.
constexpr size_t lost_batches_max = 4096;

}  // namespace

bool Machine::Core::must_lease(const Slot& slot) const {
    return slot.config.consumer_lease && !slot.config.group.empty() && delivery_ == Delivery::streams;
}

/// Whether a source can be made; where its name is to be leased first, that begins.
bool Machine::Core::has_name(Slot& slot) {
    if (slot.refused) return false;
    if (!must_lease(slot)) {
        slot.lease.reset();
        return true;
    }
    if (slot.lease == nullptr && phase_ == Phase::running) {
        slot.lease = std::make_unique<Lease>(context, lanes, slot.config);
    }
    return slot.lease != nullptr && slot.lease->has_name(context.now);
}

std::optional<Error> Machine::Core::begin(BatchId batch, Instant now) {
    context.now = now;
    if (!reachable()) return Error(Code::closed, "the client has ended; what was not acked stays pending");
    if (check_leases(now)) advance(now);
    for (const Slot& slot : slots_) {
        if (!Batches::is_of(slot.id, batch)) continue;
        if (std::find(slot.lost.begin(), slot.lost.end(), batch) == slot.lost.end()) return std::nullopt;
        return Error(Code::lost, "the batch was lost with the consumer's name; its entries are handed over again");
    }
    return std::nullopt;
}

/// Whether a name was lost. To be asked before anything is handed over or sent: after a suspend of the host it is the
/// clock alone that tells.
bool Machine::Core::check_leases(Instant now) {
    bool is_any_lost = false;
    for (Slot& slot : slots_) {
        if (slot.lease == nullptr || slot.source == nullptr || slot.lease->ending()) continue;
        if (slot.lease->has_name(now)) continue;
        is_any_lost = true;
        lose_name(slot, now);
    }
    return is_any_lost;
}

void Machine::Core::lose_name(Slot& slot, Instant now) {
    // What has failed for good does not begin again under another name.
    slot.refused = slot.source->stopped() && !slot.refused_with_all;
    context.fail(slot.id, slot.lease->give_up(now));
    end_lost(slot, now);
    if (is_ending(slot) || slot.refused) slot.lease->give_back();  // and no other is wanted
}

/// Batches that the host has not polled yet are not to be worked on; their entries are among the lost.
void Machine::Core::take_back_batches(SourceId source) {
    for (size_t left = context.events.size(); left > 0; --left) {
        Event event = context.events.pop();
        if (const auto* ready = std::get_if<BatchReady>(&event); ready != nullptr && ready->source == source) {
            release(ready->batch);
        } else {
            context.events.push(std::move(event));
        }
    }
}

void Machine::Core::advance_leases(Instant now) {
    for (Slot& slot : slots_) {
        if (slot.lease == nullptr) continue;
        const bool has_failed = slot.source != nullptr && slot.source->stopped() && !slot.source->in_hand();
        if ((is_ending(slot) || has_failed) && is_source_settled(slot)) slot.lease->give_back();
        slot.lease->advance(now);
        if (!slot.refused && slot.lease->refusal().has_value()) refuse_name(slot, now);
    }
}

/// A name that can't be renewed is as good as lost: what is held under it will be another's.
void Machine::Core::refuse_name(Slot& slot, Instant now) {
    slot.refused = true;
    context.fail(slot.id, *slot.lease->refusal(), true);
    slot.lease->give_back();
    if (slot.source != nullptr) end_lost(slot, now);
}

void Machine::Core::end_lost(Slot& slot, Instant now) {
    take_back_batches(slot.id);
    slot.source->lose_all(slot.lost, now);
    if (slot.lost.size() > lost_batches_max) {
        const auto surplus = static_cast<std::ptrdiff_t>(slot.lost.size() - lost_batches_max);
        slot.lost.erase(slot.lost.begin(), slot.lost.begin() + surplus);
    }
    ended_.push_back(std::exchange(slot.source, nullptr));
}

bool Machine::Core::is_source_settled(const Slot& slot) const {
    if (slot.source == nullptr) return true;
    const bool must_await = phase_ == Phase::draining && !slot.closing && awaits_acks_;
    return slot.source->settled() && !(must_await && slot.source->in_hand());
}

/// Whether the source has ended as it should, its name included.
bool Machine::Core::is_settled(const Slot& slot) const {
    return is_source_settled(slot) && (slot.lease == nullptr || slot.lease->given_back());
}

}  // namespace millrace
