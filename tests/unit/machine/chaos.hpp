// A machine against a server that is up, and a network that is not: connections are cut anywhere, with their commands
// executed or not, and old sockets go on reading for a while. It keeps the books of what was published, delivered,
// acked and counted, and looks at the server's when all is calm. In virtual time.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/allocation.hpp"
#include "base/prng.hpp"
#include "machine/passing_time.hpp"
#include "millrace/machine.hpp"
#include "support/fake_redis.hpp"
#include "support/scripted_host.hpp"

namespace millrace::test {

class Chaos {
  public:
    /// Scarce: the machine's memory is refused now and then, for as long as one input. Busy: the server refuses
    /// everything now and then, for a while.
    enum class Kind : uint8_t { plain, scarce, busy };
    Chaos(uint64_t seed, uint32_t lanes, Kind kind)
        : scarce_(kind == Kind::scarce),
          busy_(kind == Kind::busy),
          chance_(Seed128{seed, lanes}),
          machine_(std::move(Machine::create(client_of(lanes), Seed128{lanes, seed}, now_, WallTime{})).value()) {
        SourceConfig config = source_of();
        config.batch_size = batch_size;
        config.prefetch = prefetch;
        config.max_deliveries = 0;  // whatever happens, nothing is given up
        config.flush_interval = milliseconds(500);
        source_ = machine_.open(config, now_).value();
        settle();
    }

    void rage(int steps) {
        for (int i = 0; i < steps; ++i) step();
    }

    /// The network is well, and nobody acks: what is told must be what the server has.
    void calm() {
        // What an old socket took after a recovery comes with a sweep: claim_min_idle and claim_interval later at most.
        redis_.refusal.clear();
        run(seconds(100));
        size_t held = 0;
        for (const auto& [id, entry] : entries_) held += entry.state == State::held ? 1 : 0;
        if (held >= prefetch) return;  // recovery waits for room
        for (const auto& [id, pending] : redis_.pending()) {
            const Entry& entry = entries_[id];
            if (entry.state == State::held && redis_.has(id)) {
                // A claim that an old control socket executes late, once more: nobody can take that back.
                const uint32_t more = entry.was_nacked && pending.count == entry.deliveries + 1 ? 1 : 0;
                // What recovery had counted may not be given back to a server that refuses that.
                if (busy_) {
                    EXPECT_LE(entry.deliveries, pending.count) << id.text();
                } else {
                    EXPECT_EQ(entry.deliveries + more, pending.count) << id.text();
                }
            }
            if (redis_.has(id)) {
                EXPECT_EQ(entry.state, State::held) << id.text() << " is pending, and the application has not got it";
            }
        }
    }

    /// In whatever state it is, the source ends, hands nothing over any more, and leaves to others what it does not
    /// hold.
    void close() {
        redis_.refusal.clear();
        is_closing_ = true;
        EXPECT_TRUE(machine_.close(source_, now_).ok());
        settle();
        run(seconds(60));
        EXPECT_TRUE(is_closed_);
    }

    /// Everything is acked at last.
    void finish() {
        for (int i = 0; i < 200 && !(redis_.pending().empty() && all_done()); ++i) {
            for (size_t batch = 0; batch < batches_.size(); ++batch) ack(batch, 1);
            run(seconds(1));
        }
        EXPECT_TRUE(redis_.pending().empty()) << redis_.pending().size() << " entries stay pending";
        for (const auto& [id, entry] : entries_) {
            EXPECT_TRUE(entry.state == State::acked || !redis_.has(id)) << id.text() << " was never acked";
        }
    }

  private:
    static constexpr uint32_t batch_size = 4;
    static constexpr uint32_t prefetch = 12;
    static ClientConfig client_of(uint32_t lanes) {
        ClientConfig config;
        config.lanes = lanes;
        config.jitter_ppm = 200'000;
        return config;
    }

    enum class State : uint8_t { published, held, nacked, acked, lost };
    struct Entry {
        State state = State::published;
        uint32_t deliveries = 0;
        bool was_nacked = false;
    };
    struct Batch {
        BatchId id{};
        std::vector<EntryId> ids;
    };
    struct Wire {
        ConnId conn{};
        int64_t client = 0;  // 0: not connected yet
        std::string to_server;
        std::string to_client;
    };

    bool all_done() const {
        return std::all_of(entries_.begin(), entries_.end(),
                           [this](const auto& it) { return it.second.state == State::acked || !redis_.has(it.first); });
    }

    void step() {
        const uint64_t what = chance_.below(100);
        if (what < 8) {
            entries_[redis_.add()];
        } else if (what < 13 && !batches_.empty()) {
            ack(chance_.below(batches_.size()), 2);
        } else if (what < 16 && !batches_.empty()) {
            nack(chance_.below(batches_.size()));
        } else if (what < 18 && !batches_.empty()) {
            machine_.release(batches_[chance_.below(batches_.size())].id, now_);
            settle();
        } else if (what < 24) {
            sleep(milliseconds(static_cast<int64_t>(chance_.below(chance_.below(20) == 0 ? 3000 : 100))));
        } else if (what < 26 && !wires_.empty()) {
            cut(chance_.below(wires_.size()));
        } else if (what < 27 && !ghosts_.empty()) {
            haunt(chance_.below(ghosts_.size()));
        } else if (what < 28 && !entries_.empty() && chance_.below(4) == 0) {
            auto at = entries_.begin();
            std::advance(at, static_cast<std::ptrdiff_t>(chance_.below(entries_.size())));
            redis_.remove(at->first);
        } else if (busy_ && what < 29) {
            refuse();
        } else if (!wires_.empty()) {
            const uint64_t granted = scarce_ && chance_.below(8) == 0 ? chance_.below(8) : UINT64_MAX / 2;
            const Scarcity scarcity(granted);
            carry(chance_.below(wires_.size()), false);
        }
    }

    void refuse() {
        if (chance_.below(3) > 0) return redis_.refusal.clear();
        redis_.refusal = chance_.below(2) == 0 ? "BUSY Redis is busy running a script." : "LOADING Redis is loading";
    }

    // ---- the application

    void deliver(const BatchReady& ready) {
        EXPECT_FALSE(is_closing_);
        EXPECT_GE(ready.entries.size(), 1U);
        EXPECT_LE(ready.entries.size(), batch_size);
        Batch batch;
        batch.id = ready.batch;
        for (const millrace::Entry told : ready.entries) {
            Entry& entry = entries_[told.id()];
            EXPECT_TRUE(entry.state == State::published || entry.state == State::nacked)
                << told.id().text() << " comes in state " << static_cast<int>(entry.state);
            entry.state = State::held;
            entry.deliveries = told.deliveries();
            batch.ids.push_back(told.id());
            if (ready.reason == FlushReason::recovery) {
                EXPECT_GE(told.deliveries(), 2U);
            } else {
                EXPECT_EQ(told.deliveries(), 1U);
                EXPECT_GT(told.id(), newest_);
                newest_ = told.id();
            }
        }
        batches_.push_back(std::move(batch));
    }

    /// One in `share` of what is held in the batch.
    std::vector<uint32_t> choose(size_t at, uint64_t share) {
        std::vector<uint32_t> chosen;
        for (uint32_t i = 0; i < batches_[at].ids.size(); ++i) {
            if (entries_[batches_[at].ids[i]].state == State::held && owner(batches_[at].ids[i]) == at &&
                chance_.below(share) == 0) {
                chosen.push_back(i);
            }
        }
        return chosen;
    }
    size_t owner(EntryId id) const {
        for (size_t i = batches_.size(); i-- > 0;) {
            if (std::find(batches_[i].ids.begin(), batches_[i].ids.end(), id) != batches_[i].ids.end()) return i;
        }
        return batches_.size();
    }
    void ack(size_t at, uint64_t share) {
        const std::vector<uint32_t> chosen = choose(at, share);
        if (chosen.empty()) return;
        const Status status = machine_.ack(batches_[at].id, EntrySet::of(chosen), now_);
        EXPECT_TRUE(status.ok()) << status.error().message;
        for (const uint32_t i : chosen) entries_[batches_[at].ids[i]].state = State::acked;
        settle();
    }
    void nack(size_t at) {
        const std::vector<uint32_t> chosen = choose(at, 3);
        if (chosen.empty()) return;
        const Duration delay = milliseconds(static_cast<int64_t>(chance_.below(700)));
        const Status status = machine_.nack(batches_[at].id, EntrySet::of(chosen), delay, now_);
        EXPECT_TRUE(status.ok()) << status.error().message;
        for (const uint32_t i : chosen) {
            entries_[batches_[at].ids[i]].state = State::nacked;
            entries_[batches_[at].ids[i]].was_nacked = true;
        }
        settle();
    }

    // ---- the network

    void cut(size_t at) {
        Wire wire = std::move(wires_[at]);
        wires_.erase(wires_.begin() + static_cast<std::ptrdiff_t>(at));
        if (wire.client != 0) ghosts_.push_back(wire);
        machine_.handle_disconnected(wire.conn, DisconnectReason::reset, now_);
        settle();
    }
    /// The server goes on with an old socket: reads what was under way, or notices that nobody is there.
    void haunt(size_t at) {
        if (chance_.below(2) == 0) {
            redis_.disconnect(ghosts_[at].client);
            ghosts_.erase(ghosts_.begin() + static_cast<std::ptrdiff_t>(at));
        } else {
            redis_.receive(ghosts_[at].client, std::exchange(ghosts_[at].to_server, {}));
        }
    }
    /// Some bytes, or all of them, arrive at one end or the other.
    void carry(size_t at, bool everything) {
        if (wires_[at].client == 0) {
            wires_[at].client = redis_.connect();
            machine_.handle_connected(wires_[at].conn, now_);
            return settle();
        }
        Wire& wire = wires_[at];
        if (everything || chance_.below(2) == 0) {
            const size_t size = everything ? wire.to_server.size() : chance_.below(wire.to_server.size() + 1);
            redis_.receive(wire.client, std::string_view(wire.to_server).substr(0, size));
            wire.to_server.erase(0, size);
        }
        wire.to_client += redis_.take_output(wire.client);
        if (!redis_.knows(wire.client)) {  // killed
            const ConnId conn = wire.conn;
            wires_.erase(wires_.begin() + static_cast<std::ptrdiff_t>(at));
            machine_.handle_disconnected(conn, DisconnectReason::closed, now_);
            return settle();
        }
        const size_t size = everything ? wire.to_client.size() : chance_.below(wire.to_client.size() + 1);
        const std::string bytes = wire.to_client.substr(0, size);
        const std::span<std::byte> room = machine_.input_room(wire.conn, size);
        if (size == 0 || room.size() < size) return;
        wire.to_client.erase(0, size);
        std::copy(bytes.begin(), bytes.end(), reinterpret_cast<char*>(room.data()));
        machine_.handle_input(wire.conn, size, now_);
        settle();
    }

    // ---- the clock

    void sleep(Duration by) {
        pass_time(
            machine_, now_, by, [this](Instant now) { redis_.handle_time(now); }, [this] { settle(); });
    }
    /// The network carries everything at once, for so long.
    void run(Duration by) {
        const Instant until = now_ + by;
        while (now_ < until) {
            for (int round = 0; round < 5; ++round) {
                for (size_t i = 0; i < wires_.size(); ++i) carry(i, true);
            }
            sleep(milliseconds(25));
        }
    }

    void settle() {
        while (std::optional<Event> event = machine_.poll_event()) {
            if (const auto* ready = std::get_if<BatchReady>(&*event)) deliver(*ready);
            if (const auto* lost = std::get_if<Lost>(&*event)) {
                for (const EntryId id : lost->ids) {
                    EXPECT_FALSE(redis_.has(id)) << id.text() << " is told as lost, and is ours";
                    entries_[id].state = State::lost;
                }
            }
            is_closed_ = is_closed_ || std::holds_alternative<Closed>(*event);
            if (const auto* failure = std::get_if<Failure>(&*event)) {
                const Code expected = busy_ ? Code::server_busy : Code::out_of_memory;
                EXPECT_TRUE((scarce_ || busy_) && failure->error.code == expected) << failure->error.message;
            }
        }
        while (std::optional<Action> action = machine_.poll_action()) {
            if (const auto* connect = std::get_if<Connect>(&*action)) {
                Wire wire;
                wire.conn = connect->conn;
                wires_.push_back(wire);
            } else if (const auto* close = std::get_if<Close>(&*action)) {
                const auto at =
                    std::find_if(wires_.begin(), wires_.end(), [&](const Wire& w) { return w.conn == close->conn; });
                ASSERT_NE(at, wires_.end());
                if (at->client != 0) ghosts_.push_back(*at);
                wires_.erase(at);
            }
        }
        while (const std::optional<ConnId> conn = machine_.poll_writable()) {
            const auto at = std::find_if(wires_.begin(), wires_.end(), [&](const Wire& w) { return w.conn == *conn; });
            ASSERT_NE(at, wires_.end());
            for (const ConstBytes bytes : machine_.transmit(*conn)) at->to_server.append(as_text(bytes));
            machine_.advance_transmit(*conn, as_text(machine_.transmit(*conn)[0]).size());
        }
        if (handle_due(machine_, now_)) settle();
    }

    Instant now_{1'000'000'000};
    const bool scarce_;
    const bool busy_;
    Prng chance_;
    Machine machine_;
    FakeRedis redis_;
    std::map<EntryId, Entry> entries_;
    std::vector<Batch> batches_;
    std::vector<Wire> wires_;
    std::vector<Wire> ghosts_;
    EntryId newest_;
    SourceId source_{};
    bool is_closing_ = false;
    bool is_closed_ = false;
};

}  // namespace millrace::test
