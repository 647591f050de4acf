#include "server/local_server.hpp"

#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <thread>
#include <utility>

#include "base/interrupt.hpp"
#include "base/text.hpp"
#include "server/connection.hpp"

namespace millrace::harness {

LocalServer::LocalServer(std::string executable, std::vector<std::string> arguments)
    : executable_(std::move(executable)), arguments_(std::move(arguments)) {
    start();
}

LocalServer::~LocalServer() = default;

Url LocalServer::url() const {
    Url url;
    url.host = "127.0.0.1";
    url.port = port_.number();
    for (size_t i = 0; i + 1 < arguments_.size(); ++i) {
        if (arguments_[i] == "--requirepass") url.password = arguments_[i + 1];
    }
    return url;
}

void LocalServer::kill() {
    if (process_) process_->kill_now();
}

void LocalServer::restart() {
    kill();
    start();
}

void LocalServer::become(const std::string& executable) {
    executable_ = executable;
    restart();
}

void LocalServer::signal(int number) const {
    if (process_) process_->signal(number);
}

void LocalServer::break_saving() const {
    std::filesystem::create_directories(directory_.path() / "dump.rdb" / "in-the-way");
}

void LocalServer::start() {
    Process::Options options;
    options.argv = {executable_, "--port",          std::to_string(port_.number()),
                    "--bind",    "127.0.0.1",       "--save",
                    "",          "--appendonly",    "no",
                    "--dir",     directory_.path(), "--daemonize",
                    "no"};
    options.argv.insert(options.argv.end(), arguments_.begin(), arguments_.end());
    options.output_path = directory_.path() / "server.log";
    process_ = std::make_unique<Process>(options);
    const Instant deadline = steady_now() + 15s;
    for (;;) {
        if (interrupted()) throw Interrupted();
        if (const auto exit = process_->poll_exit()) {
            throw std::runtime_error("the server ended at once (" + describe(*exit) + "): " + last_words());
        }
        try {
            Url bare = url();
            bare.password.clear();
            Connection connection(bare, 1s);
            const Reply reply = connection.command({"PING"});
            if (!reply.text.starts_with("LOADING")) return;
        } catch (const ServerError&) {
            // Not listening yet.
        }
        if (steady_now() > deadline) throw std::runtime_error("the server does not answer: " + last_words());
        std::this_thread::sleep_for(5ms);
    }
}

std::string LocalServer::last_words() const {
    std::ifstream log(directory_.path() / "server.log");
    std::string line;
    std::string last;
    while (std::getline(log, line)) {
        if (!line.empty()) last = line;
    }
    return last.empty() ? "it said nothing" : excerpt(last, 300);
}

}  // namespace millrace::harness
