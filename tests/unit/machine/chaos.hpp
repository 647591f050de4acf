// A machine against a server that is up, and a network that is not: connections are cut anywhere, with their commands
// executed or not, and old sockets go on reading for a while. It keeps the books of what was published, delivered,
// acked and counted, and looks at the server's when all is calm. In virtual time.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "base/allocation.hpp"
#include "base/prng.hpp"
#include "machine/chaos_books.hpp"
#include "machine/passing_time.hpp"
#include "millrace/machine.hpp"
#include "support/fake_redis.hpp"
#include "support/scripted_host.hpp"

namespace millrace::test {

class Chaos {
  public:
    /// Scarce: the machine's memory is refused now and then, for as long as one input. Busy: the server refuses
    /// everything now and then, for a while. Rivals: the process stops now and then, and another consumer takes over
    /// what looks left; the application gives back, rejects and pauses, too, and may dedupe; the server is busy.
    /// Flushed: the same, but for that, with a stream that goes with everything in it. Leased: with a name that is lost
    /// now and then.
    enum class Kind : uint8_t { plain, scarce, busy, rivals, flushed, leased };
    Chaos(uint64_t seed, uint32_t lanes, Kind kind, std::string version = "7.0.15")
        : scarce_(kind == Kind::scarce),
          busy_(kind == Kind::busy || kind == Kind::rivals),
          rivals_(kind == Kind::rivals || kind == Kind::flushed || kind == Kind::leased),
          flushed_(kind == Kind::flushed),
          leased_(kind == Kind::leased),
          chance_(Seed128{seed, lanes}),
          machine_(std::move(Machine::create(client_of(lanes), Seed128{lanes, seed}, now_, WallTime{})).value()),
          redis_(std::move(version)),
          books_(machine_, redis_, chance_, !rivals_, kind == Kind::rivals && chance_.below(2) == 0, leased_) {
        SourceConfig config = source_of();
        config.batch_size = ChaosBooks::batch_size;
        config.prefetch = ChaosBooks::prefetch;
        config.max_deliveries = 0;  // whatever happens, nothing is given up; but see below
        config.flush_interval = milliseconds(500);
        if (rivals_) {
            config.claim_min_idle = claim_min_idle;
            config.claim_interval = seconds(2);
            redis_.without_scripts = !leased_ && chance_.below(4) == 0;
            const bool shares = !redis_.without_scripts && chance_.below(2) == 0;
            if (books_.dedupes()) config.dedupe = shares ? DedupeMode::redis : DedupeMode::memory;
            config.id_field = "f";
            config.consumer_lease = leased_;
            config.delete_acked = !redis_.without_scripts && chance_.below(2) == 0;
            config.max_deliveries = books_.deliveries_max = chance_.below(3) == 0 ? 4 : 0;
        }
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
        EXPECT_TRUE(machine_.resume(source_, now_).ok());
        settle();
        run(seconds(100));
        books_.check(busy_);
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
        for (int i = 0; i < 200 && !books_.all_done(); ++i) {
            for (size_t batch = 0; batch < books_.batches(); ++batch) {
                books_.ack(batch, 1, now_);
                settle();
            }
            run(seconds(1));
        }
        books_.check_done();
    }

  private:
    static constexpr Duration claim_min_idle = seconds(3);  // where there are others
    static ClientConfig client_of(uint32_t lanes) {
        ClientConfig config;
        config.lanes = lanes;
        config.jitter_ppm = 200'000;
        return config;
    }

    struct Wire {
        ConnId conn{};
        int64_t client = 0;  // 0: not connected yet
        std::string to_server;
        std::string to_client;
    };

    void step() {
        const uint64_t what = chance_.below(100);
        if (what < 8) {
            books_.publish();
        } else if (what < 18 && !books_.empty()) {
            say(what);
        } else if (what < 24) {
            sleep(milliseconds(static_cast<int64_t>(chance_.below(chance_.below(20) == 0 ? 3000 : 100))));
        } else if (what < 26 && !wires_.empty()) {
            cut(chance_.below(wires_.size()));
        } else if (what < 27 && !ghosts_.empty()) {
            haunt(chance_.below(ghosts_.size()));
        } else if (what < 28 && chance_.below(4) == 0) {
            if (!redis_.pending().empty()) books_.remove_any();
        } else if (busy_ && what < 29) {
            refuse();
        } else if (rivals_ && what < 31) {
            interfere();
        } else if (!wires_.empty()) {
            const uint64_t granted = scarce_ && chance_.below(8) == 0 ? chance_.below(8) : UINT64_MAX / 2;
            const Scarcity scarcity(granted);
            carry(chance_.below(wires_.size()), false);
        }
    }

    /// The application does.
    void say(uint64_t what) {
        const size_t batch = chance_.below(books_.batches());
        if (what < 13) {
            books_.ack(batch, 2, now_);
        } else if (what < 16) {
            books_.nack(batch, now_);
        } else if (what < 17 || !rivals_) {
            machine_.release(books_.any_batch(), now_);
        } else if (chance_.below(2) == 0) {
            books_.give_back(batch, now_);
        } else {
            books_.reject(batch, now_);
        }
        settle();
    }

    /// Others do, or the machine's host.
    void interfere() {
        const uint64_t what = chance_.below(20);
        if (what < 8 && !redis_.pending().empty()) {
            const EntryId id = books_.any_entry();
            books_.rival_takes(id, claim_min_idle);
            if (chance_.below(3) == 0) redis_.ack(id);
        } else if (what < 10) {  // the process stops
            now_ = now_ + milliseconds(static_cast<int64_t>(chance_.below(leased_ ? 40'000 : 10'000)));
            redis_.handle_time(now_);
            for (uint64_t i = chance_.below(4); i > 0 && !redis_.pending().empty(); --i)
                books_.rival_takes(books_.any_entry(), claim_min_idle);
        } else if (what < 12) {
            EXPECT_TRUE(machine_.pause(source_, now_).ok());
        } else if (what < 16) {
            EXPECT_TRUE(machine_.resume(source_, now_).ok());
        } else if (flushed_ && what < 17) {
            books_.flush();
        } else if (leased_ && what < 17) {
            redis_.drop_leases();
        }
        settle();
    }

    void refuse() {
        if (chance_.below(3) > 0) return redis_.refusal.clear();
        redis_.refusal = chance_.below(2) == 0 ? "BUSY Redis is busy running a script." : "LOADING Redis is loading";
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
            if (const auto* ready = std::get_if<BatchReady>(&*event)) {
                EXPECT_FALSE(is_closing_);
                books_.deliver(*ready);
            }
            if (const auto* lost = std::get_if<Lost>(&*event)) books_.lose(*lost);
            if (const auto* copy = std::get_if<Duplicate>(&*event)) books_.drop(*copy);
            if (const auto* letter = std::get_if<DeadLettered>(&*event)) books_.bury(*letter);
            is_closed_ = is_closed_ || std::holds_alternative<Closed>(*event);
            if (const auto* failure = std::get_if<Failure>(&*event)) {
                const Code expected = leased_ ? Code::lost : busy_ ? Code::server_busy : Code::out_of_memory;
                EXPECT_TRUE((scarce_ || busy_ || leased_) && failure->error.code == expected) << failure->error.message;
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
    const bool rivals_;
    const bool flushed_;
    const bool leased_;
    Prng chance_;
    Machine machine_;
    FakeRedis redis_;
    ChaosBooks books_;
    std::vector<Wire> wires_;
    std::vector<Wire> ghosts_;
    SourceId source_{};
    bool is_closing_ = false;
    bool is_closed_ = false;
};

}  // namespace millrace::test
