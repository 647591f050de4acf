// The table of codes: complete, distinct, and what an Error takes from it.
#include "millrace/error.hpp"

#include <gtest/gtest.h>

#include <set>

namespace millrace {
namespace {

TEST(CodeTable, HasOneRowForEachCodeInTheOrderOfTheEnumeration) {
    size_t index = 0;
    for (const CodeInfo& row : code_table()) {
        EXPECT_EQ(static_cast<size_t>(row.code), index++);
        EXPECT_EQ(&info(row.code), &row);
        EXPECT_EQ(name(row.code), row.name);
    }
    EXPECT_EQ(index, static_cast<size_t>(Code::out_of_memory) + 1);
}

// The names of RET-2, which logs, the agent protocol and the C ABI rely on.
TEST(CodeTable, KeepsTheNamesOfTheSpecification) {
    const std::set<std::string_view> wanted{
        "ok",          "bad_config",   "bad_argument", "closed",           "not_held", "lost",          "queue_full",
        "would_block", "too_large",    "unsupported",  "cursor_not_found", "auth",     "no_permission", "wrong_type",
        "no_group",    "oom",          "server_busy",  "connection",       "timeout",  "tls",           "protocol",
        "script",      "out_of_memory"};
    std::set<std::string_view> found;
    for (const CodeInfo& row : code_table()) found.insert(row.name);
    EXPECT_EQ(found, wanted);
}

TEST(CodeTable, SaysWhatEachCodeMeansAndWhatToDo) {
    for (const CodeInfo& row : code_table()) {
        EXPECT_TRUE(row.meaning.ends_with('.')) << row.name;
        EXPECT_TRUE(row.advice.ends_with('.')) << row.name;
    }
}

TEST(CodeTable, RetriesWhatTimeCanMend) {
    for (const Code code : {Code::queue_full, Code::would_block, Code::oom, Code::server_busy, Code::connection,
                            Code::timeout, Code::out_of_memory}) {
        EXPECT_TRUE(info(code).retryable) << name(code);
    }
    for (const Code code : {Code::ok, Code::bad_config, Code::bad_argument, Code::closed, Code::not_held, Code::lost,
                            Code::too_large, Code::unsupported, Code::cursor_not_found, Code::auth, Code::no_permission,
                            Code::wrong_type, Code::no_group, Code::tls, Code::protocol, Code::script}) {
        EXPECT_FALSE(info(code).retryable) << name(code);
    }
}

TEST(Kinds, HaveNames) {
    EXPECT_EQ(name(Kind::misuse), "misuse");
    EXPECT_EQ(name(Kind::peer), "peer");
    EXPECT_EQ(name(Kind::environment), "environment");
}

TEST(Error, TakesRetryableFromTheTableUnlessTold) {
    EXPECT_TRUE(Error(Code::timeout, "late").retryable);
    EXPECT_FALSE(Error(Code::auth, "no").retryable);
    EXPECT_FALSE(Error(Code::timeout, "late", false).retryable);
    EXPECT_EQ(Error(Code::auth, "no").message, "no");
}

TEST(Status, IsOkWithoutAnError) {
    EXPECT_TRUE(Status().ok());
    const Status failed = Error(Code::closed, "gone");
    EXPECT_FALSE(failed.ok());
    EXPECT_EQ(failed.error().code, Code::closed);
}

TEST(Result, HoldsAValueOrAnError) {
    const Result<int> value = 7;
    ASSERT_TRUE(value.ok());
    EXPECT_EQ(*value, 7);
    const Result<int> failed = Error(Code::closed, "gone");
    EXPECT_FALSE(failed);
    EXPECT_EQ(failed.error().message, "gone");
}

}  // namespace
}  // namespace millrace
