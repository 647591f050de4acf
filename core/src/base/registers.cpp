#include "base/registers.hpp"

#include <algorithm>
#include <variant>

namespace millrace {

SourceRegisters& Registers::of(SourceId source) {
    for (const std::unique_ptr<SourceRegisters>& known : sources_) {
        if (known->id == source) return *known;
    }
    sources_.push_back(std::make_unique<SourceRegisters>());
    sources_.back()->id = source;
    return *sources_.back();
}

const SourceRegisters* Registers::find(SourceId source) const {
    for (const std::unique_ptr<SourceRegisters>& known : sources_) {
        if (known->id == source) return known.get();
    }
    return nullptr;
}

void Registers::forget(SourceId source) {
    const auto is_it = [source](const std::unique_ptr<SourceRegisters>& known) { return known->id == source; };
    sources_.erase(std::remove_if(sources_.begin(), sources_.end(), is_it), sources_.end());
}

void Registers::count(const Event& event) {
    if (const auto* batch = std::get_if<BatchReady>(&event)) {
        SourceRegisters& source = of(batch->source);
        source.delivered += batch->entries.size();
        if (batch->reason == FlushReason::recovery) source.redelivered += batch->entries.size();
        ++source.batches[static_cast<size_t>(batch->reason)];
    } else if (const auto* acked = std::get_if<Acked>(&event)) {
        of(acked->source).acked += acked->indices.size();
    } else if (const auto* lost = std::get_if<Lost>(&event)) {
        of(lost->source).lost += lost->ids.size();
    } else if (const auto* duplicate = std::get_if<Duplicate>(&event)) {
        ++of(duplicate->source).duplicates;
    } else if (const auto* dead = std::get_if<DeadLettered>(&event)) {
        ++of(dead->source).dead;
    } else if (const auto* failed = std::get_if<DeadFailed>(&event)) {
        ++of(failed->source).dead_failed;
    } else if (const auto* large = std::get_if<TooLarge>(&event)) {
        ++of(large->source).too_large;
    } else if (const auto* gap = std::get_if<Gap>(&event)) {
        ++of(gap->source).gaps;
    } else if (const auto* interrupted = std::get_if<Interrupted>(&event)) {
        ++of(interrupted->source).gaps;
    } else if (const auto* recreated = std::get_if<GroupRecreated>(&event)) {
        ++of(recreated->source).groups_recreated;
    } else if (const auto* result = std::get_if<Published>(&event)) {
        ++publishes;
        for (const PublishResult& entry : result->results) {
            if (entry.error.has_value()) {
                ++publish_failed;
            } else {
                ++published;
            }
            if (entry.maybe_duplicate) ++maybe_duplicate;
        }
    } else if (const auto* disconnected = std::get_if<Disconnected>(&event)) {
        ++disconnects[static_cast<size_t>(disconnected->role)];
    } else if (const auto* reconnected = std::get_if<Reconnected>(&event)) {
        ++reconnects[static_cast<size_t>(reconnected->role)];
    } else if (std::holds_alternative<ModeChanged>(event)) {
        ++mode_changes;
    } else if (const auto* failure = std::get_if<Failure>(&event)) {
        if (!failure->source.has_value()) return;
        SourceRegisters& source = of(*failure->source);
        ++source.failures;
        source.last_failure = failure->error.message;
        source.is_closed = source.is_closed || failure->closed;
    }
}

}  // namespace millrace
