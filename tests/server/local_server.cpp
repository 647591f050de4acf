#include "local_server.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <sstream>
#include <stdexcept>

namespace millrace::testing {
namespace {

std::string executable() {
    std::stringstream path(std::getenv("PATH") != nullptr ? std::getenv("PATH") : "");
    for (std::string folder; std::getline(path, folder, ':');) {
        const std::string candidate = folder + "/redis-server";
        if (access(candidate.c_str(), X_OK) == 0) return candidate;
    }
    const char* const cache = std::getenv("MILLRACE_CACHE");
    const std::string cached =
        std::string(cache != nullptr ? cache : MILLRACE_CACHE_DEFAULT) + "/servers/redis-7.0/server";
    return access(cached.c_str(), X_OK) == 0 ? cached : std::string();
}

int connect_to(uint16_t port) {
    const int descriptor = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (connect(descriptor, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) return descriptor;
    close(descriptor);
    return -1;
}

/// Reads one reply from a blocking socket.
class ReplyReader {
  public:
    explicit ReplyReader(int descriptor) : descriptor_(descriptor) {}

    std::string reply() {
        const std::string line = read_line();
        const std::string rest = line.substr(1);
        if (line[0] == '$') return rest == "-1" ? "nil" : bulk(std::stoul(rest));
        if (line[0] != '*') return rest;
        std::string all = "[";
        const int count = std::stoi(rest);
        for (int i = 0; i < count; ++i) all += (i > 0 ? " " : "") + reply();
        return all + "]";
    }

  private:
    char next() {
        char byte = 0;
        if (read(descriptor_, &byte, 1) != 1) throw std::runtime_error("the server closed the connection");
        return byte;
    }
    std::string read_line() {
        std::string line;
        for (char byte = next(); byte != '\n'; byte = next()) {
            if (byte != '\r') line += byte;
        }
        return line;
    }
    std::string bulk(size_t size) {
        std::string bytes;
        while (bytes.size() < size) bytes += next();
        read_line();
        return bytes;
    }
    int descriptor_;
};

}  // namespace

std::unique_ptr<LocalServer> LocalServer::start(const std::vector<std::string>& options) {
    const std::string program = executable();
    if (program.empty()) return nullptr;
    return std::unique_ptr<LocalServer>(new LocalServer(program, options));
}

LocalServer::LocalServer(const std::string& program, const std::vector<std::string>& options) {
    folder_ = (std::filesystem::temp_directory_path() / "millrace-test-XXXXXX").string();
    if (mkdtemp(folder_.data()) == nullptr) throw std::runtime_error("mkdtemp");
    try {
        launch(program, options);
        wait_until_it_answers(program);
    } catch (...) {
        end();
        throw;
    }
}

void LocalServer::launch(const std::string& program, const std::vector<std::string>& options) {
    std::vector<std::string> words = {
        program, "--port",       std::to_string(port()), "--bind",       "127.0.0.1", "--save", "", "--dir",
        folder_, "--unixsocket", folder_ + "/socket",    "--appendonly", "no"};
    words.insert(words.end(), options.begin(), options.end());
    std::vector<char*> arguments;
    for (std::string& word : words) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    const pid_t parent = getpid();
    pid_ = fork();
    if (pid_ == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent) _exit(1);
        const int log = open((folder_ + "/log").c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
        dup2(log, STDOUT_FILENO);
        dup2(log, STDERR_FILENO);
        execv(program.c_str(), arguments.data());
        _exit(127);
    }
}

// An answer, not a connection, says that it is there: a port accepts before the next one is opened, as that of TLS.
void LocalServer::wait_until_it_answers(const std::string& program) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    for (;;) {
        if (waitpid(pid_, nullptr, WNOHANG) == pid_) {
            pid_ = -1;
            throw std::runtime_error(program + " ended at once");
        }
        if (std::chrono::steady_clock::now() > deadline) throw std::runtime_error(program + " does not answer");
        try {
            static_cast<void>(ask({"PING"}));
            return;
        } catch (const std::runtime_error&) {
            usleep(2'000);  // the condition is asked again, whatever has happened
        }
    }
}

void LocalServer::end() {
    if (pid_ > 0) {
        kill(pid_, SIGKILL);
        waitpid(pid_, nullptr, 0);
    }
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
}

LocalServer::~LocalServer() {
    end();
}

std::string LocalServer::url(std::string_view query) const {
    return "redis://127.0.0.1:" + std::to_string(port()) + (query.empty() ? "" : "?" + std::string(query));
}

std::string LocalServer::unix_url(std::string_view query) const {
    return "unix://" + folder_ + "/socket" + (query.empty() ? "" : "?" + std::string(query));
}

std::string LocalServer::ask(const std::vector<std::string>& words) const {
    const int descriptor = connect_to(port());
    if (descriptor < 0) throw std::runtime_error("the server does not listen");
    std::string command = "*" + std::to_string(words.size()) + "\r\n";
    for (const std::string& word : words) command += "$" + std::to_string(word.size()) + "\r\n" + word + "\r\n";
    if (write(descriptor, command.data(), command.size()) != static_cast<ssize_t>(command.size())) {
        close(descriptor);
        throw std::runtime_error("the server takes no command");
    }
    std::string reply;
    try {
        reply = ReplyReader(descriptor).reply();
    } catch (...) {
        close(descriptor);
        throw;
    }
    close(descriptor);
    return reply;
}

}  // namespace millrace::testing
