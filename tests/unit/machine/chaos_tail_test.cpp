// Whatever happens to its connections and to its streams (chaos_tail.hpp), a tail hands over what is there, in its
// order and once, and tells of what was trimmed before it could be read. A failure names its seed.
#include "chaos_tail.hpp"

#include <gtest/gtest.h>

#include <string>

namespace millrace::test {
namespace {

class TailSeeds : public ::testing::TestWithParam<uint64_t> {
  protected:
    void play(TailChaos::Kind kind) {
        for (const uint32_t lanes : {1U, 2U}) {
            SCOPED_TRACE("seed " + std::to_string(GetParam()) + ", " + std::to_string(lanes) + " lanes");
            TailChaos chaos(GetParam(), lanes, kind);
            for (int i = 0; i < 4; ++i) {
                chaos.rage(700);
                chaos.calm();
                if (::testing::Test::HasFailure()) return;
            }
        }
    }
};

TEST_P(TailSeeds, NothingIsPassedOverUntold) {
    play({});
}
TEST_P(TailSeeds, NorBefore7) {
    play({.counts = false});
}
TEST_P(TailSeeds, NorWhereEntriesAreDeleted) {
    play({.removes = true});
}
TEST_P(TailSeeds, NorWhereStreamsAreMadeAnew) {
    play({.anew = true, .removes = true});
}
TEST_P(TailSeeds, NorWhereTheServerIsBusy) {
    play({.refuses = true});
}

INSTANTIATE_TEST_SUITE_P(Chaos, TailSeeds, ::testing::Range<uint64_t>(1, 9));

}  // namespace
}  // namespace millrace::test
