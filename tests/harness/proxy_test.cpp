// The proxy between a client and a server that are both the test: every fault, in one thread, without a real server.

#include "proxy/tcp_proxy.hpp"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

namespace millrace::harness {
namespace {

sockaddr_in loopback(int port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(static_cast<uint16_t>(port));
    return address;
}

class Listener {
  public:
    Listener() : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) {
        sockaddr_in address = loopback(0);
        ::bind(fd_.value(), reinterpret_cast<sockaddr*>(&address), sizeof address);
        ::listen(fd_.value(), 8);
    }
    [[nodiscard]] Url url() const {
        sockaddr_in address{};
        socklen_t length = sizeof address;
        ::getsockname(fd_.value(), reinterpret_cast<sockaddr*>(&address), &length);
        Url url;
        url.host = "127.0.0.1";
        url.port = ntohs(address.sin_port);
        return url;
    }
    FileDescriptor accept() { return FileDescriptor(::accept4(fd_.value(), nullptr, nullptr, SOCK_NONBLOCK)); }
    void close() { fd_.close(); }

  private:
    FileDescriptor fd_;
};

// One end of a connection as the test sees it.
struct End {
    FileDescriptor fd;
    std::string got;
    bool ended = false;

    void pump() {
        char buffer[4096];
        while (fd.open() && !ended) {
            const ssize_t n = ::recv(fd.value(), buffer, sizeof buffer, MSG_DONTWAIT);
            if (n > 0) {
                got.append(buffer, static_cast<size_t>(n));
            } else {
                ended = n == 0 || (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR);
                return;
            }
        }
    }
    void send(std::string_view bytes) const { ::send(fd.value(), bytes.data(), bytes.size(), MSG_NOSIGNAL); }
};

class ProxyTest : public ::testing::Test {
  protected:
    Listener listener_;
    std::vector<std::string> strikes_;
    TcpProxy proxy_{{listener_.url()}, 0, [this](std::string_view what) { strikes_.emplace_back(what); }};
    End client_, server_;

    void step() {
        proxy_.pump();
        client_.pump();
        server_.pump();
        std::vector<pollfd> fds;
        proxy_.add_poll(fds);
        ::poll(fds.data(), fds.size(), 1);
    }
    template <typename Condition>
    bool comes(Condition condition, Duration within = 3s) {
        const Instant deadline = steady_now() + within;
        while (!condition() && steady_now() < deadline) step();
        return condition();
    }
    // Long enough for bytes that should not come to come.
    void settle() {
        const Instant deadline = steady_now() + 30ms;
        while (steady_now() < deadline) step();
    }
    void connect() {
        client_ = End{FileDescriptor(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)), "", false};
        const sockaddr_in address = loopback(proxy_.url().port);
        ASSERT_EQ(::connect(client_.fd.value(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    }
    void connect_through() {
        connect();
        server_ = {};
        ASSERT_TRUE(comes([this] {
            if (!server_.fd.open()) server_.fd = listener_.accept();
            return server_.fd.open();
        }));
    }
};

const std::string ping = "*1\r\n$4\r\nPING\r\n";
const std::string get = "*2\r\n$3\r\nGET\r\n$1\r\na\r\n";
const std::string ack = "*4\r\n$4\r\nXACK\r\n$1\r\ns\r\n$1\r\ng\r\n$3\r\n1-1\r\n";

TEST_F(ProxyTest, PassesBothWaysAndCounts) {
    connect_through();
    client_.send(get + ping);
    EXPECT_TRUE(comes([this] { return server_.got == get + ping; })) << server_.got;
    server_.send("$1\r\nx\r\n+PONG\r\n");
    EXPECT_TRUE(comes([this] { return client_.got == "$1\r\nx\r\n+PONG\r\n"; })) << client_.got;
    EXPECT_EQ(proxy_.seen("GET"), 1U);
    EXPECT_EQ(proxy_.seen("PING"), 1U);
    ASSERT_EQ(proxy_.links().size(), 1U);
    EXPECT_EQ(proxy_.links()[0].up, (get + ping).size());
    EXPECT_EQ(proxy_.links()[0].down, 14U);
    EXPECT_TRUE(proxy_.links()[0].open_to_client && proxy_.links()[0].open_to_server);
    EXPECT_EQ(proxy_.accepted().size(), 1U);
    EXPECT_EQ(proxy_.strikes(), 0U);
}

TEST_F(ProxyTest, AnEndReachesTheOtherSide) {
    connect_through();
    client_.send(ping);
    client_.fd.close();
    EXPECT_TRUE(comes([this] { return server_.ended; }));
    EXPECT_EQ(server_.got, ping);
    connect_through();
    server_.send("+bye\r\n");
    server_.fd.close();
    EXPECT_TRUE(comes([this] { return client_.ended; }));
    EXPECT_EQ(client_.got, "+bye\r\n");
}

TEST_F(ProxyTest, AnAnswerTakesItsPlaceAmongTheReplies) {
    proxy_.add(CommandFault{"XACK", 2, CommandFault::What::Answer, "-LOADING\r\n", Told::Both});
    connect_through();
    client_.send(ping + ack + get + ack + ping);
    EXPECT_TRUE(comes([&] { return server_.got == ping + ack + get + ping; })) << server_.got;
    settle();
    EXPECT_EQ(client_.got, "");
    server_.send("+PONG\r\n:1\r\n>1\r\n+push\r\n$1");
    EXPECT_TRUE(comes([this] { return client_.got == "+PONG\r\n:1\r\n>1\r\n+push\r\n$1"; })) << client_.got;
    server_.send("\r\nx\r\n");
    EXPECT_TRUE(comes([this] { return client_.got.ends_with("x\r\n-LOADING\r\n"); })) << client_.got;
    server_.send("+PONG\r\n");
    EXPECT_TRUE(comes([this] { return client_.got.ends_with("-LOADING\r\n+PONG\r\n"); })) << client_.got;
    EXPECT_EQ(strikes_, std::vector<std::string>{"XACK answered for the server"});
}

TEST_F(ProxyTest, EveryCommandIsAnsweredUntilHealed) {
    proxy_.add(CommandFault{"GET", 0, CommandFault::What::Answer, "-NO\r\n", Told::Both});
    connect_through();
    client_.send(get + get);
    EXPECT_TRUE(comes([this] { return client_.got == "-NO\r\n-NO\r\n"; }));
    EXPECT_EQ(server_.got, "");
    proxy_.heal();
    client_.send(get);
    EXPECT_TRUE(comes([this] { return server_.got == get; }));
}

TEST_F(ProxyTest, ALostReplyWasExecuted) {
    proxy_.add(CommandFault{"XACK", 1, CommandFault::What::LoseReply, "", Told::Both});
    connect_through();
    client_.send(ping + ack);
    EXPECT_TRUE(comes([this] { return server_.got == ping + ack; }));
    server_.send("+PONG\r\n:");
    EXPECT_TRUE(comes([this] { return client_.got == "+PONG\r\n"; }));
    EXPECT_FALSE(client_.ended);
    server_.send("1\r\n");
    EXPECT_TRUE(comes([this] { return client_.ended && server_.ended; }));
    EXPECT_EQ(client_.got, "+PONG\r\n");
    connect_through();
    client_.send(ack);
    server_.send(":0\r\n");
    EXPECT_TRUE(comes([this] { return client_.got == ":0\r\n"; })) << "the second one passes";
}

TEST_F(ProxyTest, AHeldReplyWaitsWithAllThatFollows) {
    proxy_.add(CommandFault{"GET", 1, CommandFault::What::HoldReply, "", Told::Both});
    connect_through();
    client_.send(ping + get + ping);
    server_.send("+PONG\r\n$1\r\nx\r\n+PONG\r\n");
    EXPECT_TRUE(comes([this] { return !strikes_.empty(); }));
    settle();
    EXPECT_EQ(client_.got, "+PONG\r\n");
    client_.send(ack);
    EXPECT_TRUE(comes([this] { return server_.got.ends_with(ack); })) << "upwards nothing is held";
    proxy_.release();
    EXPECT_TRUE(comes([this] { return client_.got == "+PONG\r\n$1\r\nx\r\n+PONG\r\n"; })) << client_.got;
}

TEST_F(ProxyTest, CutsAtTheByte) {
    proxy_.add(CutAt{Direction::Up, 5, 0});
    proxy_.add(CutAt{Direction::Down, 3, 1});
    connect_through();
    client_.send(ping);
    EXPECT_TRUE(comes([this] { return client_.ended && server_.ended; }));
    EXPECT_EQ(server_.got, ping.substr(0, 5));
    connect_through();
    client_.send(ping);
    server_.send("+PONG\r\n");
    EXPECT_TRUE(comes([this] { return client_.ended && server_.ended; }));
    EXPECT_EQ(client_.got, "+PO");
    connect_through();
    client_.send(ping);
    EXPECT_TRUE(comes([this] { return server_.got == ping; })) << "the third connection is not meant";
    EXPECT_EQ(strikes_.size(), 2U);
    EXPECT_EQ(proxy_.links()[0].up, 5U);
    EXPECT_EQ(proxy_.links()[1].down, 3U);
}

TEST_F(ProxyTest, CutTellsWhomItIsToldToTell) {
    connect_through();
    proxy_.cut(Told::Client);
    EXPECT_TRUE(comes([this] { return client_.ended; }));
    server_.send("*1\r\n:1\r\n");
    settle();
    EXPECT_FALSE(server_.ended);
    connect_through();
    proxy_.cut(Told::Server);
    EXPECT_TRUE(comes([this] { return server_.ended; }));
    client_.send(ping);
    settle();
    EXPECT_FALSE(client_.ended);
    connect_through();
    proxy_.cut(Told::Nobody);
    client_.send(ping);
    server_.send("+x\r\n");
    settle();
    EXPECT_FALSE(client_.ended || server_.ended);
    EXPECT_EQ(client_.got + server_.got, "");
    proxy_.cut(Told::Both);
    EXPECT_TRUE(comes([this] { return client_.ended && server_.ended; }));
}

TEST_F(ProxyTest, HalfOpenKeepsTheOtherSide) {
    Faults faults;
    add_fault(faults, "halfopen");
    proxy_.add(faults);
    connect_through();
    client_.fd.close();
    settle();
    EXPECT_FALSE(server_.ended);
    server_.send("+x\r\n");
    settle();
    EXPECT_FALSE(server_.ended) << "what it sends is swallowed";
}

TEST_F(ProxyTest, ABlackHoleTakesEverything) {
    connect_through();
    proxy_.black_hole(true);
    client_.send(ping);
    settle();
    EXPECT_EQ(server_.got, "");
    EXPECT_FALSE(client_.ended);
    connect();
    settle();
    EXPECT_FALSE(listener_.accept().open()) << "no connection reaches the server";
    EXPECT_EQ(proxy_.accepted().size(), 2U);
    proxy_.black_hole(false);
    connect_through();
    client_.send(ping);
    EXPECT_TRUE(comes([this] { return server_.got == ping; }));
}

TEST_F(ProxyTest, RefusesAndListensAgainOnTheSamePort) {
    proxy_.listen(false);
    const sockaddr_in address = loopback(proxy_.url().port);
    const FileDescriptor refused(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    EXPECT_NE(::connect(refused.value(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    EXPECT_EQ(errno, ECONNREFUSED);
    proxy_.listen(true);
    connect_through();
    client_.send(ping);
    EXPECT_TRUE(comes([this] { return server_.got == ping; }));
}

TEST_F(ProxyTest, TheFirstUpstreamThatAcceptsIsUsed) {
    Listener gone;
    const Url nobody = gone.url();
    gone.close();
    proxy_.use({nobody, listener_.url()});
    connect_through();
    client_.send(ping);
    EXPECT_TRUE(comes([this] { return server_.got == ping; }));
    proxy_.use({nobody});
    connect();
    EXPECT_TRUE(comes([this] { return client_.ended; })) << "nobody accepts";
}

TEST_F(ProxyTest, DelaySplitAndThrottle) {
    connect_through();
    proxy_.pace({.delay = 80ms});
    const Instant sent = steady_now();
    client_.send(ping);
    EXPECT_TRUE(comes([this] { return server_.got == ping; }));
    EXPECT_GE(steady_now() - sent, Duration(80ms));

    proxy_.pace({.split = 1});
    server_.got.clear();
    size_t pieces = 0;
    size_t before = 0;
    client_.send(get);
    EXPECT_TRUE(comes([&] {
        if (server_.got.size() != before) ++pieces;
        before = server_.got.size();
        return server_.got == get;
    }));
    EXPECT_GE(pieces, get.size() / 2) << "bytes come apart";

    proxy_.pace({.bytes_per_second = 100});
    server_.got.clear();
    const Instant begin = steady_now();
    client_.send(ping);  // 14 bytes
    EXPECT_TRUE(comes([this] { return server_.got == ping; }));
    EXPECT_GE(steady_now() - begin, Duration(110ms));
}

TEST_F(ProxyTest, LargeRequestsAndRepliesPass) {
    proxy_.add(CommandFault{"SET", 2, CommandFault::What::Answer, "-NO\r\n", Told::Both});
    connect_through();
    const std::string value(300'000, 'v');
    const std::string set = "*3\r\n$3\r\nSET\r\n$1\r\na\r\n$300000\r\n" + value + "\r\n";
    size_t sent = 0;
    const std::string all = set + set + ping;  // the second one is answered here
    EXPECT_TRUE(comes([&] {
        const ssize_t n = ::send(client_.fd.value(), all.data() + sent, all.size() - sent, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n > 0) sent += static_cast<size_t>(n);
        return server_.got.size() >= set.size() + ping.size();
    }));
    EXPECT_TRUE(server_.got == set + ping);
    server_.send("+OK\r\n+PONG\r\n");
    EXPECT_TRUE(comes([this] { return client_.got == "+OK\r\n-NO\r\n+PONG\r\n"; })) << client_.got;
}

TEST_F(ProxyTest, WhatIsNoRespPassesToo) {
    connect_through();
    client_.send("PING\r\n");
    EXPECT_TRUE(comes([this] { return server_.got == "PING\r\n"; }));
    server_.send("HTTP/1.1 400\r\n");
    EXPECT_TRUE(comes([this] { return client_.got == "HTTP/1.1 400\r\n"; }));
}

TEST(ProxyRefusals, NameTheUpstreamAndThePort) {
    const auto refusal = [](const std::vector<Url>& upstreams, int port) -> std::string {
        try {
            const TcpProxy proxy(upstreams, port);
        } catch (const std::runtime_error& error) {
            return error.what();
        }
        return "accepted";
    };
    const Listener taken;
    EXPECT_NE(refusal({taken.url()}, taken.url().port).find(std::to_string(taken.url().port)), std::string::npos);
    Url unknown;
    unknown.host = "no-such-host.invalid";
    EXPECT_NE(refusal({unknown}, 0).find("no-such-host.invalid"), std::string::npos);
}

}  // namespace
}  // namespace millrace::harness
