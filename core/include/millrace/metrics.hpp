// What an operator sees of a machine: health, for a probe, and metrics, for Prometheus. Both are read from the machine
// at any time; neither asks the server. What only the server knows (pending, lag, lengths) is as it was told at the
// last look, which a consumer takes every claim_interval.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "millrace/event.hpp"
#include "millrace/time.hpp"

namespace millrace {

enum class MetricType : uint8_t { counter, gauge, histogram };

/// Whose names the samples have.
enum class MetricNames : uint8_t {
    millrace,       ///< `millrace_*`: all of them
    redis_streams,  ///< `redis_streams_*`: all of them, for dashboards that were made for that prefix
    deltaforge,     ///< `deltaforge_*`: what is published, with the labels `pipeline`, `sink` and `stage`
};

/// One row of the table of metrics.
struct Metric {
    std::string_view
        name;  ///< behind the prefix; counters end in `_total`, units are seconds; empty: deltaforge's alone
    MetricType type;
    std::string_view labels;      ///< separated by commas
    std::string_view help;        ///< one sentence
    std::string_view deltaforge;  ///< its name with that prefix; empty where it has none
};

[[nodiscard]] std::span<const Metric> metric_table();

struct MetricsOptions {
    MetricNames names = MetricNames::millrace;
    /// Of the deltaforge names.
    std::string_view pipeline, sink;
};

/// How a source is. Streams of one source are added up.
struct Health {
    /// The server was heard within health_deadline, whatever the sockets say, and the source is open and reads.
    bool healthy = false;
    /// Why it is not healthy: one line for people, empty when it is.
    std::string error;
    std::optional<Delivery> mode;  ///< none before the server was known
    std::string group;             ///< empty for a tail, and in Pub/Sub
    std::string consumer;          ///< our name in the group
    Duration since_heard;          ///< since the server was last heard, on any lane
    uint64_t held = 0;             ///< entries read here and not settled
    /// Since the server was asked for what follows, and told it; none before the first look, and where there is no
    /// group.
    std::optional<Duration> since_looked;
    std::optional<uint64_t> stream_length;  ///< entries in the streams
    std::optional<uint64_t> pending;        ///< entries pending in the whole group
    /// Entries that the group has not read yet. None up to Redis 6.2, and where the server has lost count.
    std::optional<uint64_t> lag;
    /// How long ago the oldest pending entry was added, by its id and the host's clock. None where nothing is pending,
    /// or ids are not times.
    std::optional<Duration> oldest_pending;
};

}  // namespace millrace
