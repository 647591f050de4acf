// Both pollers behave alike: the client's loop does not know which one it has.
#include "poller.hpp"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <chrono>

#include "wakeup.hpp"

namespace millrace::native {
namespace {

class PollerTest : public testing::TestWithParam<PollerKind> {
  protected:
    void SetUp() override {
        Result<std::unique_ptr<Poller>> made = make_poller(GetParam());
        ASSERT_TRUE(made.ok()) << made.error().message;
        poller_ = std::move(made).value();
        ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends_.data()), 0);
    }
    void TearDown() override {
        for (const int end : ends_) {
            if (end >= 0) close(end);
        }
    }
    void close_peer() { close(std::exchange(ends_[1], -1)); }
    std::span<const Readiness> look() { return poller_->wait(Duration{}, {}); }

    std::unique_ptr<Poller> poller_;
    std::array<int, 2> ends_{-1, -1};
};

TEST_P(PollerTest, tells_what_is_ready_and_only_what_was_asked) {
    ASSERT_TRUE(poller_->add(ends_[0], 7, {true, false}).ok());
    EXPECT_TRUE(look().empty());
    ASSERT_EQ(write(ends_[1], "x", 1), 1);
    auto ready = look();
    ASSERT_EQ(ready.size(), 1U);
    EXPECT_EQ(ready[0].token, 7U);
    EXPECT_TRUE(ready[0].readable);
    EXPECT_FALSE(ready[0].writable);
    EXPECT_EQ(look().size(), 1U) << "level-triggered: told again until it is read";
}

TEST_P(PollerTest, change_replaces_the_interest_and_remove_ends_it) {
    ASSERT_TRUE(poller_->add(ends_[0], 7, {false, false}).ok());
    ASSERT_EQ(write(ends_[1], "x", 1), 1);
    EXPECT_TRUE(look().empty());
    poller_->change(ends_[0], 7, {false, true});
    auto ready = look();
    ASSERT_EQ(ready.size(), 1U);
    EXPECT_TRUE(ready[0].writable);
    EXPECT_FALSE(ready[0].readable);
    poller_->remove(ends_[0]);
    EXPECT_TRUE(look().empty());
}

TEST_P(PollerTest, a_peer_that_is_gone_is_both_readable_and_writable) {
    ASSERT_TRUE(poller_->add(ends_[0], 7, {true, false}).ok());
    close_peer();
    auto ready = look();
    ASSERT_EQ(ready.size(), 1U);
    EXPECT_TRUE(ready[0].readable);
    EXPECT_TRUE(ready[0].writable);
}

TEST_P(PollerTest, waits_for_descriptors_of_the_caller_too) {
    ASSERT_TRUE(poller_->add(ends_[0], 7, {true, false}).ok());
    Result<std::shared_ptr<Wakeup>> other = Wakeup::create();
    ASSERT_TRUE(other.ok());
    std::array<pollfd, 1> also = {pollfd{(*other)->fd(), POLLIN, 0}};
    (*other)->signal();
    EXPECT_TRUE(poller_->wait(seconds(60), also).empty());
    EXPECT_NE(also[0].revents & POLLIN, 0);
    (*other)->drain();
    ASSERT_EQ(write(ends_[1], "x", 1), 1);
    EXPECT_EQ(poller_->wait(seconds(60), also).size(), 1U);
    EXPECT_EQ(also[0].revents, 0);
}

TEST_P(PollerTest, a_timeout_is_never_early) {
    const auto before = std::chrono::steady_clock::now();
    EXPECT_TRUE(poller_->wait(microseconds(1'500), {}).empty());
    EXPECT_GE(std::chrono::steady_clock::now() - before, std::chrono::microseconds(1'500));
}

TEST_P(PollerTest, only_epoll_has_a_descriptor_to_wait_on) {
    if (GetParam() == PollerKind::poll) {
        EXPECT_EQ(poller_->fd(), -1);
        return;
    }
    ASSERT_TRUE(poller_->add(ends_[0], 7, {true, false}).ok());
    pollfd state{poller_->fd(), POLLIN, 0};
    EXPECT_EQ(::poll(&state, 1, 0), 0);
    ASSERT_EQ(write(ends_[1], "x", 1), 1);
    EXPECT_EQ(::poll(&state, 1, 0), 1);
}

#ifdef __linux__
INSTANTIATE_TEST_SUITE_P(Both, PollerTest, testing::Values(PollerKind::epoll, PollerKind::poll),
                         [](const auto& each) { return each.param == PollerKind::poll ? "poll" : "epoll"; });
#else
INSTANTIATE_TEST_SUITE_P(One, PollerTest, testing::Values(PollerKind::poll), [](const auto&) { return "poll"; });

TEST(PollerKindTest, epoll_is_named_where_there_is_none) {
    EXPECT_EQ(make_poller(PollerKind::epoll).error().code, Code::unsupported);
}
#endif

TEST(PollTimeoutTest, rounds_up_and_stays_in_an_int) {
    EXPECT_EQ(poll_timeout_ms(std::nullopt), -1);
    EXPECT_EQ(poll_timeout_ms(Duration{}), 0);
    EXPECT_EQ(poll_timeout_ms(Duration{-5}), 0);
    EXPECT_EQ(poll_timeout_ms(microseconds(1)), 1);
    EXPECT_EQ(poll_timeout_ms(milliseconds(20)), 20);
    EXPECT_EQ(poll_timeout_ms(microseconds(20'001)), 21);
    EXPECT_EQ(poll_timeout_ms(Duration{INT64_MAX}), 86'400'000);
}

TEST(WakeupTest, many_signals_are_one_and_drain_takes_them_all) {
    Result<std::shared_ptr<Wakeup>> wakeup = Wakeup::create();
    ASSERT_TRUE(wakeup.ok());
    pollfd state{(*wakeup)->fd(), POLLIN, 0};
    EXPECT_EQ(::poll(&state, 1, 0), 0);
    for (int i = 0; i < 100'000; ++i) (*wakeup)->signal();
    EXPECT_EQ(::poll(&state, 1, 0), 1);
    (*wakeup)->drain();
    EXPECT_EQ(::poll(&state, 1, 0), 0);
}

}  // namespace
}  // namespace millrace::native
