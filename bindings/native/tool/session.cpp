// A command's client: made from the arguments, watched, asked.
#include <signal.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "commands.hpp"

namespace millrace::tool {

namespace {

LogForm form_of(const std::string& text) {
    if (text == "logfmt") return LogForm::logfmt;
    if (text == "json") return LogForm::json;
    if (text == "none") return LogForm::none;
    throw Misuse{"--log=" + text + " is none of logfmt, json, none"};
}

Duration duration_of(const std::string& text) {
    const Result<Duration> duration = parse_duration(text);
    if (!duration) throw Misuse{"--timeout=" + text + " is no duration such as 500ms or 5s"};
    return *duration;
}

Config config_of(const Arguments& arguments) {
    Result<Config> config = parse_url(option(arguments, "--url").value_or(""));
    if (!config) throw Misuse{config.error().message};
    for (const std::string& setting : list_of(arguments, "--set")) {
        const size_t equals = setting.find('=');
        if (equals == std::string::npos) {
            // What stands behind the key may be a password.
            const std::string key = setting.substr(0, setting.find_first_not_of("abcdefghijklmnopqrstuvwxyz_."));
            throw Misuse{"--set=" + key + "... is not key=value"};
        }
        const Status status = set_key(*config, setting.substr(0, equals), setting.substr(equals + 1));
        if (!status) throw Misuse{status.error().message};
    }
    const char* const password = std::getenv("REDIS_PASSWORD");
    if (password != nullptr && config->client.password.empty()) config->client.password = Secret(password);
    return *std::move(config);
}

Client* running = nullptr;

}  // namespace

std::vector<std::string> shield(std::vector<std::string> words) {
    const auto end_of_options = std::find(words.begin(), words.end(), "--");
    if (end_of_options == words.end()) return words;
    for (auto word = words.erase(end_of_options); word != words.end(); ++word) word->insert(word->begin(), '\0');
    return words;
}

namespace {

std::string unshield(const std::string& word) {
    return word.starts_with('\0') ? word.substr(1) : word;
}

}  // namespace

std::optional<std::string> option(const Arguments& arguments, const std::string& name) {
    const docopt::value& value = arguments.at(name);
    return value.isString() ? std::optional<std::string>(unshield(value.asString())) : std::nullopt;
}

std::vector<std::string> list_of(const Arguments& arguments, const std::string& name) {
    const docopt::value& value = arguments.at(name);
    if (value.isString()) return {unshield(value.asString())};
    std::vector<std::string> list;
    if (!value.isStringList()) return list;
    for (const std::string& word : value.asStringList()) list.push_back(unshield(word));
    return list;
}

Session::Session(const Arguments& arguments)
    : form_(form_of(option(arguments, "--log").value_or("logfmt"))),
      timeout_(duration_of(option(arguments, "--timeout").value_or("10s"))) {
    const Config config = config_of(arguments);
    source_ = config.source;
    Result<Client> client = Client::create(config, {.on_event = [this](const Event& event) { observe(event); }});
    if (!client) throw Misuse{client.error().message};
    client_ = std::move(client).value();
}

void Session::observe(const Event& event) {
    if (const auto* listed = std::get_if<DeadListed>(&event)) listed_ = *listed;
    if (const auto* redriven = std::get_if<Redriven>(&event)) redriven_ = *redriven;
    if (const auto* changed = std::get_if<GroupChanged>(&event)) group_changed_ = *changed;
    if (const auto* failure = std::get_if<Failure>(&event)) complain(failure->error);
    if (const auto* lost = std::get_if<Disconnected>(&event)) complain(lost->error);
    const auto* const log = std::get_if<Log>(&event);
    if (log != nullptr && form_ != LogForm::none) std::fprintf(stderr, "%s\n", log_line(*log, form_).c_str());
}

void Session::complain(const Error& error) const {
    if (form_ == LogForm::none) return;
    const Log log{error.retryable ? LogLevel::warn : LogLevel::error,
                  error.message,
                  {{"code", std::string(name(error.code))}, {"retryable", error.retryable ? "true" : "false"}}};
    std::fprintf(stderr, "%s\n", log_line(log, form_).c_str());
}

template <class Answer>
std::optional<Answer> Session::await(Ticket ticket) {
    std::optional<Answer>* kept = nullptr;
    if constexpr (std::is_same_v<Answer, DeadListed>) kept = &listed_;
    if constexpr (std::is_same_v<Answer, Redriven>) kept = &redriven_;
    if constexpr (std::is_same_v<Answer, GroupChanged>) kept = &group_changed_;
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::microseconds(timeout_.us);
    while (!kept->has_value() || (*kept)->ticket != ticket) {
        const auto left = deadline - std::chrono::steady_clock::now();
        const Duration wait{std::chrono::duration_cast<std::chrono::microseconds>(left).count()};
        if (wait.us <= 0) {
            complain(Error(Code::timeout, "no answer in the time of --timeout"));
            return std::nullopt;
        }
        if (const Status status = client_->turn(wait); !status) {
            complain(status.error());
            return std::nullopt;
        }
    }
    return std::exchange(*kept, std::nullopt);
}

template std::optional<DeadListed> Session::await(Ticket);
template std::optional<Redriven> Session::await(Ticket);
template std::optional<GroupChanged> Session::await(Ticket);

void Session::print(const Json& line) {
    const std::string text = line.dump() + "\n";
    if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size() || std::fflush(stdout) != 0) {
        throw Misuse{std::string("the output can't be written: ") + std::strerror(errno)};
    }
}

void stop_by_signals(Client* client) {
    running = client;
    struct sigaction action {};
    action.sa_handler = [](int) {
        if (running != nullptr) running->stop();
    };
    for (const int signal : {SIGINT, SIGTERM}) (void)sigaction(signal, &action, nullptr);
    // Who reads our output may end before us: print tells it then, and what was not written is given back.
    (void)std::signal(SIGPIPE, SIG_IGN);
}

}  // namespace millrace::tool
