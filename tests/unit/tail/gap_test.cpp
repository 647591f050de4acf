// TAIL-3: entries that were trimmed before they could be read, and streams that were made anew.
#include <gtest/gtest.h>

#include "support/scripted_host.hpp"

namespace millrace::test {
namespace {

struct Info {
    std::string_view last;
    std::string_view first;        ///< empty: the stream is
    std::optional<int64_t> added;  ///< from 7.0
    int64_t length = 0;
    std::string_view deleted = "0-0";
};

std::string info(const Info& of) {
    Items items{bulk("length"), integer(of.length), bulk("last-generated-id"), bulk(of.last)};
    if (of.added.has_value()) {
        items.insert(items.end(),
                     {bulk("max-deleted-entry-id"), bulk(of.deleted), bulk("entries-added"), integer(*of.added)});
    }
    items.insert(items.end(), {bulk("first-entry"), of.first.empty() ? null() : entry(of.first), bulk("last-entry"),
                               of.first.empty() ? null() : entry(of.last)});
    return map(items);
}

/// A tail that begins behind 5-1.
struct Gap : ::testing::Test {
    explicit Gap(const std::string& from = "5-1") {
        source = host.open(tail_of(from));
        host.greet("read");
        host.greet("control");
    }
    std::string answer(std::string_view bytes) {
        host.forget();
        host.reply("read", bytes);
        return host.story();
    }
    ScriptedHost host;
    SourceId source{};
};

struct FromNow : Gap {
    FromNow() : Gap("new") {}
};

constexpr const char* blocking = "read: XREAD COUNT 5 BLOCK 2000 STREAMS s 5-1";
constexpr const char* overlapping = "read: XREAD COUNT 6 STREAMS s 5-0";
constexpr const char* look = "read: XINFO STREAM s";

TEST_F(Gap, NoneWhereTheCursorsEntryIsStillThere) {
    EXPECT_EQ(answer(stream("s", {"5-1"})), lines({overlapping, blocking}));
    EXPECT_EQ(answer(stream("s", {"5-1"})), "");
    EXPECT_EQ(answer(null()), lines({overlapping, blocking}));
}

TEST_F(Gap, IsPossibleWhereTheCursorsEntryIsGoneAndTheFirstIsGreater) {
    EXPECT_EQ(answer(stream("s", {"9-1"})), lines({"batch 1 by flush: 9-1", look}));
    EXPECT_EQ(answer(info({"9-1", "9-1", std::nullopt})),
              lines({"gap s from 5-1 to 9-1, possibly", "read: XREAD COUNT 6 STREAMS s 9-0",
                     "read: XREAD COUNT 5 BLOCK 2000 STREAMS s 9-1"}));
    EXPECT_EQ(answer(stream("s", {"9-1"})), "");
    EXPECT_EQ(answer(null()).find("gap"), std::string::npos);  // told once
}

/// The reads of one write may not share one fate: the first came while the server was loading still.
TEST_F(Gap, IsLookedForWhereTheReadThatWouldHaveToldWasRefused) {
    (void)answer(stream("s", {"5-1"}));
    host.reply("read", error("LOADING Redis is loading the dataset in memory"));
    EXPECT_EQ(answer(stream("s", {"9-1"})), lines({"batch 1 by flush: 9-1"}));
    host.fire();
    EXPECT_EQ(host.story(), lines({look}));
    EXPECT_EQ(answer(info({"9-1", "9-1", std::nullopt})).substr(0, 34), "gap s from 5-1 to 9-1, possibly\nre");
}

TEST_F(Gap, NoneWhereTheCursorsEntryAloneWasDeleted) {
    EXPECT_EQ(answer(stream("s", {"9-1"})), lines({"batch 1 by flush: 9-1", look}));
    EXPECT_EQ(answer(info({"9-1", "4-1", std::nullopt})),
              lines({"read: XREAD COUNT 6 STREAMS s 9-0", "read: XREAD COUNT 5 BLOCK 2000 STREAMS s 9-1"}));
}

TEST_F(Gap, OfAStreamThatIsEmptyByNowEndsBehindItsLastId) {
    EXPECT_EQ(answer(null()), lines({look}));
    EXPECT_EQ(answer(info({"9-1", "", std::nullopt})),
              lines({"gap s from 5-1 to 9-2, possibly", "read: XREAD COUNT 5 BLOCK 2000 STREAMS s 9-1"}));
}

TEST_F(Gap, NoneWhereNoIdLiesBetween) {
    EXPECT_EQ(answer(stream("s", {"5-2"})), lines({"batch 1 by flush: 5-2", look}));
    EXPECT_EQ(answer(info({"5-2", "5-2", std::nullopt})),
              lines({"read: XREAD COUNT 6 STREAMS s 5-1", "read: XREAD COUNT 5 BLOCK 2000 STREAMS s 5-2"}));
}

TEST_F(Gap, NoneWhereNothingCameBehindTheCursor) {
    EXPECT_EQ(answer(null()), lines({look}));
    EXPECT_EQ(answer(info({"5-1", "", std::nullopt})), lines({blocking}));
}

TEST_F(Gap, ThePlaceIsKeptWhileThereIsNoKey) {
    EXPECT_EQ(answer(null()), lines({look}));
    EXPECT_EQ(answer(error("ERR no such key")), lines({blocking}));
}

TEST_F(FromNow, TheServersCountersTellHowManyWereMissed) {
    (void)answer(info({"5-1", "5-1", 100, 1}));
    (void)answer(stream("s", {"5-1"}));
    // Trimmed to two entries, of 110 that were ever added: those from the 101st to the 108th were not seen.
    EXPECT_EQ(answer(stream("s", {"9-1", "9-2"})), lines({"batch 1 by flush: 9-1 9-2"}));
    EXPECT_EQ(answer(stream("s", {"9-1", "9-2"})), lines({look}));
    EXPECT_EQ(answer(info({"9-2", "9-1", 110, 2})).substr(0, 32), "gap s from 5-1 to 9-1, 8 missed\n");
}

/// Of those that are gone some were read.
TEST_F(FromNow, ButNotWhereWhatWasReadIsTrimmedByNow) {
    (void)answer(info({"5-1", "5-1", 100, 1}));
    (void)answer(stream("s", {"5-1"}));
    (void)answer(stream("s", {"9-1"}));
    (void)answer(stream("s", {"9-1"}));
    EXPECT_EQ(answer(info({"9-1", "", 110, 0})).substr(0, 32), "gap s from 5-1 to 9-1, possibly\n");
}

TEST_F(FromNow, AndThatNoneWere) {
    (void)answer(info({"5-1", "5-1", 100, 1}));
    (void)answer(stream("s", {"5-1"}));
    EXPECT_EQ(answer(stream("s", {"9-1"})), lines({"batch 1 by flush: 9-1"}));
    EXPECT_EQ(answer(stream("s", {"9-1"})), lines({look}));
    EXPECT_EQ(answer(info({"9-1", "9-1", 101, 1})).find("gap"), std::string::npos);
}

TEST_F(FromNow, EntriesThatWereDeletedAreNotCountedAsTrimmed) {
    (void)answer(info({"5-1", "5-1", 100, 1}));
    (void)answer(stream("s", {"5-1"}));
    (void)answer(stream("s", {"9-1"}));
    (void)answer(stream("s", {"9-1"}));
    EXPECT_EQ(answer(info({"9-1", "9-1", 102, 1, "6-1"})).substr(0, 32), "gap s from 5-1 to 9-1, possibly\n");
}

TEST_F(FromNow, AKeyMadeAnewWhileAReadBlocksIsNoticed) {
    (void)answer(info({"5-1", "5-1", std::nullopt}));
    (void)answer(stream("s", {"5-1"}));
    (void)answer(stream("s", {"5-1"}));
    host.wait(2000);
    EXPECT_EQ(answer(null()), lines({overlapping, blocking}));
    EXPECT_EQ(answer(null()), "");
    host.wait(2000);
    EXPECT_EQ(answer(null()), lines({look}));
    EXPECT_EQ(answer(info({"2-1", "1-1", std::nullopt})),
              lines({"reset s at 5-1, last 2-1", "read: XREAD COUNT 5 BLOCK 2000 STREAMS s 0-0"}));
    EXPECT_EQ(answer(stream("s", {"1-1", "2-1"})),
              lines({"batch 1 by flush: 1-1 2-1", "read: XREAD COUNT 6 STREAMS s 2-0",
                     "read: XREAD COUNT 5 BLOCK 2000 STREAMS s 2-1"}));
}

/// Without an entry to begin with, XINFO alone tells: once in five blocks.
TEST_F(FromNow, OfAnEmptyStreamAKeyMadeAnewIsNoticedToo) {
    EXPECT_EQ(answer(info({"5-1", "", std::nullopt})), lines({"ready tail resp3 7.0.15", blocking}));
    for (int block = 1; block < 5; ++block) {
        host.wait(2000);
        EXPECT_EQ(answer(null()), lines({blocking}));
    }
    host.wait(2000);
    EXPECT_EQ(answer(null()), lines({look}));
    EXPECT_EQ(answer(info({"5-1", "", std::nullopt})), lines({blocking}));
    for (int block = 0; block < 5; ++block) {
        host.wait(2000);
        (void)answer(null());
    }
    EXPECT_EQ(answer(info({"2-1", "1-1", std::nullopt})),
              lines({"reset s at 5-1, last 2-1", "read: XREAD COUNT 5 BLOCK 2000 STREAMS s 0-0"}));
}

/// From 7.0 the count of entries tells what came and went before anything could be read.
TEST_F(FromNow, OfAnEmptyStreamTheCountTellsWhatCameAndWent) {
    (void)answer(info({"5-1", "5-1", 100, 1}));
    EXPECT_EQ(answer(null()), lines({look}));
    EXPECT_EQ(answer(info({"5-1", "", 100, 0})), lines({blocking}));
    EXPECT_EQ(answer(stream("s", {"9-1"})), lines({"batch 1 by flush: 9-1", look}));
    EXPECT_EQ(answer(info({"9-1", "9-1", 104, 1})),
              lines({"gap s from 5-1 to 9-1, 3 missed", "read: XREAD COUNT 6 STREAMS s 9-0",
                     "read: XREAD COUNT 5 BLOCK 2000 STREAMS s 9-1"}));
}

/// What came by the time of the look is read first: more may be trimmed before that.
TEST_F(Gap, EndsWithTheFirstEntryThatComes) {
    EXPECT_EQ(answer(null()), lines({look}));
    EXPECT_EQ(answer(info({"9-1", "8-1", std::nullopt})), lines({blocking}));
    EXPECT_EQ(answer(stream("s", {"9-1"})), lines({"batch 1 by flush: 9-1", look}));
    EXPECT_EQ(answer(info({"9-1", "9-1", std::nullopt})).substr(0, 32), "gap s from 5-1 to 9-1, possibly\n");
}

/// The second read of a write may come upon less than the first.
TEST_F(Gap, BetweenTheTwoReadsOfAWrite) {
    (void)answer(stream("s", {"5-1"}));
    EXPECT_EQ(answer(stream("s", {"5-1", "6-1"})), lines({"batch 1 by flush: 6-1"}));
    EXPECT_EQ(answer(stream("s", {"9-1"})), lines({"batch 2 by flush: 9-1", look}));
    EXPECT_EQ(answer(info({"9-1", "9-1", std::nullopt})).substr(0, 32), "gap s from 6-1 to 9-1, possibly\n");
}

TEST_F(Gap, AKeyMadeAnewIsNoticedOnANewConnection) {
    (void)answer(stream("s", {"5-1"}));
    (void)answer(stream("s", {"5-1"}));
    host.lost("read");
    host.fire();
    host.forget();
    host.greet("read");
    EXPECT_EQ(host.story(), lines({"reconnected read after 1", overlapping}));
    EXPECT_EQ(answer(null()), lines({look}));
    EXPECT_EQ(answer(info({"2-1", "1-1", std::nullopt})),
              lines({"reset s at 5-1, last 2-1", "read: XREAD COUNT 5 BLOCK 2000 STREAMS s 0-0"}));
}

TEST_F(Gap, InABacklogEachReadBeginsWithTheLastEntry) {
    EXPECT_EQ(answer(stream("s", {"5-1", "6-1", "7-1", "8-1", "9-1", "10-1"})),
              lines({"batch 1 by size: 6-1 7-1 8-1 9-1 10-1", "read: XREAD COUNT 6 STREAMS s 10-0"}));
    // Of the six that came in its place the last is left for the next read: there may be no room for it.
    EXPECT_EQ(answer(stream("s", {"13-1", "14-1", "15-1", "16-1", "17-1", "18-1"})),
              lines({"batch 2 by size: 13-1 14-1 15-1 16-1 17-1", look}));
    EXPECT_EQ(answer(info({"30-1", "13-1", std::nullopt})),
              lines({"gap s from 10-1 to 13-1, possibly", "read: XREAD COUNT 6 STREAMS s 17-0"}));
}

TEST_F(Gap, WithoutXinfoItIsToldWhereverItIsPossible) {
    const std::string noperm = "NOPERM User u has no permissions to run the 'xinfo|stream' command";
    EXPECT_EQ(answer(stream("s", {"9-1"})), lines({"batch 1 by flush: 9-1", look}));
    EXPECT_EQ(answer(error(noperm)),
              lines({"failure: no_permission (XINFO STREAM s: " + noperm +
                         "; without it a gap is told wherever one is possible, and no reset is noticed)",
                     "gap s from 5-1 to 9-1, possibly", "read: XREAD COUNT 6 STREAMS s 9-0",
                     "read: XREAD COUNT 5 BLOCK 2000 STREAMS s 9-1"}));
    for (int block = 0; block < 10; ++block) {
        (void)answer(stream("s", {"9-1"}));
        host.wait(2000);
        EXPECT_EQ(answer(null()).find("XINFO"), std::string::npos);
    }
}

TEST_F(FromNow, WithoutXinfoItBeginsBehindTheNewestEntry) {
    EXPECT_EQ(answer(error("NOPERM User u has no permissions to run the 'xinfo|stream' command"))
                      .find("read: XREVRANGE s + - COUNT 1\n") == std::string::npos,
              false);
    EXPECT_EQ(answer(entries({"7-3"})), lines({"ready tail resp3 7.0.15", "read: XREAD COUNT 6 STREAMS s 7-2"}));
}

TEST_F(Gap, AfterACloseNothingIsTold) {
    (void)answer(stream("s", {"9-1"}));
    host.forget();
    ASSERT_TRUE(host.close(source).ok());
    EXPECT_EQ(host.story(), lines({"closed source, 0 held"}));
    EXPECT_EQ(answer(info({"9-1", "9-1", std::nullopt})), "");
    host.release(1);
}

// ---- one of two streams (MUL-1)

struct TwoStreams : ::testing::Test {
    TwoStreams() {
        host.open(tail_of("5-1", {"s", "t"}));
        host.greet("read");
        host.greet("control");
        host.forget();
    }
    std::string answer(std::string_view bytes) {
        host.forget();
        host.reply("read", bytes);
        return host.story();
    }
    ScriptedHost host;
    const std::string wrong_type = "WRONGTYPE Operation against a key holding the wrong kind of value";
};

TEST_F(TwoStreams, OneOfAnotherTypeIsLeftAndTheOtherGoesOn) {
    EXPECT_EQ(answer(error(wrong_type)), "");
    EXPECT_EQ(host.fire(), 100);
    EXPECT_EQ(host.story(), lines({"read: XINFO STREAM s", "read: XINFO STREAM t"}));
    EXPECT_EQ(answer(info({"5-1", "5-1", std::nullopt})), "");
    EXPECT_EQ(answer(error(wrong_type)),
              lines({"failure: wrong_type (XINFO STREAM t: " + wrong_type + ")", "read: XREAD COUNT 6 STREAMS s 5-0",
                     "read: XREAD COUNT 5 BLOCK 2000 STREAMS s 5-1"}));
    std::string story;
    for (int i = 0; i < 10 && story.find("XINFO") == std::string::npos; ++i) {
        (void)answer(stream("s", {"5-1"}));
        host.wait(2000);
        story = answer(null());
    }
    EXPECT_EQ(story, lines({"read: XINFO STREAM t"}));  // whether it is one by now
    EXPECT_EQ(answer(info({"6-1", "5-1", std::nullopt})),
              lines({"read: XREAD COUNT 6 STREAMS s t 5-0 5-0", "read: XREAD COUNT 5 BLOCK 2000 STREAMS s t 5-1 5-1"}));
}

/// A large entry is not read again with each block, and the other stream leaves no block without an answer.
TEST_F(TwoStreams, AKeyMadeAnewIsNoticedWhileTheOtherIsBusy) {
    const std::string large(20'000, 'x');
    const auto both = [](const std::string& s, const std::string& t) {
        return map({bulk("s"), array({s}), bulk("t"), array({t})});
    };
    (void)answer(both(entry("5-1"), entry("5-1")));
    (void)answer(both(entry("5-1"), entry("5-1")));
    (void)answer(stream_of("t", {entry("6-1", large)}));
    (void)answer(both(entry("5-1"), entry("6-1", large)));
    std::string last = "6-1";
    (void)answer(stream("s", {last}));
    std::string story;
    int64_t waited = 0;
    for (; waited < 60 && story.find("XINFO STREAM t") == std::string::npos; ++waited) {
        host.release(host.batches());
        (void)answer(stream("s", {last}));
        host.wait(1000);
        last = std::to_string(7 + waited) + "-1";
        story = answer(stream("s", {last}));
    }
    EXPECT_EQ(waited, 10);
    EXPECT_NE(answer(info({"2-1", "1-1", std::nullopt})).find("reset t at 6-1, last 2-1"), std::string::npos);
}

TEST_F(TwoStreams, WithBothOfAnotherTypeItCloses) {
    (void)answer(error(wrong_type));
    host.fire();
    (void)answer(error(wrong_type));
    EXPECT_EQ(answer(error(wrong_type)), lines({"failure: wrong_type (XINFO STREAM t: " + wrong_type + "), closed"}));
}

}  // namespace
}  // namespace millrace::test
