// TLS over a socket that somebody else owns, by OpenSSL: certificates loaded once a client, and a session for each
// connection. It knows what a certificate must be and which reason its refusal is told by; it refuses to know pollers,
// deadlines and what the bytes mean.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "millrace/action.hpp"
#include "millrace/bytes.hpp"
#include "millrace/config.hpp"
#include "millrace/error.hpp"

struct ssl_ctx_st;
struct ssl_st;

namespace millrace::native {

/// What the sessions of a client share: the authorities that it trusts, its own certificate, the versions that are
/// allowed (1.2 and 1.3).
class TlsContext {
  public:
    /// Reads the files that the keys name. bad_config names the key, the path and what is wrong with it.
    [[nodiscard]] static Result<std::unique_ptr<TlsContext>> create(const Tls& keys);

    /// Reads them again where one was changed meanwhile: certificates are renewed while programs run. What can't be
    /// read, or is half written, changes nothing: the old ones count until the next call.
    void refresh();

    [[nodiscard]] const Tls& keys() const { return keys_; }
    [[nodiscard]] ssl_ctx_st* native() const { return context_.get(); }

  private:
    struct Free {
        void operator()(ssl_ctx_st* context) const;
    };
    using Owned = std::unique_ptr<ssl_ctx_st, Free>;

    TlsContext(const Tls& keys, Owned context);
    [[nodiscard]] static Result<Owned> load(const Tls& keys);

    Tls keys_;
    Owned context_;
    std::string stamp_;  ///< of the files as they were when they were read
};

class TlsSession {
  public:
    /// What became of a call: done; it goes on when the socket can be read, or written; the peer has ended the stream;
    /// or it has failed, for reason().
    enum class Step : uint8_t { done, want_read, want_write, failed };

    struct Moved {
        Step step;
        size_t count;  ///< bytes, where done
    };

    /// A client's session on a connected socket that does not block. The server must prove to be `host`, or what
    /// tls.server_name says, unless tls.verify is off.
    TlsSession(const TlsContext& context, const std::string& host, int descriptor);
    TlsSession(const TlsSession&) = delete;
    TlsSession& operator=(const TlsSession&) = delete;
    /// Tells the peer of the end, as far as the socket takes it, unless the session has failed.
    ~TlsSession();

    [[nodiscard]] Step handshake();
    [[nodiscard]] Moved read(std::span<std::byte> room);
    /// After want_* the next call must begin with the same bytes; where they are in memory does not matter.
    [[nodiscard]] Moved write(ConstBytes bytes);
    /// Whether bytes are here that the socket no longer has: no poller tells of them.
    [[nodiscard]] bool has_pending() const;
    /// Why the last call has failed.
    [[nodiscard]] DisconnectReason reason() const { return reason_; }

  private:
    [[nodiscard]] Step outcome(int returned);
    [[nodiscard]] DisconnectReason reason_of_failure() const;

    struct Free {
        void operator()(ssl_st* session) const;
    };
    std::unique_ptr<ssl_st, Free> session_;
    bool failed_ = false;
    bool open_ = false;  ///< the handshake is done
    DisconnectReason reason_ = DisconnectReason::tls_failed;
};

}  // namespace millrace::native
