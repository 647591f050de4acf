// A publisher against a network that is not well, as chaos.hpp has a consumer: connections are cut anywhere, with their
// commands executed or not, soon or late, and the server refuses, forgets its scripts, or is another version. It keeps
// the books of what was published and told, and holds them against the server's streams. In virtual time.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/allocation.hpp"
#include "base/prng.hpp"
#include "machine/network.hpp"
#include "machine/passing_time.hpp"
#include "millrace/machine.hpp"
#include "support/fake_log.hpp"

namespace millrace::test {

class PublishChaos {
  public:
    struct Kind {
        bool scarce = false;    ///< memory is refused now and then, for as long as one input
        bool refuses = false;   ///< the server refuses now and then, for a while
        bool upgrades = false;  ///< it is of another version now and then
    };
    PublishChaos(uint64_t seed, Kind kind) : kind_(kind), chance_(Seed128{seed, 7}), machine_(make(seed)) {}

    void rage(int steps) {
        for (int i = 0; i < steps; ++i) step();
    }

    /// The network is well: all is answered, and told as it is.
    void calm() {
        log_.refusal.clear();
        run(seconds(60));
        for (const auto& [ticket, publish] : open_) ADD_FAILURE() << "publish " << ticket << " has no answer";
        for (const std::string stream : {"s", "t"}) check(stream);
    }

    /// Nothing is left open, whatever state it is in.
    void drain() {
        log_.refusal.clear();
        EXPECT_TRUE(machine_.drain({seconds(30), false}, now_).ok());
        settle();
        run(seconds(31));
        EXPECT_TRUE(is_closed_);
        EXPECT_TRUE(open_.empty()) << open_.size() << " publishes have no answer";
        network_.bury();
        for (const std::string stream : {"s", "t"}) check(stream);
    }

  private:
    struct Entry {
        std::string stream;
        uint64_t order = 0;
        bool idempotent = false;
        bool is_told = false;
        PublishResult result;
    };
    static Machine make(uint64_t seed) {
        ClientConfig config;
        config.jitter_ppm = 200'000;
        config.publish_queue_bytes = 4096;
        return std::move(Machine::create(config, Seed128{seed, seed}, Instant{1'000'000'000}, WallTime{})).value();
    }

    void step() {
        const uint64_t what = chance_.below(100);
        if (what < 12) {
            publish();
        } else if (what < 18) {
            sleep(milliseconds(static_cast<int64_t>(chance_.below(chance_.below(20) == 0 ? 3000 : 100))));
        } else if (what < 20 && !network_.empty()) {
            network_.cut(now_);
            settle();
        } else if (what < 22) {
            network_.bury();
        } else if (what < 23) {
            log_.forget_scripts();
        } else if (what < 25 && kind_.refuses) {
            refuse();
        } else if (what < 26 && kind_.upgrades && chance_.below(4) == 0) {
            log_.version = chance_.below(2) == 0 ? "8.6.3" : "7.0.15";
        } else if (!network_.empty()) {
            const uint64_t granted = kind_.scarce && chance_.below(8) == 0 ? chance_.below(8) : UINT64_MAX / 2;
            const Scarcity scarcity(granted);
            network_.carry(now_);
            settle();
        }
    }

    void refuse() {
        const char* const refusals[] = {"",
                                        "",
                                        "LOADING Redis is loading",
                                        "BUSY Redis is busy running a script.",
                                        "READONLY You can't write against a read only replica.",
                                        "OOM command not allowed when used memory > 'maxmemory'."};
        log_.refusal = refusals[chance_.below(6)];
    }

    // ---- the application

    void publish() {
        PublishConfig options;
        options.atomic = chance_.below(4) == 0;
        options.idempotent = chance_.below(2) == 0;
        // A window that is raised knows nothing of what was sent, and that is told.
        options.idempotent_count = chance_.below(2) == 0 ? 4 : kind_.upgrades ? 150 : 90;
        options.on_oom = chance_.below(2) == 0 ? OnOom::fail : OnOom::retry;
        const std::string stream = chance_.below(3) == 0 ? "t" : "s";
        const size_t count = 1 + chance_.below(4);
        std::vector<std::string> values;
        for (size_t i = 0; i < count; ++i) values.push_back(std::to_string(next_ + i));
        std::vector<Field> fields;
        for (const std::string& value : values) fields.push_back({"f", value});
        std::vector<PublishEntry> entries;
        for (const Field& field : fields) entries.push_back({{&field, 1}});
        const Result<Ticket> ticket = machine_.publish(Publish{stream, entries, options}, now_);
        if (!ticket.ok()) {
            EXPECT_EQ(ticket.error().code, Code::would_block) << ticket.error().message;
            return settle();
        }
        for (const std::string& value : values) {
            Entry& entry = entries_[value];
            entry.stream = stream;
            entry.order = next_++;
            entry.idempotent = options.idempotent;
        }
        open_[static_cast<uint64_t>(*ticket)] = values;
        settle();
    }

    void take(const Published& published) {
        const auto found = open_.find(static_cast<uint64_t>(published.ticket));
        ASSERT_NE(found, open_.end());
        ASSERT_EQ(found->second.size(), published.results.size());
        for (size_t i = 0; i < published.results.size(); ++i) {
            Entry& entry = entries_[found->second[i]];
            entry.is_told = true;
            entry.result = published.results[i];
        }
        open_.erase(found);
    }

    /// What was told of a stream's entries, against what is in it.
    void check(const std::string& stream) {
        std::map<std::string, std::vector<EntryId>> copies;
        for (const auto& [id, value] : log_.entries(stream)) copies[value].push_back(id);
        EntryId oldest{UINT64_MAX, UINT64_MAX};  // of those that were published later, and sent once
        std::vector<const std::pair<const std::string, Entry>*> told;
        for (const auto& each : entries_) {
            if (each.second.stream == stream && each.second.is_told) told.push_back(&each);
        }
        std::sort(told.begin(), told.end(),
                  [](const auto* a, const auto* b) { return a->second.order > b->second.order; });
        for (const auto* each : told) {
            const PublishResult& result = each->second.result;
            const std::vector<EntryId>& ids = copies[each->first];
            SCOPED_TRACE("entry " + each->first + " of " + stream);
            if (result.error.has_value()) {
                EXPECT_TRUE(ids.empty() || result.maybe_written) << result.error->message;
                EXPECT_FALSE(result.maybe_duplicate);
                continue;
            }
            const std::optional<EntryId> id = EntryId::parse(result.id);
            ASSERT_TRUE(id.has_value());
            EXPECT_TRUE(std::find(ids.begin(), ids.end(), *id) != ids.end()) << result.id << " is not there";
            if (!result.maybe_duplicate) {
                EXPECT_EQ(ids.size(), 1U);
            }
            if (each->second.idempotent && !kind_.upgrades) {
                EXPECT_FALSE(result.maybe_duplicate);
            }
            if (result.maybe_duplicate || each->second.idempotent) continue;
            if (!result.reordered) {
                EXPECT_LT(*id, oldest);
            }
            oldest = std::min(oldest, *id);
        }
    }

    // ---- the clock

    void sleep(Duration by) {
        pass_time(
            machine_, now_, by, [](Instant) {}, [this] { settle(); });
    }
    /// The network carries everything at once, for so long.
    void run(Duration by) {
        const Instant until = now_ + by;
        while (now_ < until) {
            for (int round = 0; round < 5; ++round) network_.carry_all(now_, [this] { settle(); });
            sleep(milliseconds(25));
        }
    }

    void settle() {
        while (std::optional<Event> event = machine_.poll_event()) {
            if (const auto* published = std::get_if<Published>(&*event)) take(*published);
            is_closed_ = is_closed_ || std::holds_alternative<Closed>(*event);
            if (const auto* failure = std::get_if<Failure>(&*event)) ADD_FAILURE() << failure->error.message;
        }
        network_.serve();
        if (handle_due(machine_, now_)) settle();
    }

    Instant now_{1'000'000'000};
    const Kind kind_;
    Prng chance_;
    Machine machine_;
    FakeLog log_;
    std::map<std::string, Entry> entries_;  // by their values
    std::map<uint64_t, std::vector<std::string>> open_;
    Network<FakeLog> network_{machine_, log_, chance_};
    uint64_t next_ = 1;
    bool is_closed_ = false;
};

}  // namespace millrace::test
