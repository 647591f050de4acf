// A tail of two streams against a network that is not well, and streams that are trimmed, deleted from and made anew
// (TAIL-3). It keeps the books of every entry, and of what the tail was told. In virtual time.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "base/prng.hpp"
#include "machine/network.hpp"
#include "machine/passing_time.hpp"
#include "millrace/machine.hpp"
#include "support/fake_streams.hpp"
#include "support/scripted_host.hpp"

namespace millrace::test {

class TailChaos {
  public:
    struct Kind {
        bool counts = true;    ///< the server tells how many entries were ever added (from 7.0)
        bool anew = false;     ///< keys are deleted, and made anew with higher ids or with lower ones
        bool removes = false;  ///< single entries are deleted
        bool refuses = false;  ///< the server refuses now and then, for a while
    };
    TailChaos(uint64_t seed, uint32_t lanes, Kind kind)
        : kind_(kind), chance_(Seed128{seed, lanes}), machine_(make(seed, lanes)) {
        server_.counts = kind.counts;
        for (const std::string stream : {"s", "t"}) add(stream);
        SourceConfig config = tail_of("0", {"s", "t"});
        config.batch_size = 3;
        config.prefetch = 8;
        EXPECT_TRUE(machine_.open(config, now_).ok());
        settle();
    }

    void rage(int steps) {
        for (int i = 0; i < steps; ++i) step();
    }

    /// The network is well: what is there was handed over, and what was trimmed before was told as a gap.
    void calm() {
        server_.refusal.clear();
        run(seconds(30));
        for (auto& [name, stream] : streams_) {
            SCOPED_TRACE("stream " + name);
            for (size_t i = stream.first_looked_at; i < stream.entries.size(); ++i) {
                const Entry& entry = stream.entries[i];
                if (entry.is_told || entry.is_gapped || entry.state == State::removed) continue;
                if (entry.life != stream.life) continue;
                if (entry.state == State::there) {
                    ADD_FAILURE() << entry.id.text() << " was not handed over";
                } else if (kind_.counts && !stream.is_anew && stream.has_told && entry.id > stream.first_told) {
                    ADD_FAILURE() << entry.id.text() << " was trimmed unseen, and no gap is told";
                }
            }
            stream.first_looked_at = stream.entries.size();
        }
    }

  private:
    enum class State : uint8_t { there, trimmed, removed };
    struct Entry {
        EntryId id;
        uint32_t life = 0;  // of its key
        State state = State::there;
        bool is_told = false;
        bool is_gapped = false;
    };
    struct Stream {
        std::vector<Entry> entries;  // ever; the value of one is its position
        uint32_t life = 0;
        bool is_anew = false;
        bool has_told = false;
        EntryId first_told;
        size_t last_told = 0;  // behind it
        EntryId newest;        // of all lives
        uint64_t low_ms = 0;   // where ids go on, in a life with lower ones; 0: as all
        size_t first_looked_at = 0;
    };

    static Machine make(uint64_t seed, uint32_t lanes) {
        ClientConfig config;
        config.lanes = lanes;
        config.jitter_ppm = 200'000;
        return std::move(Machine::create(config, Seed128{seed, seed}, Instant{1'000'000'000}, WallTime{})).value();
    }

    void step() {
        const uint64_t what = chance_.below(100);
        const std::string name = chance_.below(3) == 0 ? "t" : "s";
        if (what < 12) {
            for (uint64_t i = chance_.below(5); i > 0; --i) add(name);
        } else if (what < 14) {
            trim(name, chance_.below(4));
        } else if (what < 15 && kind_.removes) {
            remove(name);
        } else if (what < 16 && kind_.anew && chance_.below(3) == 0) {
            drop(name);
        } else if (what < 22) {
            sleep(milliseconds(static_cast<int64_t>(chance_.below(chance_.below(10) == 0 ? 9000 : 100))));
        } else if (what < 24 && !network_.empty()) {
            network_.cut(now_);
            settle();
        } else if (what < 26) {
            network_.bury();
        } else if (what < 28 && kind_.refuses) {
            server_.refusal = chance_.below(3) > 0 ? "" : "LOADING Redis is loading";
        } else if (what < 32 && !batches_.empty()) {
            release();
        } else if (!network_.empty()) {
            network_.carry(now_);
            settle();
        }
    }

    // ---- the streams

    void add(const std::string& name) {
        Stream& stream = streams_[name];
        EntryId id{next_ms_++, 0};
        if (stream.low_ms > 0) id = {stream.low_ms++, 0};
        stream.newest = std::max(stream.newest, id);
        server_.add(name, id, std::to_string(stream.entries.size()));
        Entry entry;
        entry.id = id;
        entry.life = stream.life;
        stream.entries.push_back(entry);
    }
    void trim(const std::string& name, size_t most) {
        if (server_.find(name) == nullptr) return;
        server_.trim(name, most);
        note(name, State::trimmed);
    }
    void remove(const std::string& name) {
        const FakeStreams::Stream* const stream = server_.find(name);
        if (stream == nullptr || stream->entries.empty()) return;
        auto at = stream->entries.begin();
        std::advance(at, static_cast<std::ptrdiff_t>(chance_.below(stream->entries.size())));
        server_.remove(name, at->first);
        note(name, State::removed);
    }
    /// With lower ids they stay below whatever was there before.
    void drop(const std::string& name) {
        Stream& stream = streams_[name];
        if (server_.find(name) == nullptr) return;
        server_.drop(name);
        ++stream.life;
        stream.is_anew = true;
        const bool is_low = stream.low_ms == 0 && chance_.below(2) == 0;
        stream.low_ms = is_low ? 1 + 1000 * next_low_++ : 0;
    }
    void note(const std::string& name, State state) {
        const FakeStreams::Stream* const there = server_.find(name);
        Stream& stream = streams_[name];
        for (Entry& entry : stream.entries) {
            if (entry.state == State::there && entry.life == stream.life && there->entries.count(entry.id) == 0) {
                entry.state = state;
            }
        }
    }

    // ---- the application

    void deliver(const BatchReady& ready) {
        EXPECT_GE(ready.entries.size(), 1U);
        EXPECT_LE(ready.entries.size(), 3U);
        for (const millrace::Entry told : ready.entries) {
            Stream& stream = streams_[std::string(told.stream())];
            const size_t number = std::stoul(std::string(told["f"].value_or("")));
            ASSERT_LT(number, stream.entries.size());
            Entry& entry = stream.entries[number];
            SCOPED_TRACE("entry " + entry.id.text() + " of " + std::string(told.stream()));
            EXPECT_EQ(entry.id, told.id());
            EXPECT_FALSE(entry.is_told) << "it comes again";
            EXPECT_GE(number, stream.last_told) << "it comes behind a later one";
            for (size_t i = stream.last_told; i < number; ++i) {
                const Entry& passed = stream.entries[i];
                if (passed.life == entry.life && passed.state == State::there) {
                    ADD_FAILURE() << passed.id.text() << " was passed over, and is still there";
                }
            }
            entry.is_told = true;
            if (!std::exchange(stream.has_told, true)) stream.first_told = entry.id;
            stream.last_told = number + 1;
        }
        batches_.push_back(ready.batch);
    }
    void release() {
        const size_t at = chance_.below(batches_.size());
        machine_.release(batches_[at], now_);
        batches_.erase(batches_.begin() + static_cast<std::ptrdiff_t>(at));
        settle();
    }
    void take_gap(const Gap& gap) {
        Stream& stream = streams_[gap.stream];
        SCOPED_TRACE("gap of " + gap.stream + " from " + gap.cursor.text() + " to " + gap.first.text());
        EXPECT_LT(gap.cursor, gap.first);
        uint64_t count = 0;
        for (Entry& entry : stream.entries) {
            if (entry.id <= gap.cursor || entry.id >= gap.first) continue;
            ++count;
            entry.is_gapped = true;
            if (stream.is_anew) continue;  // ids of one life lie between those of another
            EXPECT_FALSE(entry.is_told) << entry.id.text() << " was handed over";
            EXPECT_NE(entry.state, State::there) << entry.id.text() << " is still there";
        }
        if (gap.missed.has_value() && !stream.is_anew) {
            EXPECT_EQ(*gap.missed, count);
        }
    }

    // ---- the clock

    void sleep(Duration by) {
        pass_time(
            machine_, now_, by, [this](Instant now) { server_.handle_time(now); }, [this] { settle(); });
    }
    void run(Duration by) {
        const Instant until = now_ + by;
        while (now_ < until) {
            for (int round = 0; round < 5; ++round) network_.carry_all(now_, [this] { settle(); });
            while (!batches_.empty()) release();
            sleep(milliseconds(100));
        }
    }

    void settle() {
        while (std::optional<Event> event = machine_.poll_event()) {
            if (const auto* ready = std::get_if<BatchReady>(&*event)) deliver(*ready);
            if (const auto* gap = std::get_if<Gap>(&*event)) take_gap(*gap);
            if (const auto* reset = std::get_if<Reset>(&*event)) {
                EXPECT_TRUE(streams_[reset->stream].is_anew);
                streams_[reset->stream].has_told = false;
            }
            if (const auto* failure = std::get_if<Failure>(&*event)) {
                EXPECT_TRUE(kind_.refuses && failure->error.code == Code::server_busy) << failure->error.message;
            }
        }
        network_.serve();
        if (handle_due(machine_, now_)) settle();
    }

    Instant now_{1'000'000'000};
    const Kind kind_;
    Prng chance_;
    Machine machine_;
    FakeStreams server_;
    std::map<std::string, Stream> streams_;
    std::vector<BatchId> batches_;
    // What proves that nothing was trimmed unseen, and the read behind it, are one write (tail.hpp).
    Network<FakeStreams> network_{machine_, server_, chance_, Network<FakeStreams>::Writes::whole};
    uint64_t next_ms_ = 1'000'000;
    uint64_t next_low_ = 0;
};

}  // namespace millrace::test
