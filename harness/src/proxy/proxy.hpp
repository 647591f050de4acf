// A fault proxy as a case sees it: in front of a server, with faults that are switched on and off while connections
// live. Command and cut faults count from when they are added.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/fault.hpp"
#include "server/url.hpp"

namespace millrace::harness {

// What is known of one connection, in the order in which they were made.
struct LinkSeen {
    uint64_t up = 0;    // bytes passed to the server
    uint64_t down = 0;  // and to the client
    int port = 0;       // under which the server knows it
    bool open_to_client = false;
    bool open_to_server = false;
};

class Proxy {
  public:
    virtual ~Proxy() = default;
    // Of the proxy, with the credentials of its first upstream.
    [[nodiscard]] virtual Url url() const = 0;

    // The first one that accepts is used, for connections that are made from now on.
    virtual void use(const std::vector<Url>& upstreams) = 0;
    // While it does not listen, connections are refused as by a port without a server.
    virtual void listen(bool listens) = 0;
    virtual void pace(const Pace& pace) = 0;
    // Connections are taken, and nothing passes on any; those that lived through it stay silent.
    virtual void black_hole(bool swallows) = 0;
    virtual void add(const CommandFault& fault) = 0;
    virtual void add(const CutAt& cut) = 0;
    // What was held is passed on.
    virtual void release() = 0;
    // No faults from now on. What was cut or silenced stays so.
    virtual void heal() = 0;
    // Ends every connection there is; who was not told keeps an open, silent socket.
    virtual void cut(Told told) = 0;

    // When each connection was accepted.
    [[nodiscard]] virtual const std::vector<Instant>& accepted() const = 0;
    [[nodiscard]] virtual std::vector<LinkSeen> links() const = 0;
    // How often each command came, by command_words.
    [[nodiscard]] virtual const std::map<std::string, uint64_t>& commands() const = 0;
    // How often a command or cut fault has struck.
    [[nodiscard]] virtual uint64_t strikes() const = 0;

    [[nodiscard]] uint64_t seen(std::string_view command) const {
        uint64_t sum = 0;
        for (const auto& [words, times] : commands()) sum += means_command(command, words) ? times : 0;
        return sum;
    }
};

}  // namespace millrace::harness
