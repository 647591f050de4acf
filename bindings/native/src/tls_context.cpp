// The files of TLS: what is trusted, and our own certificate. What is wrong with one is said here, before anything
// connects.
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <string_view>
#include <system_error>
#include <utility>

#include "tls.hpp"

namespace millrace::native {
namespace {

Error bad_file(std::string_view key, const std::string& path, const std::string& what) {
    return {Code::bad_config, std::string(key) + ": '" + path + "' " + what};
}

// Whether the file is there for us at all: OpenSSL's own words for this name neither file nor reason.
Status check_file(std::string_view key, const std::string& path, bool may_be_directory) {
    if (path.empty()) return {};
    struct stat state {};
    if (::stat(path.c_str(), &state) != 0 || ::access(path.c_str(), R_OK) != 0) {
        return bad_file(key, path, "can't be read: " + std::generic_category().message(errno));
    }
    if (S_ISDIR(state.st_mode) && !may_be_directory) return bad_file(key, path, "is a directory; allowed: a PEM file");
    return {};
}

bool is_directory(const std::string& path) {
    struct stat state {};
    return ::stat(path.c_str(), &state) == 0 && S_ISDIR(state.st_mode);
}

Status trust(SSL_CTX* context, const Tls& keys) {
    if (!keys.verify) return {};
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
    if (keys.ca.empty()) {
        if (SSL_CTX_set_default_verify_paths(context) == 1) return {};
        return Error(Code::bad_config, "tls.ca: the system's authorities can't be loaded; name a file");
    }
    if (Status status = check_file("tls.ca", keys.ca, true); !status) return status;
    if (is_directory(keys.ca)) {
        if (SSL_CTX_load_verify_dir(context, keys.ca.c_str()) == 1) return {};
    } else if (SSL_CTX_load_verify_file(context, keys.ca.c_str()) == 1) {
        return {};
    }
    return bad_file("tls.ca", keys.ca,
                    "holds no certificate; allowed: a PEM file, or a directory as c_rehash makes it");
}

// A library must not ask for a password on the terminal, which is what OpenSSL does by itself.
int no_password(char*, int, int, void* asked) {
    *static_cast<bool*>(asked) = true;
    return -1;
}

Status identify(SSL_CTX* context, const Tls& keys) {
    if (keys.cert.empty() && keys.key.empty()) return {};
    if (Status status = check_file("tls.cert", keys.cert, false); !status) return status;
    if (Status status = check_file("tls.key", keys.key, false); !status) return status;
    if (SSL_CTX_use_certificate_chain_file(context, keys.cert.c_str()) != 1) {
        return bad_file("tls.cert", keys.cert, "holds no certificate; allowed: a PEM file, ours first");
    }
    bool encrypted = false;
    SSL_CTX_set_default_passwd_cb(context, no_password);
    SSL_CTX_set_default_passwd_cb_userdata(context, &encrypted);
    const bool used = SSL_CTX_use_PrivateKey_file(context, keys.key.c_str(), SSL_FILETYPE_PEM) == 1;
    SSL_CTX_set_default_passwd_cb_userdata(context, nullptr);
    SSL_CTX_set_default_passwd_cb(context, nullptr);
    if (encrypted) return bad_file("tls.key", keys.key, "is encrypted; allowed: a key without a password");
    if (used && SSL_CTX_check_private_key(context) == 1) return {};
    if (ERR_GET_REASON(ERR_peek_last_error()) == X509_R_KEY_VALUES_MISMATCH) {
        return bad_file("tls.key", keys.key, "is not the key of tls.cert, '" + keys.cert + "'");
    }
    return bad_file("tls.key", keys.key, "holds no private key; allowed: a PEM file");
}

void stamp_file(std::string& stamp, const std::string& path) {
    struct stat state {};
    if (path.empty() || ::stat(path.c_str(), &state) != 0) return;
#ifdef __APPLE__
    const timespec changed = state.st_mtimespec;
#else
    const timespec changed = state.st_mtim;
#endif
    for (const auto part : {static_cast<long long>(state.st_ino), static_cast<long long>(state.st_size),
                            static_cast<long long>(changed.tv_sec), static_cast<long long>(changed.tv_nsec)}) {
        stamp += std::to_string(part) + ' ';
    }
}

std::string stamp_of(const Tls& keys) {
    std::string stamp;
    for (const std::string* path : {&keys.ca, &keys.cert, &keys.key}) {
        stamp_file(stamp, *path);
        stamp += '/';
    }
    return stamp;
}

}  // namespace

void TlsContext::Free::operator()(SSL_CTX* context) const {
    SSL_CTX_free(context);
}

TlsContext::TlsContext(const Tls& keys, Owned context)
    : keys_(keys), context_(std::move(context)), stamp_(stamp_of(keys)) {}

Result<TlsContext::Owned> TlsContext::load(const Tls& keys) {
    for (const auto& [key, value] :
         {std::pair("tls.ca", &keys.ca), std::pair("tls.cert", &keys.cert), std::pair("tls.key", &keys.key),
          std::pair("tls.server_name", &keys.server_name)}) {
        // OpenSSL and the system take what is before it: another file, and another host.
        if (value->find('\0') == std::string::npos) continue;
        return Error(Code::bad_config, std::string(key) + ": has a zero byte");
    }
    ERR_clear_error();
    Owned context(SSL_CTX_new(TLS_client_method()));
    if (!context) return Error(Code::out_of_memory, "no memory for TLS");
    SSL_CTX* const native = context.get();
    SSL_CTX_set_min_proto_version(native, TLS1_2_VERSION);
    // A renegotiation would make a write wait for a read; no server of ours asks for one, and 1.3 has none.
    SSL_CTX_set_options(native, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
    // What is to be sent moves when more is queued behind it.
    SSL_CTX_set_mode(native, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_session_cache_mode(native, SSL_SESS_CACHE_OFF);
    Status status = trust(native, keys);
    if (status) status = identify(native, keys);
    ERR_clear_error();
    if (!status) return status.error();
    return context;
}

Result<std::unique_ptr<TlsContext>> TlsContext::create(const Tls& keys) {
    Result<Owned> context = load(keys);
    if (!context) return context.error();
    return std::unique_ptr<TlsContext>(new TlsContext(keys, std::move(context).value()));
}

void TlsContext::refresh() {
    const std::string stamp = stamp_of(keys_);
    if (stamp == stamp_) return;
    Result<Owned> context = load(keys_);
    if (!context) return;
    context_ = std::move(context).value();
    stamp_ = stamp;
}

}  // namespace millrace::native
