// The examples, as a user runs it.
#include <sys/wait.h>
#include <unistd.h>
#include <csignal>
#include <cstdio>

#include "owned.hpp"

namespace millrace::testing {
namespace {

class CExample : public ::testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(Both, CExample, ::testing::Values(C_CONSUMER, C_MACHINE));

TEST_P(CExample, PrintsWhatComesAndEndsCleanly) {
    REQUIRE_SERVER(server);
    (void)server->ask({"XGROUP", "CREATE", "orders", "g", "0", "MKSTREAM"});
    (void)server->ask({"XADD", "orders", "1-1", "item", "tea"});
    const std::string url = server->url("streams=orders&group=g&consumer=c&flush_interval=0");
    int out[2];
    ASSERT_EQ(pipe(out), 0);
    const pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
        dup2(out[1], STDOUT_FILENO);
        close(out[0]);
        close(out[1]);
        execl(GetParam(), GetParam(), url.c_str(), nullptr);
        _exit(127);
    }
    close(out[1]);
    std::FILE* const lines = fdopen(out[0], "r");
    char line[200] = "";
    EXPECT_NE(std::fgets(line, sizeof line, lines), nullptr);
    EXPECT_STREQ(line, "orders 1-1 item=tea\n");
    kill(child, SIGTERM);
    int status = -1;
    EXPECT_EQ(waitpid(child, &status, 0), child);
    EXPECT_TRUE(WIFEXITED(status));
    EXPECT_EQ(WEXITSTATUS(status), 0);
    std::fclose(lines);
    EXPECT_EQ(server->ask({"XPENDING", "orders", "g"}).substr(0, 3), "[0 ");
}

TEST_P(CExample, SaysWhatIsWrongWithAUrl) {
    std::FILE* const said = popen((std::string(GetParam()) + " 'redis://h:99999' 2>&1").c_str(), "r");
    ASSERT_NE(said, nullptr);
    char line[300] = "";
    EXPECT_NE(std::fgets(line, sizeof line, said), nullptr);
    EXPECT_NE(std::string(line).find("bad_config"), std::string::npos) << line;
    EXPECT_EQ(WEXITSTATUS(pclose(said)), 1);
}

}  // namespace
}  // namespace millrace::testing
