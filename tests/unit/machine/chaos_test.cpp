// Whatever happens to its connections, its memory and its server (chaos.hpp), a consumer loses nothing, nothing acked
// comes again, nothing held comes twice, and the server's counts are what the application was told. A failure names its
// seed.
#include "chaos.hpp"

#include <gtest/gtest.h>

#include <array>
#include <string>

namespace millrace::test {
namespace {

class Seeds : public ::testing::TestWithParam<uint64_t> {};

TEST_P(Seeds, NothingIsLostNothingAckedComesAgain) {
    for (const uint32_t lanes : {1U, 2U, 3U}) {
        SCOPED_TRACE("seed " + std::to_string(GetParam()) + ", " + std::to_string(lanes) + " lanes");
        Chaos chaos(GetParam(), lanes, Chaos::Kind::plain);
        for (int i = 0; i < 4; ++i) {
            chaos.rage(500);
            chaos.calm();
        }
        chaos.finish();
        if (::testing::Test::HasFailure()) return;
    }
}

TEST_P(Seeds, AndWithMemoryRefusedNeither) {
    SCOPED_TRACE("seed " + std::to_string(GetParam()));
    Chaos chaos(GetParam(), 2, Chaos::Kind::scarce);
    for (int i = 0; i < 3; ++i) {
        chaos.rage(500);
        chaos.calm();
    }
    chaos.finish();
}

TEST_P(Seeds, AndWithAServerThatIsBusyNeither) {
    for (const uint32_t lanes : {1U, 2U}) {
        SCOPED_TRACE("seed " + std::to_string(GetParam()) + ", " + std::to_string(lanes) + " lanes");
        Chaos chaos(GetParam(), lanes, Chaos::Kind::busy);
        for (int i = 0; i < 3; ++i) {
            chaos.rage(1000);
            chaos.calm();
        }
        chaos.finish();
        if (::testing::Test::HasFailure()) return;
    }
}

TEST_P(Seeds, AndASourceCanBeClosedAtAnyTime) {
    for (const uint32_t lanes : {1U, 2U, 3U}) {
        for (const Chaos::Kind kind :
             {Chaos::Kind::plain, Chaos::Kind::scarce, Chaos::Kind::busy, Chaos::Kind::rivals, Chaos::Kind::flushed}) {
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
    const char* const version = std::array{"6.0.16", "6.2.14", "7.0.15", "8.8.0"}[GetParam() % 4];
    for (const uint32_t lanes : {1U, 2U}) {
        SCOPED_TRACE("seed " + std::to_string(GetParam()) + ", " + std::to_string(lanes) + " lanes, " + version);
        Chaos chaos(GetParam(), lanes, Chaos::Kind::rivals, version);
        for (int i = 0; i < 3; ++i) {
            chaos.rage(500);
            chaos.calm();
        }
        chaos.finish();
        if (::testing::Test::HasFailure()) return;
    }
}

/// A block whose key is gone ends in one of three ways.
TEST_P(Seeds, AndWithAStreamThatIsMadeAnewNeither) {
    const char* const version = std::array{"6.0.16", "7.0.15", "8.0.2"}[GetParam() % 3];
    for (const uint32_t lanes : {1U, 2U}) {
        SCOPED_TRACE("seed " + std::to_string(GetParam()) + ", " + std::to_string(lanes) + " lanes, " + version);
        Chaos chaos(GetParam(), lanes, Chaos::Kind::flushed, version);
        for (int i = 0; i < 3; ++i) {
            chaos.rage(500);
            chaos.calm();
        }
        chaos.finish();
        if (::testing::Test::HasFailure()) return;
    }
}

INSTANTIATE_TEST_SUITE_P(Chaos, Seeds, ::testing::Range<uint64_t>(1, 16));

}  // namespace
}  // namespace millrace::test
