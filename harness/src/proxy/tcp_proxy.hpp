// The proxy on real sockets of the loopback interface, moved on by whoever polls: a case's driver, or the subcommand.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/process.hpp"
#include "proxy/link.hpp"
#include "proxy/proxy.hpp"

struct pollfd;

namespace millrace::harness {

class TcpProxy : public Proxy {
  public:
    // Listens at once; `port` 0 is any free one. Throws std::runtime_error with one line where an upstream can't be
    // resolved or the port is taken. `on_strike` hears in words of each command or cut fault that strikes.
    explicit TcpProxy(const std::vector<Url>& upstreams, int port = 0,
                      std::function<void(std::string_view)> on_strike = nullptr);
    ~TcpProxy() override;
    TcpProxy(const TcpProxy&) = delete;
    TcpProxy& operator=(const TcpProxy&) = delete;

    [[nodiscard]] Url url() const override;
    void use(const std::vector<Url>& upstreams) override;
    void listen(bool listens) override;
    void pace(const Pace& pace) override { plan_.pace = pace; }
    void black_hole(bool swallows) override;
    void add(const CommandFault& fault) override { plan_.add(fault); }
    void add(const CutAt& cut) override { plan_.cuts.push_back(cut); }
    void add(const Faults& faults);
    void release() override;
    void heal() override;
    void cut(Told told) override;
    [[nodiscard]] const std::vector<Instant>& accepted() const override { return accepted_; }
    [[nodiscard]] std::vector<LinkSeen> links() const override;
    [[nodiscard]] const std::map<std::string, uint64_t>& commands() const override { return plan_.seen(); }
    [[nodiscard]] uint64_t strikes() const override { return plan_.strikes(); }

    void add_poll(std::vector<pollfd>& fds) const;
    // Moves on what can be without blocking; true when a connection was accepted or a fault has struck.
    bool pump();
    [[nodiscard]] std::optional<Instant> wake_at() const;

  private:
    FaultPlan plan_;
    Url first_;  // for the credentials
    std::vector<Upstream> upstreams_;
    int port_ = 0;
    FileDescriptor reservation_;  // bound and never listening: keeps the port while nobody listens
    FileDescriptor listener_;
    std::vector<std::unique_ptr<Link>> live_;  // by number; null once over
    std::vector<LinkSeen> seen_;               // as they were when they were over
    std::vector<Instant> accepted_;
};

}  // namespace millrace::harness
