#include "resp/tree.hpp"

#include <gtest/gtest.h>

#include <limits>
#include <string>
#include <vector>

#include "base/allocation.hpp"

namespace millrace::resp {
namespace {

// %{ "a" => [1, nil], "b" => ~[#true] }
Tree sample() {
    Tree tree;
    EXPECT_TRUE(tree.add_aggregate(Type::map, 4));
    EXPECT_TRUE(tree.add_text(Type::text, "a"));
    EXPECT_TRUE(tree.add_aggregate(Type::array, 2));
    EXPECT_TRUE(tree.add_integer(1));
    EXPECT_TRUE(tree.add_nil());
    EXPECT_TRUE(tree.add_text(Type::text, "b"));
    EXPECT_TRUE(tree.add_aggregate(Type::set, 1));
    EXPECT_TRUE(tree.add_boolean(true));
    tree.finish();
    return tree;
}

TEST(Tree, WalksOverWholeSubtrees) {
    const Tree tree = sample();
    const Reply root = tree.root();
    EXPECT_EQ(root.type(), Type::map);
    ASSERT_EQ(root.size(), 4u);
    std::vector<Type> types;
    for (const Reply child : root) types.push_back(child.type());
    EXPECT_EQ(types, (std::vector<Type>{Type::text, Type::array, Type::text, Type::set}));
    EXPECT_EQ(root[2].text(), "b");
    EXPECT_EQ(root[1][0].integer(), 1);
    EXPECT_TRUE(root[1][1].is_nil());
    EXPECT_TRUE(root[3][0].boolean());
}

TEST(Tree, AnswersEveryQuestionOfEveryType) {
    const Tree tree = sample();
    std::vector<Reply> replies{Reply(), Tree().root(), tree.root()};
    for (const Reply child : tree.root()) replies.push_back(child);
    for (const Reply& reply : replies) {
        EXPECT_EQ(reply.text().empty(), reply.type() != Type::text);
        EXPECT_EQ(reply.integer(), 0);
        EXPECT_FALSE(reply.boolean());
        EXPECT_FALSE(reply.is_error());
        EXPECT_TRUE(reply[reply.size()].is_nil());
        EXPECT_TRUE(reply[std::numeric_limits<uint32_t>::max()][0].is_nil());
        uint32_t count = 0;
        for (const Reply child : reply) {
            static_cast<void>(child);
            ++count;
        }
        EXPECT_EQ(count, reply.size());
        EXPECT_EQ(reply.is_aggregate(), reply.size() > 0);
    }
}

TEST(Tree, IsReusedWithoutAllocating) {
    Tree tree;
    const auto fill = [&tree] {
        tree.clear();
        ASSERT_TRUE(tree.add_aggregate(Type::array, 100));
        for (int i = 0; i < 100; ++i) ASSERT_TRUE(tree.add_text(Type::text, "some text"));
        tree.finish();
    };
    fill();
    const uint64_t before = test::allocation_count();
    for (int i = 0; i < 100; ++i) fill();
    EXPECT_EQ(test::allocation_count(), before);
    EXPECT_EQ(tree.root()[99].text(), "some text");
}

TEST(Tree, GivesBackWhatOneLargeReplyNeeded) {
    Tree tree;
    ASSERT_TRUE(tree.add_text(Type::text, std::string(1 << 20, 'x')));
    tree.clear();
    const uint64_t before = test::allocation_count();
    ASSERT_TRUE(tree.add_text(Type::text, "x"));
    EXPECT_GT(test::allocation_count(), before) << "a megabyte was kept";
}

TEST(Tree, SaysWhenMemoryIsRefused) {
    Tree tree;
    test::Scarcity scarcity(0);
    EXPECT_FALSE(tree.add_aggregate(Type::array, 1));
    EXPECT_FALSE(tree.add_text(Type::text, "x"));
    EXPECT_FALSE(tree.add_nil());
    EXPECT_TRUE(tree.root().is_nil());
}

}  // namespace
}  // namespace millrace::resp
