#include "session/disconnect.hpp"

#include <string>
#include <string_view>

#include "millrace/event.hpp"

namespace millrace {

namespace {

// What an operator can do about it is in the words: they stand alone in a log.
std::string_view words_of(DisconnectReason reason) {
    switch (reason) {
        case DisconnectReason::tls_expired:
            return "the server's certificate has expired, or is not valid yet";
        case DisconnectReason::tls_unknown_authority:
            return "the server's certificate is of no authority that is trusted here; tls.ca names those that are";
        case DisconnectReason::tls_wrong_host:
            return "the server's certificate is for another host; tls.server_name says which one to expect";
        case DisconnectReason::tls_certificate_wanted:
            return "the server wants a certificate of ours that it trusts; tls.cert and tls.key name it";
        case DisconnectReason::tls_failed:
            return "no TLS with the server: it does not speak it there, or no version or cipher in common";
        default:
            return name(reason);
    }
}

}  // namespace

Error disconnect_error(const Endpoint& endpoint, DisconnectReason reason) {
    const std::string where =
        endpoint.unix_path.empty() ? endpoint.host + ":" + std::to_string(endpoint.port) : endpoint.unix_path;
    const std::string text = where + ": " + std::string(words_of(reason));
    switch (reason) {
        case DisconnectReason::timeout:
            return Error(Code::timeout, text, true);
        case DisconnectReason::tls_expired:
        case DisconnectReason::tls_unknown_authority:
        case DisconnectReason::tls_wrong_host:
        case DisconnectReason::tls_certificate_wanted:
        case DisconnectReason::tls_failed:
            // Certificates are renewed, here and there, while we run: tried again for ever, with backoff, and told each
            // time.
            return Error(Code::tls, text, true);
        case DisconnectReason::closed:
        case DisconnectReason::dropped:
        case DisconnectReason::refused:
        case DisconnectReason::reset:
        case DisconnectReason::unreachable:
        case DisconnectReason::dns:
            break;
    }
    return Error(Code::connection, text, true);
}

}  // namespace millrace
