#include "agent/agent_process.hpp"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <iterator>
#include <stdexcept>
#include <utility>

#include "agent/protocol.hpp"
#include "base/text.hpp"

namespace millrace::harness {

namespace {

constexpr size_t line_bytes_max = size_t{256} << 20U;
constexpr size_t errors_bytes_max = size_t{64} << 10U;
// More than a pipe holds, so that what is left behind by one that has ended is read at once.
constexpr size_t pump_bytes_max = size_t{1} << 20U;

// In the shell's place where it can be, so that how the process ends is how the agent ended. `exec` knows neither
// variables nor the shell's own commands.
std::string shell_line(const std::string& command) {
    const size_t begin = std::min(command.find_first_not_of(" \t\n"), command.size());
    const std::string word = command.substr(begin, command.find_first_of(" \t\n", begin) - begin);
    constexpr std::string_view of_names = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_";
    const size_t name_end = word.find_first_not_of(of_names);
    if (name_end != std::string::npos && name_end > 0 && word[name_end] == '=') return "exec env " + command;
    for (const char* own : {".", "cd", "exec", "export", "set", "ulimit", "umask", "unset"}) {
        if (word == own) return command;
    }
    return "exec " + command;
}

Process::Options shell(const std::string& command) {
    Process::Options options;
    options.argv = {"/bin/sh", "-c", shell_line(command)};
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
    // Not to the end: one that writes faster than it is read would keep everybody else waiting, Ctrl-C included.
    for (size_t taken = 0; taken < pump_bytes_max && process_.output().open();) {
        const ssize_t got = ::read(process_.output().value(), buffer, sizeof buffer);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) break;
        if (got <= 0) {
            process_.output().close();
            if (!incoming_.empty()) on_line(std::exchange(incoming_, {}));
            break;
        }
        taken += static_cast<size_t>(got);
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
    for (size_t taken = 0; taken < pump_bytes_max && process_.errors().open();) {
        const ssize_t got = ::read(process_.errors().value(), buffer, sizeof buffer);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) break;
        if (got <= 0) {
            process_.errors().close();
            break;
        }
        taken += static_cast<size_t>(got);
        errors_.append(buffer, static_cast<size_t>(got));
        if (errors_.size() > 2 * errors_bytes_max) errors_.erase(0, errors_.size() - errors_bytes_max);
    }
}

std::filesystem::path own_folder() {
    std::error_code ignored;
    return std::filesystem::read_symlink("/proc/self/exe", ignored).parent_path();
}

std::string agent_command(const std::string& agent, const std::filesystem::path& folder) {
    struct Known {
        std::string_view name, file, runner, build;
    };
    static constexpr Known known[] = {
        {"native", "millrace-agent", "", "harness"}, {"node", "millrace-agent.mjs", "node ", "npm"},
        {"c", "millrace-agent-c", "", "harness"},    {"python", "millrace-agent.py", "python3 ", "python"},
        {"go", "millrace-agent-go", "", "go"},       {"rust", "millrace-agent-rust", "", "rust"},
    };
    const auto* const found =
        std::find_if(std::begin(known), std::end(known), [&](auto& it) { return it.name == agent; });
    if (found == std::end(known)) return agent;
    const std::string file = (folder / found->file).string();
    if (!std::filesystem::exists(file)) {
        throw std::runtime_error("agent '" + agent + "': there is no " + file + "; ./dev build " +
                                 std::string(found->build) + " makes it");
    }
    return std::string(found->runner) + shell_word(file);
}

}  // namespace millrace::harness
