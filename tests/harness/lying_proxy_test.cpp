// Canaries of the cases of network faults: the native agent is OK behind a proxy that passes everything on, and behind
// one that lies to it, which makes it an engine broken in one way, it fails the case that is there for that, by the
// line.

#include <gtest/gtest.h>

#include "run_harness.hpp"

namespace millrace::harness {
namespace {

struct Lie {
    const char* makes;  // the broken engine
    const char* fault;
    const char* case_id;
    const char* spec;
};

void PrintTo(const Lie& lie, std::ostream* out) {
    *out << lie.makes;
}

class Lied : public ::testing::TestWithParam<Lie> {};

Ran run_behind(const std::string& faults, const std::string& case_id) {
    return run_harness("run --quiet --seed=7 --agent='python3 " BEHIND_PROXY " " MILLRACE_HARNESS " " MILLRACE_AGENT
                       " " +
                       faults + "' --scenario=" + case_id);
}

TEST_P(Lied, FailsItsCaseByTheLine) {
    const Lie& lie = GetParam();
    const Ran twin = run_behind("", lie.case_id);
    EXPECT_EQ(twin.verdict(lie.case_id), "OK") << twin.output;
    const Ran broken = run_behind("\"" + std::string(lie.fault) + "\"", lie.case_id);
    EXPECT_EQ(broken.exit_code, 1) << broken.output;
    EXPECT_EQ(broken.verdict(lie.case_id), "FAILED") << broken.output;
    EXPECT_TRUE(broken.names(lie.case_id, lie.spec)) << broken.output;
}

std::string name_of_lie(const ::testing::TestParamInfo<Lie>& info) {
    return info.param.makes;
}

INSTANTIATE_TEST_SUITE_P(
    Agents, Lied,
    ::testing::Values(Lie{"DoesNotRecover", R"(reply:XREADGROUP ID=_\r\n)", "lost-reply/1-new-entries", "REC-6"},
                      Lie{"GivesNoCountsBack", R"(reply:XCLAIM=*0\r\n)", "lost-reply/3-sixteen-reconnects", "REC-1"},
                      Lie{"ForgetsAcks", R"(reply:XACK=:5\r\n)", "lost-reply/4-xack", "ACK-6"},
                      Lie{"LeavesOldSockets", R"(reply:CLIENT KILL=:0\r\n)", "half-open/1-old-socket", "REC-6"},
                      Lie{"StepsDownForMaxClients", R"(reply:HELLO=-ERR unknown command\r\n)", "refused/3-max-clients",
                          "DET-1"}),
    name_of_lie);

}  // namespace
}  // namespace millrace::harness
