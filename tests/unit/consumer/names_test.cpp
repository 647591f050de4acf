// The forms of consumers' names: what generates one is recognised, and nothing that a host may give is.
#include "consumer/names.hpp"

#include <gtest/gtest.h>

namespace millrace::test {
namespace {

TEST(GeneratedName, IsRecognised) {
    Prng prng({1, 2});
    const std::string name = generated_name({1'700'000'000'123'456}, prng);
    EXPECT_EQ(name.substr(0, 23), "consumer-1700000000123-");
    EXPECT_EQ(name.size(), 31U);
    EXPECT_TRUE(is_generated_name(name));
    EXPECT_NE(generated_name({1'700'000'000'123'456}, prng), name);
}

TEST(GeneratedName, IsNothingElse) {
    for (const std::string_view name : {"", "consumer", "consumer-", "consumer-1", "consumer-1-", "consumer--0123abcd",
                                        "consumer-1-0123abc", "consumer-1-0123abcde", "consumer-1-0123abcG",
                                        "consumer-x-0123abcd", "worker-1-0123abcd", "consumer-01-0123abcd"}) {
        EXPECT_FALSE(is_generated_name(name)) << name;
    }
}

TEST(LeasedForm, IsTheBaseAndANumber) {
    EXPECT_EQ(leased_name("app", 7), "app-7");
    EXPECT_EQ(lease_base("app"), "app");
    EXPECT_EQ(lease_base(""), "consumer");
    EXPECT_TRUE(is_leased_name("app", "app-7"));
    EXPECT_TRUE(is_leased_name("app", "app-4096"));
    for (const std::string_view name : {"app", "app-", "app-0", "app-07", "app-x", "ap-1", "app7", "app-1-1", "xapp-1"})
        EXPECT_FALSE(is_leased_name("app", name)) << name;
}

}  // namespace
}  // namespace millrace::test
