// Whatever happens to its connections, its memory and its server (chaos.hpp), a consumer loses nothing, nothing acked
// comes again, nothing held comes twice, and the server's counts are what the application was told. A failure names its
// seed.
#include "chaos.hpp"

#include <gtest/gtest.h>

#include <array>
#include <initializer_list>
#include <string>

namespace millrace::test {
namespace {

class Seeds : public ::testing::TestWithParam<uint64_t> {
  protected:
    /// Trouble of so many events, and then calm, in which all must come to its end; so often, with each number of
    /// lanes.
    void play(Chaos::Kind kind, std::initializer_list<uint32_t> lane_counts, int times, int events,
              const char* version = "7.0.15") {
        for (const uint32_t lanes : lane_counts) {
            SCOPED_TRACE("seed " + std::to_string(GetParam()) + ", " + std::to_string(lanes) + " lanes, " + version);
            Chaos chaos(GetParam(), lanes, kind, version);
            for (int i = 0; i < times; ++i) {
                chaos.rage(events);
                chaos.calm();
            }
            chaos.finish();
            if (HasFailure()) return;
        }
    }
};

TEST_P(Seeds, NothingIsLostNothingAckedComesAgain) {
    play(Chaos::Kind::plain, {1, 2, 3}, 4, 500);
}

TEST_P(Seeds, AndWithMemoryRefusedNeither) {
    play(Chaos::Kind::scarce, {2}, 3, 500);
}

TEST_P(Seeds, AndWithAServerThatIsBusyNeither) {
    play(Chaos::Kind::busy, {1, 2}, 3, 1000);
}

TEST_P(Seeds, AndASourceCanBeClosedAtAnyTime) {
    for (const uint32_t lanes : {1U, 2U, 3U}) {
        for (const Chaos::Kind kind : {Chaos::Kind::plain, Chaos::Kind::scarce, Chaos::Kind::busy, Chaos::Kind::rivals,
                                       Chaos::Kind::flushed, Chaos::Kind::leased}) {
            SCOPED_TRACE("seed " + std::to_string(GetParam()) + ", " + std::to_string(lanes) + " lanes, kind " +
                         std::to_string(static_cast<int>(kind)));
            Chaos chaos(GetParam(), lanes, kind, std::array{"6.0.16", "6.2.14", "7.0.15", "8.8.0"}[GetParam() % 4]);
            chaos.rage(300);
            chaos.close();
            if (::testing::Test::HasFailure()) return;
        }
    }
}

/// By every rung of reclaiming and releasing; 5.0 has what 6.0 has.
TEST_P(Seeds, AndWithOthersInTheGroupNeither) {
    play(Chaos::Kind::rivals, {1, 2}, 3, 500, std::array{"6.0.16", "6.2.14", "7.0.15", "8.8.0"}[GetParam() % 4]);
}

/// A block whose key is gone ends in one of three ways.
TEST_P(Seeds, AndWithAStreamThatIsMadeAnewNeither) {
    play(Chaos::Kind::flushed, {1, 2}, 3, 500, std::array{"6.0.16", "7.0.15", "8.0.2"}[GetParam() % 3]);
}

/// What is held under a lost name is told as lost, and comes again under the next.
TEST_P(Seeds, AndWithANameThatIsLostNeither) {
    play(Chaos::Kind::leased, {1, 2}, 3, 500);
}

INSTANTIATE_TEST_SUITE_P(Chaos, Seeds, ::testing::Range<uint64_t>(1, 16));

}  // namespace
}  // namespace millrace::test
