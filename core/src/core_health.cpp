// What the machine tells of itself (OBS-1 and 2): whether a source does its work, and the figures of all of them.
#include <algorithm>
#include <string>
#include <utility>

#include "core.hpp"
#include "observe/prometheus.hpp"

namespace millrace {

namespace {

// Ids that are times lie between these; others are counters of somebody's.
constexpr int64_t first_ms_of_2009 = 1'230'768'000'000;

/// How long ago an entry was added. Clocks of two machines differ a little: never less than nothing.
std::optional<Duration> age(EntryId id, WallTime now) {
    const int64_t now_ms = now.unix_us / 1000;
    if (id.ms < static_cast<uint64_t>(first_ms_of_2009) || id.ms > static_cast<uint64_t>(now_ms) + 86'400'000) {
        return std::nullopt;
    }
    return milliseconds(std::max<int64_t>(0, now_ms - static_cast<int64_t>(id.ms)));
}

std::string in_seconds(Duration time) {
    return std::to_string(time.us / 1'000'000) + "." + std::to_string(time.us / 100'000 % 10) + " s";
}

}  // namespace

const Machine::Core::Slot* Machine::Core::slot_of(SourceId id) const {
    for (const Slot& slot : slots_) {
        if (slot.id == id) return &slot;
    }
    return nullptr;
}

/// Since the server last said anything, on whichever lane.
std::optional<Duration> Machine::Core::silence(Instant now) const {
    std::optional<Instant> last;
    for (const std::unique_ptr<Lane>& lane : lanes) last = std::max(last, lane->spoke());
    if (!last.has_value()) return std::nullopt;
    return now - *last;
}

Result<Health> Machine::Core::health(SourceId id, Instant now) const {
    const Slot* const slot = slot_of(id);
    if (slot == nullptr) return Error(Code::closed, "health: no such source, or it was closed");
    return health_of(*slot, now);
}

Health Machine::Core::health_of(const Slot& slot, Instant now) const {
    Health health;
    health.mode = delivery_;
    if (delivery_ == Delivery::streams && slot.config.group.empty()) health.mode = Delivery::tail;
    const std::optional<Duration> silent = silence(now);
    health.since_heard = silent.value_or(Duration{});
    const SourceRegisters* const told = context.registers.find(slot.id);
    if (slot.source != nullptr) {
        const SourceFigures figures = slot.source->figures();
        health.held = slot.source->held();
        health.consumer = std::string(slot.source->consumer());
        if (!health.consumer.empty()) health.group = slot.config.group;
        if (figures.at.has_value()) health.since_looked = now - *figures.at;
        health.stream_length = figures.stream_length;
        health.pending = figures.pending;
        health.lag = figures.lag;
        if (figures.lowest_pending.has_value())
            health.oldest_pending = age(*figures.lowest_pending, context.wall_now());
    }
    if (told != nullptr && told->is_closed) {
        health.error = "the source has ended: " + told->last_failure;
    } else if (phase_ != Phase::running || slot.closing) {
        health.error = "the source is being closed";
    } else if (refused_) {
        health.error = "the server refuses this client for good";
    } else if (!silent.has_value()) {
        health.error = "the server was never heard";
    } else if (*silent > context.config.health_deadline) {
        health.error = "the server was last heard " + in_seconds(*silent) + " ago";
    } else if (slot.source == nullptr) {
        health.error = "the server is not known yet";
    }
    health.healthy = health.error.empty();
    return health;
}

std::string Machine::Core::metrics(const MetricsOptions& options, Instant now) const {
    observe::Figures figures{context.registers, {}, silence(now), delivery_};
    for (const Slot& slot : slots_) {
        const std::vector<std::string>& streams = slot.config.streams;
        const std::string many =
            slot.config.pattern.empty() ? std::to_string(streams.size()) + " streams" : slot.config.pattern;
        const std::string stream = streams.size() == 1 ? streams.front() : many;
        figures.sources.push_back({slot.id, stream, slot.config.group, health_of(slot, now)});
    }
    return observe::prometheus_text(figures, options);
}

}  // namespace millrace
