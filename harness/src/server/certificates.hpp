// Certificates for tests, made when they are needed and gone with their directory: no key is ever kept. Knows nothing
// of who uses them.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

struct evp_pkey_st;
struct x509_st;

namespace millrace::harness {

// The paths of a certificate and its key, as PEM.
struct CertificateFiles {
    std::string cert, key;
};

class Authority {
  public:
    struct Request {
        std::string name = "millrace test";
        // As in subjectAltName: `DNS:localhost`, `IP:127.0.0.1`. None: the certificate is for nobody's host.
        std::vector<std::string> hosts = {"DNS:localhost", "IP:127.0.0.1", "IP:::1"};
        // Whole days from now; a negative `days` has expired.
        int days = 2;
        bool self_signed = false;  // by its own key, and not by the authority
    };

    // Writes what it makes into `folder`. Throws std::runtime_error.
    Authority(std::filesystem::path folder, const std::string& name);
    Authority(const Authority&) = delete;
    Authority& operator=(const Authority&) = delete;
    ~Authority();

    // The authority's own certificate.
    [[nodiscard]] const std::string& cert() const { return cert_path_; }
    // `{file}.crt` and `{file}.key`.
    [[nodiscard]] CertificateFiles issue(const std::string& file, const Request& request) const;

  private:
    std::filesystem::path folder_;
    std::string cert_path_;
    evp_pkey_st* key_;
    x509_st* cert_;
};

}  // namespace millrace::harness
