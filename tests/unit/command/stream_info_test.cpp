// What XINFO STREAM tells, as versions differ in it.
#include "command/stream_info.hpp"

#include <gtest/gtest.h>

#include <string_view>

namespace millrace {
namespace {

using resp::Tree;
using resp::Type;

void add_text(Tree& tree, std::string_view text) {
    ASSERT_TRUE(tree.add_text(Type::text, text));
}

void add_entry(Tree& tree, std::string_view id) {
    ASSERT_TRUE(tree.add_aggregate(Type::array, 2));
    add_text(tree, id);
    ASSERT_TRUE(tree.add_aggregate(Type::array, 0));
}

TEST(StreamInfo, From70TellsWhatWasAddedAndDeleted) {
    Tree tree;
    ASSERT_TRUE(tree.add_aggregate(Type::map, 12));
    add_text(tree, "length");
    ASSERT_TRUE(tree.add_integer(3));
    add_text(tree, "last-generated-id");
    add_text(tree, "7-3");
    add_text(tree, "max-deleted-entry-id");
    add_text(tree, "2-0");
    add_text(tree, "entries-added");
    ASSERT_TRUE(tree.add_integer(9));
    add_text(tree, "first-entry");
    add_entry(tree, "5-1");
    add_text(tree, "last-entry");
    add_entry(tree, "7-2");
    tree.finish();
    const std::optional<StreamInfo> info = parse_stream_info(tree.root());
    ASSERT_TRUE(info.has_value());
    EXPECT_EQ(info->last_generated, (EntryId{7, 3}));
    EXPECT_EQ(info->length, 3U);
    EXPECT_EQ(info->first, (EntryId{5, 1}));
    EXPECT_EQ(info->last, (EntryId{7, 2}));
    EXPECT_EQ(info->entries_added, 9U);
    EXPECT_EQ(info->max_deleted, (EntryId{2, 0}));
}

TEST(StreamInfo, BeforeThatAndOfAnEmptyStreamLess) {
    Tree tree;
    ASSERT_TRUE(tree.add_aggregate(Type::array, 8));
    add_text(tree, "length");
    ASSERT_TRUE(tree.add_integer(0));
    add_text(tree, "last-generated-id");
    add_text(tree, "7-3");
    add_text(tree, "first-entry");
    ASSERT_TRUE(tree.add_nil());
    add_text(tree, "last-entry");
    ASSERT_TRUE(tree.add_nil());
    tree.finish();
    const std::optional<StreamInfo> info = parse_stream_info(tree.root());
    ASSERT_TRUE(info.has_value());
    EXPECT_EQ(info->last_generated, (EntryId{7, 3}));
    EXPECT_FALSE(info->first.has_value());
    EXPECT_FALSE(info->last.has_value());
    EXPECT_FALSE(info->entries_added.has_value());
    EXPECT_FALSE(info->max_deleted.has_value());
}

TEST(StreamInfo, WithoutALastGeneratedIdItIsNone) {
    Tree tree;
    ASSERT_TRUE(tree.add_aggregate(Type::array, 2));
    add_text(tree, "last-generated-id");
    add_text(tree, "7");
    tree.finish();
    EXPECT_FALSE(parse_stream_info(tree.root()).has_value());
    EXPECT_FALSE(parse_stream_info(resp::Reply()).has_value());
}

}  // namespace
}  // namespace millrace
