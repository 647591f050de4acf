// What a hostile or unlucky server meets (SEC-2): limits, random bytes, and memory that is refused.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <optional>
#include <string>
#include <vector>

#include "base/allocation.hpp"
#include "base/prng.hpp"
#include "resp/wire.hpp"

namespace millrace::resp {
namespace {

using test::bulk;
using test::decode;
using test::Transcript;

std::string entry(const std::string& id, const std::string& value) {
    return "*2\r\n" + bulk(id) + "*2\r\n" + bulk("k") + bulk(value);
}

TEST(DecoderLimits, Lines) {
    Limits limits;
    limits.line_bytes = 100;
    const std::string fits(100, 'x');
    const Transcript refused{"failed protocol: a line of more than 100 bytes"};
    EXPECT_EQ(decode("+" + fits + "\r\n", Shape::tree, limits), (Transcript{"reply +" + fits}));
    EXPECT_EQ(decode("+" + fits + "x\r\n", Shape::tree, limits), refused);
    EXPECT_EQ(decode("-" + std::string(300, 'x'), Shape::tree, limits), refused) << "without an end";
    EXPECT_EQ(decode("$" + std::string(300, '1'), Shape::tree, limits), refused) << "a header without an end";
    EXPECT_EQ(decode("*" + std::string(300, '\r'), Shape::tree, limits), refused);
}

// hiredis looks through all of an unfinished line again with each read: 64 MB took it 58 s.
TEST(DecoderLimits, AnEndlessLineEndsSoon) {
    SegmentStore store;
    Decoder decoder(Limits{}, store);
    size_t fed = 0;
    auto step = Decoder::Step::need_more;
    while (step == Decoder::Step::need_more) {
        const auto room = decoder.room();
        ASSERT_FALSE(room.empty());
        ASSERT_LE(room.size(), 64u * 1024);
        std::memset(room.data(), fed == 0 ? '+' : '\r', room.size());
        decoder.commit(room.size());
        fed += room.size();
        step = decoder.step(Shape::tree, nullptr);
    }
    EXPECT_EQ(step, Decoder::Step::failed);
    EXPECT_EQ(decoder.error().code, Code::protocol);
    EXPECT_LE(fed, 3u * 64 * 1024);
}

TEST(DecoderLimits, ValuesAreRefusedByTheirHeader) {
    Limits limits;
    limits.bulk_bytes = 10;
    EXPECT_EQ(decode(bulk("0123456789"), Shape::tree, limits), (Transcript{"reply \"0123456789\""}));
    EXPECT_EQ(decode("$11\r\n", Shape::tree, limits),
              (Transcript{"failed too_large: a value of 11 bytes, more than max_message_bytes"}));
    EXPECT_EQ(decode("$9223372036854775807\r\n", Shape::tree, limits),
              (Transcript{"failed too_large: a value of 9223372036854775807 bytes, more than max_message_bytes"}));
    EXPECT_EQ(decode(bulk("0123456789a"), Shape::tree, limits).back(),
              "failed too_large: a value of 11 bytes, more than max_message_bytes");
    EXPECT_EQ(decode("*2\r\n" + bulk("0123456789") + bulk("x"), Shape::tree, limits),
              (Transcript{"failed too_large: a reply with more than 10 bytes of text"}));
}

std::string entry_of(const std::string& id, const std::vector<std::string>& texts) {
    std::string wire = "*2\r\n" + bulk(id) + "*" + std::to_string(texts.size()) + "\r\n";
    for (const std::string& text : texts) wire += bulk(text);
    return wire;
}

// BP-3: whatever is before and behind it is delivered, and the connection goes on.
TEST(DecoderLimits, AnEntryThatIsTooLargeIsCountedAndLeftOut) {
    Limits limits;
    limits.bulk_bytes = 10;
    const std::string large(11, 'v');
    const std::string larger(300, 'w');
    const std::string one = entry_of("1-1", {"k", "012345678"});
    const Transcript expected{"entry 1-1 k=012345678",
                              "too large 2-1 (11)",   // by its sum
                              "too large 2-2 (12)",   // by a value
                              "too large 2-3 (302)",  // by a name, with more behind it
                              "too large 2-4 (624)",   "entry 3-1 k=012345678", "reply []", "reply +next"};
    const std::string list = "*6\r\n" + one + entry_of("2-1", {"k", "0123456789"}) + entry_of("2-2", {"k", large}) +
                             entry_of("2-3", {larger, "v", "", "x"}) +
                             entry_of("2-4", {"a", larger, larger, "b", large, larger.substr(0, 11)}) +
                             entry_of("3-1", {"k", "012345678"});
    EXPECT_EQ(decode(list + "+next\r\n", {Shape::entries, Shape::tree}, limits), expected);
    Transcript of_stream = expected;
    of_stream.insert(of_stream.begin(), "stream s");
    const std::vector<Shape> shapes{Shape::streams, Shape::tree};
    EXPECT_EQ(decode("*1\r\n*2\r\n" + bulk("s") + list + "+next\r\n", shapes, limits), of_stream);
    EXPECT_EQ(decode("%1\r\n" + bulk("s") + list + "+next\r\n", shapes, limits), of_stream);
}

TEST(DecoderLimits, AValueThatIsLeftOutMustEndWhereItSays) {
    Limits limits;
    limits.bulk_bytes = 10;
    const std::string head = "*1\r\n*2\r\n" + bulk("1-1") + "*2\r\n" + bulk("k");
    EXPECT_EQ(decode(head + "$20\r\n" + std::string(40, 'v'), Shape::entries, limits),
              (Transcript{"failed protocol: a value goes on after the 20 bytes that were announced"}));
    EXPECT_EQ(decode(head + "$20\r\n" + std::string(19, 'v'), Shape::entries, limits), (Transcript{"needs more"}));
    EXPECT_EQ(decode(head + "=20\r\n" + std::string(20, 'v'), Shape::entries, limits).back(),
              "failed too_large: a value of 20 bytes, more than max_message_bytes");
}

TEST(DecoderLimits, AnEntryOfTooManyFieldsIsLeftOutToo) {
    Limits limits;
    limits.elements = 6;
    const std::string fits = entry_of("1-1", {"a", "1", "b", "2", "c", "3"});
    const std::string large = entry_of("2-1", {"a", "1", "b", "2", "c", "3", "d", "4"});
    EXPECT_EQ(decode("*3\r\n" + fits + large + "*2\r\n" + bulk("3-1") + "*-1\r\n", Shape::entries, limits).back(),
              "failed too_large: a reply of 7 elements, more than max_elements")
        << "the list itself is bounded";
    EXPECT_EQ(decode("*2\r\n" + fits + large, Shape::entries, limits),
              (Transcript{"entry 1-1 a=1 b=2 c=3", "too large 2-1 (8)", "reply []"}));
}

// 64 MiB pass through without being gathered.
TEST(DecoderLimits, WhatIsLeftOutTakesNoMemory) {
    Limits limits;
    limits.bulk_bytes = 1 << 20;
    SegmentStore store;
    test::Recorder recorder(store);
    Decoder decoder(limits, store);
    constexpr size_t size = 64 << 20;
    const std::vector<Shape> shapes{Shape::entries, Shape::tree};
    size_t shape = 0;
    const std::string head = "*1\r\n*2\r\n" + bulk("1-1") + "*2\r\n" + bulk("k") + "$" + std::to_string(size) + "\r\n";
    ASSERT_TRUE(test::feed(decoder, head, shapes, shape, recorder));
    (void)decoder.room();
    const uint64_t before = millrace::test::allocation_count();
    size_t left = size;
    while (left > 0) {
        const auto room = decoder.room();
        ASSERT_LE(room.size(), 64U * 1024);
        const size_t written = std::min(room.size(), left);
        decoder.commit(written);
        ASSERT_EQ(decoder.step(Shape::entries, &recorder), Decoder::Step::need_more);
        left -= written;
    }
    EXPECT_EQ(millrace::test::allocation_count(), before);
    EXPECT_TRUE(decoder.mid_reply());
    ASSERT_TRUE(test::feed(decoder, "\r\n+next\r\n", shapes, shape, recorder));
    EXPECT_EQ(recorder.transcript, (Transcript{"too large 1-1 (67108865)", "reply []", "reply +next"}));
    decoder.reset();
    EXPECT_EQ(store.references(), 0U);
}

TEST(Decoder, ResetForgetsAValueThatIsBeingLeftOut) {
    Limits limits;
    limits.bulk_bytes = 10;
    const std::string large = "*1\r\n" + entry("1-1", std::string(50, 'v'));
    for (size_t cut = 1; cut < large.size(); ++cut) {
        SegmentStore store;
        test::Recorder recorder(store);
        Decoder decoder(limits, store);
        const std::vector<Shape> shapes{Shape::entries};
        size_t shape = 0;
        ASSERT_TRUE(test::feed(decoder, large.substr(0, cut), shapes, shape, recorder));
        decoder.reset();
        ASSERT_TRUE(test::feed(decoder, "*1\r\n" + entry("2-1", "v"), shapes, shape, recorder));
        EXPECT_EQ(recorder.transcript, (Transcript{"entry 2-1 k=v", "reply []"})) << "cut at " << cut;
    }
}

TEST(DecoderLimits, Depth) {
    Limits limits;
    limits.depth = 3;
    EXPECT_EQ(decode("*1\r\n*1\r\n*1\r\n:1\r\n", Shape::tree, limits), (Transcript{"reply [[[1]]]"}));
    EXPECT_EQ(decode("*1\r\n*1\r\n*1\r\n*0\r\n", Shape::tree, limits),
              (Transcript{"failed too_large: a reply nested deeper than max_depth (3)"}));
    std::string bomb;
    for (int i = 0; i < 100'000; ++i) bomb += "*1\r\n";
    EXPECT_EQ(decode(bomb, {Shape::tree}, std::vector<size_t>()),
              (Transcript{"failed too_large: a reply nested deeper than max_depth (32)"}));
}

TEST(DecoderLimits, Elements) {
    Limits limits;
    limits.elements = 5;
    EXPECT_EQ(decode("*2\r\n*3\r\n:1\r\n:2\r\n:3\r\n:4\r\n:5\r\n", Shape::tree, limits),
              (Transcript{"reply [[1, 2, 3], 4]", "reply 5"}));
    EXPECT_EQ(decode("*2\r\n*4\r\n", Shape::tree, limits),
              (Transcript{"failed too_large: a reply of 6 elements, more than max_elements"}));
    EXPECT_EQ(decode("%3\r\n", Shape::tree, limits),
              (Transcript{"failed too_large: a reply of 6 elements, more than max_elements"}));
    EXPECT_EQ(decode("*1000000000\r\n"),
              (Transcript{"failed too_large: a reply of 1000000000 elements, more than max_elements"}));
    EXPECT_EQ(decode("*4294967295\r\n"), (Transcript{"failed protocol: Multi-bulk length out of range"}));
}

TEST(DecoderLimits, AnAnnouncedBodyTakesNoMemoryBeforeItComes) {
    SegmentStore store;
    Decoder decoder(Limits{}, store);
    const std::string header = "$500000000\r\n";
    std::memcpy(decoder.room().data(), header.data(), header.size());
    decoder.commit(header.size());
    ASSERT_EQ(decoder.step(Shape::tree, nullptr), Decoder::Step::need_more);
    const auto room = decoder.room();
    EXPECT_GT(room.size(), 64u * 1024);
    EXPECT_LE(room.size(), 1024u * 1024);
}

// Rooms of a body end where it ends, so that the lines behind it are fed in small pieces again.
TEST(DecoderLimits, RoomFollowsTheBody) {
    const std::string wire = bulk(std::string(3'000'000, 'v'));
    SegmentStore store;
    Decoder decoder(Limits{}, store);
    size_t fed = 0;
    size_t rooms = 0;
    while (fed < wire.size()) {
        const auto room = decoder.room();
        ASSERT_LE(room.size(),
                  fed == 0 ? 64u * 1024 : std::min<size_t>(1 << 20, std::max<size_t>(wire.size() - fed, 64 * 1024)));
        const size_t size = std::min(room.size(), wire.size() - fed);
        std::memcpy(room.data(), wire.data() + fed, size);
        decoder.commit(size);
        fed += size;
        ++rooms;
        ASSERT_EQ(decoder.step(Shape::tree, nullptr),
                  fed < wire.size() ? Decoder::Step::need_more : Decoder::Step::reply);
    }
    EXPECT_LE(rooms, 5u);
    EXPECT_EQ(decoder.tree().root().text().size(), 3'000'000u);
}

TEST(DecoderLimits, ALargeBufferIsKeptForAWhileThenGivenBack) {
    SegmentStore store;
    test::Recorder recorder(store);
    Decoder decoder(Limits{}, store);
    size_t shape = 0;
    const std::vector<Shape> shapes{Shape::tree};
    const std::string large = bulk(std::string(3'000'000, 'v'));
    ASSERT_TRUE(test::feed(decoder, large, shapes, shape, recorder));
    uint64_t before = millrace::test::allocation_count();
    for (int i = 0; i < 3; ++i) ASSERT_TRUE(test::feed(decoder, "+OK\r\n", shapes, shape, recorder));
    const uint64_t kept = millrace::test::allocation_count() - before;
    for (int i = 0; i < 100; ++i) ASSERT_TRUE(test::feed(decoder, "+OK\r\n", shapes, shape, recorder));
    EXPECT_GT(millrace::test::allocation_count() - before, kept) << "the buffer of 3 MB was never replaced";
}

TEST(Decoder, SteadyStateAllocatesNothing) {
    std::string wire = "*1\r\n*2\r\n" + bulk("stream") + "*100\r\n";
    for (int i = 0; i < 100; ++i) wire += entry(std::to_string(1000 + i) + "-0", std::string(250, 'v'));
    wire += ":100\r\n";
    class Sink final : public EntrySink {
      public:
        explicit Sink(SegmentStore& store) : store_(store) {}
        void handle_stream(std::string_view) override {}
        void handle_entry(const EntryRecord& record) override {
            store_.release(record.segment);
            ++entries;
        }
        void handle_deleted(EntryId) override {}
        void handle_too_large(EntryId, uint64_t) override {}
        size_t entries = 0;

      private:
        SegmentStore& store_;
    };
    SegmentStore store;
    Sink sink(store);
    Decoder decoder(Limits{}, store);
    const auto turn = [&] {
        const auto room = decoder.room();
        ASSERT_GE(room.size(), wire.size());
        std::memcpy(room.data(), wire.data(), wire.size());
        decoder.commit(wire.size());
        ASSERT_EQ(decoder.step(Shape::streams, &sink), Decoder::Step::reply);
        ASSERT_EQ(decoder.step(Shape::tree, nullptr), Decoder::Step::reply);
        ASSERT_EQ(decoder.tree().root().integer(), 100);
        ASSERT_EQ(decoder.step(Shape::tree, nullptr), Decoder::Step::need_more);
    };
    for (int i = 0; i < 10; ++i) turn();
    const uint64_t before = millrace::test::allocation_count();
    for (int i = 0; i < 100; ++i) turn();
    EXPECT_EQ(millrace::test::allocation_count(), before);
    EXPECT_EQ(sink.entries, 11'000u);
}

TEST(Decoder, ErrorsStayUntilReset) {
    SegmentStore store;
    test::Recorder recorder(store);
    Decoder decoder(Limits{}, store);
    size_t shape = 0;
    const std::vector<Shape> shapes{Shape::entries};
    EXPECT_FALSE(test::feed(decoder, "*1\r\n*2\r\n$3\r\n1-1\r\n*2\r\n$1\r\nk\r\n?", shapes, shape, recorder));
    EXPECT_EQ(decoder.error().code, Code::protocol);
    EXPECT_EQ(decoder.step(Shape::entries, &recorder), Decoder::Step::failed);
    EXPECT_TRUE(decoder.room().empty());
    decoder.commit(0);
    EXPECT_FALSE(decoder.mid_reply());
    decoder.reset();
    EXPECT_EQ(decoder.error().code, Code::ok);
    EXPECT_TRUE(test::feed(decoder, "*1\r\n" + entry("2-1", "v"), shapes, shape, recorder));
    EXPECT_EQ(recorder.transcript.back(), "reply []");
    EXPECT_EQ(recorder.transcript[recorder.transcript.size() - 2], "entry 2-1 k=v");
    EXPECT_EQ(store.references(), 0u);
}

TEST(Decoder, ResetForgetsHalfAReply) {
    const std::string whole = "*1\r\n" + entry("1-1", "value") + "+next\r\n";
    for (size_t cut = 0; cut < whole.size(); ++cut) {
        SegmentStore store;
        test::Recorder recorder(store);
        Decoder decoder(Limits{}, store);
        const std::vector<Shape> shapes{Shape::entries, Shape::tree};
        size_t shape = 0;
        ASSERT_TRUE(test::feed(decoder, whole.substr(0, cut), shapes, shape, recorder));
        decoder.reset();
        EXPECT_FALSE(decoder.mid_reply());
        recorder.transcript.clear();
        shape = 0;
        ASSERT_TRUE(test::feed(decoder, whole, shapes, shape, recorder));
        EXPECT_EQ(recorder.transcript, (Transcript{"entry 1-1 k=value", "reply []", "reply +next"}))
            << "cut at " << cut;
    }
}

TEST(Decoder, AHintMakesASmallerRoom) {
    SegmentStore store;
    Decoder decoder(Limits{}, store);
    EXPECT_GE(decoder.room(1).size(), 1u);
    EXPECT_LE(decoder.room(1).size(), 16u * 1024);
    EXPECT_GE(decoder.room(30'000).size(), 30'000u);
    EXPECT_EQ(decoder.room(10'000'000).size(), 64u * 1024);
    EXPECT_EQ(decoder.room().size(), 64u * 1024);
}

// Each allocation that one exchange makes is refused in turn, and all after it: the answer is out_of_memory, and after
// a reset with memory at hand all is well again.
TEST(Decoder, RefusedMemoryIsAnError) {
    const std::string wire = "*1\r\n*2\r\n" + bulk("s") + "*1\r\n" + entry("1-1", std::string(200'000, 'v')) +
                             "*3\r\n" + bulk(std::string(1000, 't')) + ":1\r\n*-1\r\n";
    const std::vector<Shape> shapes{Shape::streams, Shape::tree};
    bool struck = true;
    uint64_t granted = 0;
    for (; struck; ++granted) {
        ASSERT_LT(granted, 1000u);
        SegmentStore store(1024);
        test::Recorder recorder(store);
        std::optional<millrace::test::Scarcity> scarcity(granted);
        Decoder decoder(Limits{}, store);
        size_t shape = 0;
        const bool fed = test::feed(decoder, wire, shapes, shape, recorder);
        struck = scarcity->struck();
        scarcity.reset();
        EXPECT_EQ(fed, !struck) << granted;
        const Code code = decoder.error().code;  // ok: room() was empty, and may be asked again
        EXPECT_TRUE(code == Code::ok || code == Code::out_of_memory) << decoder.error().message;
        decoder.reset();
        recorder.transcript.clear();
        shape = 0;
        ASSERT_TRUE(test::feed(decoder, wire, shapes, shape, recorder));
        ASSERT_EQ(recorder.transcript.size(), 4u);
        EXPECT_EQ(recorder.transcript[2], "reply []");
    }
    EXPECT_GT(granted, 15u) << "the reader alone makes a dozen allocations";
}

// Random bytes of the protocol's own alphabet, in random pieces. Nothing to compare with: sanitizers and the assertions
// of the decoder are the judges, and the references must add up.
TEST(DecoderGarbage, EndsInAnErrorOrNeedsMore) {
    constexpr std::string_view alphabet = "*$%>~:+-_#,=(|0123459\r\n\r\n\r\nab\x00\xff";
    for (uint64_t seed = 0; seed < 3000; ++seed) {
        Prng prng(Seed128{seed, 1});
        std::string wire;
        const uint64_t size = prng.below(200);
        while (wire.size() < size) {
            if (prng.below(4) == 0)
                wire += entry(std::to_string(prng.below(9)) + "-1", std::string(prng.below(20), 'v'));
            if (prng.below(4) == 0) wire += "*" + std::to_string(prng.below(4)) + "\r\n";
            if (prng.below(4) == 0) wire += ":" + std::to_string(prng.below(4)) + "\r\n";
            wire += alphabet[prng.below(alphabet.size())];
        }
        const auto shape = static_cast<Shape>(prng.below(5));
        std::vector<size_t> cuts;
        for (size_t at = prng.below(20); at < wire.size(); at += 1 + prng.below(20)) cuts.push_back(at);
        const Transcript whole = decode(wire, {shape}, std::vector<size_t>());
        EXPECT_EQ(decode(wire, {shape}, cuts), whole) << "seed " << seed;
    }
}

}  // namespace
}  // namespace millrace::resp
