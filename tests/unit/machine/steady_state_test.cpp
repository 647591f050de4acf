// Nothing is allocated for each entry in steady state: reading, handing over, releasing and acking go on with what the
// first rounds have taken.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <memory>
#include <string>

#include "base/allocation.hpp"
#include "support/scripted_host.hpp"

namespace millrace::test {
namespace {

constexpr int entries_per_batch = 100;

/// A consumer and its server in one loop that allocates nothing of its own.
class Loop {
  public:
    Loop() : machine_(std::move(Machine::create({}, {1, 2}, now_, WallTime{})).value()) {
        SourceConfig config = source_of();
        config.batch_size = entries_per_batch;
        config.prefetch = 2 * entries_per_batch;
        EXPECT_TRUE(machine_.open(config, now_).ok());
        drain();
        for (const ConnId conn : {read_, control_}) {
            machine_.handle_connected(conn, now_);
            drain();
            feed(conn, hello(3, 7));
            feed(conn, info("7.0.15"));
        }
        feed(read_, ok());
        char id[32];
        Items list;
        for (int i = 0; i < entries_per_batch; ++i) {
            (void)std::snprintf(id, sizeof id, "1700000000000-%07d", i);
            list.push_back(entry(id, std::string(100, 'v')));
        }
        page_ = stream_of("s", list);
        first_id_ = page_.find("1700000000000-");
        step_ = page_.find("1700000000000-", first_id_ + 1) - first_id_;
        ack_ = integer(entries_per_batch);
    }

    /// A page of new ids comes, is handed over, released and acked.
    void round() {
        ++rounds_;
        for (int i = 0; i < entries_per_batch; ++i) {
            char* const seq = page_.data() + first_id_ + static_cast<size_t>(i) * step_ + 14;
            int number = rounds_ * entries_per_batch + i;
            for (int digit = 6; digit >= 0; --digit, number /= 10) seq[digit] = static_cast<char>('0' + number % 10);
        }
        bool is_read = false;
        while (!is_read && first_owed_ != next_owed_) {
            is_read = owed_[first_owed_++ % owed_.size()];
            feed(read_, is_read ? page_ : ack_);
        }
    }
    [[nodiscard]] int acked() const { return acked_; }

  private:
    void feed(ConnId conn, std::string_view bytes) {
        const std::span<std::byte> room = machine_.input_room(conn, bytes.size());
        ASSERT_GE(room.size(), bytes.size());
        std::copy(bytes.begin(), bytes.end(), reinterpret_cast<char*>(room.data()));
        now_ = now_ + microseconds(10);
        machine_.handle_input(conn, bytes.size(), now_);
        drain();
    }
    void drain() {
        while (std::optional<Event> event = machine_.poll_event()) {
            if (const auto* batch = std::get_if<BatchReady>(&*event)) {
                EXPECT_EQ(batch->entries.size(), static_cast<size_t>(entries_per_batch));
                machine_.release(batch->batch, now_);
                EXPECT_TRUE(machine_.ack(batch->batch, EntrySet::all(), now_).ok());
            } else if (const auto* acked = std::get_if<Acked>(&*event)) {
                acked_ += static_cast<int>(acked->indices.size());
            }
        }
        while (std::optional<Action> action = machine_.poll_action()) {
            const auto* connect = std::get_if<Connect>(&*action);
            ASSERT_NE(connect, nullptr);
            (connect->role == LaneRole::read ? read_ : control_) = connect->conn;
        }
        while (const std::optional<ConnId> conn = machine_.poll_writable()) {
            const std::span<const ConstBytes> pieces = machine_.transmit(*conn);
            const std::string_view text = as_text(pieces[0]);
            for (size_t at = text.find("\r\nX"); at != std::string_view::npos; at = text.find("\r\nX", at + 1)) {
                const std::string_view command = text.substr(at + 2);
                if (command.substr(0, 10) == "XREADGROUP") owe(true);
                if (command.substr(0, 4) == "XACK") owe(false);
            }
            machine_.advance_transmit(*conn, pieces[0].size());
        }
    }
    void owe(bool is_read) { owed_[next_owed_++ % owed_.size()] = is_read; }

    Instant now_{1'000'000};
    Machine machine_;
    ConnId read_{};
    ConnId control_{};
    std::string page_;
    std::string ack_;
    size_t first_id_ = 0;
    size_t step_ = 0;
    int rounds_ = 0;
    std::array<bool, 64> owed_{};  // what the replies to come are of: reads or acks
    size_t first_owed_ = 0;
    size_t next_owed_ = 0;
    int acked_ = 0;
};

TEST(SteadyState, AllocatesNothing) {
    Loop loop;
    for (int i = 0; i < 50; ++i) loop.round();
    const int before = loop.acked();
    ASSERT_GT(before, 45 * entries_per_batch);
    const uint64_t buffers = allocation_count();
    const uint64_t objects = object_count();
    for (int i = 0; i < 200; ++i) loop.round();
    EXPECT_EQ(loop.acked() - before, 200 * entries_per_batch);
    EXPECT_EQ(allocation_count() - buffers, 0U);
    EXPECT_EQ(object_count() - objects, 0U);
}

TEST(SteadyState, TheCountSeesObjects) {
    const uint64_t objects = object_count();
    const auto one = std::make_unique<Machine>(std::move(Machine::create({}, {}, {}, {})).value());
    EXPECT_GT(object_count(), objects);
}

}  // namespace
}  // namespace millrace::test
