// The books of an application that consumes while all goes wrong (chaos.hpp): what was published, delivered, acked,
// given back and rejected, held against what the machine tells, and against what the server has when all is calm.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/prng.hpp"
#include "millrace/machine.hpp"
#include "support/fake_redis.hpp"

namespace millrace::test {

class ChaosBooks {
  public:
    /// `exact`: the server's counts are what was told, because nobody else takes entries, and nothing is refused.
    /// `dedupes`: no canonical id is handed over again once it was acked, or while it is in hand. `may_lose`:
    /// everything that is held may be told as lost at once, acked or not.
    ChaosBooks(Machine& machine, FakeRedis& redis, Prng& chance, bool is_exact, bool dedupes, bool may_lose)
        : machine_(machine),
          redis_(redis),
          chance_(chance),
          is_exact_(is_exact),
          dedupes_(dedupes),
          may_lose_(may_lose) {}

    static constexpr uint32_t batch_size = 4;
    static constexpr uint32_t prefetch = 12;
    uint32_t deliveries_max = 0;  ///< after which the machine gives up; 0: never

    /// Where it dedupes, one in three has the canonical id of another one.
    void publish() {
        const bool is_copy = dedupes_ && values_ > 0 && chance_.below(3) == 0;
        if (!is_copy) ++values_;
        const std::string value =
            std::to_string(values_ - (is_copy ? chance_.below(std::min<uint64_t>(values_, 4)) : 0));
        entries_[redis_.add(value)].value = value;
    }
    [[nodiscard]] bool dedupes() const { return dedupes_; }
    [[nodiscard]] bool empty() const { return batches_.empty(); }
    [[nodiscard]] size_t batches() const { return batches_.size(); }
    [[nodiscard]] BatchId any_batch() { return batches_[chance_.below(batches_.size())].id; }
    [[nodiscard]] EntryId any_entry() {
        auto at = entries_.begin();
        std::advance(at, static_cast<std::ptrdiff_t>(chance_.below(entries_.size())));
        return at->first;
    }

    // ---- what the application does, with one in `share` of what it holds of a batch

    void ack(size_t at, uint64_t share, Instant now) {
        say(at, share, State::acked, [&](BatchId id, EntrySet set) { return machine_.ack(id, set, now); });
    }
    void nack(size_t at, Instant now) {
        const Duration delay = milliseconds(static_cast<int64_t>(chance_.below(700)));
        say(at, 3, State::nacked, [&](BatchId id, EntrySet set) { return machine_.nack(id, set, delay, now); });
    }
    void give_back(size_t at, Instant now) {
        say(at, 3, State::given, [&](BatchId id, EntrySet set) { return machine_.give_back(id, set, now); });
    }
    void reject(size_t at, Instant now) {
        say(at, 3, State::dead, [&](BatchId id, EntrySet set) { return machine_.reject(id, set, "no", now); });
    }

    // ---- what others do

    void remove_any() {
        const EntryId id = any_entry();
        entries_[id].was_removed = true;
        redis_.remove(id);
    }

    void rival_takes(EntryId id, Duration idle_min) {
        if (redis_.take(id, idle_min)) entries_[id].was_taken = true;
    }
    void flush() {
        for (auto& [id, entry] : entries_) entry.was_flushed = true;
        redis_.flush();
    }

    // ---- what the machine tells

    void deliver(const BatchReady& ready) {
        EXPECT_GE(ready.entries.size(), 1U);
        EXPECT_LE(ready.entries.size(), batch_size);
        Batch batch;
        batch.id = ready.batch;
        for (const millrace::Entry told : ready.entries) {
            Entry& entry = entries_[told.id()];
            const bool may_come = entry.state == State::published || entry.state == State::nacked ||
                                  entry.state == State::given || entry.state == State::lost;
            EXPECT_TRUE(may_come) << told.id().text() << " comes in state " << static_cast<int>(entry.state);
            EXPECT_EQ(seen_.count(entry.value), 0U) << told.id().text() << " is a duplicate";
            EXPECT_FALSE(has_copy(told.id(), entry)) << told.id().text() << " comes while a copy is in hand";
            entry.state = State::held;
            entry.deliveries = told.deliveries();
            EXPECT_TRUE(deliveries_max == 0 || entry.deliveries <= deliveries_max) << told.id().text();
            batch.ids.push_back(told.id());
            if (ready.reason == FlushReason::recovery) {
                EXPECT_GE(told.deliveries(), 2U);
            } else {
                EXPECT_EQ(told.deliveries(), 1U);
                EXPECT_TRUE(told.id() > newest_ || dedupes_) << told.id().text();  // but for copies that waited
                newest_ = std::max(newest_, told.id());
            }
        }
        batches_.push_back(std::move(batch));
    }
    void lose(const Lost& lost) {
        for (const EntryId id : lost.ids) {
            Entry& entry = entries_[id];
            entry.was_taken = entry.was_taken || may_lose_;
            EXPECT_TRUE(!redis_.has(id) || entry.was_taken) << id.text() << " is told as lost, and is ours";
            entry.state = State::lost;
        }
    }
    void drop(const Duplicate& duplicate) {
        Entry& entry = entries_[duplicate.id];
        EXPECT_EQ(seen_.count(entry.value), 1U) << duplicate.id.text() << " is none";
        entry.state = State::acked;
    }
    void bury(const DeadLettered& letter) {
        Entry& entry = entries_[letter.id];
        const bool is_poison = deliveries_max > 0 && letter.deliveries > deliveries_max;
        EXPECT_TRUE(entry.state == State::dead || is_poison) << letter.id.text();
        entry.state = State::dead;
    }

    // ---- what must be so

    /// All is calm, and nobody acks: what was told is what the server has.
    void check(bool is_busy) {
        size_t held = 0;
        for (const auto& [id, entry] : entries_) {
            held += entry.state == State::held || has_copy(id, entry) ? 1U : 0U;
            EXPECT_FALSE(entry.was_flushed && entry.state == State::held) << id.text() << " was never told as lost";
        }
        if (held >= prefetch) return;  // recovery waits for room
        for (const auto& [id, pending] : redis_.pending()) {
            const Entry& entry = entries_[id];
            if (!redis_.has(id) || has_copy(id, entry)) continue;
            EXPECT_EQ(entry.state, State::held) << id.text() << " is pending, and the application has not got it";
            if (entry.state != State::held) continue;
            // A claim that an old control socket executes late, once more: nobody can take that back.
            const uint32_t more = entry.was_nacked && pending.count == entry.deliveries + 1 ? 1 : 0;
            // What recovery had counted may not be given back to a server that refuses that.
            if (is_busy || !is_exact_) {
                EXPECT_LE(entry.deliveries, pending.count) << id.text();
            } else {
                EXPECT_EQ(entry.deliveries + more, pending.count) << id.text();
            }
        }
    }
    [[nodiscard]] bool all_done() const {
        return redis_.pending().empty() && std::all_of(entries_.begin(), entries_.end(),
                                                       [this](const auto& it) { return is_done(it.first, it.second); });
    }
    void check_done() const {
        EXPECT_TRUE(redis_.pending().empty()) << redis_.pending().size() << " entries stay pending";
        for (const auto& [id, entry] : entries_) {
            EXPECT_TRUE(is_done(id, entry)) << id.text() << " was never acked: " << static_cast<int>(entry.state);
            if (entry.state != State::dead || entry.was_taken) continue;
            const size_t copies = redis_.dead(id);  // step by step there may be more (DLQ-1)
            EXPECT_TRUE(!redis_.has(id) || copies == 1 || (copies > 1 && redis_.without_scripts))
                << id.text() << ": " << copies;
        }
    }

  private:
    enum class State : uint8_t { published, held, nacked, given, acked, dead, lost };
    struct Entry {
        std::string value;
        State state = State::published;
        uint32_t deliveries = 0;
        bool was_nacked = false;
        bool was_taken = false;    // by the other consumer, once at least
        bool was_flushed = false;  // with its stream
        bool was_removed = false;  // from it
    };
    struct Batch {
        BatchId id{};
        std::vector<EntryId> ids;
    };

    /// Whether another entry of its canonical id is with the application, or comes back to it.
    [[nodiscard]] bool has_copy(EntryId id, const Entry& entry) const {
        const auto is_in_hand = [this](EntryId other, State state) {
            return state == State::held || (state == State::nacked && redis_.has(other));
        };
        return dedupes_ && std::any_of(entries_.begin(), entries_.end(), [&](const auto& it) {
                   return it.first != id && it.second.value == entry.value && is_in_hand(it.first, it.second.state);
               });
    }
    /// What another has taken it may have acked.
    [[nodiscard]] bool is_done(EntryId id, const Entry& entry) const {
        const bool is_ended = entry.state == State::acked || entry.state == State::dead;
        return is_ended || entry.was_removed || entry.was_flushed ||
               (entry.was_taken && redis_.pending().count(id) == 0);
    }

    template <class Say>
    void say(size_t at, uint64_t share, State next, Say&& say_it) {
        const std::vector<uint32_t> chosen = choose(at, share);
        if (chosen.empty()) return;
        const Status status = say_it(batches_[at].id, EntrySet::of(chosen));
        EXPECT_TRUE(status.ok() || (may_lose_ && status.error().code == Code::lost)) << status.error().message;
        if (!status.ok()) return;
        for (const uint32_t i : chosen) {
            Entry& entry = entries_[batches_[at].ids[i]];
            entry.state = next;
            if (dedupes_ && next == State::acked) seen_.insert(entry.value);
            entry.was_nacked = entry.was_nacked || next == State::nacked || next == State::given;
        }
    }
    [[nodiscard]] std::vector<uint32_t> choose(size_t at, uint64_t share) {
        std::vector<uint32_t> chosen;
        for (uint32_t i = 0; i < batches_[at].ids.size(); ++i) {
            const EntryId id = batches_[at].ids[i];
            if (entries_[id].state == State::held && owner(id) == at && chance_.below(share) == 0) chosen.push_back(i);
        }
        return chosen;
    }
    [[nodiscard]] size_t owner(EntryId id) const {
        for (size_t i = batches_.size(); i-- > 0;) {
            if (std::find(batches_[i].ids.begin(), batches_[i].ids.end(), id) != batches_[i].ids.end()) return i;
        }
        return batches_.size();
    }

    Machine& machine_;
    FakeRedis& redis_;
    Prng& chance_;
    const bool is_exact_;
    const bool dedupes_;
    const bool may_lose_;
    uint64_t values_ = 0;
    std::set<std::string> seen_;
    std::map<EntryId, Entry> entries_;
    std::vector<Batch> batches_;
    EntryId newest_;
};

}  // namespace millrace::test
