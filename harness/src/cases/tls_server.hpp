// A server with TLS for one case: certificates of its own, made for it, and what an agent must be told to believe them.
#pragma once

#include <memory>
#include <string>

#include "base/reserved_port.hpp"
#include "base/temp_dir.hpp"
#include "server/certificates.hpp"
#include "world/world.hpp"

namespace millrace::harness {

class TlsServer {
  public:
    // `unsupported` where the server is not ours to start, or was built without TLS. It also listens without TLS, for
    // the harness itself. `clients`: whether clients must show a certificate, as tls-auth-clients has it.
    TlsServer(World& world, const std::string& clients);

    // Another certificate from the next start on: the server is killed, and comes back with it and all its entries.
    void restart_with(const CertificateFiles& files);
    [[nodiscard]] const Authority& authority() const { return authority_; }
    // `start` by way of TLS, believing the authority; the user is as before.
    [[nodiscard]] Start secured(Start start) const;
    // And showing a certificate.
    [[nodiscard]] Start secured(Start start, const CertificateFiles& ours) const;

  private:
    void install(const CertificateFiles& files) const;

    World& world_;
    TempDir folder_;
    Authority authority_{folder_.path(), "ca"};
    ReservedPort port_;
    OwnServer* server_ = nullptr;
};

}  // namespace millrace::harness
