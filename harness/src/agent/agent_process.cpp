#include "agent/agent_process.hpp"

#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <utility>

#include "agent/protocol.hpp"

namespace millrace::harness {

namespace {

constexpr size_t line_bytes_max = size_t{256} << 20U;
constexpr size_t errors_bytes_max = size_t{64} << 10U;

Process::Options shell(const std::string& command) {
    Process::Options options;
    options.argv = {"/bin/sh", "-c", "exec " + command};
    options.pipes = true;
    return options;
}

}  // namespace

AgentProcess::AgentProcess(const std::string& command) : process_(shell(command)) {}

void AgentProcess::send(std::string_view line) {
    outgoing_.append(line);
    outgoing_ += '\n';
    flush_input();
}

void AgentProcess::close_input() {
    close_input_asked_ = true;
    flush_input();
}

void AgentProcess::flush_input() {
    while (!outgoing_.empty() && process_.input().open()) {
        const ssize_t written = ::write(process_.input().value(), outgoing_.data(), outgoing_.size());
        if (written < 0 && errno == EINTR) continue;
        if (written < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return;
        if (written < 0) {
            process_.input().close();  // it reads no more; its end, if any, says the rest
            return;
        }
        outgoing_.erase(0, static_cast<size_t>(written));
    }
    if (close_input_asked_ && outgoing_.empty()) process_.input().close();
}

void AgentProcess::add_poll(std::vector<pollfd>& fds) const {
    if (process_.output().open()) fds.push_back({process_.output().value(), POLLIN, 0});
    if (process_.errors().open()) fds.push_back({process_.errors().value(), POLLIN, 0});
    if (process_.input().open() && !outgoing_.empty()) fds.push_back({process_.input().value(), POLLOUT, 0});
}

bool AgentProcess::pump(const std::function<void(std::string_view)>& on_line) {
    flush_input();
    read_errors();
    // Asked first and told last: what it said before it died counts, and a grandchild may hold the pipe open.
    const auto ended = process_.poll_exit();
    bool news = read_output(on_line);
    if (ended && !exit_) {
        read_errors();
        process_.output().close();
        exit_ = ended;
        news = true;
    }
    return news;
}

bool AgentProcess::read_output(const std::function<void(std::string_view)>& on_line) {
    bool news = false;
    char buffer[65536];
    while (process_.output().open()) {
        const ssize_t got = ::read(process_.output().value(), buffer, sizeof buffer);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) break;
        if (got <= 0) {
            process_.output().close();
            if (!incoming_.empty()) on_line(std::exchange(incoming_, {}));
            break;
        }
        std::string_view chunk(buffer, static_cast<size_t>(got));
        for (size_t end = chunk.find('\n'); end != std::string_view::npos; end = chunk.find('\n')) {
            incoming_.append(chunk.substr(0, end));
            chunk.remove_prefix(end + 1);
            const std::string line = std::exchange(incoming_, {});
            on_line(line);
            news = true;
        }
        incoming_.append(chunk);
        if (incoming_.size() > line_bytes_max) {
            throw ProtocolError("the agent sent a line of more than 256 MiB");
        }
    }
    return news;
}

void AgentProcess::read_errors() {
    char buffer[16384];
    while (process_.errors().open()) {
        const ssize_t got = ::read(process_.errors().value(), buffer, sizeof buffer);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) break;
        if (got <= 0) {
            process_.errors().close();
            break;
        }
        errors_.append(buffer, static_cast<size_t>(got));
        if (errors_.size() > 2 * errors_bytes_max) errors_.erase(0, errors_.size() - errors_bytes_max);
    }
}

std::string agent_command(const std::string& agent) {
    if (agent != "native" && agent != "node") return agent;
    std::error_code ignored;
    const auto folder = std::filesystem::read_symlink("/proc/self/exe", ignored).parent_path();
    const auto beside = folder / (agent == "native" ? "millrace-agent" : "millrace-agent.mjs");
    std::string quoted = "'";
    for (const char c : beside.string()) quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
    quoted += '\'';
    return agent == "native" ? quoted : "node " + quoted;
}

}  // namespace millrace::harness
