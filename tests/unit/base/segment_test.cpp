#include "base/segment.hpp"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "base/allocation.hpp"

namespace millrace {
namespace {

using Fields = std::vector<std::pair<std::string, std::string>>;

bool write(SegmentWriter& writer, EntryId id, const Fields& fields, EntryRecord& record) {
    if (!writer.begin_entry(static_cast<uint32_t>(fields.size()))) return false;
    for (const auto& [name, value] : fields) {
        if (!writer.add(name) || !writer.add(value)) return false;
    }
    writer.end_entry(id, record);
    return true;
}

Fields read(const EntryRecord& record) {
    Fields fields;
    for (const Field field : Entry(record, "")) fields.emplace_back(field.name, field.value);
    return fields;
}

TEST(Segment, HoldsWhatWasWritten) {
    SegmentStore store;
    SegmentWriter writer(store);
    EntryRecord first, second, empty;
    const Fields fields{{"a", "1"}, {"", ""}, {"a", std::string("\0\r\n", 3)}};
    ASSERT_TRUE(write(writer, {5, 6}, fields, first));
    ASSERT_TRUE(write(writer, {5, 7}, {{"b", "2"}}, second));
    ASSERT_TRUE(write(writer, {5, 8}, {}, empty));
    EXPECT_EQ(read(first), fields);
    EXPECT_EQ(first.id, (EntryId{5, 6}));
    EXPECT_EQ(first.bytes, 6u);
    EXPECT_EQ(first.stream, 0u);
    EXPECT_EQ(first.deliveries, 0u);
    EXPECT_EQ(read(second), (Fields{{"b", "2"}}));
    EXPECT_EQ(empty.field_count, 0u);
    EXPECT_EQ(empty.bytes, 0u);
    EXPECT_EQ(first.segment, second.segment);
    EXPECT_EQ(store.references(), 3u);
    for (const EntryRecord& record : {first, second, empty}) store.release(record.segment);
    EXPECT_EQ(store.references(), 0u);
}

TEST(Segment, CutsAnAbandonedEntryAway) {
    SegmentStore store(256);
    SegmentWriter writer(store);
    EntryRecord kept, next;
    ASSERT_TRUE(write(writer, {1, 1}, {{"k", "v"}}, kept));
    for (int i = 0; i < 1000; ++i) {
        ASSERT_TRUE(writer.begin_entry(2));
        ASSERT_TRUE(writer.add("half"));
        EXPECT_EQ(writer.entry_bytes(), 4u);
        writer.abandon_entry();
        EXPECT_FALSE(writer.open());
    }
    ASSERT_TRUE(writer.begin_entry(2));  // beginning another abandons it as well
    ASSERT_TRUE(write(writer, {1, 2}, {{"n", "w"}}, next));
    EXPECT_EQ(next.segment, kept.segment) << "abandoned entries took space";
    EXPECT_EQ(read(kept), (Fields{{"k", "v"}}));
    EXPECT_EQ(read(next), (Fields{{"n", "w"}}));
    store.release(kept.segment);
    store.release(next.segment);
}

TEST(Segment, WhatWasHandedOutNeverMoves) {
    SegmentStore store(256);
    SegmentWriter writer(store);
    std::vector<EntryRecord> records;
    std::vector<std::pair<const char*, const Segment::Slice*>> places;
    for (size_t i = 0; i < 200; ++i) {
        EntryRecord record;
        ASSERT_TRUE(write(writer, {i, 0}, {{"i", std::to_string(i)}, {"v", std::string(i * 7 % 300, 'x')}}, record));
        records.push_back(record);
        places.emplace_back(record.segment->bytes, record.segment->slices);
    }
    for (size_t i = 0; i < records.size(); ++i) {
        EXPECT_EQ(records[i].segment->bytes, places[i].first);
        EXPECT_EQ(records[i].segment->slices, places[i].second);
        EXPECT_EQ(read(records[i]), (Fields{{"i", std::to_string(i)}, {"v", std::string(i * 7 % 300, 'x')}}));
        store.release(records[i].segment);
    }
    EXPECT_LE(store.live_bytes(), 256u) << "more than the writer's own segment is left";
}

TEST(Segment, ALargeEntryLivesAlone) {
    SegmentStore store(256);
    SegmentWriter writer(store);
    EntryRecord small, large, after;
    Fields fields{{"body", std::string(100'000, 'b')}};
    for (int i = 0; i < 500; ++i) fields.emplace_back("n" + std::to_string(i), std::string(1000, 'v'));
    ASSERT_TRUE(write(writer, {1, 0}, {{"a", "b"}}, small));
    const uint64_t before = store.allocations();
    ASSERT_TRUE(write(writer, {2, 0}, fields, large));
    EXPECT_LE(store.allocations() - before, 40u) << "it grows by a constant factor";
    ASSERT_TRUE(write(writer, {3, 0}, {{"c", "d"}}, after));
    EXPECT_NE(large.segment, small.segment);
    EXPECT_NE(large.segment, after.segment);
    EXPECT_EQ(read(large), fields);
    EXPECT_EQ(read(small), (Fields{{"a", "b"}}));
    EXPECT_LT(store.live_bytes(), large.bytes * 5 / 4) << "at most about an eighth is unused";
    store.release(large.segment);
    EXPECT_LE(store.live_bytes(), 512u) << "an oversized segment is freed, not pooled";
    store.release(small.segment);
    store.release(after.segment);
}

TEST(Segment, AnAbandonedLargeEntryIsFreed) {
    SegmentStore store(256);
    SegmentWriter writer(store);
    ASSERT_TRUE(writer.begin_entry(1));
    ASSERT_TRUE(writer.add(std::string(10'000, 'x')));
    EXPECT_GT(store.live_bytes(), 10'000u);
    writer.abandon_entry();
    EXPECT_LE(store.live_bytes(), 256u);
}

TEST(Segment, SteadyStateAllocatesNothing) {
    SegmentStore store;
    SegmentWriter writer(store);
    const std::string value(250, 'v');
    std::vector<EntryRecord> batch(100);
    const auto turn = [&](uint64_t n) {
        for (EntryRecord& record : batch) {
            ASSERT_TRUE(writer.begin_entry(2));
            for (const std::string_view text : {"id", "1", "body", value.c_str()}) ASSERT_TRUE(writer.add(text));
            writer.end_entry({n, 0}, record);
        }
        for (const EntryRecord& record : batch) store.release(record.segment);
    };
    for (uint64_t n = 0; n < 10; ++n) turn(n);
    const uint64_t before = test::allocation_count();
    for (uint64_t n = 10; n < 1000; ++n) turn(n);
    EXPECT_EQ(test::allocation_count(), before);
}

TEST(Segment, ABatchKeepsItsSegmentUntilTheLastReferenceIsDropped) {
    SegmentStore store(256);
    SegmentWriter writer(store);
    EntryRecord record, other;
    ASSERT_TRUE(write(writer, {1, 0}, {{"a", "kept"}}, record));
    store.retain(record.segment);
    store.release(record.segment);
    for (int i = 0; i < 100; ++i) {  // the writer goes on, and what it takes must not be the segment that is still held
        ASSERT_TRUE(write(writer, {2, 0}, {{"other", std::string(60, 'o')}}, other));
        store.release(other.segment);
    }
    EXPECT_EQ(read(record), (Fields{{"a", "kept"}}));
    store.release(record.segment);
    store.release(nullptr);
    EXPECT_EQ(store.references(), 0u);
}

TEST(Segment, ThePoolIsBounded) {
    SegmentStore store(256);
    SegmentWriter writer(store);
    std::vector<EntryRecord> records(3 * SegmentStore::pooled_max);
    for (EntryRecord& record : records) ASSERT_TRUE(write(writer, {1, 0}, {{"k", std::string(200, 'x')}}, record));
    for (const EntryRecord& record : records) store.release(record.segment);
    const uint64_t before = store.allocations();
    for (EntryRecord& record : records) ASSERT_TRUE(write(writer, {1, 0}, {{"k", std::string(200, 'x')}}, record));
    EXPECT_GE(store.allocations() - before, records.size() - SegmentStore::pooled_max - 1);
    EXPECT_LE(store.allocations() - before, records.size() - SegmentStore::pooled_max);
    for (const EntryRecord& record : records) store.release(record.segment);
}

TEST(Segment, TwoWritersDoNotMix) {
    SegmentStore store;
    SegmentWriter left(store), right(store);
    ASSERT_TRUE(left.begin_entry(1));
    ASSERT_TRUE(left.add("left"));
    ASSERT_TRUE(right.begin_entry(1));
    ASSERT_TRUE(right.add("right"));
    ASSERT_TRUE(left.add("1"));
    ASSERT_TRUE(right.add("2"));
    EntryRecord a, b;
    right.end_entry({2, 0}, b);
    left.end_entry({1, 0}, a);
    EXPECT_EQ(read(a), (Fields{{"left", "1"}}));
    EXPECT_EQ(read(b), (Fields{{"right", "2"}}));
    store.release(a.segment);
    store.release(b.segment);
}

TEST(Segment, RefusedMemoryLeavesTheRestAlone) {
    SegmentStore store(256);
    SegmentWriter writer(store);
    {
        test::Scarcity scarcity(0);
        EXPECT_FALSE(writer.begin_entry(1));
        EXPECT_FALSE(writer.begin_entry(UINT32_MAX));
    }
    EntryRecord record, later;
    ASSERT_TRUE(write(writer, {1, 0}, {{"k", "v"}}, record));
    ASSERT_TRUE(writer.begin_entry(1));
    ASSERT_TRUE(writer.add("name"));
    {
        test::Scarcity scarcity(0);
        EXPECT_FALSE(writer.add(std::string(300, 'x'))) << "needs a fresh segment";
    }
    ASSERT_TRUE(writer.add(std::string(300, 'x')));
    writer.end_entry({2, 0}, later);
    EXPECT_EQ(read(later), (Fields{{"name", std::string(300, 'x')}}));
    store.release(later.segment);
    ASSERT_TRUE(writer.begin_entry(1));
    ASSERT_TRUE(writer.add("name"));
    {
        test::Scarcity scarcity(0);
        EXPECT_FALSE(writer.add(std::string(300, 'x'))) << "needs to grow";
    }
    writer.abandon_entry();
    EXPECT_EQ(read(record), (Fields{{"k", "v"}}));
    store.release(record.segment);
}

TEST(Segment, RefusesAnEntryOfMoreThan32BitsCanHold) {
    SegmentStore store;
    SegmentWriter writer(store);
    ASSERT_TRUE(writer.begin_entry(1));
    const char byte = 'x';
    EXPECT_FALSE(writer.add({&byte, size_t{3} << 30 | 1})) << "refused before a byte of it is read";
    writer.abandon_entry();
}

#ifndef NDEBUG
TEST(SegmentDeathTest, AStoreThatDiesBeforeItsRecordsIsABug) {
    EXPECT_DEATH(
        {
            EntryRecord record;
            SegmentStore store;
            SegmentWriter writer(store);
            if (write(writer, {1, 0}, {{"k", "v"}}, record)) store.retain(record.segment);
        },
        "outlives");
}
#endif

}  // namespace
}  // namespace millrace
