// A client and a real server over TLS (SEC-1): every poller, bytes of all sizes, and four certificates that are
// refused, each by its own words.
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "base/temp_dir.hpp"
#include "fixture.hpp"
#include "server/certificates.hpp"

namespace millrace::testing {
namespace {

using harness::Authority;
using harness::CertificateFiles;

// The keys of tls as a URL has them.
std::string query_of(const Tls& keys) {
    std::string query = "tls.ca=" + keys.ca;
    if (!keys.cert.empty()) query += "&tls.cert=" + keys.cert + "&tls.key=" + keys.key;
    if (!keys.server_name.empty()) query += "&tls.server_name=" + keys.server_name;
    if (!keys.verify) query += "&tls.verify=false";
    return query;
}

class ClientTlsTest : public ::testing::TestWithParam<PollerKind> {
  protected:
    /// A server with the certificate on a port of its own; `clients` is its tls-auth-clients.
    std::unique_ptr<LocalServer> serve(const CertificateFiles& files, const std::string& clients) {
        return LocalServer::start({"--tls-port", std::to_string(port_.number()), "--tls-cert-file", files.cert,
                                   "--tls-key-file", files.key, "--tls-ca-cert-file", authority_.cert(),
                                   "--tls-auth-clients", clients});
    }
    [[nodiscard]] std::string url(const Tls& keys, const std::string& host = "localhost") const {
        return "rediss://" + host + ":" + std::to_string(port_.number()) + "?retry_delay=50ms&" + query_of(keys);
    }
    [[nodiscard]] Tls trusting() const {
        Tls keys;
        keys.ca = authority_.cert();
        return keys;
    }
    /// The first error of a client that tries to consume.
    [[nodiscard]] Error refusal(const Tls& keys, const std::string& host = "localhost") const {
        EventLog log;
        Client client = connected(url(keys, host), {GetParam(), std::ref(log)});
        EXPECT_TRUE(client.open({.streams = {"orders"}}).ok());
        EXPECT_TRUE(turn_until(client, [&] { return !log.errors().empty(); }));
        EXPECT_EQ(log.ready(), 0U);
        return log.errors().empty() ? Error() : log.errors().front();
    }

    harness::TempDir folder_;
    Authority authority_{folder_.path(), "ca"};
    harness::ReservedPort port_;
};

INSTANTIATE_TEST_SUITE_P(pollers, ClientTlsTest, ::testing::Values(PollerKind::automatic, PollerKind::poll),
                         [](const auto& each) { return each.param == PollerKind::poll ? "poll" : "automatic"; });

TEST_P(ClientTlsTest, entries_of_all_sizes_come_and_go_with_a_client_certificate) {
    const std::unique_ptr<LocalServer> server = serve(authority_.issue("server", {}), "yes");
    if (server == nullptr) GTEST_SKIP() << "no server with TLS: ./dev servers";
    Tls keys = trusting();
    const CertificateFiles ours = authority_.issue("client", {});
    keys.cert = ours.cert;
    keys.key = ours.key;
    for (const std::string host : {"localhost", "127.0.0.1"}) {
        EventLog log;
        Client client = connected(url(keys, host), {GetParam(), std::ref(log)});
        const std::string stream = "orders@" + host;
        publish_numbers(client, stream, 2000);
        // Past every buffer on the way: the socket is full in the middle of a record, and read in many pieces.
        const std::string large(9'000'000, 'x');
        ASSERT_TRUE(client.publish(stream, {{"n", "2000"}, {"large", large}}).ok());
        ASSERT_TRUE(
            client.open({.streams = {stream}, .batch_size = 100, .prefetch = 1000, .flush_interval = milliseconds(1)})
                .ok());
        int next = 0;
        while (next <= 2000) {
            Result<std::optional<Batch>> batch = client.next(patience);
            ASSERT_TRUE(batch.ok() && *batch);
            for (const Entry& entry : **batch) {
                ASSERT_EQ(number_of(entry), next++);
                EXPECT_EQ(entry["large"].value_or(""), next == 2001 ? large : "");
            }
            ASSERT_TRUE((*batch)->ack().ok());
        }
        const Result<uint64_t> held = client.close();
        ASSERT_TRUE(held.ok());
        EXPECT_EQ(*held, 0U);
        EXPECT_TRUE(log.errors().empty());
        EXPECT_EQ(pending_count(*server, stream, "notifications"), "0");
    }
}

TEST_P(ClientTlsTest, each_refused_certificate_has_its_own_words) {
    Authority::Request expired;
    expired.days = -1;
    Authority::Request self_signed;
    self_signed.self_signed = true;
    Authority::Request elsewhere;
    elsewhere.hosts = {"DNS:redis.example"};
    struct Row {
        CertificateFiles files;
        std::string clients;
        std::string words;
    };
    const Row rows[] = {
        {authority_.issue("expired", expired), "no", "the server's certificate has expired, or is not valid yet"},
        {authority_.issue("self_signed", self_signed), "no",
         "the server's certificate is of no authority that is trusted here; tls.ca names those that are"},
        {authority_.issue("elsewhere", elsewhere), "no",
         "the server's certificate is for another host; tls.server_name says which one to expect"},
        {authority_.issue("good", {}), "yes",
         "the server wants a certificate of ours that it trusts; tls.cert and tls.key name it"},
    };
    for (const Row& row : rows) {
        const std::unique_ptr<LocalServer> server = serve(row.files, row.clients);
        if (server == nullptr) GTEST_SKIP() << "no server with TLS: ./dev servers";
        const Error error = refusal(trusting());
        EXPECT_EQ(error.code, Code::tls);
        EXPECT_EQ(error.message, "localhost:" + std::to_string(port_.number()) + ": " + row.words);
        EXPECT_TRUE(error.retryable);  // the server's certificate may be renewed
        if (row.clients == "yes") continue;
        Tls believing;
        believing.verify = false;
        believing.ca = authority_.cert();
        EXPECT_TRUE(connected(url(believing), {GetParam(), {}}).publish("orders", {{"n", "1"}}).ok()) << row.words;
    }
}

TEST_P(ClientTlsTest, a_renewed_server_certificate_lets_a_client_in_that_was_refused) {
    Authority::Request expired;
    expired.days = -1;
    const std::unique_ptr<LocalServer> server = serve(authority_.issue("expired", expired), "no");
    if (server == nullptr) GTEST_SKIP() << "no server with TLS: ./dev servers";
    EventLog log;
    Client client = connected(url(trusting()), {GetParam(), std::ref(log)});
    ASSERT_TRUE(client.open({.streams = {"orders"}}).ok());
    ASSERT_TRUE(turn_until(client, [&] { return log.errors().size() >= 2; }));
    const CertificateFiles renewed = authority_.issue("renewed", {});
    ASSERT_EQ(server->ask({"CONFIG", "SET", "tls-cert-file", renewed.cert, "tls-key-file", renewed.key}), "OK");
    EXPECT_TRUE(turn_until(client, [&] { return log.ready() == 1; }));
}

// Not one of two clients that took the wrong port is left to guess.
TEST_P(ClientTlsTest, a_plain_port_that_says_nothing_is_told_from_one_that_is_away) {
    const int silent = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in name{};
    name.sin_family = AF_INET;
    name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof name;
    ASSERT_EQ(::bind(silent, reinterpret_cast<const sockaddr*>(&name), size), 0);
    ASSERT_EQ(::listen(silent, 5), 0);
    ASSERT_EQ(::getsockname(silent, reinterpret_cast<sockaddr*>(&name), &size), 0);
    const std::string where = "127.0.0.1:" + std::to_string(ntohs(name.sin_port));
    EventLog log;
    Client client = connected("rediss://" + where + "?connection_timeout=300ms", {GetParam(), std::ref(log)});
    ASSERT_TRUE(client.open({.streams = {"orders"}}).ok());
    EXPECT_TRUE(turn_until(client, [&] { return !log.errors().empty(); }));
    EXPECT_EQ(log.errors().front().code, Code::tls);
    EXPECT_EQ(log.errors().front().message.find(where + ": no TLS with the server"), 0U);
    ::close(silent);
}

TEST_P(ClientTlsTest, a_port_of_tls_that_a_plain_client_takes_is_told_as_likely) {
    const std::unique_ptr<LocalServer> server = serve(authority_.issue("server", {}), "no");
    if (server == nullptr) GTEST_SKIP() << "no server with TLS: ./dev servers";
    EventLog log;
    const auto words = [&] {
        std::string all;
        for (const Log& each : log.logs()) {
            for (const auto& [key, value] : each.fields) all += value + "\n";
        }
        return all;
    };
    const std::string plain = "redis://127.0.0.1:" + std::to_string(port_.number());
    Client client = connected(plain + "?retry_delay=50ms", {GetParam(), std::ref(log)});
    ASSERT_TRUE(client.open({.streams = {"orders"}}).ok());
    EXPECT_TRUE(turn_until(client, [&] { return log.errors().size() >= 2; }));
    EXPECT_NE(words().find("wants TLS (rediss://)"), std::string::npos) << words();
}

TEST(ClientTlsConfigTest, bad_files_and_unix_sockets_are_refused_before_anything_connects) {
    const Result<Client> missing = Client::connect("rediss://localhost?tls.ca=/nonexistent/ca.pem");
    ASSERT_FALSE(missing.ok());
    EXPECT_EQ(missing.error().code, Code::bad_config);
    EXPECT_EQ(missing.error().message, "tls.ca: '/nonexistent/ca.pem' can't be read: No such file or directory");
    const Result<Client> path = Client::connect("unix:///tmp/redis.sock?tls.enabled=true");
    ASSERT_FALSE(path.ok());
    EXPECT_EQ(path.error().message, "tls: a unix socket has no TLS; allowed: host and port");
}

}  // namespace
}  // namespace millrace::testing
