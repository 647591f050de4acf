#include "server/certificates.hpp"

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include <cstdio>
#include <stdexcept>
#include <utility>

namespace millrace::harness {

namespace {

constexpr long day_seconds = 24 * 60 * 60;

template <class T>
T* made(T* thing) {
    if (thing == nullptr) throw std::runtime_error("a certificate can't be made: OpenSSL refuses");
    return thing;
}

void must(bool done) {
    if (!done) throw std::runtime_error("a certificate can't be made: OpenSSL refuses");
}

template <class Write>
void write_pem(const std::filesystem::path& path, Write write) {
    std::FILE* const file = std::fopen(path.c_str(), "wx");
    if (file == nullptr) throw std::runtime_error("can't write " + path.string());
    const bool written = write(file) == 1;
    if (std::fclose(file) != 0 || !written) throw std::runtime_error("can't write " + path.string());
}

void add_extension(X509* cert, X509* issuer, int kind, const std::string& value) {
    X509V3_CTX context;
    X509V3_set_ctx(&context, issuer, cert, nullptr, nullptr, 0);
    X509_EXTENSION* const extension = made(X509V3_EXT_conf_nid(nullptr, &context, kind, value.c_str()));
    const bool added = X509_add_ext(cert, extension, -1) == 1;
    X509_EXTENSION_free(extension);
    must(added);
}

X509* make_certificate(EVP_PKEY* key, const std::string& name, int days) {
    X509* const cert = made(X509_new());
    must(X509_set_version(cert, X509_VERSION_3) == 1);
    uint64_t serial = 0;
    must(RAND_bytes(reinterpret_cast<unsigned char*>(&serial), sizeof serial) == 1);
    must(ASN1_INTEGER_set_uint64(X509_get_serialNumber(cert), serial >> 1) == 1);
    // Begun a while ago, also what has expired: clocks differ.
    made(X509_gmtime_adj(X509_getm_notBefore(cert), -10 * day_seconds));
    made(X509_gmtime_adj(X509_getm_notAfter(cert), days * day_seconds));
    must(X509_set_pubkey(cert, key) == 1);
    X509_NAME* const subject = X509_get_subject_name(cert);
    must(X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, reinterpret_cast<const unsigned char*>(name.c_str()),
                                    -1, -1, 0) == 1);
    return cert;
}

std::string joined(const std::vector<std::string>& words) {
    std::string text;
    for (const std::string& word : words) text += (text.empty() ? "" : ",") + word;
    return text;
}

}  // namespace

Authority::Authority(std::filesystem::path folder, const std::string& name)
    : folder_(std::move(folder)), key_(made(EVP_EC_gen("P-256"))), cert_(make_certificate(key_, name, 30)) {
    must(X509_set_issuer_name(cert_, X509_get_subject_name(cert_)) == 1);
    add_extension(cert_, cert_, NID_basic_constraints, "critical,CA:TRUE");
    add_extension(cert_, cert_, NID_key_usage, "critical,keyCertSign,cRLSign");
    must(X509_sign(cert_, key_, EVP_sha256()) > 0);
    const std::filesystem::path path = folder_ / (name + ".crt");
    write_pem(path, [this](std::FILE* file) { return PEM_write_X509(file, cert_); });
    cert_path_ = path.string();
}

Authority::~Authority() {
    X509_free(cert_);
    EVP_PKEY_free(key_);
}

CertificateFiles Authority::issue(const std::string& file, const Request& request) const {
    const std::unique_ptr<EVP_PKEY, void (*)(EVP_PKEY*)> key(made(EVP_EC_gen("P-256")), EVP_PKEY_free);
    const std::unique_ptr<X509, void (*)(X509*)> cert(make_certificate(key.get(), request.name, request.days),
                                                      X509_free);
    X509* const issuer = request.self_signed ? cert.get() : cert_;
    must(X509_set_issuer_name(cert.get(), X509_get_subject_name(issuer)) == 1);
    if (!request.hosts.empty()) add_extension(cert.get(), issuer, NID_subject_alt_name, joined(request.hosts));
    must(X509_sign(cert.get(), request.self_signed ? key.get() : key_, EVP_sha256()) > 0);
    const CertificateFiles files{(folder_ / (file + ".crt")).string(), (folder_ / (file + ".key")).string()};
    write_pem(files.cert, [&](std::FILE* out) { return PEM_write_X509(out, cert.get()); });
    write_pem(files.key, [&](std::FILE* out) {
        return PEM_write_PrivateKey(out, key.get(), nullptr, nullptr, 0, nullptr, nullptr);
    });
    return files;
}

}  // namespace millrace::harness
