// The canaries: a correct agent is OK in every case that applies to it, and the same agent broken in one way fails the
// case that is there for it, by the line that it breaks.

#include <gtest/gtest.h>

#include "run_harness.hpp"

namespace millrace::harness {
namespace {

struct Breakage {
    const char* how;
    const char* case_id;
    const char* spec;
};

void PrintTo(const Breakage& breakage, std::ostream* out) {
    *out << breakage.how;
}

class Broken : public ::testing::TestWithParam<Breakage> {};

TEST_P(Broken, FailsItsCaseByTheLine) {
    const Breakage& breakage = GetParam();
    const std::string scenario = std::string(" --quiet --seed=7 --scenario=") + breakage.case_id;
    const Ran twin = run_harness("run --agent='" PLAIN_AGENT "'" + scenario);
    EXPECT_EQ(twin.exit_code, 0) << twin.output;
    EXPECT_EQ(twin.verdict(breakage.case_id), "OK") << twin.output;

    const Ran broken =
        run_harness("run --agent='" PLAIN_AGENT " --broken=" + std::string(breakage.how) + "'" + scenario);
    EXPECT_EQ(broken.exit_code, 1) << broken.output;
    EXPECT_EQ(broken.verdict(breakage.case_id), "FAILED") << broken.output;
    EXPECT_TRUE(broken.names(breakage.case_id, breakage.spec)) << broken.output;
}

std::string name_of_breakage(const ::testing::TestParamInfo<Breakage>& info) {
    std::string name = info.param.how;
    name += std::string("_") + info.param.case_id;
    for (char& c : name) {
        if (std::isalnum(static_cast<unsigned char>(c)) == 0) c = '_';
    }
    return name;
}

INSTANTIATE_TEST_SUITE_P(
    Agents, Broken,
    ::testing::Values(
        Breakage{"drops-batch", "burst/1-twenty-at-once", "BAT-1"},
        Breakage{"acks-early", "ack/1-by-the-application", "ACK-1"},
        Breakage{"acks-early", "recovery/1-sigkill", "ACK-1"},
        Breakage{"delivers-twice", "burst/1-twenty-at-once", "REC-1"},
        Breakage{"ignores-flush", "flush/1-interval", "BAT-3"}, Breakage{"flushes-early", "flush/1-interval", "BAT-3"},
        Breakage{"empty-batch", "flush/1-interval", "BAT-1"}, Breakage{"oversize", "burst/1-twenty-at-once", "BAT-1"},
        Breakage{"disorder", "batch/1-order", "BAT-2"}, Breakage{"skips-pending", "recovery/1-sigkill", "REC-1"},
        Breakage{"never-acks", "ack/1-by-the-application", "ACK-3"},
        Breakage{"never-acks", "recovery/1-sigkill", "REC-1"}, Breakage{"loses-repeats", "batch/2-bytes", "PUB-5"},
        Breakage{"never-claims", "claim/1-of-another", "REC-2"}, Breakage{"one-page", "claim/2-to-the-end", "REC-2"},
        Breakage{"no-heartbeats", "heartbeat/1-slow-handler", "REC-3"},
        Breakage{"steals-back", "heartbeat/4-late", "REC-3"},
        Breakage{"recreates-at-last", "lost-group/1-held-by-another", "REC-7"},
        Breakage{"acks-anyway", "poison/4-wrong-type", "DLQ-1"}, Breakage{"forgets-ids", "dedupe/1-once-each", "DUP-2"},
        Breakage{"redrives-to-all", "redrive/1-two-groups", "DLQ-2"}),
    name_of_breakage);

TEST(Unbroken, IsOkInEveryCaseThatApplies) {
    const Ran ran = run_harness("run --agent='" PLAIN_AGENT "' --quiet --rounds=10");
    EXPECT_EQ(ran.exit_code, 0) << ran.output;
    size_t ok = 0;
    for (const auto& result : ran.report["results"]) {
        ok += result["verdict"] == "OK" || result["verdict"] == "NON-STRICT" ? 1U : 0U;
        EXPECT_NE(result["verdict"], "FAILED") << result.dump(1);
    }
    EXPECT_GE(ok, 20U);
}

}  // namespace
}  // namespace millrace::harness
