// What an operator is told, in lines.
#include "millrace/log.hpp"

#include <gtest/gtest.h>

#include <sstream>

namespace millrace::native {
namespace {

TEST(Logfmt, QuotesWhatIsNotPlain) {
    EXPECT_EQ(to_logfmt({LogLevel::info, "ready", {{"stream", "orders"}, {"ids", "3"}}}),
              "level=info msg=ready stream=orders ids=3");
    EXPECT_EQ(to_logfmt({LogLevel::warn,
                         "two words",
                         {{"empty", ""}, {"pair", "a=b"}, {"quote", "\""}, {"lines", "1\n2"}, {"bell", "\a"}}}),
              "level=warn msg=\"two words\" empty=\"\" pair=\"a=b\" quote=\"\\\"\" lines=\"1\\n2\" bell=\"\\u0007\"");
}

TEST(Logfmt, EscapesWhatMovesATerminalsCursor) {
    EXPECT_EQ(to_logfmt({LogLevel::warn,
                         "m",
                         {{"csi",
                           "\xc2\x9b"
                           "2J"},
                          {"del", "\x7f"},
                          {"esc", "\x1b"},
                          {"city", "K\xc3\xb6ln"}}}),
              "level=warn msg=m csi=\"\\u009b2J\" del=\"\\u007f\" esc=\"\\u001b\" city=\"K\xc3\xb6ln\"");
}

TEST(Logfmt, KeepsALineWhateverTheBytes) {
    EXPECT_EQ(to_logfmt({LogLevel::warn, "m", {{"bytes", "\xff\xfe"}}}), "level=warn msg=m bytes=\"\uFFFD\uFFFD\"");
}

class LogToTest : public testing::Test {
  protected:
    void tell(const Event& event) { observer_(event); }
    void lose(const char* why, bool retryable = true) {
        Error error(Code::connection, why);
        error.retryable = retryable;
        tell(Disconnected{LaneRole::read, DisconnectReason::refused, error});
    }

    std::ostringstream out_;
    std::function<void(const Event&)> observer_ = log_to(out_);
};

TEST_F(LogToTest, WritesWarningsAndErrors) {
    tell(Log{LogLevel::info, "found", {}});
    tell(Log{LogLevel::warn, "careful", {}});
    tell(Log{LogLevel::error, "broken", {}});
    EXPECT_EQ(out_.str(), "level=warn msg=careful\nlevel=error msg=broken\n");
}

TEST_F(LogToTest, TellsOfAnOutageOnce) {
    lose("db:6379: refused");
    lose("db:6379: refused");
    EXPECT_EQ(out_.str(), "level=warn msg=\"db:6379: refused; trying again\" code=connection\n");
    out_.str("");
    tell(Reconnected{LaneRole::read, 2});
    lose("db:6379: reset");
    EXPECT_EQ(out_.str(), "level=warn msg=\"db:6379: reset; trying again\" code=connection\n");
}

TEST_F(LogToTest, SaysWhatIsNotTriedAgain) {
    lose("WRONGPASS", false);
    EXPECT_EQ(out_.str(), "level=error msg=WRONGPASS code=connection\n");
}

/// Who waits for the source is answered where that ends; of what goes on without a part nobody else tells.
TEST_F(LogToTest, SaysWhatASourceGoesOnWithout) {
    tell(Failure{SourceId{1}, Error(Code::wrong_type, "XGROUP CREATE s g: WRONGTYPE"), true});
    EXPECT_EQ(out_.str(), "");
    tell(Failure{SourceId{1}, Error(Code::wrong_type, "XGROUP CREATE s g: WRONGTYPE"), false});
    EXPECT_EQ(out_.str(), "level=error msg=\"XGROUP CREATE s g: WRONGTYPE\" code=wrong_type\n");
}

TEST_F(LogToTest, TellsOnceThatDeadLettersCannotBeWritten) {
    const DeadFailed failed{SourceId{1}, "s", {5, 0}, "{s}:dead", Error(Code::wrong_type, "WRONGTYPE")};
    tell(failed);
    tell(failed);
    const std::string line =
        "level=error msg=\"no dead letter could be written to {s}:dead: WRONGTYPE\" code=wrong_type\n";
    EXPECT_EQ(out_.str(), line);
    tell(DeadLettered{});
    tell(failed);
    EXPECT_EQ(out_.str(), line + line);
}

TEST(LogTo, WritesFromTheLevelThatIsAsked) {
    std::ostringstream out;
    const auto observer = log_to(out, LogLevel::error);
    observer(Log{LogLevel::warn, "careful", {}});
    observer(Disconnected{LaneRole::read, DisconnectReason::refused, Error(Code::connection, "refused")});
    EXPECT_EQ(out.str(), "");
}

}  // namespace
}  // namespace millrace::native
