// A machine in virtual time. The test says what the network and the clock do; the host here does what every host does
// (polls until nothing is left, after each input), writes down what came of it, and holds the machine to what hosts
// rely on:
//
// - after handle_timeout(now), poll_timeout is later than now, else a host would spin;
// - handle_timeout once more, for nothing, brings nothing;
// - whatever is told about a connection that has ended changes nothing.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "millrace/machine.hpp"
#include "support/replies.hpp"
#include "support/story.hpp"

namespace millrace::test {

class ScriptedHost {
  public:
    ScriptedHost();
    explicit ScriptedHost(const ClientConfig& config, Seed128 seed = {1, 2});

    // ---- commands
    SourceId open(const SourceConfig& config);
    /// By the number of the batch; no indices: all.
    Status ack(size_t batch, std::vector<uint32_t> indices = {});
    Status nack(size_t batch, std::vector<uint32_t> indices = {}, std::optional<Duration> delay = std::nullopt);
    Status give_back(size_t batch, std::vector<uint32_t> indices = {});
    Status reject(size_t batch, std::vector<uint32_t> indices, std::string_view error);
    Result<Ticket> dead(const DeadQuery& query = {"s"});
    Result<Ticket> redrive(std::vector<EntryId> dead_ids);
    Result<Ticket> change_group(const GroupChange& change);
    void release(size_t batch);
    Status close(SourceId source);
    Status drain(Duration timeout, bool awaits_acks = false);
    Status pause(SourceId source);
    Status resume(SourceId source);
    Status replace_credentials(std::string username, std::string password);
    /// One entry for each value, with the one field `f`.
    Result<Ticket> publish(std::string_view stream, std::initializer_list<std::string_view> values,
                           bool atomic = false);
    Result<Ticket> publish(std::string_view stream, std::initializer_list<std::string_view> values,
                           const PublishConfig& options);
    Result<Ticket> publish(const Publish& publish);

    // ---- the network. A lane is named by its role; a second one of the same role that lives is `read2`.
    void connected(const std::string& lane);
    void reply(const std::string& lane, std::string_view bytes);
    void lost(const std::string& lane, DisconnectReason reason = DisconnectReason::reset);
    /// Connects the lane and answers its handshake as `server` does, whose part of the story is left out.
    void greet(const std::string& lane);
    [[nodiscard]] bool lives(const std::string& lane) const { return lanes_.count(lane) > 0; }
    [[nodiscard]] ConnId conn(const std::string& lane) const;

    // ---- the clock
    [[nodiscard]] Instant now() const { return now_; }
    /// Runs every timer on the way at its time; PINGs are answered.
    void wait(int64_t ms);
    /// Runs the next timer; how long that took.
    int64_t fire();
    [[nodiscard]] std::optional<int64_t> ms_to_timeout() const;
    /// Calls handle_timeout at a later time without having called it on the way.
    void oversleep(int64_t ms);

    /// What has happened since the last call: actions, events in order, and commands as written, lane by lane.
    [[nodiscard]] std::string story();
    void forget() { story_.clear(); }
    [[nodiscard]] BatchId batch(size_t number) const;
    [[nodiscard]] size_t batches() const { return numbers_.size(); }
    /// Checks the rules of hosts, and gathers what there is; called after everything above.
    void settle();

    /// How the bytes of a reply arrive.
    enum class Cut : uint8_t { whole, byte_by_byte, in_three };
    Cut cut = Cut::whole;
    bool answers_ping = true;
    struct {
        int64_t protocol = 3;  ///< 2: no HELLO
        std::string version = "7.0.15";
        std::string run_id = "run-a";
        int64_t next_client_id = 7;
    } server;

  private:
    Instant now_{1'000'000'000};

  public:
    Machine machine;

  private:
    struct Connection {
        ConnId conn{};
        std::string wire;
        std::vector<std::string> written;  // since the last look of greet
        Instant deadline{};
        bool readable = true;
    };

    static Machine make(const ClientConfig& config, Seed128 seed, Instant now);
    [[nodiscard]] EntrySet entries(const std::vector<uint32_t>& indices) const;
    void gather();
    void take_action(const Action& action);
    void take_output();
    void haunt(ConnId dead);
    void feed(ConnId conn, std::string_view bytes);
    [[nodiscard]] std::optional<std::string> answer(const std::string& command);

    std::vector<std::string> story_;
    std::map<std::string, Connection> lanes_;
    BatchNumbers numbers_;
    std::vector<std::string> pinged_;
    std::vector<ConnId> dead_;  // not haunted yet
};

/// A source of the stream `s` for the consumer `c` of the group `g`: batches of 5, flushed after 2 s; consumers that
/// left stay.
[[nodiscard]] SourceConfig source_of(std::vector<std::string> streams = {"s"});
[[nodiscard]] SourceConfig tail_of(std::string from, std::vector<std::string> streams = {"s"});

/// Opens the source on both lanes, with a group that is new: its first read is out. The story begins after that.
SourceId consume(ScriptedHost& host, const SourceConfig& config = source_of());
/// The same with a group that exists: its low-water mark is taken, and the first XPENDING of recovery is out.
SourceId consume_again(ScriptedHost& host, const SourceConfig& config = source_of());

}  // namespace millrace::test
