// A session of TLS: handshake, bytes, and why it failed.
#include "tls.hpp"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <climits>
#include <utility>

#include "socket_io.hpp"

namespace millrace::native {
namespace {

// ---- OpenSSL's own way to a socket uses write(), which raises SIGPIPE: ours sends as the rest of the binding does.

int descriptor_of(BIO* bio) {
    return static_cast<int>(reinterpret_cast<intptr_t>(BIO_get_data(bio)));
}

int moved(BIO* bio, ssize_t count, size_t* done, int retry) {
    BIO_clear_retry_flags(bio);
    *done = count > 0 ? static_cast<size_t>(count) : 0;
    if (count > 0) return 1;
    if (count < 0 && (would_block(errno) || errno == EINTR)) BIO_set_flags(bio, retry | BIO_FLAGS_SHOULD_RETRY);
    return 0;
}

int write_socket(BIO* bio, const char* data, size_t size, size_t* written) {
    return moved(bio, ::send(descriptor_of(bio), data, size, send_flags), written, BIO_FLAGS_WRITE);
}

int read_socket(BIO* bio, char* data, size_t size, size_t* read) {
    const ssize_t count = ::recv(descriptor_of(bio), data, size, 0);
    if (count == 0) BIO_set_flags(bio, BIO_FLAGS_IN_EOF);
    return moved(bio, count, read, BIO_FLAGS_READ);
}

long control_socket(BIO* bio, int command, long, void*) {
    switch (command) {
        case BIO_CTRL_FLUSH:
            return 1;
        case BIO_CTRL_EOF:
            return BIO_test_flags(bio, BIO_FLAGS_IN_EOF) != 0 ? 1 : 0;
        default:
            return 0;
    }
}

int create_socket(BIO* bio) {
    BIO_set_init(bio, 1);
    return 1;
}

BIO_METHOD* make_method() {
    BIO_METHOD* const method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "millrace socket");
    if (method == nullptr) return nullptr;
    BIO_meth_set_write_ex(method, write_socket);
    BIO_meth_set_read_ex(method, read_socket);
    BIO_meth_set_ctrl(method, control_socket);
    BIO_meth_set_create(method, create_socket);
    return method;
}

BIO* make_bio(int descriptor) {
    // Kept until the end of the process: sessions of any client may be using it.
    static BIO_METHOD* const method = make_method();
    BIO* const bio = method != nullptr ? BIO_new(method) : nullptr;
    if (bio != nullptr) BIO_set_data(bio, reinterpret_cast<void*>(static_cast<intptr_t>(descriptor)));
    return bio;
}

// ---- who the peer must be, and who it turned out to be

bool is_address(const std::string& host) {
    unsigned char room[sizeof(in6_addr)];
    return inet_pton(AF_INET, host.c_str(), room) == 1 || inet_pton(AF_INET6, host.c_str(), room) == 1;
}

// RFC 6066: no address in SNI. RFC 6125: an address is compared as such, never as a name.
bool expect_host(SSL* session, const std::string& host, bool verify) {
    if (is_address(host)) return !verify || X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(session), host.c_str()) == 1;
    // What the macro SSL_set_tlsext_host_name says, without its C cast.
    if (SSL_ctrl(session, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name, const_cast<char*>(host.c_str())) !=
        1)
        return false;
    if (!verify) return true;
    SSL_set_hostflags(session, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    return SSL_set1_host(session, host.c_str()) == 1;
}

DisconnectReason reason_of_verification(long result) {
    switch (result) {
        case X509_V_ERR_CERT_HAS_EXPIRED:
        case X509_V_ERR_CERT_NOT_YET_VALID:
        case X509_V_ERR_ERROR_IN_CERT_NOT_BEFORE_FIELD:
        case X509_V_ERR_ERROR_IN_CERT_NOT_AFTER_FIELD:
            return DisconnectReason::tls_expired;
        case X509_V_ERR_HOSTNAME_MISMATCH:
        case X509_V_ERR_IP_ADDRESS_MISMATCH:
            return DisconnectReason::tls_wrong_host;
        case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
        case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
        case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
        case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
        case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
        case X509_V_ERR_CERT_UNTRUSTED:
        case X509_V_ERR_CERT_REJECTED:
        case X509_V_ERR_CERT_SIGNATURE_FAILURE:
        case X509_V_ERR_CERT_CHAIN_TOO_LONG:
        case X509_V_ERR_INVALID_CA:
        case X509_V_ERR_CERT_REVOKED:
            return DisconnectReason::tls_unknown_authority;
        default:
            return DisconnectReason::tls_failed;
    }
}

// Alerts by which a server says that it wants a certificate of ours, or another one (RFC 8446 6.2, RFC 5246 7.2.2).
bool is_about_our_certificate(int reason, bool asked_and_had_none) {
    switch (reason) {
        case SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED:
        case SSL_R_SSLV3_ALERT_NO_CERTIFICATE:
        case SSL_R_SSLV3_ALERT_BAD_CERTIFICATE:
        case SSL_R_SSLV3_ALERT_UNSUPPORTED_CERTIFICATE:
        case SSL_R_SSLV3_ALERT_CERTIFICATE_REVOKED:
        case SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED:
        case SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN:
        case SSL_R_TLSV1_ALERT_UNKNOWN_CA:
        case SSL_R_TLSV1_ALERT_ACCESS_DENIED:
            return true;
        case SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE:  // TLS 1.2 has no word of its own for it
            return asked_and_had_none;
        default:
            return false;
    }
}

// The server has asked for a certificate, and there is none to show.
bool asked_and_had_none(SSL* session) {
    const unsigned char* types = nullptr;
    return SSL_get_certificate(session) == nullptr && SSL_get0_certificate_types(session, &types) > 0;
}

}  // namespace

void TlsSession::Free::operator()(SSL* session) const {
    SSL_free(session);
}

TlsSession::TlsSession(const TlsContext& context, const std::string& host, int descriptor)
    : session_(SSL_new(context.native())) {
    const Tls& keys = context.keys();
    BIO* const bio = session_ ? make_bio(descriptor) : nullptr;
    failed_ =
        bio == nullptr || !expect_host(session_.get(), keys.server_name.empty() ? host : keys.server_name, keys.verify);
    if (bio != nullptr) SSL_set_bio(session_.get(), bio, bio);
    if (session_) SSL_set_connect_state(session_.get());
}

TlsSession::~TlsSession() {
    if (!open_ || failed_) return;
    ERR_clear_error();
    SSL_shutdown(session_.get());
    ERR_clear_error();
}

TlsSession::Step TlsSession::handshake() {
    if (failed_) return Step::failed;
    ERR_clear_error();
    const Step step = outcome(SSL_do_handshake(session_.get()));
    open_ = step == Step::done;
    return step;
}

TlsSession::Moved TlsSession::read(std::span<std::byte> room) {
    if (failed_) return {Step::failed, 0};
    ERR_clear_error();
    size_t count = 0;
    const int returned = SSL_read_ex(session_.get(), room.data(), room.size(), &count);
    return {outcome(returned), count};
}

TlsSession::Moved TlsSession::write(ConstBytes bytes) {
    if (failed_) return {Step::failed, 0};
    ERR_clear_error();
    size_t count = 0;
    const int returned = SSL_write_ex(session_.get(), bytes.data(), bytes.size(), &count);
    const Step step = outcome(returned);
    if (step != Step::failed || reason_ != DisconnectReason::reset) return {step, count};
    // A server that refuses our certificate says so and closes: the alert waits to be read, though nothing can be sent.
    failed_ = false;
    std::byte unused;
    const Moved alert = read({&unused, 1});
    if (alert.step != Step::failed) reason_ = DisconnectReason::reset;
    failed_ = true;
    return {Step::failed, 0};
}

bool TlsSession::has_pending() const {
    return session_ && SSL_pending(session_.get()) > 0;
}

TlsSession::Step TlsSession::outcome(int returned) {
    const int system_error = errno;
    switch (SSL_get_error(session_.get(), returned)) {
        case SSL_ERROR_NONE:
            return Step::done;
        case SSL_ERROR_WANT_READ:
            return Step::want_read;
        case SSL_ERROR_WANT_WRITE:
            return Step::want_write;
        case SSL_ERROR_ZERO_RETURN:
            reason_ = DisconnectReason::closed;
            break;
        case SSL_ERROR_SYSCALL:
            reason_ = system_error == 0 ? DisconnectReason::closed : reason_of(system_error);
            break;
        default:
            reason_ = reason_of_failure();
    }
    failed_ = true;
    return Step::failed;
}

DisconnectReason TlsSession::reason_of_failure() const {
    const int reason = ERR_GET_REASON(ERR_peek_error());
    // Servers end connections without a close_notify; a reply that was cut short is noticed by the reader of replies.
    if (reason == SSL_R_UNEXPECTED_EOF_WHILE_READING) return DisconnectReason::closed;
    if (reason == SSL_R_CERTIFICATE_VERIFY_FAILED) {
        return reason_of_verification(SSL_get_verify_result(session_.get()));
    }
    if (is_about_our_certificate(reason, asked_and_had_none(session_.get()))) {
        return DisconnectReason::tls_certificate_wanted;
    }
    return DisconnectReason::tls_failed;
}

}  // namespace millrace::native
