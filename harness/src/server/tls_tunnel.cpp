#include "server/tls_tunnel.hpp"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <stdexcept>
#include <string>
#include <utility>

namespace millrace::harness {

namespace {

constexpr size_t piece_bytes = 16 * 1024;  // a record of TLS

[[noreturn]] void refuse(const std::string& what) {
    ERR_clear_error();
    throw std::runtime_error(what);
}

void name_files(SSL_CTX* context, const Url& url) {
    const std::string ca = url.option("tls.ca");
    const std::string cert = url.option("tls.cert");
    const std::string key = url.option("tls.key");
    const bool trusts = ca.empty() ? SSL_CTX_set_default_verify_paths(context) == 1
                                   : SSL_CTX_load_verify_file(context, ca.c_str()) == 1;
    if (!trusts) refuse("tls.ca: no authorities in '" + ca + "'");
    if (cert.empty()) return;
    if (SSL_CTX_use_certificate_chain_file(context, cert.c_str()) != 1 ||
        SSL_CTX_use_PrivateKey_file(context, key.c_str(), SSL_FILETYPE_PEM) != 1) {
        refuse("tls.cert, tls.key: no certificate and key in '" + cert + "' and '" + key + "'");
    }
}

void name_host(SSL* session, const std::string& host) {
    unsigned char room[sizeof(in6_addr)];
    if (inet_pton(AF_INET, host.c_str(), room) == 1 || inet_pton(AF_INET6, host.c_str(), room) == 1) {
        X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(session), host.c_str());
        return;
    }
    SSL_set1_host(session, host.c_str());
    // What the macro SSL_set_tlsext_host_name says, without its C cast.
    SSL_ctrl(session, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name, const_cast<char*>(host.c_str()));
}

}  // namespace

void TlsTunnel::Free::operator()(SSL_CTX* context) const {
    SSL_CTX_free(context);
}
void TlsTunnel::Free::operator()(SSL* session) const {
    SSL_free(session);
}

TlsTunnel::TlsTunnel(FileDescriptor server, const Url& url) : server_(std::move(server)) {
    int ends[2];
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) refuse("no socket for TLS");
    ours_ = FileDescriptor(ends[0]);
    theirs_ = FileDescriptor(ends[1]);
    configure(url);
    if (SSL_connect(session_.get()) != 1) {
        const long verified = SSL_get_verify_result(session_.get());
        const char* const reason = ERR_reason_error_string(ERR_peek_error());
        refuse(std::string("no TLS with the server: ") + (verified != X509_V_OK
                                                              ? X509_verify_cert_error_string(verified)
                                                          : reason != nullptr ? reason
                                                                              : "it ended the connection"));
    }
    thread_ = std::thread([this] { carry(); });
}

TlsTunnel::~TlsTunnel() {
    if (!thread_.joinable()) return;
    ours_.close();
    thread_.join();
}

void TlsTunnel::configure(const Url& url) {
    context_.reset(SSL_CTX_new(TLS_client_method()));
    if (!context_) refuse("no memory for TLS");
    // What is readable may be no data, as a session's ticket. With this, reading would then wait for some, and for a
    // reply to a command that nobody carries up meanwhile.
    SSL_CTX_clear_mode(context_.get(), SSL_MODE_AUTO_RETRY);
    name_files(context_.get(), url);
    if (url.option("tls.verify") != "false") SSL_CTX_set_verify(context_.get(), SSL_VERIFY_PEER, nullptr);
    session_.reset(SSL_new(context_.get()));
    if (!session_ || SSL_set_fd(session_.get(), server_.value()) != 1) refuse("no memory for TLS");
    const std::string name = url.option("tls.server_name");
    name_host(session_.get(), name.empty() ? url.host : name);
}

// Both sides block; a server that does not read is noticed by whoever waits at the plain end.
void TlsTunnel::carry() {
    for (bool open = true; open;) {
        pollfd ends[] = {{theirs_.value(), POLLIN, 0}, {server_.value(), POLLIN, 0}};
        if (::poll(ends, 2, -1) < 0) continue;
        if (ends[0].revents != 0) open = carry_up();
        if (open && ends[1].revents != 0) open = carry_down();
    }
    theirs_.close();
}

bool TlsTunnel::carry_up() {
    char piece[piece_bytes];
    const ssize_t count = ::read(theirs_.value(), piece, sizeof piece);
    size_t written = 0;
    return count > 0 && SSL_write_ex(session_.get(), piece, static_cast<size_t>(count), &written) == 1;
}

bool TlsTunnel::carry_down() {
    char piece[piece_bytes];
    do {
        size_t count = 0;
        if (SSL_read_ex(session_.get(), piece, sizeof piece, &count) != 1) {
            // Neither what is no data nor the socket's own timeout is an end.
            const bool is_over = SSL_get_error(session_.get(), 0) != SSL_ERROR_WANT_READ;
            ERR_clear_error();
            return !is_over;
        }
        for (size_t done = 0; done < count;) {
            const ssize_t passed = ::write(theirs_.value(), piece + done, count - done);
            if (passed <= 0) return false;
            done += static_cast<size_t>(passed);
        }
    } while (SSL_pending(session_.get()) > 0);
    return true;
}

}  // namespace millrace::harness
