// DLQ-3: what the keys beside a stream are called.
#include "command/key_names.hpp"

#include <gtest/gtest.h>

namespace millrace::test {
namespace {

struct Row {
    const char* stream;
    const char* dead;
    bool same_slot;
};

TEST(KeyNames, OfDeadStreamsKeepTheSlotWhereThereIsATagToKeep) {
    const Row rows[] = {
        {"orders", "{orders}:dead", true},
        {"a:b", "{a:b}:dead", true},
        {"a{b}c", "a{b}c:dead", true},
        {"{orders}", "{orders}:dead", true},
        {"{a}{b}", "{a}{b}:dead", true},
        {"a}{b}", "a}{b}:dead", true},
        {"{{a}}", "{{a}}:dead", true},
        {"a{b", "a{b:dead", false},
        {"a}b", "a}b:dead", false},
        {"}{", "}{:dead", false},
        {"{}", "{}:dead", false},
        {"{}a{b}", "{}a{b}:dead", false},  // an empty first pair makes the whole name count
    };
    for (const Row& row : rows) {
        const KeyName name = dead_stream_name(row.stream);
        EXPECT_EQ(name.text, row.dead);
        EXPECT_EQ(name.same_slot, row.same_slot) << row.stream;
    }
}

TEST(KeyNames, OfSeenIdsKeepGroupAndIdApart) {
    EXPECT_EQ(seen_name("orders", "g", "1:2").text, "{orders}:seen:1:g:1:2");
    EXPECT_EQ(seen_name("orders", "g:1", "2").text, "{orders}:seen:3:g:1:2");
    EXPECT_EQ(seen_name("a{b}c", "g", "x").text, "a{b}c:seen:1:g:x");
    EXPECT_FALSE(seen_name("a}b", "g", "x").same_slot);
}

TEST(KeyNames, OfLeases) {
    EXPECT_EQ(lease_name("orders", "g", "edge-1").text, "{orders}:lease:g:edge-1");
    EXPECT_EQ(lease_name("a{b}c", "g", "edge-1").text, "a{b}c:lease:g:edge-1");
}

}  // namespace
}  // namespace millrace::test
