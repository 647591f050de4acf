// Whatever happens to its connections, its memory and its server (chaos_publish.hpp), a publisher tells of each entry
// what became of it. A failure names its seed.
#include "chaos_publish.hpp"

#include <gtest/gtest.h>

#include <string>

namespace millrace::test {
namespace {

class PublishSeeds : public ::testing::TestWithParam<uint64_t> {
  protected:
    void play(PublishChaos::Kind kind) {
        SCOPED_TRACE("seed " + std::to_string(GetParam()));
        PublishChaos chaos(GetParam(), kind);
        for (int i = 0; i < 4; ++i) {
            chaos.rage(700);
            chaos.calm();
        }
        chaos.rage(300);
        chaos.drain();
    }
};

TEST_P(PublishSeeds, EveryEntryIsToldAsItIs) {
    play({});
}
TEST_P(PublishSeeds, AndWithMemoryRefused) {
    play({.scarce = true});
}
TEST_P(PublishSeeds, AndWithAServerThatRefuses) {
    play({.refuses = true});
}
TEST_P(PublishSeeds, AndWithOneThatIsAnotherVersion) {
    play({.upgrades = true});
}

INSTANTIATE_TEST_SUITE_P(Chaos, PublishSeeds, ::testing::Range<uint64_t>(1, 16));

}  // namespace
}  // namespace millrace::test
