// The real engine with one thing wrong fails the case that is there for it, by its line; as it stands it is OK.

#include <gtest/gtest.h>

#include <optional>

#include "run_harness.hpp"
#include "server/target.hpp"

namespace millrace::harness {
namespace {

struct Engine {
    const char* name;  // as in CMakeLists.txt
    const char* case_id;
    const char* spec;
    const char* server = nullptr;  // where the case does not play on the usual one
};

void PrintTo(const Engine& engine, std::ostream* out) {
    *out << engine.name;
}

class BrokenEngine : public ::testing::TestWithParam<Engine> {};

TEST_P(BrokenEngine, FailsItsCaseByTheLine) {
    const Engine& engine = GetParam();
    std::string scenario = std::string(" --quiet --seed=7 --scenario=") + engine.case_id;
    if (engine.server != nullptr) {
        std::optional<std::string> absent;
        if (!cached_server(engine.server, absent)) GTEST_SKIP() << "there is no " << engine.server << " here";
        scenario += std::string(" --server=local:") + engine.server;
    }
    const Ran whole = run_harness("run --agent='" WHOLE_AGENT "'" + scenario);
    EXPECT_EQ(whole.exit_code, 0) << whole.output;
    EXPECT_EQ(whole.verdict(engine.case_id), "OK") << whole.output;

    const Ran broken = run_harness("run --agent='" + (BROKEN_AGENTS + std::string(engine.name)) + "'" + scenario);
    EXPECT_EQ(broken.exit_code, 1) << broken.output;
    EXPECT_EQ(broken.verdict(engine.case_id), "FAILED") << broken.output;
    EXPECT_TRUE(broken.names(engine.case_id, engine.spec)) << broken.output;
}

std::string name_of_engine(const ::testing::TestParamInfo<Engine>& info) {
    std::string name = info.param.name;
    for (char& c : name) {
        if (std::isalnum(static_cast<unsigned char>(c)) == 0) c = '_';
    }
    return name;
}

INSTANTIATE_TEST_SUITE_P(Engines, BrokenEngine,
                         ::testing::Values(Engine{"heartbeat-idle-0", "heartbeat/4-late", "REC-3"},
                                           Engine{"claim-one-page", "claim/3-all", "REC-2"},
                                           Engine{"recreate-at-last-delivered", "lost-group/1-held-by-another",
                                                  "REC-7"},
                                           Engine{"blind-resend", "lost-reply/1-new-entries", "REC-6"},
                                           Engine{"page-unfiltered", "lost-reply/5-acked-during-page", "REC-1"},
                                           Engine{"dead-letter-unconditional", "poison/4-wrong-type", "DLQ-1"},
                                           Engine{"lease-unchecked", "names/5-lease-lost", "REC-4"},
                                           Engine{"acks-unmarked", "dedupe/4-redis", "DUP-2"},
                                           Engine{"publish-renumbered", "publish/8-idempotent", "PUB-2"},
                                           Engine{"publish-unmarked", "publish/7-at-least-once", "PUB-2"},
                                           Engine{"trims-unread", "publish/13-keep-pending", "PUB-3"},
                                           Engine{"tail-unproved", "tail-gap/1-trimmed", "TAIL-3"},
                                           Engine{"tail-no-reset", "tail-gap/4-made-anew", "TAIL-3"},
                                           Engine{"tail-from-the-start", "tail/1-new", "TAIL-1"},
                                           Engine{"tail-one-early", "tail/12-canonical-id", "TAIL-2"},
                                           Engine{"dead-streams-match", "mul/3-dead-streams", "DLQ-3"},
                                           Engine{"found-at-start", "mul/1-found-later", "MUL-2"},
                                           Engine{"no-redetection", "detection/9-upgrade", "DET-5", "redis-3.2"}),
                         name_of_engine);

}  // namespace
}  // namespace millrace::harness
