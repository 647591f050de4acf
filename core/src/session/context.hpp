// What all parts of one machine share: its configuration, its randomness, and the queues towards the host.
#pragma once

#include <algorithm>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "base/buffer.hpp"
#include "base/prng.hpp"
#include "base/registers.hpp"
#include "base/ring.hpp"
#include "base/segment.hpp"
#include "millrace/action.hpp"
#include "millrace/config.hpp"
#include "millrace/event.hpp"
#include "millrace/seed.hpp"

namespace millrace {

/// Logs are dropped, and counted, while this many events wait for the host; every other event is bounded by what causes
/// it: batches by prefetch, acks by batches, disconnections by the pace of retries.
inline constexpr size_t events_waiting_max = 4096;

/// No two attempts to connect of one client are closer than this (RET-1).
inline constexpr Duration connect_spacing = milliseconds(50);

struct Context {
    Context(const ClientConfig& client, Seed128 seed, Instant begin, WallTime at)
        : config(client), prng(seed), wall(at), wall_at(begin) {}
    Context(const Context&) = delete;
    Context& operator=(const Context&) = delete;

    void emit(Event event) {
        registers.count(event);
        events.push(std::move(event));
    }

    /// Views, so that whoever logs makes no texts.
    using ShownFields = std::initializer_list<std::pair<std::string_view, std::string_view>>;
    void log(LogLevel level, std::string_view message, ShownFields shown = {}) {
        LogFields fields;
        for (const auto& [key, value] : shown) fields.emplace_back(key, value);
        log_fields(level, message, std::move(fields));
    }
    void log_fields(LogLevel level, std::string_view message, LogFields fields) {
        if (events.size() >= events_waiting_max) {
            ++logs_dropped;
            return;
        }
        if (logs_dropped > 0) {
            fields.emplace_back("messages_dropped_before", std::to_string(logs_dropped));
            logs_dropped = 0;
        }
        events.push(Log{level, std::string(message), std::move(fields)});
    }

    void fail(std::optional<SourceId> source, Error error, bool closed = false) {
        emit(Failure{source, std::move(error), closed});
    }

    /// How long to wait before a request is tried again. Most are for as long as their source is open, so where the
    /// delays do not grow (one of their keys is 0) it is connect_spacing: else a server that refuses is asked without
    /// end, as fast as it answers.
    [[nodiscard]] Duration retry_delay(uint32_t n) {
        ++registers.retries;
        const Duration delay = delay_of(n);
        const bool grows = config.retry_delay.us > 0 && config.max_retry_delay >= connect_spacing;
        return grows ? delay : std::max(delay, connect_spacing);
    }

    /// RET-1: retry_delay x 2^n, at most max_retry_delay, less a random part where jitter is asked for.
    [[nodiscard]] Duration delay_of(uint32_t n) {
        int64_t delay = config.retry_delay.us;
        for (uint32_t i = 0; i < n && delay < config.max_retry_delay.us; ++i) delay *= 2;
        if (delay > config.max_retry_delay.us) delay = config.max_retry_delay.us;
        if (config.jitter_ppm > 0 && delay > 0) {
            const uint64_t most = static_cast<uint64_t>(delay) / 1'000'000 * config.jitter_ppm +
                                  static_cast<uint64_t>(delay) % 1'000'000 * config.jitter_ppm / 1'000'000;
            if (most > 0) delay -= static_cast<int64_t>(prng.below(most + 1));
        }
        return {delay};
    }

    /// Calendar time, as far as the host has told.
    [[nodiscard]] WallTime wall_now() const { return {wall.unix_us + (now - wall_at).us}; }

    /// Indices for an Acked event, kept until the event after it is polled.
    [[nodiscard]] std::span<const uint32_t> keep(Buffer<uint32_t>&& indices) {
        told.push(std::move(indices));
        const Buffer<uint32_t>& kept = told[told.size() - 1];
        return {kept.data(), kept.size()};  // the elements stay where they are when the queue grows
    }
    /// A buffer that an event before has done with.
    [[nodiscard]] Buffer<uint32_t> spare_indices() { return spare.empty() ? Buffer<uint32_t>() : spare.pop(); }

    ClientConfig config;  ///< nothing of it changes but the credentials
    Prng prng;
    WallTime wall;
    Instant wall_at;  ///< when it was told
    Instant now{};    ///< of the input or command at work; entries that arrive in the middle of a reply arrive then
    SegmentStore segments;
    Registers registers;
    Ring<Event> events;
    Ring<Action> actions;
    Ring<Buffer<uint32_t>> told;  // of the Acked events that wait, and of the one polled last
    Ring<Buffer<uint32_t>> spare;
    uint64_t logs_dropped = 0;
    uint32_t next_conn = 1;
    uint64_t next_ticket = 1;   ///< of publishes and requests alike
    uint32_t batches_made = 0;  ///< of all sources: a mode change gives a source a new book, with ids of its own
    std::optional<Instant> last_attempt;
};

}  // namespace millrace
