#include "world/real_driver.hpp"

#include <poll.h>
#include <signal.h>

#include <algorithm>
#include <utility>

#include "agent/agent_process.hpp"
#include "base/interrupt.hpp"
#include "proxy/tcp_proxy.hpp"
#include "server/local_server.hpp"
#include "world/bad_peer.hpp"

namespace millrace::harness {

namespace {

class RealAgent : public AgentPort {
  public:
    RealAgent(const std::string& command, std::function<void(std::string_view)> on_line)
        : process_(command), on_line_(std::move(on_line)) {}

    void send(std::string_view line) override { process_.send(line); }
    void close_input() override { process_.close_input(); }
    void kill() override {
        process_.process().kill_now();
        pump();
    }
    [[nodiscard]] std::optional<Exit> exit() const override { return process_.exit(); }
    [[nodiscard]] std::string errors() const override { return process_.errors(); }
    [[nodiscard]] Duration cpu_time() const override { return process_.process().cpu_time(); }
    [[nodiscard]] int64_t resident_kib() const override { return process_.process().resident_kib(); }
    void freeze() override { process_.process().signal(SIGSTOP); }
    void thaw() override { process_.process().signal(SIGCONT); }
    [[nodiscard]] std::vector<int> ports() const override { return process_.process().tcp_ports(); }

    bool pump() { return process_.pump(on_line_); }
    void add_poll(std::vector<pollfd>& fds) const { process_.add_poll(fds); }

  private:
    AgentProcess process_;
    std::function<void(std::string_view)> on_line_;
};

class RealDatabase : public Database {
  public:
    explicit RealDatabase(const Url& url) : connection_(url) {}
    Reply command(const Command& command) override { return connection_.command(command); }
    std::vector<Reply> pipeline(const std::vector<Command>& commands) override {
        return connection_.pipeline(commands);
    }
    [[nodiscard]] int64_t calls(const std::string& command) const override {
        const auto found = connection_.calls().find(command);
        return found == connection_.calls().end() ? 0 : found->second;
    }

  private:
    Connection connection_;
};

class RealServer : public OwnServer {
  public:
    RealServer(const std::string& executable, const std::vector<std::string>& arguments)
        : server_(executable, arguments) {}
    [[nodiscard]] Url url() const override { return server_.url(); }
    void kill() override { server_.kill(); }
    void restart() override { server_.restart(); }
    void become(const std::string& executable) override { server_.become(executable); }
    void freeze() override { server_.signal(SIGSTOP); }
    void thaw() override { server_.signal(SIGCONT); }
    void break_saving() override { server_.break_saving(); }

  private:
    LocalServer server_;
};

// The World owns what is handed out; the driver only needs to know what to poll.
template <typename T>
class Registered : public T {
  public:
    template <typename... Arguments>
    explicit Registered(std::vector<T*>& all, Arguments&&... arguments)
        : T(std::forward<Arguments>(arguments)...), all_(all) {
        all_.push_back(this);
    }
    ~Registered() override { std::erase(all_, this); }

  private:
    std::vector<T*>& all_;
};

class RealDriver : public Driver {
  public:
    RealDriver() : start_(steady_now()), start_unix_ms_(unix_ms_now()) {}

    [[nodiscard]] Instant now() const override { return steady_now(); }
    [[nodiscard]] int64_t unix_ms(Instant at) const override {
        return start_unix_ms_ + std::chrono::floor<std::chrono::milliseconds>(at - start_).count();
    }

    void advance(Instant deadline) override {
        for (;;) {
            if (interrupted()) throw Interrupted();
            bool news = false;
            for (size_t i = 0; i < agents_.size(); ++i) news = agents_[i]->pump() || news;
            std::erase_if(agents_, [](const RealAgent* agent) { return agent->exit().has_value(); });
            for (auto* peer : peers_) peer->pump();
            for (size_t i = 0; i < proxies_.size(); ++i) news = proxies_[i]->pump() || news;
            if (news || now() >= deadline) return;
            wait(deadline);
        }
    }

    std::unique_ptr<AgentPort> spawn(const std::string& command,
                                     std::function<void(std::string_view)> on_line) override {
        return std::make_unique<Registered<RealAgent>>(agents_, command, std::move(on_line));
    }
    std::unique_ptr<Database> connect(const Url& url) override { return std::make_unique<RealDatabase>(url); }
    std::unique_ptr<OwnServer> start_server(const std::string& executable,
                                            const std::vector<std::string>& arguments) override {
        return std::make_unique<RealServer>(executable, arguments);
    }
    std::unique_ptr<BadPeer> listen(BadPeer::Kind kind) override {
        return std::make_unique<Registered<TcpBadPeer>>(peers_, kind);
    }
    std::unique_ptr<Proxy> proxy(const std::vector<Url>& upstreams,
                                 std::function<void(std::string_view)> on_strike) override {
        return std::make_unique<Registered<TcpProxy>>(proxies_, upstreams, 0, std::move(on_strike));
    }

  private:
    void wait(Instant deadline) {
        std::vector<pollfd> fds;
        if (interrupt_fd() >= 0) fds.push_back({interrupt_fd(), POLLIN, 0});
        for (const auto* agent : agents_) agent->add_poll(fds);
        for (const auto* peer : peers_) peer->add_poll(fds);
        for (const auto* proxy : proxies_) {
            proxy->add_poll(fds);
            if (const auto wake = proxy->wake_at()) deadline = std::min(deadline, *wake);
        }
        // At most 50 ms, because the end of a process whose grandchild holds its pipe is no event for poll.
        const auto left = std::clamp<int64_t>((deadline - now()).count(), 0, 50'000);
        const timespec timeout{0, left * 1000};
        ::ppoll(fds.data(), fds.size(), &timeout, nullptr);
    }

    Instant start_;
    int64_t start_unix_ms_;
    std::vector<RealAgent*> agents_;
    std::vector<TcpBadPeer*> peers_;
    std::vector<TcpProxy*> proxies_;
};

}  // namespace

std::unique_ptr<Driver> make_real_driver() {
    return std::make_unique<RealDriver>();
}

}  // namespace millrace::harness
