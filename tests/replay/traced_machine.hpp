// A machine that writes down everything that is asked of it and everything it answers. Both the recorder and the replay
// go through this, so that a trace and its replay are compared as text, byte for byte.
//
// A trace is lines of ASCII. `millrace-trace 1` comes first. Then one line for each call, and below it, after `= `,
// what the machine answered. Times are microseconds; configuration is a URL of the keys of the table (CFG-1).
//
//     create NOW WALL SEED_HIGH SEED_LOW "URL"        = ok
//     open NOW "URL"                                  = source N
//     close NOW SOURCE                                = ok, or error CODE retryable|final "message", here and below
//     drain NOW TIMEOUT acks|answers                  = ok
//     publish NOW plain|atomic "STREAM" COUNT ("NAME" "VALUE")… ;…                                       = ticket N
//     ack NOW BATCH all|INDEX…                        = ok
//     nack NOW BATCH DELAY|default all|INDEX…         = ok
//     release NOW BATCH
//     pause NOW SOURCE    resume NOW SOURCE           = ok
//     connected NOW CONN
//     disconnected NOW CONN REASON
//     room CONN HINT                                  = room SIZE
//     input NOW CONN "BYTES"                            the first bytes of the last room
//     timeout NOW
//     wall NOW WALL
//     action?  event?  writable?  timeout?  finished? = what there is, or none
//     transmit CONN                                   = "BYTES"
//     sent CONN COUNT
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "millrace/machine.hpp"

namespace millrace::replay {

inline constexpr std::string_view trace_head = "millrace-trace 1\n";

class TracedMachine {
  public:
    /// Writes to `trace`, which outlives it.
    static Result<TracedMachine> create(std::string_view url, Seed128 seed, Instant now, WallTime wall,
                                        std::string& trace);

    Result<SourceId> open(std::string_view url, Instant now);
    Status close(SourceId source, Instant now);
    Status drain(const Drain& how, Instant now);
    Result<Ticket> publish(const Publish& publish, Instant now);
    Status ack(BatchId batch, EntrySet entries, Instant now);
    Status nack(BatchId batch, EntrySet entries, std::optional<Duration> delay, Instant now);
    void release(BatchId batch, Instant now);
    Status pause(SourceId source, Instant now);
    Status resume(SourceId source, Instant now);

    void handle_connected(ConnId conn, Instant now);
    void handle_disconnected(ConnId conn, DisconnectReason reason, Instant now);
    [[nodiscard]] std::span<std::byte> input_room(ConnId conn, size_t hint);
    void handle_input(ConnId conn, size_t written, Instant now);
    void handle_timeout(Instant now);
    void handle_wall_clock(WallTime wall, Instant now);

    [[nodiscard]] std::optional<Action> poll_action();
    [[nodiscard]] std::optional<Event> poll_event();
    [[nodiscard]] std::optional<ConnId> poll_writable();
    [[nodiscard]] std::optional<Instant> poll_timeout();
    [[nodiscard]] std::span<const ConstBytes> transmit(ConnId conn);
    void advance_transmit(ConnId conn, size_t sent);
    [[nodiscard]] bool finished();

  private:
    TracedMachine(Machine machine, std::string& trace) : machine_(std::move(machine)), trace_(&trace) {}

    void call(std::string_view verb);
    void call(std::string_view verb, Instant now);
    void argument(uint64_t number);
    void argument(EntrySet entries);
    void text(std::string_view bytes);
    Status answer(Status status);
    /// Begins the answer's line; the caller ends it.
    std::string& answer();

    Machine machine_;
    std::string* trace_;
    std::span<std::byte> room_;
};

}  // namespace millrace::replay
