// Names become addresses without the caller waiting. No network: numbers, and a name of this machine.
#include "resolver.hpp"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>

namespace millrace::native {
namespace {

class ResolverTest : public testing::Test {
  protected:
    void SetUp() override {
        Result<std::shared_ptr<Wakeup>> made = Wakeup::create();
        ASSERT_TRUE(made.ok());
        wakeup_ = std::move(made).value();
    }
    bool woken() const {
        pollfd state{wakeup_->fd(), POLLIN, 0};
        return ::poll(&state, 1, 60'000) == 1;
    }
    std::shared_ptr<Wakeup> wakeup_;
};

TEST_F(ResolverTest, numbers_need_no_lookup) {
    Resolver resolver(wakeup_);
    const auto four = resolver.resolve("127.0.0.1", 6379);
    ASSERT_TRUE(four.has_value());
    ASSERT_EQ(four->size(), 1U);
    ASSERT_EQ((*four)[0].storage.ss_family, AF_INET);
    EXPECT_EQ(ntohs(reinterpret_cast<const sockaddr_in&>((*four)[0].storage).sin_port), 6379);
    const auto six = resolver.resolve("::1", 6379);
    ASSERT_TRUE(six.has_value());
    EXPECT_EQ((*six)[0].storage.ss_family, AF_INET6);
}

TEST_F(ResolverTest, a_name_is_answered_after_a_wake_up_and_asked_anew_once_forgotten) {
    Resolver resolver(wakeup_);
    ASSERT_FALSE(resolver.resolve("localhost", 6379).has_value());
    ASSERT_TRUE(woken());
    wakeup_->drain();
    const auto found = resolver.resolve("localhost", 6379);
    ASSERT_TRUE(found.has_value());
    EXPECT_FALSE(found->empty());
    resolver.forget("localhost", 6379);
    EXPECT_FALSE(resolver.resolve("localhost", 6379).has_value());
    ASSERT_TRUE(woken());
}

TEST_F(ResolverTest, a_name_that_is_none_has_no_addresses) {
    Resolver resolver(wakeup_);
    // A label of more than 63 bytes is refused before anybody is asked (RFC 1035, 2.3.4).
    const std::string name = std::string(64, 'a') + ".invalid";
    if (const auto at_once = resolver.resolve(name, 6379)) {
        EXPECT_TRUE(at_once->empty());
        return;
    }
    ASSERT_TRUE(woken());
    const auto found = resolver.resolve(name, 6379);
    ASSERT_TRUE(found.has_value());
    EXPECT_TRUE(found->empty());
}

TEST_F(ResolverTest, a_lookup_outlives_its_resolver_unharmed) {
    { EXPECT_FALSE(Resolver(wakeup_).resolve("localhost", 6379).has_value()); }
    EXPECT_TRUE(woken());
}

}  // namespace
}  // namespace millrace::native
