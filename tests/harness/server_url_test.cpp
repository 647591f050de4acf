// A run against servers that are reached by TLS and by a unix socket, with our own agent.
#include <gtest/gtest.h>

#include "base/reserved_port.hpp"
#include "base/temp_dir.hpp"
#include "run_harness.hpp"
#include "server/certificates.hpp"
#include "server/local_server.hpp"

namespace millrace::harness {
namespace {

const std::string ours = "--agent='" MILLRACE_AGENT "' --scenario='burst/1*' ";

TEST(ServerUrl, ByTlsAndRefusedWithoutTheAuthority) {
    const TempDir folder;
    const Authority authority(folder.path(), "ca");
    const CertificateFiles files = authority.issue("server", {});
    const ReservedPort reserved;
    const std::string port = std::to_string(reserved.number());
    const LocalServer server(server_executable(),
                             {"--tls-port", port, "--tls-cert-file", files.cert, "--tls-key-file", files.key,
                              "--tls-ca-cert-file", authority.cert(), "--tls-auth-clients", "no"});
    const std::string url = "rediss://localhost:" + port;
    const Ran ran = run_harness("run " + ours + "--server='" + url + "?tls.ca=" + authority.cert() + "'");
    EXPECT_EQ(ran.exit_code, 0) << ran.output;
    const Ran refused = run_harness("run " + ours + "--server=" + url);
    EXPECT_EQ(refused.exit_code, 2) << refused.output;
    EXPECT_NE(refused.output.find("no TLS with the server: "), std::string::npos) << refused.output;
}

TEST(ServerUrl, ByUnixSocket) {
    const TempDir folder;
    const std::string path = (folder.path() / "redis.sock").string();
    const LocalServer server(server_executable(), {"--unixsocket", path});
    const Ran ran = run_harness("run " + ours + "--server=unix://" + path);
    EXPECT_EQ(ran.exit_code, 0) << ran.output;
}

}  // namespace
}  // namespace millrace::harness
