// What the hub tells operators. The machine knows it all; here is only who waits for the server's figures.
#include <algorithm>
#include <utility>

#include "hub.hpp"

namespace millrace::native {

Result<Health> Hub::health(SourceId source, Duration timeout) {
    Lock lock(mutex_);
    if (closed_) return closed_error();
    const Instant asked = monotonic_now();
    if (timeout.us > 0 && !pumps_here() && engine_->machine().look(source, asked).ok()) {
        wake();
        // Figures that are younger than the question were told because of it.
        (void)wait_until(lock, deadline_after(asked, timeout), [this, source, asked] {
            const Instant now = monotonic_now();
            const Result<Health> health = engine_->machine().health(source, now);
            if (!health) return true;
            // A tail and a subscription have no figures to wait for.
            if (health->mode.has_value() && *health->mode != Delivery::streams) return true;
            return health->since_looked.has_value() && *health->since_looked <= now - asked;
        });
        if (closed_) return closed_error();
    }
    return engine_->machine().health(source, monotonic_now());
}

std::vector<std::pair<SourceId, Health>> Hub::health() {
    const Lock lock(mutex_);
    std::vector<std::pair<SourceId, Health>> all;
    for (const Source& source : sources_) {
        Result<Health> health = engine_->machine().health(source.id, monotonic_now());
        if (health) all.emplace_back(source.id, std::move(health).value());
    }
    return all;
}

bool Hub::lives() const {
    const Lock lock(mutex_);
    const bool is_refused = !sources_.empty() && std::all_of(sources_.begin(), sources_.end(), [](const Source& each) {
        return each.ended && each.error.has_value();
    });
    return !closed_ && !closing_ && !finished_ && !is_refused;
}

std::string Hub::metrics(const MetricsOptions& options) {
    const Lock lock(mutex_);
    return engine_->machine().metrics(options, monotonic_now());
}

}  // namespace millrace::native
