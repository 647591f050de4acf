// The lanes of one machine, and which of them a command takes. Readers are scheduled onto read lanes: a blocking read
// holds its lane, so where there are more readers than lanes they take turns with short blocks.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "base/ring.hpp"
#include "session/lane.hpp"

namespace millrace {

/// How long a blocking read may hold a lane that others wait for. Never 0: that would block for ever.
inline constexpr Duration shared_block = milliseconds(250);
inline constexpr Duration default_block = seconds(2);

class Lanes {
  public:
    Lanes(Context& context, LaneObserver& observer) : context_(context), observer_(observer) {
        const uint32_t readers = context.config.lanes > 1 ? context.config.lanes - 1 : 1;
        for (uint32_t i = 0; i < readers; ++i) add(LaneRole::read);
        if (context.config.lanes > 1) control_ = &add(LaneRole::control);
    }

    /// The first read lane: detection is its business.
    [[nodiscard]] Lane& first() { return *lanes_.front(); }
    /// Where acks, claims and questions go while reads block; with one lane it is the reading one.
    [[nodiscard]] Lane& control() { return control_ != nullptr ? *control_ : first(); }
    [[nodiscard]] Lane& publish() { return once(publish_, LaneRole::publish); }
    [[nodiscard]] Lane& push() { return once(push_, LaneRole::push); }
    [[nodiscard]] Lane* push_if_open() { return push_; }
    [[nodiscard]] Lane& probe() { return once(probe_, LaneRole::probe); }
    [[nodiscard]] Lane* probe_if_open() { return probe_; }

    /// A lane for the reads of one reader: the one it used last when that is free, so that its replies keep their
    /// order; else any that is ready and not blocked. Null when all are taken.
    [[nodiscard]] Lane* for_reading(Lane* last) {
        if (last != nullptr && last->ready() && !last->blocked()) return last;
        for (const std::unique_ptr<Lane>& lane : lanes_) {
            if (lane->role() == LaneRole::read && lane->ready() && !lane->blocked()) return lane.get();
        }
        return nullptr;
    }

    /// ACK-3: the reader's lane unless a blocking read is out there, else the control lane; without one that is ready
    /// any other, and where there is nothing better, behind the block.
    [[nodiscard]] Lane* for_acking(Lane* reading) {
        if (reading != nullptr && reading->ready() && !reading->blocked()) return reading;
        if (control().ready()) return &control();
        if (Lane* const idle = for_reading(reading); idle != nullptr) return idle;
        for (const std::unique_ptr<Lane>& lane : lanes_) {
            if (lane->role() == LaneRole::read && lane->ready()) return lane.get();
        }
        return nullptr;
    }

    /// Where CLIENT UNBLOCK of that lane's read can be said: to the same run of the server, because ids start anew with
    /// it (REC-6), and not behind another block. A subscribed RESP2 connection takes no such command.
    [[nodiscard]] Lane* for_unblocking(const Lane& blocked) {
        const Greeting& of = blocked.greeting();
        if (!of.client_id.has_value()) return nullptr;
        for (const std::unique_ptr<Lane>& lane : lanes_) {
            if (!lane->ready() || lane->blocked() || lane->role() == LaneRole::push) continue;
            if (lane->greeting().server.run_id == of.server.run_id) return lane.get();
        }
        return nullptr;
    }

    /// Who asked for what on the push lane, in the order of the server's answers: a refusal does not say what it is of.
    struct Asked {
        SourceId source;
        uint32_t channel;
    };
    [[nodiscard]] Ring<Asked>& asked() { return asked_; }

    void open_for_reading(Instant now) {
        for (const std::unique_ptr<Lane>& lane : lanes_) {
            if (lane->role() == LaneRole::read || lane->role() == LaneRole::control) lane->open(now);
        }
    }

    void open_again_for_reading(Instant now) {
        for (const std::unique_ptr<Lane>& lane : lanes_) {
            if (lane->role() == LaneRole::read || lane->role() == LaneRole::control) lane->open_again(now);
        }
    }

    /// How many sources want to read; more than there are read lanes take turns.
    void set_readers(size_t readers) { readers_ = readers; }
    /// How long a read may block now.
    [[nodiscard]] Duration block() const {
        const Duration asked = context_.config.block.value_or(context_.config.lanes > 1 ? default_block : shared_block);
        const size_t lanes = context_.config.lanes > 1 ? context_.config.lanes - 1 : 1;
        return readers_ > lanes && asked > shared_block ? shared_block : asked;
    }

    /// Which source blocked a lane last: where lanes are shared, it is asked last.
    void handle_blocked(SourceId source) { last_blocker_ = source; }
    [[nodiscard]] SourceId last_blocker() const { return last_blocker_; }

    [[nodiscard]] Lane* find(ConnId conn) {
        for (const std::unique_ptr<Lane>& lane : lanes_) {
            if (lane->conn() == conn && conn != no_conn) return lane.get();
        }
        return nullptr;
    }
    [[nodiscard]] auto begin() const { return lanes_.begin(); }
    [[nodiscard]] auto end() const { return lanes_.end(); }

  private:
    Lane& add(LaneRole role) {
        lanes_.push_back(std::make_unique<Lane>(context_, observer_, role));
        return *lanes_.back();
    }
    Lane& once(Lane*& slot, LaneRole role) {
        if (slot == nullptr) slot = &add(role);
        return *slot;
    }

    Context& context_;
    LaneObserver& observer_;
    std::vector<std::unique_ptr<Lane>> lanes_;
    size_t readers_ = 0;
    SourceId last_blocker_{};
    Lane* control_ = nullptr;
    Lane* publish_ = nullptr;
    Lane* push_ = nullptr;
    Lane* probe_ = nullptr;
    Ring<Asked> asked_;
};

}  // namespace millrace
