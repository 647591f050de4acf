// One client's connection through a proxy, and the one to the server that belongs to it: passes bytes both ways, knows
// which reply belongs to which command, and lets the faults strike. Owns both sockets; accepting is the proxy's.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/process.hpp"
#include "proxy/fault.hpp"
#include "proxy/flow.hpp"
#include "proxy/proxy.hpp"
#include "proxy/resp_scanner.hpp"

struct pollfd;

namespace millrace::harness {

// What the links of one proxy share.
class FaultPlan {
  public:
    explicit FaultPlan(std::function<void(std::string_view)> on_strike) : on_strike_(std::move(on_strike)) {}

    void add(const CommandFault& fault) { commands_.push_back({fault, 0}); }
    void clear();
    // The fault that strikes this command, if any does. Counts it.
    [[nodiscard]] std::optional<CommandFault> meet(const std::string& words);
    // The byte of this direction after which this link is cut.
    [[nodiscard]] uint64_t end_of(size_t link, Direction direction) const;
    void tell(std::string_view what);

    [[nodiscard]] const std::map<std::string, uint64_t>& seen() const { return seen_; }
    [[nodiscard]] uint64_t strikes() const { return strikes_; }

    Pace pace;
    std::vector<CutAt> cuts;
    bool half_open = false;
    bool black_hole = false;

  private:
    struct Counted {
        CommandFault fault;
        uint64_t met;
    };
    std::vector<Counted> commands_;
    std::map<std::string, uint64_t> seen_;
    uint64_t strikes_ = 0;
    std::function<void(std::string_view)> on_strike_;
};

// A resolved address of a server.
struct Upstream {
    std::string host;
    int port = 0;
};

class Link {
  public:
    Link(FaultPlan& plan, size_t number, FileDescriptor client, std::vector<Upstream> upstreams);

    void add_poll(std::vector<pollfd>& fds) const;
    // Passes on what can be.
    void pump(Instant now);
    // Ends it for those told; the others keep a socket that is open and silent.
    void end(Told told);
    void release();
    // Both sockets are closed.
    [[nodiscard]] bool over() const { return !client_.open() && !server_.open(); }
    [[nodiscard]] std::optional<Instant> wake_at() const;
    [[nodiscard]] LinkSeen seen() const;

  private:
    // A reply that the client waits for.
    struct Owed {
        std::optional<CommandFault> fault;
        std::string words;
    };

    void connect_next();
    void check_connected();
    void read_client(Instant now);
    void read_server(Instant now);
    void take_from_client(std::string_view bytes, Instant now);
    void pass_request(Instant now, bool whole);
    void take_from_server(std::string_view bytes, Instant now);
    void take_reply_piece(std::string_view piece, Instant now);
    void answer_due(Instant now);
    void write_both(Instant now);

    FaultPlan& plan_;
    const size_t number_;
    FileDescriptor client_;
    FileDescriptor server_;
    std::vector<Upstream> upstreams_;
    size_t next_upstream_ = 0;
    bool connecting_ = false;
    int server_port_ = 0;
    bool silent_ = false;        // what still comes is dropped
    bool client_ended_ = false;  // what came before is still passed on
    bool server_ended_ = false;
    Flow up_, down_;
    RespScanner requests_, replies_;
    std::string request_;         // as far as it has come, until it is known what it is
    std::optional<bool> passes_;  // what was decided of the request under way
    std::deque<Owed> owed_;
};

}  // namespace millrace::harness
