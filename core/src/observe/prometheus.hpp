// Registers and health as Prometheus text (OBS-1), under one of three sets of names. Source: prometheus.io, "Exposition
// formats", text format 0.0.4.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/registers.hpp"
#include "millrace/metrics.hpp"

namespace millrace::observe {

/// What there is to tell.
struct Figures {
    struct Source {
        SourceId id{};
        std::string stream;  ///< its name, or how many there are
        std::string group;
        Health health;
    };
    const Registers& registers;
    std::vector<Source> sources;
    std::optional<Duration> silence;  ///< of the server; none when it was never heard
    std::optional<Delivery> mode;
};

[[nodiscard]] std::string prometheus_text(const Figures& figures, const MetricsOptions& options);

}  // namespace millrace::observe
