// The files that the keys of tls name: what is wrong with one is said with its key and path before anything connects,
// and renewed ones are used by the next connection.
#include <gtest/gtest.h>
#include <openssl/pem.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <string>

#include "tls_peer.hpp"

namespace millrace::native {
namespace {

namespace fs = std::filesystem;
using harness::Authority;
using harness::CertificateFiles;

class TlsFilesTest : public testing::Test {
  protected:
    std::string write(const std::string& name, const std::string& text) const {
        const fs::path path = folder_.path() / name;
        std::ofstream(path) << text;
        return path.string();
    }
    /// The same key, but only with a password.
    std::string encrypted(const std::string& key_path) const {
        std::FILE* const in = std::fopen(key_path.c_str(), "r");
        EVP_PKEY* const key = PEM_read_PrivateKey(in, nullptr, nullptr, nullptr);
        std::fclose(in);
        const std::string path = (folder_.path() / "encrypted.key").string();
        std::FILE* const out = std::fopen(path.c_str(), "w");
        char password[] = "hunter2";
        PEM_write_PKCS8PrivateKey(out, key, EVP_aes_256_cbc(), password, 7, nullptr, nullptr);
        std::fclose(out);
        EVP_PKEY_free(key);
        return path;
    }

    harness::TempDir folder_;
    Authority authority_{folder_.path(), "ca"};
};

TEST_F(TlsFilesTest, a_bad_file_is_named_with_its_key_and_what_is_wrong) {
    const CertificateFiles ours = authority_.issue("ours", {});
    const CertificateFiles others = authority_.issue("others", {});
    const std::string empty = write("empty.pem", "");
    const std::string garbage =
        write("garbage.pem", "-----BEGIN CERTIFICATE-----\nnonsense\n-----END CERTIFICATE-----\n");
    const std::string folder = folder_.path().string();
    const std::string missing = folder + "/missing.pem";
    struct Row {
        const char* name;
        std::function<void(Tls&)> change;
        std::string message;
    };
    const std::string locked = encrypted(ours.key);
    const Row rows[] = {
        {"no such ca", [&](Tls& keys) { keys.ca = missing; },
         "tls.ca: '" + missing + "' can't be read: No such file or directory"},
        {"no certificate in ca", [&](Tls& keys) { keys.ca = empty; },
         "tls.ca: '" + empty + "' holds no certificate; allowed: a PEM file, or a directory as c_rehash makes it"},
        {"garbage in ca", [&](Tls& keys) { keys.ca = garbage; },
         "tls.ca: '" + garbage + "' holds no certificate; allowed: a PEM file, or a directory as c_rehash makes it"},
        {"no such cert", [&](Tls& keys) { keys.cert = missing; },
         "tls.cert: '" + missing + "' can't be read: No such file or directory"},
        {"a directory for cert", [&](Tls& keys) { keys.cert = folder; },
         "tls.cert: '" + folder + "' is a directory; allowed: a PEM file"},
        {"a key for cert", [&](Tls& keys) { keys.cert = ours.key; },
         "tls.cert: '" + ours.key + "' holds no certificate; allowed: a PEM file, ours first"},
        {"no such key", [&](Tls& keys) { keys.key = missing; },
         "tls.key: '" + missing + "' can't be read: No such file or directory"},
        {"a certificate for key", [&](Tls& keys) { keys.key = ours.cert; },
         "tls.key: '" + ours.cert + "' holds no private key; allowed: a PEM file"},
        {"another's key", [&](Tls& keys) { keys.key = others.key; },
         "tls.key: '" + others.key + "' is not the key of tls.cert, '" + ours.cert + "'"},
        {"an encrypted key", [&](Tls& keys) { keys.key = locked; },
         "tls.key: '" + locked + "' is encrypted; allowed: a key without a password"},
        {"a zero in a path", [&](Tls& keys) { keys.ca += std::string("\0.old", 5); }, "tls.ca: has a zero byte"},
        {"a zero in a name", [&](Tls& keys) { keys.server_name = std::string("ours\0.evil", 10); },
         "tls.server_name: has a zero byte"},
    };
    for (const Row& row : rows) {
        Tls keys;
        keys.ca = authority_.cert();
        keys.cert = ours.cert;
        keys.key = ours.key;
        row.change(keys);
        const Result<std::unique_ptr<TlsContext>> made = TlsContext::create(keys);
        ASSERT_FALSE(made.ok()) << row.name;
        EXPECT_EQ(made.error().code, Code::bad_config) << row.name;
        EXPECT_EQ(made.error().message, row.message);
    }
}

TEST_F(TlsFilesTest, a_renewed_file_counts_from_the_next_session_on_and_a_broken_one_never) {
    const Authority next(folder_.path(), "next");
    const fs::path current = folder_.path() / "current.crt";
    fs::copy_file(authority_.cert(), current);
    Tls keys;
    keys.ca = current.string();
    Result<std::unique_ptr<TlsContext>> made = TlsContext::create(keys);
    ASSERT_TRUE(made.ok());
    TlsContext& context = **made;
    const PeerOptions renewed{next.issue("renewed", {})};
    const auto believed = [&] {
        SocketPair sockets;
        TlsPeer peer(sockets.peer(), renewed);
        TlsSession session(context, "localhost", sockets.ours());
        for (;;) {
            const TlsSession::Step step = session.handshake();
            if (step == TlsSession::Step::done || step == TlsSession::Step::failed) {
                return step == TlsSession::Step::done;
            }
            peer.accept();
        }
    };
    EXPECT_FALSE(believed());
    write("current.crt", "half written");
    context.refresh();
    EXPECT_FALSE(believed());
    fs::copy_file(next.cert(), current, fs::copy_options::overwrite_existing);
    context.refresh();
    EXPECT_TRUE(believed());
    fs::remove(current);
    context.refresh();
    EXPECT_TRUE(believed());
}

}  // namespace
}  // namespace millrace::native
