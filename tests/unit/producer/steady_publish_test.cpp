// A publish of one entry allocates nothing in steady state, in any of its forms (the memory of answered ones is used
// again).
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>

#include "base/allocation.hpp"
#include "support/scripted_host.hpp"

namespace millrace::test {
namespace {

constexpr int in_flight = 100;

/// A machine that publishes and its server, in one loop that allocates nothing of its own.
class PublishLoop {
  public:
    PublishLoop(const PublishConfig& options, std::string_view version)
        : machine_(std::move(Machine::create({}, {1, 2}, now_, WallTime{})).value()), options_(options) {
        publish();
        drain();
        machine_.handle_connected(conn_, now_);
        drain();
        feed(hello(3, 7, version));
        feed(info(version));
        if (version.front() == '8') {  // the stream's window is asked for, around the first entry
            const std::string window = map({bulk("idmp-duration"), integer(100), bulk("idmp-maxsize"), integer(100)});
            if (options.idempotent) feed(window);
        }
        feed(answer_);
        answers_.reserve(answer_.size() * in_flight);
        for (int i = 0; i < in_flight; ++i) answers_ += answer_;
    }
    void round() {
        for (int i = 0; i < in_flight; ++i) publish();
        drain();
        feed(answers_);
    }
    [[nodiscard]] int published() const { return published_; }

  private:
    void publish() {
        const Field fields[] = {{"n", "1"}, {"data", value_}};
        const PublishEntry entry{fields};
        EXPECT_TRUE(machine_.publish(Publish{"orders-of-a-rather-long-name", {&entry, 1}, options_}, now_).ok());
    }
    void feed(std::string_view bytes) {
        while (!bytes.empty()) {
            const std::span<std::byte> room = machine_.input_room(conn_, bytes.size());
            const size_t size = std::min(room.size(), bytes.size());
            ASSERT_GT(size, 0U);
            std::copy_n(bytes.data(), size, reinterpret_cast<char*>(room.data()));
            now_ = now_ + microseconds(10);
            machine_.handle_input(conn_, size, now_);
            bytes.remove_prefix(size);
            drain();
        }
    }
    void drain() {
        while (std::optional<Event> event = machine_.poll_event()) {
            const auto* const published = std::get_if<Published>(&*event);
            if (published == nullptr) continue;
            for (const PublishResult& result : published->results) {
                EXPECT_EQ(result.id, "1700000000000-1234567");
                EXPECT_FALSE(result.maybe_duplicate || result.reordered || result.error.has_value());
                ++published_;
            }
        }
        while (std::optional<Action> action = machine_.poll_action()) conn_ = std::get<Connect>(*action).conn;
        while (const std::optional<ConnId> conn = machine_.poll_writable()) {
            machine_.advance_transmit(*conn, machine_.transmit(*conn)[0].size());
        }
    }

    Instant now_{1'000'000};
    Machine machine_;
    const PublishConfig options_;
    const std::string value_ = std::string(200, 'x');
    const std::string answer_ = bulk("1700000000000-1234567");
    std::string answers_;
    ConnId conn_{};
    int published_ = 0;
};

void expect_steady(const PublishConfig& options, std::string_view version) {
    PublishLoop loop(options, version);
    for (int i = 0; i < 20; ++i) loop.round();
    const int before = loop.published();
    ASSERT_EQ(before, 20 * in_flight + 1);
    const uint64_t buffers = allocation_count();
    const uint64_t objects = object_count();
    for (int i = 0; i < 50; ++i) loop.round();
    EXPECT_EQ(loop.published() - before, 50 * in_flight);
    EXPECT_EQ(allocation_count() - buffers, 0U);
    EXPECT_EQ(object_count() - objects, 0U);
}

TEST(SteadyPublish, AllocatesNothing) {
    expect_steady({}, "7.0.15");
}

TEST(SteadyPublish, AllocatesNothingWithTrimming) {
    PublishConfig options;
    options.max_len = 1000;
    expect_steady(options, "7.0.15");
}

TEST(SteadyPublish, AllocatesNothingWhenIdempotent) {
    PublishConfig options;
    options.idempotent = true;
    expect_steady(options, "8.6.3");
    expect_steady(options, "7.0.15");
}

}  // namespace
}  // namespace millrace::test
