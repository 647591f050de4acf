// A TLS server at the other end of a socket pair, pumped by the test's own thread: what it says, and when, is the
// test's.
#pragma once

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <stdexcept>
#include <string>
#include <utility>

#include "base/temp_dir.hpp"
#include "server/certificates.hpp"
#include "tls.hpp"

namespace millrace::native {

/// The ends of a connection; neither blocks.
class SocketPair {
  public:
    SocketPair() {
        if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends_) != 0) throw std::runtime_error("socketpair");
    }
    SocketPair(const SocketPair&) = delete;
    SocketPair& operator=(const SocketPair&) = delete;
    ~SocketPair() {
        ::close(ends_[0]);
        close_peer();
    }
    void close_peer() {
        if (ends_[1] >= 0) ::close(ends_[1]);
        ends_[1] = -1;
    }
    [[nodiscard]] int ours() const { return ends_[0]; }
    [[nodiscard]] int peer() const { return ends_[1]; }

  private:
    int ends_[2];
};

struct PeerOptions {
    harness::CertificateFiles files;
    std::string client_ca = {};  ///< not empty: a client without a certificate of this authority is refused
    int version_min = TLS1_2_VERSION;
    int version_max = TLS1_3_VERSION;
};

class TlsPeer {
  public:
    TlsPeer(int descriptor, const PeerOptions& options) : context_(SSL_CTX_new(TLS_server_method())) {
        SSL_CTX_set_security_level(context_, 0);  // else 1.1 can't be offered at all
        SSL_CTX_set_min_proto_version(context_, options.version_min);
        SSL_CTX_set_max_proto_version(context_, options.version_max);
        if (SSL_CTX_use_certificate_chain_file(context_, options.files.cert.c_str()) != 1 ||
            SSL_CTX_use_PrivateKey_file(context_, options.files.key.c_str(), SSL_FILETYPE_PEM) != 1) {
            throw std::runtime_error("the peer's certificate");
        }
        if (!options.client_ca.empty()) {
            SSL_CTX_load_verify_file(context_, options.client_ca.c_str());
            SSL_CTX_set_verify(context_, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
        }
        session_ = SSL_new(context_);
        SSL_set_fd(session_, descriptor);
        SSL_set_accept_state(session_);
    }
    TlsPeer(const TlsPeer&) = delete;
    TlsPeer& operator=(const TlsPeer&) = delete;
    ~TlsPeer() {
        SSL_free(session_);
        SSL_CTX_free(context_);
        ERR_clear_error();
    }

    /// One step of its side of the handshake; whether it is through.
    bool accept() {
        const bool through = SSL_do_handshake(session_) == 1;
        ERR_clear_error();
        return through;
    }
    /// What has come; empty where nothing has.
    std::string read() {
        std::string all;
        char room[4096];
        size_t count = 0;
        while (SSL_read_ex(session_, room, sizeof room, &count) == 1) all.append(room, count);
        ERR_clear_error();
        return all;
    }
    bool write(const std::string& text) {
        size_t count = 0;
        return SSL_write_ex(session_, text.data(), text.size(), &count) == 1 && count == text.size();
    }
    /// Whether the other side has said that it ends.
    [[nodiscard]] bool heard_the_end() const { return (SSL_get_shutdown(session_) & SSL_RECEIVED_SHUTDOWN) != 0; }
    [[nodiscard]] std::string server_name() const {
        const char* const name = SSL_get_servername(session_, TLSEXT_NAMETYPE_host_name);
        return name != nullptr ? name : "";
    }
    [[nodiscard]] int version() const { return SSL_version(session_); }

  private:
    SSL_CTX* context_;
    SSL* session_ = nullptr;
};

}  // namespace millrace::native
