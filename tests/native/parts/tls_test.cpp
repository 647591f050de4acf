// Sessions of TLS against a peer of the test's own (SEC-1): who is believed, why one is refused, and bytes that come
// and go in pieces.
#include "tls.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>

#include "tls_peer.hpp"

namespace millrace::native {
namespace {

using harness::Authority;
using harness::CertificateFiles;
using Step = TlsSession::Step;

class TlsTest : public testing::Test {
  protected:
    static std::unique_ptr<TlsContext> context_of(const Tls& keys) {
        Result<std::unique_ptr<TlsContext>> made = TlsContext::create(keys);
        EXPECT_TRUE(made.ok()) << (made.ok() ? "" : made.error().message);
        return made.ok() ? std::move(made).value() : nullptr;
    }
    Tls trusting() const {
        Tls keys;
        keys.ca = authority_.cert();
        return keys;
    }
    CertificateFiles issue(const Authority::Request& request = {}) const {
        return authority_.issue("c" + std::to_string(++issued_), request);
    }

    /// Both sides in turn until ours has ended, one way or the other.
    static Step shake(TlsSession& session, TlsPeer& peer) {
        for (int turn = 0; turn < 100; ++turn) {
            const Step step = session.handshake();
            peer.accept();
            if (step == Step::failed) return step;
            // In TLS 1.3 our side is through before the peer has judged our certificate: its word comes with the data.
            if (step != Step::done) continue;
            std::byte unused;
            const TlsSession::Moved moved = session.read({&unused, 1});
            return moved.step == Step::failed ? Step::failed : Step::done;
        }
        return Step::failed;
    }

    struct Outcome {
        Step step;
        DisconnectReason reason;
        std::string server_name;
    };
    Outcome meet(const Tls& keys, const PeerOptions& peer_options, const std::string& host = "localhost") const {
        const std::unique_ptr<TlsContext> context = context_of(keys);
        SocketPair sockets;
        TlsPeer peer(sockets.peer(), peer_options);
        TlsSession session(*context, host, sockets.ours());
        const Step step = shake(session, peer);
        return {step, session.reason(), peer.server_name()};
    }

    harness::TempDir folder_;
    Authority authority_{folder_.path(), "ca"};
    mutable int issued_ = 0;
};

TEST_F(TlsTest, versions_1_2_and_1_3_are_spoken_and_1_1_is_not) {
    for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
        const Outcome outcome = meet(trusting(), {issue(), {}, version, version});
        EXPECT_EQ(outcome.step, Step::done) << version;
        EXPECT_EQ(outcome.server_name, "localhost");
    }
    const Outcome old = meet(trusting(), {issue(), {}, TLS1_1_VERSION, TLS1_1_VERSION});
    EXPECT_EQ(old.step, Step::failed);
    EXPECT_EQ(old.reason, DisconnectReason::tls_failed);
}

TEST_F(TlsTest, what_is_wrong_with_a_certificate_is_told_apart) {
    const Authority other(folder_.path(), "other");
    Authority::Request expired;
    expired.days = -1;
    Authority::Request self_signed;
    self_signed.self_signed = true;
    Authority::Request elsewhere;
    elsewhere.hosts = {"DNS:redis.example", "IP:192.0.2.1"};
    struct Row {
        const char* name;
        CertificateFiles files;
        DisconnectReason reason;
    };
    const Row rows[] = {
        {"expired", issue(expired), DisconnectReason::tls_expired},
        {"self-signed", issue(self_signed), DisconnectReason::tls_unknown_authority},
        {"of another authority", other.issue("o", {}), DisconnectReason::tls_unknown_authority},
        {"for another host", issue(elsewhere), DisconnectReason::tls_wrong_host},
    };
    for (const Row& row : rows) {
        for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
            const Outcome outcome = meet(trusting(), {row.files, {}, version, version});
            EXPECT_EQ(outcome.step, Step::failed) << row.name;
            EXPECT_EQ(outcome.reason, row.reason) << row.name;
        }
        Tls trusting_anybody;
        trusting_anybody.verify = false;
        EXPECT_EQ(meet(trusting_anybody, {row.files}).step, Step::done) << row.name;
    }
}

TEST_F(TlsTest, the_system_s_authorities_do_not_know_ours) {
    const Outcome outcome = meet(Tls{}, {issue()});
    EXPECT_EQ(outcome.step, Step::failed);
    EXPECT_EQ(outcome.reason, DisconnectReason::tls_unknown_authority);
}

TEST_F(TlsTest, an_address_is_compared_as_an_address_and_is_no_server_name) {
    const Outcome right = meet(trusting(), {issue()}, "127.0.0.1");
    EXPECT_EQ(right.step, Step::done);
    EXPECT_EQ(right.server_name, "");
    EXPECT_EQ(meet(trusting(), {issue()}, "::1").step, Step::done);
    EXPECT_EQ(meet(trusting(), {issue()}, "127.0.0.2").reason, DisconnectReason::tls_wrong_host);
    Authority::Request by_name;
    by_name.hosts = {"DNS:127.0.0.1"};
    EXPECT_EQ(meet(trusting(), {issue(by_name)}, "127.0.0.1").reason, DisconnectReason::tls_wrong_host);
}

TEST_F(TlsTest, a_server_name_stands_in_for_the_host) {
    Authority::Request elsewhere;
    elsewhere.hosts = {"DNS:redis.example"};
    Tls keys = trusting();
    keys.server_name = "redis.example";
    const Outcome outcome = meet(keys, {issue(elsewhere)}, "10.0.0.1");
    EXPECT_EQ(outcome.step, Step::done);
    EXPECT_EQ(outcome.server_name, "redis.example");
    EXPECT_EQ(meet(keys, {issue()}, "localhost").reason, DisconnectReason::tls_wrong_host);
}

TEST_F(TlsTest, a_server_that_wants_a_certificate_gets_it_or_says_so) {
    const Authority other(folder_.path(), "other");
    for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
        const PeerOptions peer{issue(), authority_.cert(), version, version};
        const Outcome without = meet(trusting(), peer);
        EXPECT_EQ(without.step, Step::failed);
        EXPECT_EQ(without.reason, DisconnectReason::tls_certificate_wanted) << version;

        Tls keys = trusting();
        const CertificateFiles ours = issue();
        keys.cert = ours.cert;
        keys.key = ours.key;
        EXPECT_EQ(meet(keys, peer).step, Step::done) << version;

        const CertificateFiles foreign = other.issue("f" + std::to_string(version), {});
        keys.cert = foreign.cert;
        keys.key = foreign.key;
        EXPECT_EQ(meet(keys, peer).reason, DisconnectReason::tls_certificate_wanted) << version;
    }
}

TEST_F(TlsTest, a_refusal_is_heard_although_nothing_can_be_sent_any_more) {
    const std::unique_ptr<TlsContext> context = context_of(trusting());
    SocketPair sockets;
    TlsPeer peer(sockets.peer(), {issue(), authority_.cert(), TLS1_3_VERSION, TLS1_3_VERSION});
    TlsSession session(*context, "localhost", sockets.ours());
    while (session.handshake() != Step::done) peer.accept();
    peer.accept();         // judges the certificate that is not there, says so,
    sockets.close_peer();  // and closes: a write is a broken pipe now, and raises no signal
    const std::string hello = "HELLO 3\r\n";
    EXPECT_EQ(session.write(std::as_bytes(std::span(hello))).step, Step::failed);
    EXPECT_EQ(session.reason(), DisconnectReason::tls_certificate_wanted);
}

TEST_F(TlsTest, a_peer_that_speaks_no_tls_is_told_so_and_one_that_closes_is_closed) {
    const std::unique_ptr<TlsContext> context = context_of(trusting());
    SocketPair plain;
    TlsSession session(*context, "localhost", plain.ours());
    EXPECT_EQ(session.handshake(), Step::want_read);
    ASSERT_EQ(::send(plain.peer(), "-ERR unknown command\r\n", 22, 0), 22);
    EXPECT_EQ(session.handshake(), Step::failed);
    EXPECT_EQ(session.reason(), DisconnectReason::tls_failed);

    SocketPair closed;
    TlsSession cut(*context, "localhost", closed.ours());
    EXPECT_EQ(cut.handshake(), Step::want_read);
    closed.close_peer();
    EXPECT_EQ(cut.handshake(), Step::failed);
    // A close with our bytes unread is a reset to some systems.
    EXPECT_TRUE(cut.reason() == DisconnectReason::closed || cut.reason() == DisconnectReason::reset);
}

TEST_F(TlsTest, a_full_socket_takes_the_rest_later_from_another_place_in_memory) {
    const std::unique_ptr<TlsContext> context = context_of(trusting());
    SocketPair sockets;
    TlsPeer peer(sockets.peer(), {issue()});
    TlsSession session(*context, "localhost", sockets.ours());
    ASSERT_EQ(shake(session, peer), Step::done);
    std::string sent(4 << 20, '.');
    for (size_t i = 0; i < sent.size(); ++i) sent[i] = static_cast<char>('a' + i % 26);
    std::string left = sent;
    std::string received;
    bool was_full = false;
    while (!left.empty()) {
        const TlsSession::Moved moved = session.write(std::as_bytes(std::span(left)));
        ASSERT_NE(moved.step, Step::failed);
        if (moved.step == Step::done) {
            left.erase(0, moved.count);
            continue;
        }
        ASSERT_EQ(moved.step, Step::want_write);
        was_full = true;
        left = std::string(left.data(), left.size()) + "";  // the bytes are the same, and elsewhere
        received += peer.read();
    }
    received += peer.read();
    EXPECT_TRUE(was_full);
    EXPECT_EQ(received, sent);
}

TEST_F(TlsTest, bytes_that_left_the_socket_are_pending_until_read) {
    const std::unique_ptr<TlsContext> context = context_of(trusting());
    SocketPair sockets;
    TlsPeer peer(sockets.peer(), {issue()});
    TlsSession session(*context, "localhost", sockets.ours());
    ASSERT_EQ(shake(session, peer), Step::done);
    ASSERT_TRUE(peer.write("+PONG\r\n"));
    std::string received;
    std::byte room[2];
    do {
        const TlsSession::Moved moved = session.read(room);
        ASSERT_EQ(moved.step, Step::done);
        received.append(reinterpret_cast<const char*>(room), moved.count);
    } while (session.has_pending());
    EXPECT_EQ(received, "+PONG\r\n");
    EXPECT_EQ(session.read(room).step, Step::want_read);
}

TEST_F(TlsTest, its_end_is_told_to_the_peer) {
    const std::unique_ptr<TlsContext> context = context_of(trusting());
    SocketPair sockets;
    TlsPeer peer(sockets.peer(), {issue()});
    auto session = std::make_unique<TlsSession>(*context, "localhost", sockets.ours());
    ASSERT_EQ(shake(*session, peer), Step::done);
    session.reset();
    EXPECT_EQ(peer.read(), "");
    EXPECT_TRUE(peer.heard_the_end());
}

}  // namespace
}  // namespace millrace::native
