#include "cases/tls_server.hpp"

#include <filesystem>
#include <stdexcept>

namespace millrace::harness {

namespace fs = std::filesystem;

TlsServer::TlsServer(World& world, const std::string& clients) : world_(world) {
    install(authority_.issue("first", {}));
    const std::string live = (folder_.path() / "live").string();
    try {
        server_ =
            &world.own_server({"--appendonly", "yes", "--appendfsync", "always", "--tls-port",
                               std::to_string(port_.number()), "--tls-cert-file", live + ".crt", "--tls-key-file",
                               live + ".key", "--tls-ca-cert-file", authority_.cert(), "--tls-auth-clients", clients});
    } catch (const std::runtime_error& error) {
        if (std::string(error.what()).find("Bad directive") == std::string::npos) throw;
        world.unsupported("the server was built without TLS");
    }
}

void TlsServer::install(const CertificateFiles& files) const {
    fs::copy_file(files.cert, folder_.path() / "live.crt", fs::copy_options::overwrite_existing);
    fs::copy_file(files.key, folder_.path() / "live.key", fs::copy_options::overwrite_existing);
}

void TlsServer::restart_with(const CertificateFiles& files) {
    install(files);
    world_.server_down(*server_);
    server_->restart();
}

Start TlsServer::secured(Start start) const {
    Url url = Url::parse(start.url);
    url.scheme = Url::Scheme::Tls;
    url.host = "localhost";
    url.port = port_.number();
    start.url = url.text();
    start.config["tls"]["ca"] = authority_.cert();
    return start;
}

Start TlsServer::secured(Start start, const CertificateFiles& ours) const {
    start = secured(std::move(start));
    start.config["tls"]["cert"] = ours.cert;
    start.config["tls"]["key"] = ours.key;
    return start;
}

}  // namespace millrace::harness
