// Lines of logs to a descriptor of the program.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <cstddef>
#include <string>
#include <utility>

#include "owned.hpp"

namespace millrace::testing {
namespace {

class Pipe {
  public:
    Pipe() { EXPECT_EQ(pipe2(ends_.data(), O_NONBLOCK | O_CLOEXEC), 0); }
    ~Pipe() {
        close_end(0);
        close_end(1);
    }
    Pipe(const Pipe&) = delete;
    Pipe& operator=(const Pipe&) = delete;

    [[nodiscard]] int end(size_t which) const { return ends_[which]; }
    void close_end(size_t which) {
        if (ends_[which] >= 0) ::close(std::exchange(ends_[which], -1));
    }
    [[nodiscard]] std::string text() const {
        std::array<char, 65'536> bytes{};
        const ssize_t count = ::read(ends_[0], bytes.data(), bytes.size());
        return count > 0 ? std::string(bytes.data(), static_cast<size_t>(count)) : std::string();
    }

  private:
    std::array<int, 2> ends_{-1, -1};
};

mr_client_options logging_to(int descriptor) {
    mr_client_options options = MR_CLIENT_OPTIONS_INIT;
    options.event_max = 100;
    options.log_fd = descriptor;
    return options;
}

OwnedClient client_with(const mr_client_options& options, mr_status expected = MR_OK, std::string* message = nullptr) {
    const OwnedConfig config = config_of("redis://127.0.0.1:1?retry_delay=1ms&max_retry_delay=1ms&streams=s&group=g");
    mr_error error = MR_ERROR_INIT;
    mr_client* client = nullptr;
    EXPECT_EQ(mr_client_new(config.get(), &options, &client, &error), expected) << error.message;
    if (message != nullptr) *message = error.message;
    return OwnedClient(client);
}

/// Turns the client until it has lost so many connections.
void lose(const OwnedClient& client, int count) {
    for (int turns = 0; count > 0 && turns < 10'000; ++turns) {
        mr_error error = MR_ERROR_INIT;
        ASSERT_EQ(mr_client_wait(client.get(), 10'000, &error), MR_OK) << error.message;
        mr_event event = MR_EVENT_INIT;
        while (mr_client_poll_event(client.get(), &event) == MR_OK && event.kind != MR_EVENT_NONE) {
            count -= event.kind == MR_EVENT_DISCONNECTED;
        }
    }
    EXPECT_LE(count, 0);
}

TEST(CLog, TellsOfAnOutageOnce) {
    const Pipe pipe;
    const OwnedClient client = client_with(logging_to(pipe.end(1)));
    open(client);
    lose(client, 5);
    EXPECT_EQ(pipe.text(), "level=warn msg=\"127.0.0.1:1: refused; trying again\" code=connection\n");
}

TEST(CLog, WritesFromTheLevelThatIsAsked) {
    const Pipe pipe;
    mr_client_options options = logging_to(pipe.end(1));
    options.log_level = MR_LOG_DEBUG;
    const OwnedClient client = client_with(options);
    open(client);
    lose(client, 1);
    EXPECT_NE(pipe.text().find("level=info msg="), std::string::npos);
}

TEST(CLog, AReaderThatHasGoneEndsNothing) {
    Pipe pipe;
    const OwnedClient client = client_with(logging_to(pipe.end(1)));
    pipe.close_end(0);
    open(client);
    lose(client, 2);  // SIGPIPE would have ended the test
}

TEST(CLog, WhatCannotBeWrittenToIsRefused) {
    const Pipe pipe;
    std::string message;
    EXPECT_EQ(client_with(logging_to(pipe.end(0)), MR_BAD_ARGUMENT, &message), nullptr);
    EXPECT_EQ(message, "options: log_fd " + std::to_string(pipe.end(0)) + " is not open for writing");
    EXPECT_EQ(client_with(logging_to(-1), MR_BAD_ARGUMENT), nullptr);
    mr_client_options options = logging_to(pipe.end(1));
    options.log_level = MR_LOG_ERROR + 1;
    EXPECT_EQ(client_with(options, MR_BAD_ARGUMENT, &message), nullptr);
    EXPECT_EQ(message, "options: no log_level 4");
}

/// Of a program that was compiled before there was log_fd.
TEST(CLog, ShorterOptionsAskForNone) {
    const Pipe pipe;
    mr_client_options options = logging_to(pipe.end(1));
    options.size = offsetof(mr_client_options, log_fd);
    const OwnedClient client = client_with(options);
    open(client);
    lose(client, 1);
    EXPECT_EQ(pipe.text(), "");
}

}  // namespace
}  // namespace millrace::testing
