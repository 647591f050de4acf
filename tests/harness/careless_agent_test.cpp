// A canary of the cases of TLS: the native agent is OK as it is, and told to believe anybody it fails them by the line.
#include <gtest/gtest.h>

#include "run_harness.hpp"

namespace millrace::harness {
namespace {

Ran run_with(const std::string& config, const std::string& case_id) {
    return run_harness("run --quiet --seed=7 --agent='python3 " WITH_CONFIG " " MILLRACE_AGENT " " + config +
                       "' --scenario=" + case_id);
}

TEST(CarelessAgent, ThatBelievesAnybodyFailsByTheLine) {
    const std::string case_id = "security/3-refused-certificates";
    const Ran careful = run_with("", case_id);
    EXPECT_EQ(careful.verdict(case_id), "OK") << careful.output;
    const Ran careless = run_with(R"("{\"tls\":{\"verify\":false}}")", case_id);
    EXPECT_EQ(careless.exit_code, 1) << careless.output;
    EXPECT_EQ(careless.verdict(case_id), "FAILED") << careless.output;
    EXPECT_TRUE(careless.names(case_id, "SEC-1")) << careless.output;
}

}  // namespace
}  // namespace millrace::harness
