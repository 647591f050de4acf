// TLS for a connection that knows none, libhiredis' here: a plain socket whose other end a thread of its own carries to
// the server. A second opinion on TLS, sharing nothing with the code under test. Knows nothing of what passes.
#pragma once

#include <memory>
#include <thread>

#include "base/clock.hpp"
#include "base/process.hpp"
#include "server/url.hpp"

struct ssl_ctx_st;
struct ssl_st;

namespace millrace::harness {

class TlsTunnel {
  public:
    // `server` is connected; its certificate must be for the host of the URL, unless `tls.verify=false` stands in its
    // query, which also names `tls.ca`, `tls.cert`, `tls.key` and `tls.server_name`. Throws std::runtime_error, one
    // line.
    TlsTunnel(FileDescriptor server, const Url& url);
    // The plain end must have been closed before.
    ~TlsTunnel();
    TlsTunnel(const TlsTunnel&) = delete;
    TlsTunnel& operator=(const TlsTunnel&) = delete;

    // Whoever takes it closes it.
    [[nodiscard]] int take_plain_end() { return ours_.release(); }

  private:
    struct Free {
        void operator()(ssl_ctx_st* context) const;
        void operator()(ssl_st* session) const;
    };

    void configure(const Url& url);
    void carry();
    [[nodiscard]] bool carry_up();
    [[nodiscard]] bool carry_down();

    FileDescriptor server_;
    FileDescriptor ours_, theirs_;
    std::unique_ptr<ssl_ctx_st, Free> context_;
    std::unique_ptr<ssl_st, Free> session_;
    std::thread thread_;
};

}  // namespace millrace::harness
